"""Kernels of comparisons, logic, and of choices between values: portable C."""

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels.broadcast import has_loops, loops, loops_struct, over_operands, rows
from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, operand
from tinyprune.compiler.operators.binary import MOST, Binary
from tinyprune.compiler.operators.comparison import (
    LEFT_SHIFT,
    Comparison,
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    NotEqual,
)
from tinyprune.compiler.operators.extremum import Maximum, Minimum
from tinyprune.compiler.operators.logical import LogicalAnd, LogicalNot, LogicalOr
from tinyprune.compiler.operators.select import SelectV2
from tinyprune.compiler.sparsity import DENSE

#: What a comparison answers where left is less than right, where both are equal, and where left is greater.
_ANSWERS: dict[type[Comparison], tuple[int, int, int]] = {
    Less: (1, 0, 0), LessEqual: (1, 1, 0), Equal: (0, 1, 0), NotEqual: (1, 0, 1), GreaterEqual: (0, 1, 1),
    Greater: (0, 0, 1),
}  # fmt: skip


def _extremum(op: Binary, _wiring: Wiring) -> Call:
    return loops_struct(op), operand(op, 0), operand(op, 1), Place.OUTPUT


def _compare(op: Comparison, _wiring: Wiring) -> Call:
    (left_multiplier, left_shift), (right_multiplier, right_shift) = op.scalings
    less, equal, greater = _ANSWERS[type(op)]
    fields = {
        "left_zero_point": op.left.zero_point, "left_multiplier": left_multiplier, "left_shift": left_shift,
        "right_zero_point": op.right.zero_point, "right_multiplier": right_multiplier, "right_shift": right_shift,
        "if_less": less, "if_equal": equal, "if_greater": greater,
    }  # fmt: skip
    return loops_struct(op), Struct("tp_compare", fields), operand(op, 0), operand(op, 1), Place.OUTPUT


def _rounds_fast(op: Comparison) -> bool:
    """Whether `tp_requantize_fast` is exact for both operands."""
    exact = (fixed_point.fast_rounding_is_exact(MOST << LEFT_SHIFT, shift, 0) for _, shift in op.scalings)
    return has_loops(op) and all(exact)


def _compare_fast(op: Comparison, wiring: Wiring) -> Call:
    loops_, compare, *more = _compare(op, wiring)
    assert isinstance(compare, Struct)
    shifts = {name: -compare.fields[name] for name in ("left_shift", "right_shift")}
    return loops_, Struct(compare.type, compare.fields | shifts), *more


def _logical(op: "LogicalAnd | LogicalOr | LogicalNot", _wiring: Wiring) -> Call:
    """Or is and of what is inverted, inverted; not is and of the same operand twice, inverted."""
    second = 0 if isinstance(op, LogicalNot) else 1
    inverted = 0 if isinstance(op, LogicalAnd) else 1
    fields = {"invert_operands": 1 if isinstance(op, LogicalOr) else 0, "invert_result": inverted}
    operands = operand(op, 0), operand(op, second)
    return loops_struct(op, 0, second), Struct("tp_logical", fields), *operands, Place.OUTPUT


def _select(op: SelectV2, _wiring: Wiring) -> Call:
    found = loops(op.output.shape, {"condition": op.condition, "left": op.left, "right": op.right})
    assert found is not None
    return Struct("tp_select", found), operand(op, 0), operand(op, 1), operand(op, 2), Place.OUTPUT


ROWS = (
    Kernel(
        "tp_maximum_s8_dense_c", (Maximum,), DENSE, "c", has_loops, _extremum,
        lambda op: 90 + 60 * rows(op) + 4 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_minimum_s8_dense_c", (Minimum,), DENSE, "c", has_loops, _extremum,
        lambda op: 90 + 60 * rows(op) + 4 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_maximum_s16_dense_c", (Maximum,), DENSE, "c", has_loops, _extremum,
        lambda op: 90 + 40 * rows(op) + 17 * op.output.count, in_place=over_operands, dtypes=("int16",),
    ),
    Kernel(
        "tp_minimum_s16_dense_c", (Minimum,), DENSE, "c", has_loops, _extremum,
        lambda op: 90 + 40 * rows(op) + 17 * op.output.count, in_place=over_operands, dtypes=("int16",),
    ),
    Kernel(
        "tp_compare_s8_fast_c", tuple(_ANSWERS), DENSE, "c", _rounds_fast, _compare_fast,
        lambda op: 90 + 120 * rows(op) + 33 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_compare_s8_dense_c", tuple(_ANSWERS), DENSE, "c", has_loops, _compare,
        lambda op: 90 + 40 * rows(op) + 106 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_logical_b8_dense_c", (LogicalAnd, LogicalOr, LogicalNot), DENSE, "c", has_loops, _logical,
        lambda op: 90 + 60 * rows(op) + 4 * op.outputs[0].count, in_place=over_operands,
    ),
    Kernel(
        "tp_select_s8_dense_c", (SelectV2,), DENSE, "c", has_loops, _select,
        lambda op: 90 + 80 * rows(op) + 24 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_select_s16_dense_c", (SelectV2,), DENSE, "c", has_loops, _select,
        lambda op: 90 + 60 * rows(op) + 12 * op.output.count, in_place=over_operands, dtypes=("bool", "int16"),
    ),
)  # fmt: skip
