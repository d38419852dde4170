"""Files that hold no network, or one to be converted first: each gets a sentence, from every command alike."""

from pathlib import Path

import pytest

from tinyprune.errors import ModelError
from tinyprune.tasks import int8_model
from tinyprune.training import keras_model


def external(name: str) -> bytes:
    """The part of an ONNX file that says in which file a tensor's weights are."""
    return b"\x08\x08:\x10weights" + b"\x0a\x08location\x12" + bytes([len(name)]) + name.encode() + b"\x0a\x06offset"


CASES = {
    "model.pt": (b"x", "holds weights or a pickled object of PyTorch, .* save the network with torch.export.save"),
    "model.PTH": (b"x", "holds weights or a pickled object of PyTorch"),
    "model.safetensors": (b"x", "holds weights without a network"),
    "model.onnx": (
        b"\x08\x08",
        r"is converted to a float .tflite first, .*`onnx/bin/onnx2tf -i .*model.onnx -o converted`",
    ),
    "large.onnx": (external("large.onnx.data"), r"keeps its weights in large.onnx.data, which is not beside it"),
    "x.npy": (b"x", "holds an array, no network"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_format_gets_its_sentence(tmp_path: Path, name: str) -> None:
    content, sentence = CASES[name]
    path = tmp_path / name
    path.write_bytes(content)
    for command in (keras_model.load, lambda model: int8_model.check_paths(model, None)):
        with pytest.raises(ModelError, match=f"{name} {sentence}"):
            command(path)


def test_weights_beside_an_onnx_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "large.onnx").write_bytes(external("weights.bin") + external("more.bin"))
    (tmp_path / "weights.bin").touch()
    with pytest.raises(ModelError, match=r"keeps its weights in more\.bin, which"):
        keras_model.load(tmp_path / "large.onnx")
    (tmp_path / "more.bin").touch()
    with pytest.raises(ModelError, match="is converted to a float"):
        keras_model.load(tmp_path / "large.onnx")
