"""Convolutions of eight taps, dense or 2:4, or of 3×3 on one channel, with the DSP extension: a channel's weights stay
in registers while pixels pass. tp_kernels_dsp.h is their contract."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tinyprune.compiler.kernels.five_wide import reached
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import is_pointwise, layer_fields
from tinyprune.compiler.kernels.relu_rounding import ReluChannels, fits_relu
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.sparsity import ANY, TWO_OF_FOUR, two_of_four
from tinyprune.compiler.sparsity.pairs import Int8, Int64, Words, scaled

#: C's TP_FEW_PIXELS.
_PIXELS = 48
#: Words of a pixel with the six pairs of each of two groups.
_ALL_PAIRS = 12
#: Taps by two as words have them; the last of nine has none beside it.
EIGHT = (0, 2, 1, 3, 4, 6, 5, 7)
NINE = (0, 2, 3, 5, 6, 8, 1, 4, 7, 9)


def accepts(op: Conv2D) -> bool:
    if _order(op) is None or op.window.dilation != (1, 1) or not fits_relu(op.output.zero_point, op.activation_min):
        return False
    return not reached(op)[1].any()


def _order(op: Conv2D) -> tuple[int, ...] | None:
    """How words have the taps, None where these are too many or do not lie as it takes them."""
    layer = layer_fields(op)
    height, row_taps = layer["kernel_height"], layer["kernel_width"] * layer["in_channels"]
    if (height, row_taps) in ((1, 8), (2, 4)):
        return EIGHT
    return NINE if (height, row_taps, layer["in_channels"]) == (3, 3, 1) else None


def pack(op: Conv2D) -> Words:
    """Words `[out_channels, …]`: pairs of weights and numbers."""
    order, matrix = _order(op), op.matrix
    assert order is not None
    assert matrix is not None
    return pack_taps(matrix, order, reached(op)[0])


def pack_taps(matrix: Int8, order: tuple[int, ...], channels: ReluChannels) -> Words:
    """`[out_channels, taps]` → words `[out_channels, …]`."""
    taps = scaled(np.pad(matrix, ((0, 0), (0, 1))), channels.scale_shift)[:, order] & 0xFFFF
    return np.concatenate([taps[:, ::2] | taps[:, 1::2] << 16, _numbers(channels)], axis=1).astype(np.uint32)


def _numbers(channels: ReluChannels) -> Int64:
    """`[out_channels, 3]`, as words have them."""
    return np.stack([channels.bias << channels.scale_shift, channels.multiplier, channels.offset], axis=1) & 0xFFFFFFFF


def accepts_pairs(op: Conv2D) -> bool:
    return accepts(op) and _order(op) is EIGHT


def pack_pairs(op: Conv2D) -> Words:
    """The same of 2:4 weights."""
    matrix = op.matrix
    assert matrix is not None
    return pack_kept(matrix, reached(op)[0])


def pack_kept(matrix: Int8, channels: ReluChannels) -> Words:
    """`[out_channels, 8]` → words `[out_channels, …]`: the pairs that are kept, numbers, and where the pairs lie."""
    kept, pairs = two_of_four.select(matrix, 1)
    taps = scaled(kept.reshape(len(kept), -1), channels.scale_shift) & 0xFFFF
    at = 4 * (pairs.astype(np.int64) + np.array([0, len(two_of_four.PAIRS)]))
    words = np.concatenate([taps[:, ::2] | taps[:, 1::2] << 16, _numbers(channels), at[:, :1], np.diff(at)], axis=1)
    return words.astype(np.uint32)


def _words(op: Conv2D) -> int:
    """Of a pixel of a dense layer."""
    order = _order(op)
    assert order is not None
    return len(order) // 2


def _scratch_bytes(words: Callable[[Conv2D], int], op: Conv2D) -> int:
    """Expanded pixels, and the rows under the kernel."""
    layer, expanded = layer_fields(op), 4 * words(op) * _PIXELS
    if is_pointwise(op):
        return expanded
    width = (layer["out_width"] - 1) * layer["stride_width"] + layer["kernel_width"]
    return expanded + layer["kernel_height"] * width * layer["in_channels"] + 1


def _arguments(pack: Callable[[Conv2D], Words], op: Conv2D, _wiring: Wiring) -> Call:
    weights = Constant("weights", "uint32_t", pack(op))
    return Struct("tp_layer", layer_fields(op)), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _cycles(op: Conv2D) -> float:
    return _estimate(op, 13.4, 17) if _order(op) is EIGHT else _estimate(op, 16.8, 22)


def _estimate(op: Conv2D, an_output: float, a_pixel: float) -> float:
    layer = layer_fields(op)
    pixels = layer["out_height"] * layer["out_width"]
    runs = -(-pixels // _PIXELS) if is_pointwise(op) else layer["out_height"] * -(-layer["out_width"] // _PIXELS)
    beside = 0 if is_pointwise(op) else 250 * layer["out_height"] + 2.5 * op.input.size_bytes
    return pixels * (an_output * op.out_channels + a_pixel) + runs * (40 * op.out_channels + 120) + beside


def _kernel(
    name: str, pattern: str, accepts: Callable[[Conv2D], bool], pack: Callable[[Conv2D], Words],
    words: Callable[[Conv2D], int], cycles: Callable[[Conv2D], float],
) -> Kernel:  # fmt: skip
    return Kernel(
        name, (Conv2D,), pattern, "dsp", accepts, partial(_arguments, pack), cycles, pack=pack,
        scratch_bytes=partial(_scratch_bytes, words), pixels=_PIXELS,
    )  # fmt: skip


ROWS = (
    _kernel("tp_conv_2d_s8_few_dsp", ANY, accepts, pack, _words, _cycles),
    _kernel(
        "tp_conv_2d_s8_few_pairs_dsp", TWO_OF_FOUR, accepts_pairs, pack_pairs, lambda _op: _ALL_PAIRS,
        lambda op: _estimate(op, 9.3, 34),
    ),
)  # fmt: skip
