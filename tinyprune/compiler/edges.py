"""Inputs and outputs that have another type in the file than int8, or int16 in 16x8 networks.

The converter leaves float32 inputs and outputs around an int8 network unless told otherwise: a QUANTIZE behind each
input, a DEQUANTIZE before each output. They fall away, and so do those of integer types: the graph's input is what
QUANTIZE makes, its output what DEQUANTIZE or QUANTIZE takes. This is right only where bytes tell the same as the file's
values. So all 256 int8 values are tried with TFLite Micro's arithmetic: each must be the answer to some value of an
input, and each must get a value of its own at an output. Around an int16 network float32 falls away in the same way.

Inside, float32 may stand between a CAST of bool and QUANTIZE: a mask that is multiplied. There the CAST falls away.

A uint8 input or output is the int8 tensor with a zero point smaller by 128. Where its QUANTIZE changes the scale, too,
that stays in the graph.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import (
    File,
    has_data,
    quantization_of,
    shape_of,
    tensor_name,
    type_of,
)
from tinyprune.compiler.graph import Array, Edge
from tinyprune.compiler.tables import StoredOperator
from tinyprune.errors import ModelError

_STORED = np.arange(-128, 128, dtype=np.int64)
_WIDE = np.arange(-(1 << 15), 1 << 15, dtype=np.int64)  # int16
_QUANTIZED = ("INT8", "UINT8", "INT16")
_FLOATS = ("FLOAT32", "FLOAT16")
_CONSTANT = ("DENSIFY", "DEQUANTIZE")  # what converters make constants with
_CONVERT = (
    "convert it again with a representative dataset and supported_ops = [TFLITE_BUILTINS_INT8], "
    "or give tinyprune --calibration x.npy, real inputs of it, too"
)


@dataclass(frozen=True, slots=True)
class Edges:
    """`ends`: input or output of the file → the tensor that takes its place, how the two belong together, and what
    users must know. `dropped`: numbers of operators that fall away. `same`: tensor → another one with the same values.
    """

    ends: Mapping[int, tuple[int, Edge, str]] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()
    same: Mapping[int, int] = field(default_factory=dict)


def edges_of(file: File) -> tuple[File, Edges]:
    """What falls away at the edges of a model, and the file in which its uint8 ends count as int8."""
    ends, dropped, same, shifted = dict[int, tuple[int, Edge, str]](), set[int](), dict[int, int](), set[int]()
    for which, numbers in (("input", file.inputs), ("output", file.outputs)):
        for index in numbers:
            try:
                found = _input(file, index) if which == "input" else _output(file, index)
            except ModelError:
                found = None  # whatever is wrong with it is told when it is read
            if found is None:
                continue
            around, edge, falls_away = found
            inner = [one.outputs[0] if which == "input" else one.inputs[0] for one in around]
            if edge.dtype == "uint8":
                shifted.add(index)
            if falls_away:
                dropped |= {one.number for one in around}
                same |= dict.fromkeys(inner[1:], inner[0])
            target = inner[0] if falls_away else index
            ends[index] = target, edge, _note(which, file, index, inner[0], edge)
    for cast in _float_flags(file):
        dropped.add(cast.number)
        same |= dict(zip(cast.outputs, cast.inputs, strict=True))
    return replace(file, shifted=frozenset(shifted)), Edges(ends, frozenset(dropped), same)


def _input(file: File, index: int) -> tuple[list[StoredOperator], Edge, bool] | None:
    """The operators that make int8 of an input, how it stands in the file, and whether they fall away."""
    around = [one for one in file.operators if index in one.inputs]
    kinds = {one.kind for one in around} == {"QUANTIZE"}
    if not kinds or has_data(file, index) or not all(_is_simple(file, one) for one in around):
        return None
    if type_of(file, index) == "UINT8" and all(type_of(file, one.outputs[0]) == "INT8" for one in around):
        scale, zero_point = _quantization(file, index)
        tables = [requantized(_STORED + 128, scale, zero_point, *_quantization(file, one.outputs[0])) for one in around]
        return around, _bytes(scale, zero_point), all((table == _STORED).all() for table in tables)
    quantizations = {(type_of(file, one.outputs[0]), *_quantization(file, one.outputs[0])) for one in around}
    if len(quantizations) > 1 or any(kind not in ("INT8", "INT16") for kind, _, _ in quantizations):
        return None
    edge = _input_edge(file, index, *quantizations.pop())
    return None if edge is None else (around, edge, True)


def _input_edge(file: File, index: int, stored: str, scale: float, zero_point: int) -> Edge | None:
    """Of an input that QUANTIZE takes to this type, scale and zero point; None where some value cannot come out."""
    kind = type_of(file, index)
    if kind == "FLOAT32":
        edge = _real(_values(stored), scale, zero_point)
    elif kind in ("INT16", "INT32") and stored == "INT8":
        own_scale, own_zero_point = _quantization(file, index)
        limits = np.iinfo(kind.lower())
        wanted = np.rint((_STORED - zero_point) * (scale / own_scale)) + own_zero_point
        values: Array = np.clip(wanted, limits.min, limits.max).astype(kind.lower())
        edge = Edge(kind.lower(), own_scale, own_zero_point, values)
    else:
        return None
    return edge if (quantized(edge, edge.values, scale, zero_point) == _values(stored)).all() else None


def _output(file: File, index: int) -> tuple[list[StoredOperator], Edge, bool] | None:
    """The operator that makes an output of int8, how that stands in the file, and whether it falls away."""
    around = [one for one in file.operators if index in one.outputs]
    if len(around) != 1 or any(index in one.inputs for one in file.operators) or not _is_simple(file, around[0]):
        return None
    source, kind = around[0].inputs[0], type_of(file, index)
    stored = type_of(file, source)
    if stored not in ("INT8", "INT16"):
        return None
    scale, zero_point = _quantization(file, source)
    if around[0].kind == "DEQUANTIZE" and kind == "FLOAT32":
        edge = _real(_values(stored), scale, zero_point)
    elif around[0].kind == "QUANTIZE" and kind in ("UINT8", "INT16", "INT32") and stored == "INT8":
        own = _quantization(file, index)
        values = requantized(_STORED, scale, zero_point, *own, kind.lower())
        if kind == "UINT8":
            return around, _bytes(*own), bool((values == _STORED + 128).all())
        edge = Edge(kind.lower(), *own, values)
    else:
        return None
    return (around, edge, True) if len(np.unique(edge.values)) == len(edge.values) else None


def _float_flags(file: File) -> Iterator[StoredOperator]:
    """Each CAST from bool to float32 of which only QUANTIZE reads the result: that can read the bool tensor."""
    for one in file.operators:
        if one.kind != "CAST" or not _is_simple(file, one) or one.outputs[0] in file.outputs:
            continue
        types = [type_of(file, index) for index in (*one.inputs, *one.outputs)]
        readers = {other.kind for other in file.operators if one.outputs[0] in other.inputs}
        if types == ["BOOL", "FLOAT32"] and readers == {"QUANTIZE"}:
            yield one


def _is_simple(file: File, operator: StoredOperator) -> bool:
    """Whether it has one operand and one result, of the same shape."""
    if len(operator.inputs) != 1 or len(operator.outputs) != 1:
        return False
    return shape_of(file, operator.inputs[0]) == shape_of(file, operator.outputs[0])


def _quantization(file: File, index: int) -> tuple[float, int]:
    scale, zero_point = quantization_of(file, index)
    return float(scale), zero_point


def _values(kind: str) -> Array:
    """All values of the schema's INT8 or INT16."""
    return _STORED if kind == "INT8" else _WIDE


def _real(stored: Array, scale: float, zero_point: int) -> Edge:
    """What DEQUANTIZE makes of integers: the product in double, then the nearest float32."""
    with np.errstate(over="ignore"):
        return Edge("float32", 1.0, 0, (scale * (stored - zero_point)).astype(np.float32))


def _bytes(scale: float, zero_point: int) -> Edge:
    return Edge("uint8", scale, zero_point, np.arange(256, dtype=np.uint8))


def requantized(
    values: Array, scale: float, zero_point: int, new_scale: float, new_zero_point: int, dtype: str = "int8"
) -> Array:
    """What QUANTIZE makes of integers, with TFLite Micro's arithmetic."""
    multiplier, shift = fixed_point.quantize_multiplier(scale / new_scale)
    scaled = fixed_point.multiply_by_quantized_multiplier(values.astype(np.int64) - zero_point, multiplier, shift)
    limits = np.iinfo(dtype)
    found: Array = np.clip(scaled.astype(np.int64) + new_zero_point, limits.min, limits.max).astype(dtype)
    return found


def quantized(edge: Edge, values: Array, scale: float, zero_point: int) -> Array:
    """What QUANTIZE makes of an input's values in the file's type, with TFLite Micro's arithmetic."""
    if edge.dtype != "float32":
        return requantized(values, edge.scale, edge.zero_point, scale, zero_point)
    return fixed_point.affine_quantized(values, scale, zero_point, edge.stored_dtype)


def _note(which: str, file: File, index: int, inner: int, edge: Edge) -> str:
    start = f'{which} "{tensor_name(file, index)}" is {edge.dtype} in the model: '
    if edge.dtype == "uint8":
        return start + ("give it int8 = uint8 - 128" if which == "input" else "it is int8 here, uint8 = int8 + 128")
    (scale, zero_point), stored = _quantization(file, inner), edge.stored_dtype
    how = f"scale {np.float32(scale)!s} and zero point {zero_point}"
    return start + (
        f"give it {stored}, quantized with {how}" if which == "input" else f"it is {stored} here, with {how}"
    )


def float_fault(file: File, edges: Edges) -> str | None:
    """What is to be said of a model that computes in floating point from end to end, in a sentence."""
    constants, kinds, int8_weights = set[int](), set[str](), False
    for one in file.operators:
        operands, results = [index for index in one.inputs if index >= 0], one.outputs
        stored = {index for index in operands if index in constants or has_data(file, index)}
        if stored == set(operands) and one.kind in _CONSTANT:
            constants |= set(results)
            continue
        kinds |= {type_of(file, index) for index in (*operands, *results) if index not in stored}
        if one.number in edges.dropped or kinds & set(_QUANTIZED):
            return None
        int8_weights |= any(type_of(file, index) == "INT8" for index in stored)
    if not kinds & set(_FLOATS):
        return None
    if int8_weights:
        return f"it is a hybrid model: its weights are int8, but it computes with float32 activations; {_CONVERT}"
    return f"it is a float model; quantize it: {_CONVERT}"
