"""`.tflite` → Graph. What tinyprune cannot run is refused here, with the operator, the tensor and the reason.

The format is TensorFlow Lite's FlatBuffers schema (version 3, identifier TFL3); quantization rules are those of the
int8 specification cited in graph.py. A batch of −1 is fixed to 1. Nothing in the file is trusted: any damage ends in
ModelError.
"""

import hashlib
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from tinyprune.compiler.graph import Graph, Op
from tinyprune.compiler.reader.operators import OPERATORS, Operator
from tinyprune.compiler.reader.tensors import File, activation_of, indices, tensor_name, type_of
from tinyprune.errors import ModelError, UsageError

__all__ = ["OPERATORS", "read", "read_bytes"]

_DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)
#: Operators that only compute the shape operand of a RESHAPE; the shape is fixed, so they vanish.
_SHAPE_ARITHMETIC = {"SHAPE", "STRIDED_SLICE", "PACK"}


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises UsageError where it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot read the model: {error.strerror}") from None


def read(data: bytes, name: str = "model") -> Graph:
    """The graph of `.tflite` bytes; `name` is what messages call them. Raises ModelError."""
    if data[4:8] != b"TFL3":
        what, advice = _what_else(data, name)
        raise ModelError(f"{name}: not a .tflite file ({what}); {advice}")
    try:
        return _read(data)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    except _DAMAGE as error:
        raise ModelError(
            f"{name}: damaged or truncated .tflite file ({type(error).__name__}: {error}); convert or copy it again"
        ) from None


def _what_else(data: bytes, name: str) -> tuple[str, str]:
    """What a file is that is no .tflite, as far as its first bytes or its name tell, and what to do with it."""
    convert = "convert the model to int8 .tflite first"
    if not data:
        return "it is empty", "copy or convert the model again"
    if data.startswith(b"\x89HDF"):
        return "it is HDF5", "a Keras model must be called .h5"
    if data.startswith(b"PK\x03\x04") and b"metadata.json" in data:
        return "it is a Keras model", "it must be called .keras"
    if data.startswith(b"PK\x03\x04") and b"data.pkl" in data:
        return "it is a PyTorch file", convert
    if name.endswith(".onnx"):
        return "it is called ONNX", convert
    return "the identifier TFL3 is missing", convert


def _read(data: bytes) -> Graph:
    import tflite

    model = tflite.Model.GetRootAsModel(data, 0)
    if model.SubgraphsLength() != 1:
        raise ModelError(f"the model has {model.SubgraphsLength()} subgraphs; only models with one can run")
    subgraph = model.Subgraphs(0)
    file = File(model, subgraph, subgraph.TensorsLength())
    source = _only(indices(subgraph, "Inputs"), "inputs")
    target = _only(indices(subgraph, "Outputs"), "outputs")
    ops = _operators(file)
    computed = {source}
    for op in ops:
        if op.input.index not in computed:
            raise ModelError(f'operator "{op.name}" reads tensor "{op.input.name}" before anything has written it')
        computed.add(op.output.index)
    if target not in computed or not ops:
        raise ModelError("no operator computes the model's output")
    return Graph(ops, activation_of(file, source), activation_of(file, target), hashlib.sha256(data).hexdigest())


def _operators(file: File) -> tuple[Op, ...]:
    """In the file's order, which is the order of execution; each gets a name such as "conv_2"."""
    names, counts, ops = _operator_names(), Counter[str](), []
    for number in range(file.subgraph.OperatorsLength()):
        table = file.subgraph.Operators(number)
        kind = _kind(file.model, table, names)
        inputs, outputs = indices(table, "Inputs"), indices(table, "Outputs")
        if kind in _SHAPE_ARITHMETIC and all(type_of(file, i) == "INT32" for i in outputs):
            continue
        if kind not in OPERATORS:
            tensor = next((tensor_name(file, i) for i in outputs), "?")
            supported = ", ".join(sorted(OPERATORS))
            hint = "; it turns int8 or float16 to float32: quantize to full int8" if kind == "DEQUANTIZE" else ""
            raise ModelError(
                f'operator {kind} (number {number}, tensor "{tensor}") is not supported; supported: {supported}{hint}'
            )
        short, build = OPERATORS[kind]
        counts[short] += 1
        ops.append(build(Operator(file, kind, f"{short}_{counts[short]}", inputs, outputs, table)))
    return tuple(ops)


def _operator_names() -> dict[int, str]:
    from tflite import BuiltinOperator

    return {code: name for name, code in vars(BuiltinOperator).items() if isinstance(code, int)}


def _kind(model: Any, table: Any, names: dict[int, str]) -> str:
    code = model.OperatorCodes(table.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    custom = code.CustomCode()
    return f'CUSTOM "{custom.decode(errors="replace")}"' if custom else names.get(number, f"number {number}")


def _only(indices: tuple[int, ...], what: str) -> int:
    if len(indices) != 1:
        raise ModelError(f"the model has {len(indices)} {what}; only models with one can run")
    return indices[0]
