"""MUL: two tensors, or a tensor and a constant, element by element."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.binary import (
    ClampedBinary,
    case_operands,
    clamped_reader,
    clamped_writer,
    differences,
    most,
    rescaled,
    shapes_agree,
    something_is_computed,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, one_result

_OPTIONS = "MulOptions"


@dataclass(frozen=True, slots=True, eq=False)
class Mul(ClampedBinary):
    """Its operands' scales may be any."""

    @property
    def scaling(self) -> tuple[int, int]:
        """(multiplier, shift to the left) of products."""
        product = float(self.left.scale) * float(self.right.scale)
        return fixed_point.quantize_multiplier(product / float(self.output.scale))


def products_fit(node: Node) -> str | None:
    """The product of its operands' scales is less than 2^15 times its result's scale, of int16 less than once."""
    left, right, target = node.operand(0), node.operand(1), node.result()
    _, shift = fixed_point.quantize_multiplier(float(left.scale) * float(right.scale) / float(target.scale))
    fits = most(left) * most(right) << max(shift, 0) <= fixed_point.INT32_MAX
    return None if fits else f"it takes scales {left.scale:g} and {right.scale:g} to {target.scale:g}"


def infer(op: Mul, left: Array, right: Array) -> Array:
    x, y = differences(op, left, right)
    found: Array = np.clip(rescaled(x * y, op.scaling, op.output), op.activation_min, op.activation_max)
    return found.astype(op.output.dtype)


def case(random: np.random.Generator) -> Mul:
    dtype = cases.dtype(random)
    left, right, shape = case_operands(random, dtype=dtype)
    product = float(left.scale) * float(right.scale)
    growth = [2.0**-14, 0.01, 0.5, 1, 16, 100, 128, 300, random.uniform(50, 400)]
    if dtype == "int16":
        growth = [1.1, 2, 2.0**15, 30000, 3e5, random.uniform(5000, 60000)]
    output = cases.activation(random, shape, 2, scale_=product * float(random.choice(growth)), dtype=dtype)
    return Mul("mul", left, right, output, *cases.clamp(random, output))


MUL = Operator(
    Mul, "mul", "Product of two tensors, or of a tensor and a constant, with broadcasting.",
    clamped_reader(Mul, _OPTIONS),
    (one_result, two_operands, shapes_agree, something_is_computed, products_fit, fused.clamped(_OPTIONS)),
    infer, case, clamped_writer("MUL", _OPTIONS), "AddMul",
    types=("INT8", "INT16"),
)  # fmt: skip
