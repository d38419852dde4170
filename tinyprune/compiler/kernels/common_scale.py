"""Kernels of two operands that are brought to a common scale, in two roundings that are proved exact: portable C.

The common scale is twice the larger one, so that the operand of the larger scale is just halved.
"""

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels.broadcast import has_loops, loops_struct, over_operands, rows
from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, operand
from tinyprune.compiler.operators import add, squared_difference
from tinyprune.compiler.operators.add import Add, Sub
from tinyprune.compiler.operators.binary import MOST
from tinyprune.compiler.operators.squared_difference import SquaredDifference
from tinyprune.compiler.sparsity import DENSE

_Op = Add | SquaredDifference


def _bits(op: _Op) -> int:
    """Those that operands gain before they are scaled."""
    return add.left_shift(op.output) if isinstance(op, Add) else squared_difference.LEFT_SHIFT


def _large(op: _Op) -> int:
    """The number of the operand of the larger scale."""
    return 0 if op.left.scale >= op.right.scale else 1


def _small(op: _Op) -> tuple[int, int, int]:
    """(factor, multiplier, shift to the right) of the other one. A scale as large is halved as well: by a shift to the
    right of twice the value."""
    multiplier, shift = op.scalings[1 - _large(op)]
    if shift == 0 and op.output.dtype == "int16":  # twice an int16 value would not fit
        return 1 << _bits(op) - 1, 0, 0
    return (1 << _bits(op) + 1, multiplier, 1) if shift == 0 else (1 << _bits(op), multiplier, -shift)


def _rounds_exactly(op: _Op) -> bool:
    (factor, _, places), (_, behind) = _small(op), op.scalings[2]
    most = 2 * ((MOST << _bits(op)) // 2 + 1)
    bound = most if isinstance(op, Add) else most * most
    small = fixed_point.fast_rounding_is_exact(MOST * factor, -places, 0)
    return has_loops(op) and small and fixed_point.fast_rounding_is_exact(bound, behind, op.output.zero_point)


def _rounds_int16_exactly(op: Add) -> bool:
    """Both operands reach from −2^30 to less than 2^30, and so does their sum."""
    (_, _, places), (_, behind) = _small(op), op.scalings[2]
    ends = -(1 << 30), (1 << 30) - 1
    small = places == 0 or fixed_point.fast_rounding_is_exact_between(*ends, -places, 0)
    return has_loops(op) and small and fixed_point.fast_rounding_is_exact_between(*ends, behind, 0)


def _call(op: _Op, _wiring: Wiring) -> Call:
    number = _large(op)
    large, small = op.inputs[number], op.inputs[1 - number]
    subtracts = not isinstance(op, Add) or isinstance(op, Sub)
    factor = (-1 if subtracts and number == 1 else 1) << _bits(op) - 1
    small_factor, multiplier, places = _small(op)
    common = {
        "large_factor": factor, "large_offset": -factor * large.zero_point,
        "sign": -1 if subtracts and number == 0 else 1,
        "small_factor": small_factor, "small_offset": -small_factor * small.zero_point,
        "multiplier": multiplier, "right_shift": places, "half": 1 << places >> 1,
    }  # fmt: skip
    behind, shift = op.scalings[2]
    clamp = (op.activation_min, op.activation_max) if isinstance(op, Add) else (-128, 127)
    rescale = {
        "multiplier": behind, "right_shift": -shift, "offset": (1 << -shift - 1) + (op.output.zero_point << -shift),
        "activation_min": clamp[0], "activation_max": clamp[1],
    }  # fmt: skip
    return (
        loops_struct(op, number, 1 - number), Struct("tp_common_scale", common), Struct("tp_rescale", rescale),
        operand(op, number), operand(op, 1 - number), Place.OUTPUT,
    )  # fmt: skip


ROWS = (
    Kernel(
        "tp_add_s8_scaled_c", (Add, Sub), DENSE, "c", _rounds_exactly, _call,
        lambda op: 100 + 120 * rows(op) + 32.5 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_add_s16_scaled_c", (Add, Sub), DENSE, "c", _rounds_int16_exactly, _call,
        lambda op: 120 + 50 * rows(op) + 57 * op.output.count, in_place=over_operands, dtypes=("int16",),
    ),
    Kernel(
        "tp_squared_difference_s8_scaled_c", (SquaredDifference,), DENSE, "c", _rounds_exactly, _call,
        lambda op: 100 + 120 * rows(op) + 28.8 * op.output.count, in_place=over_operands,
    ),
)  # fmt: skip
