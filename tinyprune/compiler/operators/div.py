"""DIV: a tensor by a constant, element by element.

TFLite Micro's arithmetic (tensorflow/lite/kernels/internal/reference/div.h): the divisor's reciprocal has 31 bits, and
is found by three steps of Newton-Raphson.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, ConstantTensor, Int8, Tensor
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.binary import (
    ClampedBinary,
    case_operands,
    clamped_reader,
    clamped_writer,
    differences,
    shapes_agree,
    something_is_computed,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, one_result

_OPTIONS = "DivOptions"


@dataclass(frozen=True, slots=True, eq=False)
class Div(ClampedBinary):
    """The right operand is a constant without zeros."""

    @property
    def scaling(self) -> tuple[int, int]:
        """(multiplier, shift to the left) of quotients; scales multiply in double."""
        return _scaling(self.left, self.right, self.output)


def _scaling(left: Tensor, right: Tensor, output: Tensor) -> tuple[int, int]:
    return fixed_point.quantize_multiplier(float(left.scale) / (float(right.scale) * float(output.scale)))


def constant_divisor(node: Node) -> str | None:
    """Its divisor is a constant without zeros: TFLite Micro has no answer to a division by zero."""
    divisor = node.operand(1)
    if not isinstance(divisor, ConstantTensor):
        return "its divisor is computed"
    return "its divisor has zeros" if (divisor.values == divisor.zero_point).any() else None


def quotients_fit(node: Node) -> str | None:
    """Its scales are such that every rounding shift is between 0 and 31 bits."""
    divisor = node.operand(1)
    if not isinstance(divisor, ConstantTensor):
        return None
    _, shift = _scaling(node.operand(0), divisor, node.result())
    bits = [int(n).bit_length() - 1 for n in np.unique(abs(divisor.values.astype(int) - divisor.zero_point)) if n]
    # 31 bits of headroom for a dividend of 0, 23 for one of 255
    if bits and (min(bits) + 23 - shift < 0 or max(bits) + 31 - shift > 31):
        return f"it takes scales {node.operand(0).scale:g} and {divisor.scale:g} to {node.result().scale:g}"
    return None


def infer(op: Div, left: Array, right: Array) -> Int8:
    x, y = np.broadcast_arrays(*differences(op, left, right))
    x, y = np.where(y < 0, -x, x), abs(y)
    inverse, bits = fixed_point.reciprocal(y, 31)
    headroom = _headroom(x)
    quotient = fixed_point.saturating_rounding_doubling_high_mul((x << headroom).astype(np.int32), inverse)
    multiplier, shift = op.scaling
    scaled = fixed_point.saturating_rounding_doubling_high_mul(quotient, multiplier)
    found = fixed_point.rounding_divide_by_pot(scaled, bits + headroom - shift).astype(np.int64) + op.output.zero_point
    return np.clip(found, op.activation_min, op.activation_max).astype(np.int8)


def _headroom(x: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many bits x of 32 bits can be shifted to the left."""
    return fixed_point.leading_zeros(np.where(x < 0, ~x, x)) - 1


def case(random: np.random.Generator) -> Div:
    left, right, shape = case_operands(random)
    while not isinstance(right, ConstantTensor):
        left, right, shape = case_operands(random)
    values = right.values.copy()
    values[values == right.zero_point] = right.zero_point + 1 if right.zero_point < 127 else 126
    divisor = ConstantTensor(right.index, right.name, right.shape, right.scale, right.zero_point, values=values)
    most = max(int(n).bit_length() for n in abs(values.astype(int) - right.zero_point).reshape(-1))
    shift = int(random.choice([most - 1, most - 1, most, int(random.integers(most - 1, 24))]))
    scale = float(left.scale) / float(right.scale) / 2.0 ** (shift - 1) / float(random.uniform(1.01, 1.99))
    output = cases.activation(random, shape, 2, scale_=scale)
    return Div("div", left, divisor, output, *cases.clamp(random, output))


DIV = Operator(
    Div, "div", "Quotient of a tensor and a constant, with broadcasting.", clamped_reader(Div, _OPTIONS),
    (
        one_result, two_operands, shapes_agree, something_is_computed, constant_divisor, quotients_fit,
        fused.clamped(_OPTIONS),
    ),
    infer, case, clamped_writer("DIV", _OPTIONS), "AddDiv",
)  # fmt: skip
