"""Convolutions of eight taps, or of 3×3 on one channel, with the DSP extension: a channel's weights stay in registers
while pixels pass. tp_kernels_dsp.h is their contract."""

import numpy as np

from tinyprune.compiler.kernels.five_wide import reached
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import is_pointwise, layer_fields
from tinyprune.compiler.kernels.relu_rounding import ReluChannels, fits_relu
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.sparsity import ANY
from tinyprune.compiler.sparsity.pairs import Int8, Words, scaled

#: C's TP_FEW_PIXELS.
_PIXELS = 32
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
    numbers = np.stack([channels.bias << channels.scale_shift, channels.multiplier, channels.offset], axis=1)
    words = np.concatenate([taps[:, ::2] | taps[:, 1::2] << 16, numbers & 0xFFFFFFFF], axis=1)
    return words.astype(np.uint32)


def scratch_bytes(op: Conv2D) -> int:
    """Expanded pixels, and the rows under the kernel."""
    order, layer = _order(op), layer_fields(op)
    assert order is not None
    expanded = 2 * len(order) * _PIXELS
    if is_pointwise(op):
        return expanded
    width = (layer["out_width"] - 1) * layer["stride_width"] + layer["kernel_width"]
    return expanded + layer["kernel_height"] * width * layer["in_channels"] + 1


def _arguments(op: Conv2D, _wiring: Wiring) -> Call:
    weights = Constant("weights", "uint32_t", pack(op))
    return Struct("tp_layer", layer_fields(op)), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _cycles(op: Conv2D) -> float:
    order, layer = _order(op), layer_fields(op)
    assert order is not None
    pixels = layer["out_height"] * layer["out_width"]
    runs = -(-pixels // _PIXELS) if is_pointwise(op) else layer["out_height"] * -(-layer["out_width"] // _PIXELS)
    an_output, a_pixel = (13.8, 17) if order is EIGHT else (16.8, 22)
    beside = 0 if is_pointwise(op) else 250 * layer["out_height"] + 2.5 * op.input.size_bytes
    return pixels * (an_output * op.out_channels + a_pixel) + runs * (40 * op.out_channels + 120) + beside


ROWS = (
    Kernel(
        "tp_conv_2d_s8_few_dsp", (Conv2D,), ANY, "dsp", accepts, _arguments, _cycles, pack=pack,
        scratch_bytes=scratch_bytes, pixels=_PIXELS,
    ),
)  # fmt: skip
