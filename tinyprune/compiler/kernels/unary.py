"""Kernels of one operand: by a table of all 256 values, and along the last axis. Portable C."""

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.graph import Int8, Int32
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring, always
from tinyprune.compiler.kernels.parameters import softmax_fields
from tinyprune.compiler.operators import operator_of
from tinyprune.compiler.operators.l2_normalization import L2Normalization
from tinyprune.compiler.operators.log_softmax import LogSoftmax
from tinyprune.compiler.operators.lookup import Lookup
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.softmax import MAX_DEPTH, Softmax
from tinyprune.compiler.sparsity import DENSE

#: A QUANTIZE of fewer values would save less time than its table is worth.
_FEWEST_QUANTIZED = 64
#: So would a SOFTMAX of fewer values, whose table has 1 KB.
_FEWEST_EXPONENTIALS = 256


def table(op: Lookup | Quantize) -> Int8:
    """What the operator makes of each stored byte, of 0 … 255 without sign."""
    found = operator_of(op).infer(op, np.arange(256, dtype=np.uint8).view(np.int8))
    assert isinstance(found, np.ndarray)
    return found


def exponentials(op: Softmax) -> Int32:
    """exp in Q0.31 of each difference from the largest input; 0 of those that do not count."""
    multiplier, left_shift, diff_min = fixed_point.softmax_parameters(float(op.input.scale), op.beta)
    differences = -np.arange(256)
    scaled = fixed_point.multiply_by_quantized_multiplier(differences, multiplier, left_shift)
    return np.where(differences >= diff_min, fixed_point.exp_of_negative(scaled), np.int32(0))


def _is_worth_a_table(op: Lookup | Quantize) -> bool:
    return isinstance(op, Lookup) or op.output.count >= _FEWEST_QUANTIZED


def _lookup(op: Lookup | Quantize, _wiring: Wiring) -> Call:
    fields = {"count": op.output.count}
    return Struct("tp_lookup", fields), Constant("table", "int8_t", table(op)), Place.INPUT, Place.OUTPUT


def _is_worth_exponentials(op: Softmax) -> bool:
    return op.input.count >= _FEWEST_EXPONENTIALS and op.input.file_shape[-1] <= MAX_DEPTH


def _softmax(op: Softmax, _wiring: Wiring) -> Call:
    table_ = Constant("exponentials", "int32_t", exponentials(op))
    return Struct("tp_softmax", softmax_fields(op)), table_, Place.INPUT, Place.OUTPUT


def _log_softmax(op: LogSoftmax, _wiring: Wiring) -> Call:
    multiplier, left_shift, diff_min = op.scaling
    back_multiplier, back_shift = op.back
    fields = {
        "rows": op.input.count // op.depth, "depth": op.depth, "input_multiplier": multiplier,
        "input_left_shift": left_shift, "diff_min": diff_min, "back_multiplier": back_multiplier,
        "back_right_shift": -back_shift,
    }  # fmt: skip
    return Struct("tp_log_softmax", fields), Place.INPUT, Place.OUTPUT


def _l2_normalization(op: L2Normalization, _wiring: Wiring) -> Call:
    fields = {"rows": op.input.count // op.depth, "depth": op.depth, "input_zero_point": op.input.zero_point}
    return Struct("tp_l2_normalization", fields), Place.INPUT, Place.OUTPUT


ROWS = (
    Kernel(
        "tp_lookup_s8_dense_c", (Lookup, Quantize), DENSE, "c", _is_worth_a_table, _lookup,
        lambda op: 60 + 5.4 * op.output.count,
        in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_softmax_s8_table_c", (Softmax,), DENSE, "c", _is_worth_exponentials, _softmax,
        lambda op: op.output.count * (51 + 210 / op.output.file_shape[-1]), in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_log_softmax_s8_dense_c", (LogSoftmax,), DENSE, "c", always, _log_softmax,
        lambda op: op.output.count * (254 + 530 / op.depth),
        in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_l2_normalization_s8_dense_c", (L2Normalization,), DENSE, "c", always, _l2_normalization,
        lambda op: op.output.count * (31 + 370 / op.depth),
        in_place=lambda _op: (0,),
    ),
)  # fmt: skip
