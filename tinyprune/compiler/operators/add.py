"""ADD and SUB: two tensors, or a tensor and a constant, element by element.

TFLite's arithmetic (tensorflow/lite/kernels/internal/reference/integer_ops/add.h): both operands are taken to a common
scale, twice the larger of theirs, with 20 more bits; their sum is taken to the scale of the result.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Tensor
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.binary import (
    ClampedBinary,
    case_operands,
    clamped_reader,
    clamped_writer,
    differences,
    rescaled,
    shapes_agree,
    something_is_computed,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, one_result

#: Bits that int8 operands gain before they are scaled, and int16 ones.
LEFT_SHIFT, LEFT_SHIFT_OF_INT16 = 20, 15


def left_shift(output: Tensor) -> int:
    """Those of an operator with such a result."""
    return LEFT_SHIFT if output.dtype == "int8" else LEFT_SHIFT_OF_INT16


@dataclass(frozen=True, slots=True, eq=False)
class Add(ClampedBinary):
    """Its operands' scales may be any."""

    @property
    def scalings(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(multiplier, shift to the left) of both operands and of the result."""
        left, right = float(self.left.scale), float(self.right.scale)
        common = 2 * max(left, right)
        behind = common / ((1 << left_shift(self.output)) * float(self.output.scale))
        first, second, third = (
            fixed_point.quantize_multiplier(real) for real in (left / common, right / common, behind)
        )
        return first, second, third


@dataclass(frozen=True, slots=True, eq=False)
class Sub(Add):
    """The right operand is taken from the left one."""


def scales_below_one(node: Node) -> str | None:
    """Its result's scale is so large that the common scale of the operands shrinks to it: at least 2^−19 of the larger
    one, of int16 2^−14."""
    left, right, target = node.operand(0), node.operand(1), node.result()
    common = 2 * max(float(left.scale), float(right.scale))
    _, shift = fixed_point.quantize_multiplier(common / ((1 << left_shift(target)) * float(target.scale)))
    return None if shift <= 0 else f"it takes scales {left.scale:g} and {right.scale:g} to {target.scale:g}"


def infer(op: Add, left: Array, right: Array) -> Array:
    first, second, behind = op.scalings
    x, y = (
        fixed_point.multiply_by_quantized_multiplier(difference << left_shift(op.output), *scaling).astype(np.int64)
        for difference, scaling in zip(differences(op, left, right), (first, second), strict=True)
    )
    total = x - y if isinstance(op, Sub) else x + y
    found: Array = np.clip(rescaled(total, behind, op.output), op.activation_min, op.activation_max)
    return found.astype(op.output.dtype)


def _case_of(kind: type[Add], name: str) -> Callable[[np.random.Generator], Add]:
    def case(random: np.random.Generator) -> Add:
        dtype = cases.dtype(random)
        left, right, shape = case_operands(random, dtype=dtype)
        largest = max(float(left.scale), float(right.scale))
        scale = largest * float(random.choice([0.01, 0.5, 1, 2, 2.0**-8, 3]))
        output = cases.activation(random, shape, 2, scale_=scale, dtype=dtype)
        return kind(name, left, right, output, *cases.clamp(random, output))

    return case


def _operator(kind: type[Add], code: str, about: str, resolver: str) -> Operator:
    name, options = code.lower(), f"{code.capitalize()}Options"
    rules = (
        one_result, two_operands, shapes_agree, something_is_computed, scales_below_one, fused.clamped(options),
    )  # fmt: skip
    read, write = clamped_reader(kind, options), clamped_writer(code, options)
    return Operator(
        kind, name, about, read, rules, infer, _case_of(kind, name), write, resolver, types=("INT8", "INT16")
    )


ADD = _operator(Add, "ADD", "Sum of two tensors, or of a tensor and a constant, with broadcasting.", "AddAdd")
SUB = _operator(Sub, "SUB", "Difference of two tensors, or of a tensor and a constant, with broadcasting.", "AddSub")
