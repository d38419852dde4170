"""Kernels whose maps are interleaved, [height, width, channels]: portable C for every operator, and 2:4 pointwise with
DSP.

Weighted ones are called as `f(const tp_layer *, const WEIGHTS *weights, const tp_channel *channels, const int8_t
*input, int8_t *output, void *scratch)`, the others as `f(const PARAMS *, const int8_t *input, int8_t *output)`.
"""

from typing import Any

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.graph import Int8
from tinyprune.compiler.kernels.kernel import Argument, Array, Constant, Kernel, Place, Struct, Wiring, always, linear
from tinyprune.compiler.kernels.parameters import (
    channels,
    is_pointwise,
    layer_fields,
    max_accumulator,
    quantize_fields,
    window,
)
from tinyprune.compiler.kernels.profiled import Profiled, Work
from tinyprune.compiler.operators.average_pool_2d import AveragePool2D
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.max_pool_2d import MaxPool2D
from tinyprune.compiler.operators.pool import Pool2D
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.sparsity import DENSE, TWO_OF_FOUR, two_of_four

#: C's FEW_TAPS.
_FEW_TAPS = 256
_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "uint32": "uint32_t"}


def _weighted(pack: Any) -> Any:
    """The arguments of a weighted kernel whose weights `pack` lays out."""

    def arguments(op: Weighted, _wiring: Wiring) -> tuple[Argument, ...]:
        weights = pack(op)
        return (
            Struct("tp_layer", layer_fields(op)),
            Constant("weights", _C_TYPES[weights.dtype.name], weights),
            Constant("channels", "tp_channel", channels(op)),
            Place.INPUT,
            Place.OUTPUT,
            Place.SCRATCH,
        )

    return arguments


def _pool(op: Pool2D, _wiring: Wiring) -> tuple[Argument, ...]:
    return Struct("tp_layer", layer_fields(op)), Place.INPUT, Place.OUTPUT


def _is_small(op: AveragePool2D) -> bool:
    """Whether the sum of a window of int16 fits 32 bits."""
    return op.window.kernel[0] * op.window.kernel[1] < 1 << 15


def _average_cycles(op: AveragePool2D) -> float:
    """Four channels at a time; each one's division."""
    taps = op.window.kernel[0] * op.window.kernel[1]
    return op.output.count * (66 + 4 * taps) + 100 * (op.output.count // op.output.shape[2])


def _max_cycles(op: MaxPool2D) -> float:
    """Four channels at a time."""
    taps = op.window.kernel[0] * op.window.kernel[1]
    pixels = op.output.count // op.output.shape[2]
    return pixels * (60 + taps * (25 + 3 * op.output.shape[2]))


def _quantize(op: Quantize, _wiring: Wiring) -> tuple[Argument, ...]:
    return Struct("tp_quantize", quantize_fields(op)), Place.INPUT, Place.OUTPUT


def _matrix(op: Conv2D | FullyConnected) -> Int8:
    rows = op.matrix
    assert rows is not None
    return rows


def _taps(op: Conv2D | FullyConnected) -> int:
    return int(op.weights[0].size)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _is_pointwise_of_8(op: Conv2D | FullyConnected) -> bool:
    return is_pointwise(op) and _taps(op) % 8 == 0


def _can_use_dsp(op: Conv2D | FullyConnected) -> bool:
    """Four pixels share what the kernel expands, so fewer are better served by the portable one."""
    pixels = op.output.size_bytes // op.out_channels
    return pixels >= 4 and is_pointwise(op) and _taps(op) % two_of_four.GROUP == 0 and _rounds_fast(op)


def _rounds_fast(op: Weighted) -> bool:
    """Whether `tp_requantize_fast` is proved equal to TFLite's rounding for every channel and every input."""
    _, shifts = requantization(op)
    bound = max_accumulator(op)
    return all(
        fixed_point.fast_rounding_is_exact(bound, int(shift), op.output.zero_point) for shift in np.unique(shifts)
    )


def _can_use_words(op: Conv2D | FullyConnected) -> bool:
    """Four pixels share what the kernel expands."""
    return op.output.size_bytes // op.out_channels >= 4 and two_of_four.fits_words(_matrix(op))


def _is_depthwise_3x3(op: DepthwiseConv2D) -> bool:
    return op.window.kernel == (3, 3) and op.input.shape[2] == op.out_channels


def _under_3x3_bytes(op: DepthwiseConv2D) -> int:
    """Of what is under the kernel at four pixels below each other, or at one where there are no four."""
    four = op.output.shape[0] >= 4 and op.window.dilation[0] == 1
    return (3 + 3 * op.window.stride[0] if four else 3) * 3 * op.out_channels


def _words_bytes(op: Conv2D | FullyConnected) -> int:
    patches = 0 if is_pointwise(op) else 4 * _taps(op)
    return _round_up(_taps(op), two_of_four.GROUP) * 8 + patches


def _patch_bytes(op: Conv2D | FullyConnected) -> int:
    return _round_up(_taps(op), 8)


def _expanded_bytes(op: Conv2D | FullyConnected) -> int:
    return _round_up(_taps(op) // two_of_four.GROUP, 4) * two_of_four.BLOCK_BYTES


def _direct_cycles(op: Conv2D | FullyConnected) -> float:
    """Each row of the kernel is a dot product of its own, for every two outputs."""
    return 13.2 * op.macs + (100 + 70 * _kernel_rows(op)) * op.output.size_bytes


def _direct_dsp_work(op: Conv2D | FullyConnected) -> Work:
    """Two channels of a pixel at a time, in runs of 16 taps; a last channel is alone."""
    rows, pixels = _kernel_rows(op), op.output.size_bytes // op.out_channels
    runs, left = divmod(_taps(op) // rows, 16)
    a_channel = (1, rows, rows * runs, rows * (left // 4), rows * (left % 4))
    twos, alone = pixels * (op.out_channels // 2), pixels * (op.out_channels % 2)
    return (pixels, *(twos * count for count in a_channel), *(alone * count for count in a_channel))


def _kernel_rows(op: Conv2D | FullyConnected) -> int:
    return 1 if is_pointwise(op) else window(op).kernel[0]


def _fits_halves(op: Conv2D | FullyConnected) -> bool:
    """What two weights make of activations is less than 2^15: no weight is −128, as symmetric ones have it."""
    return int(op.weights.min()) > -128


def _by_four(op: Conv2D | FullyConnected) -> bool:
    """Whether four pixels are computed at a time: where rounding takes a large share, and memory is little."""
    return op.output.size_bytes // op.out_channels >= 4 and _taps(op) <= _FEW_TAPS


def _halves_bytes(op: Conv2D | FullyConnected) -> int:
    """Words and patches of two pixels, or of four."""
    pixels = 4 if _by_four(op) else 2
    return pixels // 2 * 4 * _taps(op) + (0 if is_pointwise(op) else pixels * _taps(op))


def _halves_cycles(op: Conv2D | FullyConnected) -> float:
    """One channel of four pixels at a time, or two of two."""
    pixels = op.output.size_bytes // op.out_channels
    if _by_four(op):
        patch = 60 if is_pointwise(op) else 150 + 60 * _kernel_rows(op)
        return 2.65 * op.macs + 33 * op.output.size_bytes + pixels * (5 * _taps(op) + patch)
    pairs, channels_ = -(-pixels // 2), -(-op.out_channels // 2)
    return pairs * (channels_ * (11 * _taps(op) + 290) + 8 * _taps(op) + 300)


def _four_channels_cycles(op: Conv2D | FullyConnected) -> float:
    """Four channels at a time; of the last ones some are computed again. Fewer than four are alone."""
    pixels = op.output.size_bytes // op.out_channels
    if op.out_channels < 4:
        return pixels * (80 + op.out_channels * (5.8 * _taps(op) + 60))
    return pixels * (180 + _round_up(op.out_channels, 4) * (4 * _taps(op) + 52))


def _patches_cycles(op: Conv2D | FullyConnected) -> float:
    """Four channels at a time, behind a copy of what is under the kernel."""
    return _four_channels_cycles(op) + op.output.size_bytes // op.out_channels * (2 * _taps(op) + 200)


def _small_patches_cycles(op: Conv2D | FullyConnected) -> float:
    """One channel at a time, behind a copy of what is under the kernel."""
    copied = op.output.size_bytes // op.out_channels * (2 * _taps(op) + 300)
    return 80 + 4.25 * op.macs + 53 * op.output.size_bytes + copied


def _pack_small(op: Conv2D | FullyConnected) -> Array:
    return two_of_four.pack_small(_matrix(op))


def _pack_fast(op: Conv2D | FullyConnected) -> Array:
    return two_of_four.pack_fast(_matrix(op)).view(np.uint32)


def _pack_words(op: Conv2D | FullyConnected) -> Array:
    return two_of_four.pack_words(_matrix(op))


def _by_channel(op: DepthwiseConv2D) -> Array:
    return np.ascontiguousarray(op.weights.transpose(2, 0, 1))


def _as_stored(op: Weighted) -> Array:
    return op.weights


def _row(
    name: str, ops: tuple[type, ...], pattern: str, isa: str, accepts: Any, pack: Any, cycles: Any, **rest: Any
) -> Kernel:
    return Kernel(name, ops, pattern, isa, accepts, _weighted(pack), cycles, pack=pack, **rest)


_CONV = (Conv2D, FullyConnected)  # a fully connected layer is a 1×1 convolution over a row of pixels, mostly one


def _profiled(name: str, accepts: Any, work: Any) -> Kernel:
    return _row(name, _CONV, DENSE, "dsp", accepts, _as_stored, Profiled(name, work))


ROWS = (
    _row(
        "tp_conv_1x1_s8_sp24_dsp", _CONV, TWO_OF_FOUR, "dsp", _can_use_dsp, _pack_fast, linear(0.88, 22),
        scratch_bytes=_expanded_bytes, pixels=4,
    ),
    _row(
        "tp_conv_2d_s8_sp24x4_c", _CONV, TWO_OF_FOUR, "c", _can_use_words, _pack_words, linear(1.8, 28),
        scratch_bytes=_words_bytes, pixels=4,
    ),
    _row("tp_conv_1x1_s8_sp24_c", _CONV, TWO_OF_FOUR, "c", _is_pointwise_of_8, _pack_small, linear(4.25, 53)),
    _row(
        "tp_conv_2d_s8_sp24_c", _CONV, TWO_OF_FOUR, "c", always, _pack_small, _small_patches_cycles,
        scratch_bytes=_patch_bytes,
    ),
    _row("tp_conv_1x1_s8_dense_c", _CONV, DENSE, "c", is_pointwise, _as_stored, _four_channels_cycles),
    _row("tp_conv_2d_s8_dense_c", _CONV, DENSE, "c", always, _as_stored, _patches_cycles, scratch_bytes=_patch_bytes),
    _row(
        "tp_conv_2d_s8_halves_c", _CONV, DENSE, "c", _fits_halves, _as_stored, _halves_cycles,
        scratch_bytes=_halves_bytes, pixels=2,
    ),
    _row("tp_conv_2d_direct_s8_dense_c", _CONV, DENSE, "c", always, _as_stored, _direct_cycles),
    _profiled("tp_conv_1x1_s8_dense_dsp", is_pointwise, _direct_dsp_work),
    _profiled("tp_conv_2d_direct_s8_dense_dsp", always, _direct_dsp_work),
    _row(
        "tp_depthwise_3x3_s8_dense_c", (DepthwiseConv2D,), DENSE, "c", _is_depthwise_3x3, _by_channel, linear(6.5, 41),
        scratch_bytes=_under_3x3_bytes,
    ),
    _row("tp_depthwise_2d_s8_dense_c", (DepthwiseConv2D,), DENSE, "c", always, _as_stored, linear(30, 60)),
    Kernel("tp_average_pool_s8_dense_c", (AveragePool2D,), DENSE, "c", always, _pool, _average_cycles),
    Kernel("tp_max_pool_s8_dense_c", (MaxPool2D,), DENSE, "c", always, _pool, _max_cycles),
    Kernel(
        "tp_quantize_s8_dense_c", (Quantize,), DENSE, "c", always, _quantize, linear(0, 18), in_place=lambda _op: (0,),
        dtypes=("int8",),
    ),
    Kernel(
        "tp_average_pool_s16_dense_c", (AveragePool2D,), DENSE, "c", _is_small, _pool, linear(0, 80), dtypes=("int16",)
    ),
    Kernel("tp_max_pool_s16_dense_c", (MaxPool2D,), DENSE, "c", always, _pool, linear(0, 72), dtypes=("int16",)),
)  # fmt: skip
