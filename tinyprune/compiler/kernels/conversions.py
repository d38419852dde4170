"""Kernels from one type or quantization to another, and activations of int16: portable C."""

import numpy as np

from tinyprune.compiler import fixed_functions, fixed_point
from tinyprune.compiler.fixed_functions import SIGMOID
from tinyprune.compiler.graph import Op
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring, always
from tinyprune.compiler.kernels.parameters import quantize_fields
from tinyprune.compiler.kernels.unary import (
    exponentials_bytes,
    is_worth_exponentials,
    softmax,
    softmax_by_table,
    softmax_twice,
)
from tinyprune.compiler.operators.cast import Cast
from tinyprune.compiler.operators.fused import ACTIVATIONS, bounds_of
from tinyprune.compiler.operators.logistic import Logistic, Tanh
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.relu import Abs, LeakyRelu, Relu, Relu6
from tinyprune.compiler.operators.softmax import Softmax, differences_scaling
from tinyprune.compiler.sparsity import DENSE

_Line = Abs | LeakyRelu | Relu | Relu6
_NAMES = {"int8": "s8", "int16": "s16", "int32": "s32"}
_KINDS = (("int16", "int8"), ("int16", "int16"), ("int16", "int32"), ("int8", "int16"), ("int8", "int32"))


def _ratios(op: _Line) -> tuple[float, float]:
    """What values are multiplied by that are not below 0, and those that are."""
    if isinstance(op, Relu6):
        return 1.0, 1.0
    ratio = float(op.input.scale) / float(op.output.scale)
    if isinstance(op, Abs):
        ratio = 1.0 if op.input.scale == op.output.scale else ratio
        return ratio, -ratio
    if isinstance(op, Relu):
        return ratio, 0.0
    return ratio, op.negative_ratio if isinstance(op, LeakyRelu) else ratio


def _slopes(op: _Line, _wiring: Wiring) -> Call:
    """ABS turns the sign before it scales, a negative alpha after."""
    positive, negative = _ratios(op)
    (multiplier, shift), (second, second_shift) = (
        fixed_point.quantize_multiplier(abs(ratio)) for ratio in (positive, negative)
    )
    low, high = bounds_of(ACTIVATIONS["RELU6"], op.input) if isinstance(op, Relu6) else op.output.limits
    turned = isinstance(op, Abs)
    fields = {
        "count": op.output.count, "multiplier": multiplier, "shift": shift,
        "negative_multiplier": second, "negative_shift": second_shift,
        "negative": -1 if turned else 1, "behind": -1 if negative < 0 and not turned else 1,
        "activation_min": low, "activation_max": high,
    }  # fmt: skip
    return Struct("tp_slopes", fields), Place.INPUT, Place.OUTPUT


def _keeps_scale(op: Abs | Relu | Relu6) -> bool:
    return _ratios(op)[0] == 1.0


def _clamp(op: Abs | Relu | Relu6, _wiring: Wiring) -> Call:
    low, high = bounds_of(ACTIVATIONS["RELU6"], op.input) if isinstance(op, Relu6) else (0, op.output.limits[1])
    fields = {"count": op.output.count, "activation_min": low, "activation_max": high}
    return Struct("tp_bounds_s16", fields), Place.INPUT, Place.OUTPUT


def _between(before: str, behind: str) -> Kernel:
    """The row of a QUANTIZE from one type to another."""

    def accepts(op: Quantize) -> bool:
        return (op.input.dtype, op.output.dtype) == (before, behind)

    return Kernel(
        f"tp_quantize_{_NAMES[before]}_to_{_NAMES[behind]}_c", (Quantize,), DENSE, "c", accepts, _quantize,
        lambda op: 60 + 20 * op.output.count, dtypes=(before, behind),
    )  # fmt: skip


def _quantize(op: Quantize, _wiring: Wiring) -> Call:
    return Struct("tp_quantize", quantize_fields(op)), Place.INPUT, Place.OUTPUT


def _gains_bytes(op: Cast) -> bool:
    return op.moves is None


def _cast(op: Cast, _wiring: Wiring) -> Call:
    before, behind = (np.dtype(tensor.dtype).itemsize for tensor in (op.input, op.output))
    fields = {"count": op.output.count, "from_bytes": before, "to_bytes": behind}
    return Struct("tp_cast", fields), Place.INPUT, Place.OUTPUT


def _sigmoid(op: Logistic | Tanh, _wiring: Wiring) -> Call:
    multiplier, shift = op.table_input
    fields = {"count": op.output.count, "multiplier": multiplier, "shift": shift, "half": 1 << shift >> 1}
    return Struct("tp_sigmoid", fields), Constant("table", "uint16_t", SIGMOID), Place.INPUT, Place.OUTPUT


def _widens(op: Softmax) -> bool:
    return (op.input.dtype, op.output.dtype) == ("int8", "int16")


def _widens_by_table(op: Softmax) -> bool:
    return _widens(op) and is_worth_exponentials(op)


def _softmax_tables(op: Softmax, _wiring: Wiring) -> Call:
    multiplier, shift = differences_scaling(op.input.scale, op.beta)
    depth = op.input.file_shape[-1]
    fields = {
        "rows": op.input.count // depth, "depth": depth, "input_multiplier": multiplier, "input_left_shift": shift,
        "diff_min": 0,
    }  # fmt: skip
    exponentials = Constant("exponentials", "int16_t", fixed_functions.EXPONENTIALS)
    inverses = Constant("inverses", "int16_t", fixed_functions.INVERSES)
    return Struct("tp_softmax", fields), exponentials, inverses, Place.INPUT, Place.OUTPUT


def _over_operand(_op: Op) -> tuple[int, ...]:
    return (0,)


_INT16 = ("int16",)

ROWS = (
    *(_between(before, behind) for before, behind in _KINDS),
    Kernel(
        "tp_cast_s8_dense_c", (Cast,), DENSE, "c", _gains_bytes, _cast, lambda op: 60 + 7 * op.output.count,
        dtypes=("bool", "int8", "int16", "int32"),
    ),
    Kernel(
        "tp_abs_s16_dense_c", (Abs,), DENSE, "c", _keeps_scale, _clamp, lambda op: 60 + 13 * op.output.count,
        in_place=_over_operand, dtypes=_INT16,
    ),
    Kernel(
        "tp_clamp_s16_dense_c", (Relu, Relu6), DENSE, "c", _keeps_scale, _clamp, lambda op: 60 + 12 * op.output.count,
        in_place=_over_operand, dtypes=_INT16,
    ),
    Kernel(
        "tp_slopes_s16_dense_c", (Abs, LeakyRelu, Relu, Relu6), DENSE, "c", always, _slopes,
        lambda op: 60 + 46 * op.output.count, in_place=_over_operand, dtypes=_INT16,
    ),
    Kernel(
        "tp_logistic_s16_dense_c", (Logistic,), DENSE, "c", always, _sigmoid, lambda op: 60 + 36 * op.output.count,
        in_place=_over_operand, dtypes=_INT16,
    ),
    Kernel(
        "tp_tanh_s16_dense_c", (Tanh,), DENSE, "c", always, _sigmoid, lambda op: 60 + 36 * op.output.count,
        in_place=_over_operand, dtypes=_INT16,
    ),
    Kernel(
        "tp_softmax_s8_to_s16_c", (Softmax,), DENSE, "c", _widens, softmax, lambda op: 210 * op.output.count,
        scratch_bytes=exponentials_bytes,
        dtypes=("int8", "int16"),
    ),
    Kernel(
        "tp_softmax_s8_to_s16_twice_c", (Softmax,), DENSE, "c", _widens, softmax_twice,
        lambda op: 390 * op.output.count, dtypes=("int8", "int16"),
    ),
    Kernel(
        "tp_softmax_s8_to_s16_table_c", (Softmax,), DENSE, "c", _widens_by_table, softmax_by_table,
        lambda op: 52 * op.output.count, dtypes=("int8", "int16"),
    ),
    Kernel(
        "tp_softmax_s16_dense_c", (Softmax,), DENSE, "c", always, _softmax_tables, lambda op: 80 * op.output.count,
        dtypes=_INT16,
    ),
)  # fmt: skip
