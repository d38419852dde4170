"""Kernels of int16 maps: tp_kernels_s16.h is their contract."""

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring, linear
from tinyprune.compiler.kernels.parameters import layer_fields, max_accumulator
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.sparsity import DENSE

_DTYPES = ("int16",)
#: What TFLite asks of 64-bit accumulators.
_MOST_WIDE = 1 << 47


def rescaling(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels, (multiplier, shift)]` as C has them: multipliers below 2^15 round once."""
    multipliers, shifts = requantization(op)
    chosen = fixed_point.reduced_multiplier(multipliers) if op.rounds_once else multipliers.astype(np.int64)
    return np.stack([chosen, shifts.astype(np.int64)], axis=1)


def wide_channels(op: Weighted) -> npt.NDArray[np.int32]:
    """`tp_wide_channel` rows `[out_channels, (bias_low, bias_high, multiplier, shift)]`."""
    bias = op.bias.astype(np.int64)
    halves = np.stack([(bias & 0xFFFFFFFF).astype(np.uint32).view(np.int32), bias >> 32], axis=1)
    return np.concatenate([halves, rescaling(op)], axis=1).astype(np.int32)


def _fits_wide(op: Weighted) -> bool:
    """Whether no accumulator leaves its range: 64 bits, or 32 where TFLite has such."""
    return max_accumulator(op) < (_MOST_WIDE if op.rounds_once else 1 << 31)


def _wide(op: Weighted, _wiring: Wiring) -> Call:
    weights, numbers = (
        Constant("weights", "int8_t", op.weights),
        Constant("channels", "tp_wide_channel", wide_channels(op)),
    )
    return Struct("tp_layer", layer_fields(op)), weights, numbers, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _accepts_depthwise(op: DepthwiseConv2D) -> bool:
    rows = np.abs(op.weights.astype(np.int64)).sum(axis=1)
    return _fits_wide(op) and (1 << 15) * int(rows.max()) < 1 << 31


_CONV = (Conv2D, FullyConnected)

ROWS = (
    Kernel("tp_conv_2d_s16_dense_c", _CONV, DENSE, "c", _fits_wide, _wide, linear(7, 60), dtypes=_DTYPES),
    Kernel(
        "tp_depthwise_2d_s16_dense_c", (DepthwiseConv2D,), DENSE, "c", _accepts_depthwise, _wide, linear(16, 60),
        dtypes=_DTYPES,
    ),
)  # fmt: skip
