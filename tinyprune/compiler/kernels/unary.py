"""Kernels of one operand: by a table of all 256 values, and along the last axis. Portable C."""

from dataclasses import replace

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.graph import ConstantTensor, Int8, Int32
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring, always
from tinyprune.compiler.kernels.parameters import softmax_fields
from tinyprune.compiler.operators import operator_of
from tinyprune.compiler.operators.binary import Binary
from tinyprune.compiler.operators.l2_normalization import L2Normalization
from tinyprune.compiler.operators.log_softmax import LogSoftmax
from tinyprune.compiler.operators.lookup import Lookup
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.softmax import MAX_DEPTH, SURE_DEPTH, Softmax
from tinyprune.compiler.sparsity import DENSE

#: A QUANTIZE of fewer values would save less time than its table is worth.
_FEWEST_QUANTIZED = 64
#: So would a SOFTMAX of fewer values, whose table has 1 KB.
_FEWEST_EXPONENTIALS = 256


def table(op: Lookup | Quantize | Binary) -> Int8:
    """What the operator makes of each stored byte, of 0 … 255 without sign."""
    stored = np.arange(256, dtype=np.uint8).view(np.int8)
    if not isinstance(op, Binary):
        found = operator_of(op).infer(op, stored)
    else:
        number = [tensor.values.reshape(1, 1) for tensor in op.inputs if isinstance(tensor, ConstantTensor)]
        given = [stored[None], *number] if _variable(op) == 0 else [*number, stored[None]]
        every, output = (replace(tensor, shape=(256,), batched=True) for tensor in (*op.activations, op.output))
        named = replace(op, left=every) if _variable(op) == 0 else replace(op, right=every)
        found = operator_of(op).infer(replace(named, output=output), *given)
    assert isinstance(found, np.ndarray)
    return found.reshape(-1).view(np.int8)


def exponentials(op: Softmax | LogSoftmax) -> Int32:
    """exp in Q0.31 of each difference from the largest input; 0 of those that do not count."""
    beta = op.beta if isinstance(op, Softmax) else 1.0
    multiplier, left_shift, diff_min = fixed_point.softmax_parameters(float(op.input.scale), beta)
    differences = -np.arange(256)
    scaled = fixed_point.multiply_by_quantized_multiplier(differences, multiplier, left_shift)
    return np.where(differences >= diff_min, fixed_point.exp_of_negative(scaled), np.int32(0))


def _variable(op: Lookup | Quantize | Binary) -> int:
    """The number of the operand that is computed."""
    return 1 if isinstance(op, Binary) and isinstance(op.left, ConstantTensor) else 0


def _is_worth_a_table(op: Lookup | Quantize | Binary) -> bool:
    """An operator of two operands needs none where one of them is the same everywhere."""
    if isinstance(op, Binary) and not _has_a_number(op):
        return False
    return isinstance(op, Lookup) or op.inputs[0].dtype == "bool" or op.output.count >= _FEWEST_QUANTIZED


def _has_a_number(op: Binary) -> bool:
    number = _variable(op)
    other, tensor = op.inputs[1 - number], op.inputs[number]
    one = isinstance(other, ConstantTensor) and other.count == 1
    return one and tensor.shape == op.output.shape and tensor.dtype == "int8"


def _lookup(op: Lookup | Quantize | Binary, _wiring: Wiring) -> Call:
    fields, values = {"count": op.output.count}, Constant("table", "int8_t", table(op))
    return Struct("tp_lookup", fields), values, Place("input", _variable(op)), Place.OUTPUT


def is_worth_exponentials(op: Softmax | LogSoftmax) -> bool:
    return op.input.count >= _FEWEST_EXPONENTIALS and op.input.file_shape[-1] <= MAX_DEPTH


def sums_below_512(op: Softmax) -> bool:
    """The kernel rounds by 31 bits at most: its Q12.19 sum of exponentials is below 2^9."""
    return op.input.file_shape[-1] <= SURE_DEPTH


def softmax(op: Softmax, _wiring: Wiring) -> Call:
    return Struct("tp_softmax", softmax_fields(op)), Place.INPUT, Place.OUTPUT, Place.SCRATCH


def softmax_twice(op: Softmax, _wiring: Wiring) -> Call:
    return Struct("tp_softmax", softmax_fields(op)), Place.INPUT, Place.OUTPUT


def exponentials_bytes(op: Softmax) -> int:
    """Of the exponentials of a row that are computed."""
    return 4 * op.input.file_shape[-1]


def softmax_by_table(op: Softmax, _wiring: Wiring) -> Call:
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


def _log_softmax_table(op: LogSoftmax, wiring: Wiring) -> Call:
    layer, *places = _log_softmax(op, wiring)
    return layer, Constant("exponentials", "int32_t", exponentials(op)), *places


def _l2_normalization(op: L2Normalization, _wiring: Wiring) -> Call:
    fields = {"rows": op.input.count // op.depth, "depth": op.depth, "input_zero_point": op.input.zero_point}
    return Struct("tp_l2_normalization", fields), Place.INPUT, Place.OUTPUT


ROWS = (
    Kernel(
        "tp_lookup_s8_dense_c", (Lookup, Quantize, Binary), DENSE, "c", _is_worth_a_table, _lookup,
        lambda op: 60 + 5.4 * op.output.count,
        in_place=lambda op: (_variable(op),), dtypes=("int8", "bool"),
    ),
    Kernel(
        "tp_softmax_s8_dense_c", (Softmax,), DENSE, "c", sums_below_512, softmax, lambda op: 210 * op.output.count,
        scratch_bytes=exponentials_bytes, in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_softmax_s8_twice_c", (Softmax,), DENSE, "c", sums_below_512, softmax_twice,
        lambda op: 390 * op.output.count, in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_softmax_s8_table_c", (Softmax,), DENSE, "c", is_worth_exponentials, softmax_by_table,
        lambda op: op.output.count * (51 + 210 / op.output.file_shape[-1]), in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_log_softmax_s8_table_c", (LogSoftmax,), DENSE, "c", is_worth_exponentials, _log_softmax_table,
        lambda op: op.output.count * (80 + 480 / op.depth),
        in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_log_softmax_s8_dense_c", (LogSoftmax,), DENSE, "c", always, _log_softmax,
        lambda op: op.output.count * (247 + 480 / op.depth),
        in_place=lambda _op: (0,),
    ),
    Kernel(
        "tp_l2_normalization_s8_dense_c", (L2Normalization,), DENSE, "c", always, _l2_normalization,
        lambda op: op.output.count * (31 + 370 / op.depth),
        in_place=lambda _op: (0,),
    ),
)  # fmt: skip
