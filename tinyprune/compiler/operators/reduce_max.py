"""REDUCE_MAX and REDUCE_MIN over any axes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tinyprune.compiler.graph import Array, Int8
from tinyprune.compiler.operators.operator import Operator, one_result, same_quantization
from tinyprune.compiler.operators.reduction import (
    Reduction,
    axes_exist,
    axes_vanish,
    case_axes,
    case_input,
    like_file,
    reader,
    reduced,
    writer,
)


@dataclass(frozen=True, slots=True, eq=False)
class ReduceMax(Reduction):
    """The largest value along the axes."""


@dataclass(frozen=True, slots=True, eq=False)
class ReduceMin(Reduction):
    """The smallest value along the axes."""


_Kind = TypeVar("_Kind", ReduceMax, ReduceMin)


def infer(op: ReduceMax | ReduceMin, x: Array) -> Int8:
    axes = tuple(axis + 1 for axis in op.inner_axes)
    found: Int8 = x.max(axis=axes) if isinstance(op, ReduceMax) else x.min(axis=axes)
    return found.reshape(len(x), *op.output.shape)


def _case_of(kind: type[_Kind], name: str) -> Callable[[np.random.Generator], _Kind]:
    def case(random: np.random.Generator) -> _Kind:
        source = case_input(random)
        axes = case_axes(random, source)
        shape = reduced(source.file_shape, axes, keep=bool(random.integers(2)))
        return kind(name, source, like_file(replace(source, index=1, name="t1"), shape), axes)

    return case


_RULES = (one_result, axes_exist, axes_vanish, same_quantization)
REDUCE_MAX = Operator(
    ReduceMax, "reduce_max", "Largest value over any axes.", reader(ReduceMax), _RULES, infer,
    _case_of(ReduceMax, "reduce_max"), writer("REDUCE_MAX"), "AddReduceMax",
)  # fmt: skip
REDUCE_MIN = Operator(
    ReduceMin, "reduce_min", "Smallest value over any axes.", reader(ReduceMin), _RULES, infer,
    _case_of(ReduceMin, "reduce_min"), writer("REDUCE_MIN"), "AddReduceMin",
)  # fmt: skip
