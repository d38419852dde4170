"""MEAN and SUM over any axes.

TFLite's arithmetic (tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum): values are summed up as
differences from their zero point; the sum is taken to the result's scale. A mean divides its multiplier by the number
of values, rounding down, after a shift to the left that keeps the multiplier's bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import most
from tinyprune.compiler.operators.operator import Operator, one_result
from tinyprune.compiler.operators.reduction import (
    Reduction,
    axes_exist,
    axes_of,
    axes_vanish,
    case_axes,
    case_input,
    like_file,
    reader,
    reduced,
    writer,
)


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Reduction):
    @property
    def rescaling(self) -> tuple[int, int]:
        """(multiplier, shift to the left) that take a sum to the result."""
        return _scaling(self.input.scale, self.output.scale)


@dataclass(frozen=True, slots=True, eq=False)
class Mean(Sum):
    """A sum that is divided by the number of its values."""

    @property
    def rescaling(self) -> tuple[int, int]:
        return _mean_scaling(self.input.scale, self.output.scale, self.count)


_Kind = TypeVar("_Kind", bound=Sum)


def _scaling(before: np.float32, behind: np.float32) -> tuple[int, int]:
    return fixed_point.quantize_multiplier(float(before) / float(behind))


def _mean_scaling(before: np.float32, behind: np.float32, count: int) -> tuple[int, int]:
    multiplier, shift = _scaling(before, behind)
    places = min(count.bit_length() - 1, 31 + shift)
    return (multiplier << places) // count, shift - places


def sums_fit(node: Node) -> str | None:
    """The sum of all values that make a result fits 32 bits, also where it is shifted to the left to the result's
    scale."""
    source, target, axes = node.activation(0), node.result(), axes_of(node)
    if axes is None:
        return None
    op = (Mean if node.kind == "MEAN" else Sum)(node.name, source, target, axes)
    if _fits(op):
        return None
    return f"it sums up {op.count:,} values, and takes scale {source.scale:g} to {target.scale:g}"


def _fits(op: Sum) -> bool:
    return most(op.input) * op.count << max(op.rescaling[1], 0) <= fixed_point.INT32_MAX


def infer(op: Sum, x: Array) -> Array:
    sums = (x.astype(np.int64) - op.input.zero_point).sum(axis=tuple(axis + 1 for axis in op.inner_axes))
    scaled = fixed_point.multiply_by_quantized_multiplier(sums, *op.rescaling).astype(np.int64)
    stored: Array = np.clip(scaled + op.output.zero_point, *op.output.limits).astype(op.output.dtype)
    return stored.reshape(len(x), *op.output.shape)


def _case_of(kind: type[_Kind], name: str) -> Callable[[np.random.Generator], _Kind]:
    def case(random: np.random.Generator) -> _Kind:
        """Results that are spread over int8, clamped, or all the same; the same scale as before now and then."""
        source = case_input(random, cases.dtype(random))
        axes = case_axes(random, source)
        shape = reduced(source.file_shape, axes, keep=bool(random.integers(2)))
        count = int(np.prod([source.file_shape[axis] for axis in axes]))
        growth = count**0.5 if kind is Sum else count**-0.5
        factor = growth * float(random.choice([1, 1, 1, 0.3, 2, 2.0**-10, 100]))
        scale = float(source.scale) * (factor if random.integers(4) else 1)
        op = kind(
            name,
            source,
            like_file(cases.activation(random, (), 1, scale_=scale, dtype=source.dtype), shape, source.dtype),
            axes,
        )
        return op if _fits(op) else replace(op, output=replace(op.output, scale=source.scale))

    return case


_RULES = (one_result, axes_exist, axes_vanish, sums_fit)
MEAN = Operator(
    Mean, "mean", "Mean over any axes; over height and width it is global average pooling.", reader(Mean), _RULES,
    infer, _case_of(Mean, "mean"), writer("MEAN"), "AddMean", types=("INT8", "INT16"),
)  # fmt: skip
SUM = Operator(
    Sum, "sum", "Sum over any axes.", reader(Sum), _RULES, infer, _case_of(Sum, "sum"), writer("SUM"), "AddSum",
    types=("INT8", "INT16"),
)  # fmt: skip
