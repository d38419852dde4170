"""PRELU: x where it is positive, else x times a slope, which is a tensor or a constant."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Int8
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import (
    MOST,
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


@dataclass(frozen=True, slots=True, eq=False)
class Prelu(Binary):
    """The right operand is the slope."""

    @property
    def scalings(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift to the left) of positive values, and of products with the slope."""
        source, target = float(self.left.scale), float(self.output.scale)
        first, second = (
            fixed_point.quantize_multiplier(real)
            for real in (source / target, source * float(self.right.scale) / target)
        )
        return first, second


def scales_fit(node: Node) -> str | None:
    """Its input's scale is less than 2^23 times its result's scale, times the slope's scale less than 2^15 times."""
    shifts = [shift for _, shift in Prelu("", node.operand(0), node.operand(1), node.result()).scalings]
    fits = MOST << max(shifts[0], 0) <= fixed_point.INT32_MAX and (
        MOST * MOST << max(shifts[1], 0) <= fixed_point.INT32_MAX
    )
    scales = [node.operand(0).scale, node.operand(1).scale, node.result().scale]
    return None if fits else f"it takes scales {scales[0]:g} and {scales[1]:g} to {scales[2]:g}"


def infer(op: Prelu, left: Array, right: Array) -> Int8:
    x, slope = differences(op, left, right)
    positive, negative = op.scalings
    result = np.where(x >= 0, rescaled(x, positive, op.output), rescaled(x * slope, negative, op.output))
    return np.clip(result, -128, 127).astype(np.int8)


def case(random: np.random.Generator) -> Prelu:
    left, right, shape = case_operands(random)
    scale = float(left.scale) * float(random.choice([0.01, 0.5, 1, 2, 3, random.uniform(0.3, 3)]))
    return Prelu("prelu", left, right, cases.activation(random, shape, 2, scale_=scale))


def write(_: Prelu) -> Written:
    return Written("PRELU")


PRELU = Operator(
    Prelu, "prelu", "Positive values as they are, others times a slope, a tensor or a constant, with broadcasting.",
    reader(Prelu), (one_result, two_operands, shapes_agree, something_is_computed, scales_fit), infer, case, write,
    "AddPrelu",
)  # fmt: skip
