"""SQUARED_DIFFERENCE: (left − right)² of two tensors, or of a tensor and a constant, element by element.

Both operands are taken to a common scale, twice the larger of theirs, with seven more bits.
"""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Tensor
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import (
    Binary,
    case_operands,
    differences,
    reader,
    rescaled,
    shapes_agree,
    something_is_computed,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, Written, one_result

#: Bits that int8 operands gain before they are scaled; int16 ones gain none.
LEFT_SHIFT = 7


@dataclass(frozen=True, slots=True, eq=False)
class SquaredDifference(Binary):
    """Its operands' scales may be any."""

    @property
    def scalings(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(multiplier, shift to the left) of both operands and of the square."""
        common = 2 * max(float(self.left.scale), float(self.right.scale))
        first, second = (fixed_point.quantize_multiplier(float(one.scale) / common) for one in self.inputs)
        return first, second, _behind(self.left, self.right, self.output)


def _left_shift(output: Tensor) -> int:
    return LEFT_SHIFT if output.dtype == "int8" else 0


def _behind(left: Tensor, right: Tensor, output: Tensor) -> tuple[int, int]:
    common = 2 * max(float(left.scale), float(right.scale))
    return fixed_point.quantize_multiplier(common * common / ((1 << 2 * _left_shift(output)) * float(output.scale)))


def squares_fit(node: Node) -> str | None:
    """The square of the larger scale of its operands is less than 2^13 times its result's scale, of int16 less than
    half of it."""
    left, right, target = node.operand(0), node.operand(1), node.result()
    if _behind(left, right, target)[1] <= 1:  # the square of two operands of 255 · 2^6 each is less than 2^30
        return None
    return f"it takes scales {left.scale:g} and {right.scale:g} to {target.scale:g}"


def infer(op: SquaredDifference, left: Array, right: Array) -> Array:
    first, second, behind = op.scalings
    x, y = (
        fixed_point.multiply_by_quantized_multiplier(difference << _left_shift(op.output), *scaling).astype(np.int64)
        for difference, scaling in zip(differences(op, left, right), (first, second), strict=True)
    )
    found: Array = np.clip(rescaled((x - y) ** 2, behind, op.output), *op.output.limits)
    return found.astype(op.output.dtype)


def case(random: np.random.Generator) -> SquaredDifference:
    dtype = cases.dtype(random)
    left, right, shape = case_operands(random, dtype=dtype)
    square = max(float(left.scale), float(right.scale)) ** 2
    growth = [0.001, 0.5, 1, 16, 100, 128, random.uniform(50, 400)]
    if dtype == "int16":
        growth = [2.1, 100, 2.0**15, random.uniform(3000, 60000)]
    output = cases.activation(random, shape, 2, scale_=square * float(random.choice(growth)), dtype=dtype)
    return SquaredDifference("squared_difference", left, right, output)


def write(_: SquaredDifference) -> Written:
    return Written("SQUARED_DIFFERENCE", "SquaredDifferenceOptions")


SQUARED_DIFFERENCE = Operator(
    SquaredDifference, "squared_difference",
    "Squared difference of two tensors, or of a tensor and a constant, with broadcasting.", reader(SquaredDifference),
    (one_result, two_operands, shapes_agree, something_is_computed, squares_fit), infer, case, write,
    "AddSquaredDifference", types=("INT8", "INT16"),
)  # fmt: skip
