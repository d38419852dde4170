"""Kernels of products, quotients and squares of two operands: portable C."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.graph import Tensor
from tinyprune.compiler.kernels.broadcast import has_loops, loops_struct, over_operands, rows
from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, operand
from tinyprune.compiler.kernels.sums import SHIFT
from tinyprune.compiler.operators.binary import Binary
from tinyprune.compiler.operators.div import Div
from tinyprune.compiler.operators.mul import Mul
from tinyprune.compiler.operators.prelu import Prelu
from tinyprune.compiler.operators.squared_difference import SquaredDifference
from tinyprune.compiler.sparsity import DENSE


def _call(op: Binary, struct: str, fields: Mapping[str, int]) -> Call:
    return loops_struct(op), Struct(struct, dict(fields)), operand(op, 0), operand(op, 1), Place.OUTPUT


def _zero_points(op: Binary) -> dict[str, int]:
    return {"left_zero_point": op.left.zero_point, "right_zero_point": op.right.zero_point}


def _scaled(op: "Mul | Div") -> dict[str, int]:
    multiplier, shift = op.scaling
    return _zero_points(op) | {
        "multiplier": multiplier, "shift": shift, "output_zero_point": op.output.zero_point,
        "activation_min": op.activation_min, "activation_max": op.activation_max,
    }  # fmt: skip


def _mul(op: Mul, _wiring: Wiring) -> Call:
    return _call(op, "tp_mul", _scaled(op))


def _div(op: Div, _wiring: Wiring) -> Call:
    return _call(op, "tp_div", _scaled(op))


def _most(tensor: Tensor) -> int:
    """The most of |value − zero_point|."""
    return max(127 - tensor.zero_point, tensor.zero_point + 128)


def rounds_fast(op: Binary, shift: int) -> bool:
    """Whether `tp_requantize_fast` is exact for all products of its operands."""
    most = _most(op.left) * _most(op.right)
    return fixed_point.fast_rounding_is_exact(most, shift, op.output.zero_point)


def _is_fast_mul(op: Mul) -> bool:
    return has_loops(op) and rounds_fast(op, op.scaling[1])


def _is_fast_int16_mul(op: Mul) -> bool:
    """Whether it is exact for products below 2^30, and 2^30 itself, of twice the lowest value, makes no difference."""
    multiplier, shift = op.scaling
    if not has_loops(op) or not fixed_point.fast_rounding_is_exact_between(-(1 << 30), (1 << 30) - 1, shift, 0):
        return False
    ends = fixed_point.multiply_by_quantized_multiplier([1 << 30, (1 << 30) - 1], multiplier, shift)
    return len(set(ends.clip(op.activation_min, op.activation_max).tolist())) == 1


def _offset(shift: int, zero_point: int) -> int:
    """What `tp_requantize_fast` adds before its last shift."""
    return int((1 << (-shift - 1)) + (zero_point << -shift))


def _mul_fast(op: Mul, _wiring: Wiring) -> Call:
    multiplier, shift = op.scaling
    fields = {
        "multiplier": multiplier, "right_shift": -shift, "offset": _offset(shift, op.output.zero_point),
        "activation_min": op.activation_min, "activation_max": op.activation_max,
    }  # fmt: skip
    return _call(op, "tp_mul_fast", _zero_points(op) | fields)


def _prelu(op: Prelu, _wiring: Wiring) -> Call:
    positive, negative = op.scalings
    fields = {
        "positive_multiplier": positive[0], "positive_shift": positive[1],
        "negative_multiplier": negative[0], "negative_shift": negative[1], "output_zero_point": op.output.zero_point,
    }  # fmt: skip
    return _call(op, "tp_prelu", _zero_points(op) | fields)


def positive_line(op: Prelu) -> tuple[int, int] | None:
    """(factor, offset) with which C's `tp_prelu_s8_fast_c` is exact for every value that is not negative: all are
    tried. None where no factor was found."""
    return _positive_line(op.scalings[0], op.left.zero_point, op.output.zero_point)


@cache
def _positive_line(scaling: tuple[int, int], zero_point: int, output_zero_point: int) -> tuple[int, int] | None:
    values = np.arange(128 - zero_point)
    wanted = fixed_point.multiply_by_quantized_multiplier(values, *scaling).astype(np.int64) + output_zero_point
    wanted = wanted.clip(-128, 127)
    first = round(scaling[0] * 2.0 ** (scaling[1] - 31 + SHIFT))
    for factor in (first, first + 1, first - 1, first + 2, first - 2):
        lines = values * factor
        low = int(np.where(wanted > -128, (wanted << SHIFT) - lines, -(1 << 40)).max())
        high = int(np.where(wanted < 127, (wanted + 1 << SHIFT) - 1 - lines, 1 << 40).min())
        if low <= high and abs(low) < 1 << 30 and int(lines.max()) + low < 1 << 31:
            return factor, low
    return None


def _is_fast_prelu(op: Prelu) -> bool:
    return has_loops(op) and rounds_fast(op, op.scalings[1][1]) and positive_line(op) is not None


def _prelu_fast(op: Prelu, _wiring: Wiring) -> Call:
    found, (multiplier, shift) = positive_line(op), op.scalings[1]
    assert found is not None
    fields = {
        "factor": found[0], "offset": found[1], "multiplier": multiplier, "right_shift": -shift,
        "product_offset": _offset(shift, op.output.zero_point),
    }  # fmt: skip
    return _call(op, "tp_prelu_fast", _zero_points(op) | fields)


def _squared_difference(op: SquaredDifference, _wiring: Wiring) -> Call:
    first, second, behind = op.scalings
    fields = {
        "left_zero_point": op.left.zero_point, "left_multiplier": first[0], "left_shift": first[1],
        "right_zero_point": op.right.zero_point, "right_multiplier": second[0], "right_shift": second[1],
        "output_multiplier": behind[0], "output_shift": behind[1], "output_zero_point": op.output.zero_point,
    }  # fmt: skip
    return _call(op, "tp_squared_difference", fields)


ROWS = (
    Kernel(
        "tp_mul_s8_fast_c", (Mul,), DENSE, "c", _is_fast_mul, _mul_fast,
        lambda op: 90 + 120 * rows(op) + 16.5 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_mul_s8_dense_c", (Mul,), DENSE, "c", has_loops, _mul, lambda op: 90 + 40 * rows(op) + 55 * op.output.count,
        in_place=over_operands,
    ),
    Kernel(
        "tp_prelu_s8_fast_c", (Prelu,), DENSE, "c", _is_fast_prelu, _prelu_fast,
        lambda op: 90 + 110 * rows(op) + 15.5 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_prelu_s8_dense_c", (Prelu,), DENSE, "c", has_loops, _prelu,
        lambda op: 90 + 40 * rows(op) + 66 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_squared_difference_s8_dense_c", (SquaredDifference,), DENSE, "c", has_loops, _squared_difference,
        lambda op: 90 + 40 * rows(op) + 130 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_div_s8_dense_c", (Div,), DENSE, "c", has_loops, _div, lambda op: 90 + 40 * rows(op) + 180 * op.output.count,
        in_place=over_operands,
    ),
    Kernel(
        "tp_mul_s16_fast_c", (Mul,), DENSE, "c", _is_fast_int16_mul, _mul_fast,
        lambda op: 90 + 50 * rows(op) + 41 * op.output.count, in_place=over_operands, dtypes=("int16",),
    ),
    Kernel(
        "tp_mul_s16_dense_c", (Mul,), DENSE, "c", has_loops, _mul, lambda op: 90 + 40 * rows(op) + 55 * op.output.count,
        in_place=over_operands, dtypes=("int16",),
    ),
    Kernel(
        "tp_squared_difference_s16_dense_c", (SquaredDifference,), DENSE, "c", has_loops, _squared_difference,
        lambda op: 90 + 40 * rows(op) + 122 * op.output.count, in_place=over_operands, dtypes=("int16",),
    ),
)  # fmt: skip
