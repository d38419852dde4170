"""A PyTorch network as a float .tflite of one sample, channels last, by litert-torch; our own quantization follows."""

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from tinyprune.errors import MissingDependency, ModelError, first_line
from tinyprune.training import torch_file
from tinyprune.training.quiet import quiet_tensorflow


def is_module(model: Any) -> bool:
    """Whether it is a network of PyTorch, which then has been imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module | torch.export.ExportedProgram)


def from_file(path: Path, *, trust: bool = False) -> bytes:
    """Raises ModelError for a file that cannot be read or converted, MissingDependency without PyTorch."""
    return _from_program(torch_file.read(path, trust=trust), str(path))


def from_module(model: Any, sample_shape: tuple[int, ...]) -> bytes:
    """Of a module in memory, which takes samples of that shape: `[channels, height, width]`. Raises as `from_file`."""
    import torch

    name = f"model {type(model).__name__}"
    if not isinstance(model, torch.nn.Module):
        return _from_program(model, name)
    training = model.training
    try:
        return _converted(model.eval(), torch.zeros(1, *sample_shape), name)
    finally:
        model.train(training)


def _from_program(program: Any, name: str) -> bytes:
    examples = program.example_inputs
    if examples is None or len(examples[0]) != 1 or examples[1]:
        raise ModelError(f"{name} does not take one tensor; export a network with one input")
    (example,) = examples[0]
    trained = {"batch_norm": 5, "dropout": 2, "feature_dropout": 2}
    for node in program.graph.nodes:
        kind = str(node.target).removeprefix("aten.").partition(".")[0]
        if kind in trained and len(node.args) > trained[kind] and node.args[trained[kind]] is True:
            raise ModelError(f"{name} was exported while it was training: call model.eval() before torch.export.export")
    if isinstance(_batch(program), int) and example.shape[0] != 1:
        raise ModelError(
            f"{name} was exported for a batch of {example.shape[0]}: export it with one sample, "
            "torch.export.export(model.eval(), (x[:1],))"
        )
    return _converted(program.module(check_guards=False), example[:1], name)


def _batch(program: Any) -> Any:
    """The first axis of the input: an int where it is fixed."""
    inputs = set(program.graph_signature.user_inputs)
    (node,) = (node for node in program.graph.nodes if node.op == "placeholder" and node.name in inputs)
    return node.meta["val"].shape[0]


@quiet_tensorflow()
def _converted(module: Any, example: Any, name: str) -> bytes:
    """`example`: a batch of one. Maps, `[1, channels, height, width]`, come and go with their channels last."""
    try:
        import litert_torch
        import torch
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed: {torch_file.INSTALL}") from None
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        try:
            answer = module(example)  # one tensor, or several, which stay as they are
            if isinstance(answer, torch.Tensor):
                args, outputs = ([0] if each.dim() == 4 else None for each in (example, answer))
                module = litert_torch.to_channel_last_io(module, args, outputs)
            sample = example.permute(0, 2, 3, 1).contiguous() if example.dim() == 4 else example
            path = Path(folder) / "model.tflite"
            litert_torch.convert(module, (sample,)).export(str(path))
            return path.read_bytes()
        except Exception as error:  # of PyTorch's tracer and of the converter
            raise ModelError(f"{name} cannot be converted by litert-torch: {first_line(error)}") from error
