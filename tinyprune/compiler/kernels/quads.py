"""Kernels with the DSP extension for interleaved maps, four output channels at a time: fully connected layers, and
depthwise ones of few pixels. tp_kernels_dsp.h is their contract."""

from math import prod

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels.kernel import Argument, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import (
    channels,
    folded_bias,
    is_pointwise,
    layer_fields,
    max_accumulators,
    weight_rows,
)
from tinyprune.compiler.kernels.profiled import Profiled, Work
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.sparsity import DENSE, two_of_four

Words = npt.NDArray[np.uint32]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

QUAD = 4
_MOST_TAPS = 49
_SMALL = 1024  # weights of a fully connected layer
_MANY_PIXELS = 5


def pack_rows(weights: Int8) -> Words:
    """`[out_channels, taps]` → words `[ceil(out_channels / 4), ceil(taps / 4), 4]`, zeros beyond the last ones."""
    out_channels, taps = weights.shape
    padded = np.pad(weights, ((0, -out_channels % QUAD), (0, -taps % QUAD)))
    quads = padded.reshape(-1, QUAD, padded.shape[1] // QUAD, QUAD).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(quads).view("<u4")[..., 0].astype(np.uint32)


def unpack_rows(packed: Words, out_channels: int, taps: int) -> Int8:
    """The inverse of `pack_rows`."""
    bytes_ = np.ascontiguousarray(packed[..., None]).astype("<u4").view(np.int8)
    return bytes_.transpose(0, 2, 1, 3).reshape(-1, packed.shape[1] * QUAD)[:out_channels, :taps]


def pack_depthwise(weights: Int8, bias: Int64, multiplier: Int64, shift: Int64, zero_point: Int64) -> Words:
    """`[kernel_h, kernel_w, channels]` and the channels' numbers `[channels]` → words `[channels / 4, …]`.

    Shifts are to the right.
    """
    quads = 2 * weights.astype(np.int64).reshape(-1, weights.shape[2] // QUAD, QUAD).transpose(1, 0, 2) & 0xFFFF
    pairs = np.stack([quads[..., 0] | quads[..., 2] << 16, quads[..., 1] | quads[..., 3] << 16], axis=-1)
    rounding = (1 << (shift - 1)) + (zero_point << shift)
    behind = np.stack([multiplier, rounding, shift], axis=1).reshape(len(quads), 3 * QUAD)
    words = np.concatenate([2 * bias.reshape(-1, QUAD), pairs.reshape(len(quads), -1), behind], axis=1)
    return (words & 0xFFFFFFFF).astype(np.uint32)


def rounds_exactly(op: Weighted) -> bool:
    """Whether two roundings in the kernels' arithmetic are TFLite's, for every living channel and input."""
    return (op.activation_min, op.activation_max) == (-128, 127) and not inexact(op).any()


def inexact(op: Weighted) -> Bool:
    """`[out_channels]`: the living ones of which that cannot be proved."""
    _, shifts = requantization(op)
    proved = [
        fixed_point.fast_rounding_is_exact(int(bound), int(shift), op.output.zero_point)
        for bound, shift in zip(max_accumulators(op), shifts, strict=True)
    ]
    return alive(op) & ~np.array(proved, np.bool_)


def alive(op: Weighted) -> Bool:
    """The channels that have weights; the others' outputs are constants."""
    found: Bool = np.abs(weight_rows(op)).max(axis=1) > 0
    return found


def exact_numbers(op: Weighted) -> tuple[Int64, Int64, Int64, Int64]:
    """Bias, multiplier, shift to the right and zero point, each `[out_channels]`, of channels that round exactly.

    A constant channel is one of multiplier 0 with its output as zero point; so are, with any, those that do not.
    """
    multipliers, shifts = (numbers.astype(np.int64) for numbers in requantization(op))
    bias, plain = folded_bias(op), alive(op) & ~inexact(op)
    constants = fixed_point.multiply_by_quantized_multiplier(bias, multipliers, shifts) + np.int64(op.output.zero_point)
    zero_points = np.where(plain, op.output.zero_point, np.clip(constants, -128, 127))
    return np.where(plain, bias, 0), np.where(plain, multipliers, 0), np.where(plain, -shifts, 1), zero_points


def accepts_depthwise(op: DepthwiseConv2D) -> bool:
    """`tp_depthwise_2d_s8_quads_dsp`: as many outputs as inputs, four at a time."""
    same = op.input.shape[2] == op.out_channels
    return same and op.out_channels % QUAD == 0 and prod(op.window.kernel) <= _MOST_TAPS and rounds_exactly(op)


def accepts_rows(op: Conv2D | FullyConnected) -> bool:
    """`tp_conv_1x1_s8_quads_dsp`: pointwise layers of few pixels, and those that five_conv.py has to refuse.

    Not small 2:4 ones: a thousand cycles are not worth the flash.
    """
    rows = op.matrix
    if rows is None or (rows.size < _SMALL and two_of_four.PATTERN.matches(rows)):
        return False
    if op.output.size_bytes >= _MANY_PIXELS * op.out_channels and rounds_exactly(op):
        return False
    return is_pointwise(op) and _is_narrow(op)


def _is_narrow(op: Conv2D | FullyConnected) -> bool:
    """What `tp_requantize_narrow` asks for."""
    _, shifts = requantization(op)
    return bool((max_accumulators(op) << np.maximum(shifts, 0).astype(np.int64) < 1 << 30).all())


def _pack_rows(op: Conv2D | FullyConnected) -> Words:
    rows = op.matrix
    assert rows is not None
    return pack_rows(rows)


def _pack_depthwise(op: DepthwiseConv2D) -> Words:
    return pack_depthwise(op.weights, *exact_numbers(op))


def _rows(op: Conv2D | FullyConnected, _wiring: Wiring) -> tuple[Argument, ...]:
    weights, numbers = Constant("weights", "uint32_t", _pack_rows(op)), Constant("channels", "tp_channel", channels(op))
    return Struct("tp_layer", layer_fields(op)), weights, numbers, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _row_work(op: Conv2D | FullyConnected) -> Work:
    """Four channels of a pixel at a time, where one that fills up the last four costs as much as the others; or one."""
    pixels, groups, alone = op.output.size_bytes // op.out_channels, _groups(op), int(op.out_channels % QUAD == 1)
    fours = -(-(op.out_channels - alone) // QUAD)
    work = (1, groups, fours, fours * groups, alone, alone * groups, op.out_channels)
    return tuple(pixels * count for count in work)


def _groups(op: Conv2D | FullyConnected) -> int:
    return -(-int(op.weights[0].size) // QUAD)


def _depthwise(op: DepthwiseConv2D, _wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", _pack_depthwise(op))
    return Struct("tp_layer", layer_fields(op)), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _depthwise_work(op: DepthwiseConv2D) -> Work:
    """Four channels of a pixel at a time."""
    taps, pixels = prod(op.window.kernel), op.output.count // op.out_channels
    fours = pixels * op.out_channels // QUAD
    beside = (1, pixels, pixels * op.window.kernel[0], pixels * taps)
    return (*beside, fours, fours * taps, fours * ((taps - 1) // 9))


ROWS = (
    Kernel(
        "tp_conv_1x1_s8_quads_dsp", (Conv2D, FullyConnected), DENSE, "dsp", accepts_rows, _rows,
        Profiled("tp_conv_1x1_s8_quads_dsp", _row_work), pack=_pack_rows, scratch_bytes=lambda op: 8 * _groups(op),
    ),
    Kernel(
        "tp_depthwise_2d_s8_quads_dsp", (DepthwiseConv2D,), DENSE, "dsp", accepts_depthwise, _depthwise,
        Profiled("tp_depthwise_2d_s8_quads_dsp", _depthwise_work), pack=_pack_depthwise,
        scratch_bytes=lambda op: op.out_channels,
    ),
)  # fmt: skip
