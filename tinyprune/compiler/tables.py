"""The tables of a .tflite file as records that are read once: FlatBuffers looks up a field anew at every access.

Nothing in them is trusted: places that do not exist raise ModelError, and damage what struct and NumPy raise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError, printable

#: The most axes of a tensor; TFLite's operators take no more.
MAX_RANK = 8
#: Where an OperatorCode's table says where its field builtin_code is.
_BUILTIN_CODE_FIELD = 10
#: Field of an operator's options → the schema's enumeration that its number must be of.
_ENUMERATIONS = {"Padding": "Padding", "Mode": "MirrorPadMode"}


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """What a tensor says of its values; there may be any number of scales, one for each entry of the axis."""

    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor of the file. `name` is printable and short, for messages; `whole_name` is for taking apart."""

    whole_name: str
    name: str
    type: str  # as the schema calls it, "INT8"
    shape: tuple[int, ...]  # with the batch
    signature: tuple[int, ...]  # −1 for sizes that are not fixed
    buffer: Any
    has_bytes: bool  # whether that buffer has any
    quantization: Quantization | None  # None also where it has no scale
    is_variable: bool
    sparsity: Any  # of the schema's SparsityParameters; None where values are stored one by one


@dataclass(frozen=True, slots=True, eq=False)
class StoredOperator:
    """An operator of the file; −1 stands for an operand left out."""

    number: int
    kind: str  # as TFLite calls it, "CONV_2D"
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any


def tensors_of(model: Any, subgraph: Any) -> Iterator[StoredTensor]:
    """Of a subgraph, in the file's order. Raises ModelError for one in a buffer that does not exist."""
    buffers = model.BuffersLength()
    for index in range(subgraph.TensorsLength()):
        table = subgraph.Tensors(index)
        whole_name, number = (table.Name() or b"?").decode(errors="replace"), table.Buffer()
        name = printable(whole_name)
        if not 0 <= number < buffers:
            raise ModelError(f'tensor "{name}" is in buffer {number}, which does not exist')
        shape, buffer = _shape(table, "Shape", name), model.Buffers(number)
        yield StoredTensor(
            whole_name,
            name,
            _type(table.Type(), name),
            shape,
            _shape(table, "ShapeSignature", name) or shape,
            buffer,
            bool(buffer.DataLength()),
            _quantization(table.Quantization()),
            bool(table.IsVariable()),
            table.Sparsity(),
        )


def _type(number: int, name: str) -> str:
    if number not in _names("TensorType"):
        raise ModelError(f'tensor "{name}" is of type number {number}, which TFLite\'s schema does not know')
    return type_name(number)


def _shape(table: Any, field: str, name: str) -> tuple[int, ...]:
    rank = getattr(table, f"{field}Length")()
    if rank > MAX_RANK:
        raise ModelError(f'tensor "{name}" has {rank} axes, at most {MAX_RANK} are possible')
    return tuple(int(size) for size in getattr(table, f"{field}AsNumpy")()) if rank else ()


def _quantization(table: Any) -> Quantization | None:
    if table is None or not table.ScaleLength():
        return None
    zero_points = table.ZeroPointAsNumpy() if table.ZeroPointLength() else ()
    return Quantization(
        np.asarray(table.ScaleAsNumpy(), np.float32), np.asarray(zero_points, np.int64), table.QuantizedDimension()
    )


def operators_of(model: Any, subgraph: Any) -> Iterator[StoredOperator]:
    """Of a subgraph, in the file's order, which is the order of execution. Raises ModelError for one whose tensors or
    kind do not exist."""
    kinds = [_kind(model.OperatorCodes(number)) for number in range(model.OperatorCodesLength())]
    tensors = subgraph.TensorsLength()
    for number in range(subgraph.OperatorsLength()):
        table = subgraph.Operators(number)
        inputs, outputs = indices(table, "Inputs"), indices(table, "Outputs")
        code, last = table.OpcodeIndex(), max((*inputs, *outputs), default=-1)
        if last >= tensors:
            raise ModelError(f"tensor number {last} does not exist")
        if not 0 <= code < len(kinds):
            raise ModelError(f"operator number {number} is of kind {code}, which does not exist")
        yield StoredOperator(number, kinds[code], inputs, outputs, table)


def indices(table: Any, field: str) -> tuple[int, ...]:
    """The vector of tensor numbers `Inputs` or `Outputs`; −1 stands for an operand left out."""
    length = getattr(table, f"{field}Length")()
    found = tuple(int(i) for i in getattr(table, f"{field}AsNumpy")()) if length else ()
    if any(number < -1 for number in found):
        raise ModelError(f"tensor number {min(found)} does not exist")
    return found


def _kind(code: Any) -> str:
    """Of an OperatorCode."""
    number, custom = builtin_of(code), code.CustomCode()
    return f'CUSTOM "{printable(custom)}"' if custom else _names("BuiltinOperator").get(number, f"number {number}")


def builtin_of(code: Any) -> int:
    """The number of an OperatorCode: the schema has two fields, of which the larger one counts. (The generated reader
    gives the old one for both where the new one is small.)"""
    import flatbuffers

    field = code._tab.Offset(_BUILTIN_CODE_FIELD)
    number = code._tab.Get(flatbuffers.number_types.Int32Flags, field + code._tab.Pos) if field else 0
    return max(int(number), int(code.DeprecatedBuiltinCode()))


def type_name(number: int) -> str:
    """The schema's name of a type."""
    return _names("TensorType").get(number, f"type {number}")


@cache
def _names(enumeration: str) -> dict[int, str]:
    """Number → name, of one of the schema's enumerations."""
    import tflite

    return {code: name for name, code in vars(getattr(tflite, enumeration)).items() if isinstance(code, int)}


def options_of(table: Any, name: str) -> Any:
    """An operator's table of options, as an object of the generated class `name`; None where it has none."""
    import tflite

    union = table.BuiltinOptions()
    if union is None:
        return None
    if table.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, name):
        raise ModelError(f"its options are not of the type {name}, but number {table.BuiltinOptionsType()}")
    options = getattr(tflite, name)()
    options.Init(union.Bytes, union.Pos)
    for field_name, enumeration in _ENUMERATIONS.items():
        if hasattr(options, field_name) and getattr(options, field_name)() not in _names(enumeration):
            number = getattr(options, field_name)()
            raise ModelError(f"its {field_name.lower()} is number {number}, which TFLite's schema does not know")
    return options
