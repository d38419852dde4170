"""Files of other tools that hold no network, or one that has to be converted first: each gets a sentence."""

import re
from pathlib import Path

from tinyprune.errors import ModelError, printable

_EXPORT = "torch.export.save(torch.export.export(model.eval(), (one_input,)), 'model.pt2')"
_PYTORCH = (
    "holds weights or a pickled object of PyTorch, which only the Python code of the model makes a network of: load it "
    f"there, and save the network with {_EXPORT}"
)
_ADVICE = {
    ".pt": _PYTORCH,
    ".pth": _PYTORCH,
    ".ckpt": _PYTORCH,
    ".bin": _PYTORCH,
    ".safetensors": f"holds weights without a network: load them into the model in PyTorch, and save it with {_EXPORT}",
    ".onnx": "is converted to a float .tflite first, by onnx2tf in an environment of its own: "
    "`python3.12 -m venv onnx && onnx/bin/pip install onnx2tf`, `onnx/bin/onnx2tf -i {path} -o converted`; then give "
    "the _float32.tflite in the folder converted (docs/pytorch.md)",
    ".pb": "is a frozen graph or a part of a SavedModel: give the SavedModel's folder, or convert it to .tflite",
    ".npz": "holds arrays, no network",
    ".npy": "holds an array, no network",
}
#: How an ONNX file names the file that its weights are in: an entry "location" of a tensor's external data.
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])", re.DOTALL)


def refuse(path: Path) -> None:
    """Raises ModelError for the file of another format, with what to do."""
    advice = _ADVICE.get(path.suffix.lower())
    if advice is None or not path.is_file():
        return
    missing = _missing_weights(path) if path.suffix.lower() == ".onnx" else []
    if missing:
        raise ModelError(
            f"{path} keeps its weights in {', '.join(missing)}, which is not beside it: copy that file there, or save "
            "the model in one file"
        )
    raise ModelError(f"{path} {advice.format(path=path)}")


def _missing_weights(path: Path) -> list[str]:
    content = path.read_bytes()
    found = dict.fromkeys(
        content[each.end() : each.end() + each[1][0]].decode("utf-8", "replace") for each in _LOCATION.finditer(content)
    )
    return [printable(name) for name in found if not (path.parent / Path(name).name).is_file()]
