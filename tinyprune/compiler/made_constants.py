"""Constants that operators make of constants: DENSIFY expands them, TILE repeats them, RESHAPE gives them a shape. The
operators fall away."""

from dataclasses import replace
from math import prod

import numpy as np

from tinyprune.compiler.file import (
    MAX_VALUES,
    File,
    constant_of,
    has_data,
    quantization_of,
    shape_of,
    type_of,
)
from tinyprune.compiler.graph import Array
from tinyprune.errors import ModelError

_TYPES = ("INT8", "INT16")


def with_made_constants(file: File) -> File:
    """The same, which knows what DENSIFY, TILE and RESHAPE make of constants. Raises ModelError for damage."""
    file = replace(file, densified=_densified(file))
    made = dict[int, Array]()
    for one in file.operators:
        kind, operands, results = one.kind, one.inputs, one.outputs
        if kind not in ("TILE", "RESHAPE") or not operands or len(results) != 1 or has_data(file, results[0]):
            continue
        known = replace(file, made=made)
        values = _made(known, kind, operands[0], results[0]) if has_data(known, operands[0]) else None
        if values is not None:
            made[results[0]] = values
    return replace(file, made=made)


def _made(file: File, kind: str, source: int, result: int) -> Array | None:
    """The values of a TILE or RESHAPE of a constant; None for one that has to be refused when it is read."""
    before, behind = shape_of(file, source), shape_of(file, result)
    if type_of(file, source) not in _TYPES or type_of(file, source) != type_of(file, result):
        return None
    if not all(size > 0 for size in (*before, *behind)) or prod(behind) > MAX_VALUES:
        return None
    if quantization_of(file, source) != quantization_of(file, result):
        return None
    values = constant_of(file, source, *_TYPES)
    if kind == "RESHAPE":
        return values.reshape(behind) if prod(before) == prod(behind) else None
    if len(before) != len(behind) or any(many % one for one, many in zip(before, behind, strict=True)):
        return None
    return np.tile(values, [many // one for one, many in zip(before, behind, strict=True)])


def _densified(file: File) -> dict[int, int]:
    """Tensor that a DENSIFY makes → the constant that it makes it of; both have the same type and shape."""
    found = dict[int, int]()
    for one in file.operators:
        if one.kind != "DENSIFY":
            continue
        number, operands, results = one.number, one.inputs, one.outputs
        ends = (*operands, *results)
        if len(operands) != 1 or len(results) != 1 or not has_data(file, operands[0]) or has_data(file, results[0]):
            raise ModelError(f"operator DENSIFY (number {number}) must make one tensor of one constant")
        if len({(type_of(file, index), shape_of(file, index)) for index in ends}) > 1:
            raise ModelError(f"operator DENSIFY (number {number}) changes the type or shape of its constant")
        found[results[0]] = operands[0]
    return found


def expanded_constants(file: File) -> dict[int, Array]:
    """Every constant that is in sparse encoding, and what DENSIFY makes of them, by tensor."""
    file = replace(file, densified=_densified(file))
    sparse = [index for index, tensor in enumerate(file.tensors) if tensor.sparsity is not None]
    return {index: constant_of(file, index, type_of(file, index)) for index in (*sparse, *file.densified)}
