"""Kernels for maps five columns wide, with the DSP extension: tp_kernels_dsp.h is their contract.

A 3×3 depthwise layer and the pointwise layer behind it run in one loop over rows, in place.
"""

import numpy as np
import numpy.typing as npt

from tinyprune import fixed_point
from tinyprune.graph import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Weighted, matrix
from tinyprune.kernels import depthwise_five, relu_rounding
from tinyprune.kernels.depthwise_five import WIDTH
from tinyprune.kernels.kernel import Argument, Constant, FiveWide, Kernel, Layout, Place, Struct, Wiring, linear
from tinyprune.kernels.parameters import folded_bias, layer_fields
from tinyprune.kernels.relu_rounding import ReluChannels
from tinyprune.sparsity import ANY, DENSE, pairs
from tinyprune.sparsity.pairs import GROUP

Words = npt.NDArray[np.uint32]

_ROW_CHANNELS = 64
_ROW_GROUP_BYTES = WIDTH * _ROW_CHANNELS


def relu_channels(op: Weighted) -> ReluChannels | None:
    """How to store the channels of a layer for one shift; None where the layer is out of reach."""
    if not relu_rounding.fits_relu(op.output.zero_point, op.activation_min, op.activation_max):
        return None
    multipliers, shifts = fixed_point.requantization(op)
    weights = np.abs(op.weights.astype(np.int64))
    rows = (
        weights.reshape(-1, op.out_channels).T
        if isinstance(op, DepthwiseConv2D)
        else weights.reshape(op.out_channels, -1)
    )
    bound = np.abs(folded_bias(op)) + 128 * rows.sum(axis=1)
    return relu_rounding.relu_channels(bound, rows.max(axis=1), multipliers, shifts)


def accepts_conv(op: Conv2D | FullyConnected) -> bool:
    """`tp_conv_2d_s8_pairs_dsp`, output [height][width][channels]. It computes five pixels, wanted or not."""
    return op.output.size_bytes // op.out_channels >= WIDTH and relu_channels(op) is not None


def accepts_depthwise(op: DepthwiseConv2D) -> bool:
    """`tp_depthwise_3x3_s8_dense_dsp`: five columns, and padding of one all around."""
    slide, (height, width, channels) = op.window, op.input.shape
    return (
        op.output.shape == (height, WIDTH, channels)
        and width == WIDTH
        and slide.kernel == (3, 3)
        and slide.stride == slide.dilation == slide.padding == (1, 1)
        and relu_channels(op) is not None
    )


def accepts_pool(op: AveragePool2D) -> bool:
    """`tp_average_pool_five_s8_dsp`: the mean of the whole map."""
    height, width, _ = op.input.shape
    return (
        width == WIDTH
        and op.window.kernel == (height, width)
        and op.window.padding == (0, 0)
        and height * width < 1 << 16
    )


def pack_conv(op: Conv2D | FullyConnected) -> Words:
    channels, rows = relu_channels(op), matrix(op)
    assert channels is not None
    assert rows is not None
    numbers = (channels.scale_shift, channels.multiplier, channels.offset)
    return pairs.pack(rows, folded_bias(op), *numbers)


def pack_depthwise(op: DepthwiseConv2D) -> Words:
    channels = relu_channels(op)
    assert channels is not None
    numbers = (channels.scale_shift, channels.multiplier, channels.offset)
    return depthwise_five.pack(op.weights, folded_bias(op), op.input.zero_point, *numbers)


def conv_scratch_bytes(op: Conv2D | FullyConnected) -> int:
    layer = layer_fields(op)
    taps = layer["kernel_height"] * layer["kernel_width"] * layer["in_channels"]
    groups = -(-taps // GROUP)
    expanded = groups * pairs.GROUP_BYTES
    if _is_direct(layer):
        return expanded
    reach = (layer["out_width"] - 1) * layer["stride_width"] + (layer["kernel_width"] - 1) * layer["dilation_width"] + 1
    band = layer["kernel_height"] * reach * layer["in_channels"]
    return expanded + WIDTH * GROUP * groups + band


def _is_direct(layer: dict[str, int]) -> bool:
    """Whether a pixel's activations lie side by side in the input: no patch is needed."""
    ones = ("kernel_height", "kernel_width", "stride_height", "stride_width")
    maps_agree = layer["in_width"] == layer["out_width"] and layer["in_height"] == layer["out_height"]
    return all(layer[name] == 1 for name in ones) and maps_agree and layer["in_channels"] % GROUP == 0


def depthwise_scratch_bytes(op: DepthwiseConv2D) -> int:
    return 0 if op.out_channels == _ROW_CHANNELS else row_bytes(op.out_channels)


def row_bytes(channels: int) -> int:
    """A row of the depthwise kernels' outputs, [ceil(channels / 64)][5][64] bytes."""
    return -(-channels // _ROW_CHANNELS) * _ROW_GROUP_BYTES


def next_map(before: FiveWide) -> FiveWide:
    """Where a pair of layers leaves its output: one slot up in the same planes, or one down again."""
    return FiveWide(before.slots, 1 if before.first == 2 else 2)


def new_map(height: int) -> FiveWide:
    """Room for `height` rows, one of padding on either side, and the slot that in-place layers move by."""
    return FiveWide(-(-(height + 3) // 4) * 4, 2)


def planes_bytes(where: FiveWide, channels: int) -> int:
    """Of a whole five-wide map."""
    return channels * WIDTH * where.slots


def _map(where: FiveWide | None) -> Struct:
    slots, first = (where.slots, where.first) if where else (0, 0)
    return Struct("tp_five_map", {"slots": slots, "first": first})


def _conv(op: Conv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack_conv(op))
    return Struct("tp_layer", layer_fields(op)), _map(wiring.output), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _depthwise(op: DepthwiseConv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack_depthwise(op))
    return Struct("tp_layer", layer_fields(op)), _map(wiring.input), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _pool(op: AveragePool2D, wiring: Wiring) -> tuple[Argument, ...]:
    return Struct("tp_layer", layer_fields(op)), _map(wiring.input), Place.INPUT, Place.OUTPUT


def _rows(op: Conv2D | DepthwiseConv2D, wiring: Wiring) -> Struct:
    height, _, channels = op.input.shape
    assert wiring.input is not None
    assert wiring.output is not None
    values = (height, channels, op.out_channels, wiring.input.slots, wiring.input.first, wiring.output.first)
    names = ("height", "channels", "out_channels", "slots", "first_in", "first_out", "input_zero_point")
    return Struct("tp_five_rows", dict(zip(names, (*values, op.input.zero_point), strict=True)))


def _depthwise_row(op: DepthwiseConv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack_depthwise(op))
    return _rows(op, wiring), weights, Place.INPUT, Place.OUTPUT, Place.ROW


def _pointwise_row(op: Conv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack_conv(op))
    return _rows(op, wiring), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH, Place.ROW


def accepts_depthwise_row(op: DepthwiseConv2D) -> bool:
    """`tp_depthwise_3x3_row_s8_dense_dsp`: a pointwise layer follows that takes groups of four channels."""
    return accepts_depthwise(op) and op.out_channels % GROUP == 0


def accepts_pointwise_row(op: Conv2D) -> bool:
    """`tp_conv_1x1_row_s8_pairs_dsp`: behind a depthwise layer of the same loop."""
    slide = op.window
    return (
        accepts_conv(op)
        and slide.kernel == slide.stride == (1, 1)
        and op.input.shape[:2] == op.output.shape[:2]
        and op.input.shape[1] == WIDTH
        and op.input.shape[2] % GROUP == 0
    )


def pointwise_row_scratch_bytes(op: Conv2D) -> int:
    return op.input.shape[2] // GROUP * pairs.GROUP_BYTES


def _conv_cycles(op: Conv2D | FullyConnected) -> float:
    """Of each tile of five pixels: 13.25 cycles a pair of weights, 45 a channel, 75 to expand a group of four taps."""
    rows = matrix(op)
    assert rows is not None
    tiles = op.output.size_bytes / (op.out_channels * WIDTH)
    groups = -(-int(rows.shape[1]) // GROUP)
    return tiles * (13.25 * pairs.count(rows) + 45 * op.out_channels + 75 * groups)


_CONV_AND_GATHER = 1.03  # what gathering adds, in a first layer of 40 taps
_FIVE, _ROW, _INTERLEAVED = Layout.FIVE_WIDE, Layout.ROW, Layout.INTERLEAVED

ROWS = (
    Kernel(
        "tp_depthwise_3x3_row_s8_dense_dsp", (DepthwiseConv2D,), DENSE, "dsp", accepts_depthwise_row, _depthwise_row,
        linear(0, 16.6), pack=pack_depthwise, reads=_FIVE, writes=(_ROW,),
    ),
    Kernel(
        "tp_conv_1x1_row_s8_pairs_dsp", (Conv2D,), ANY, "dsp", accepts_pointwise_row, _pointwise_row,
        _conv_cycles, pack=pack_conv, scratch_bytes=pointwise_row_scratch_bytes, reads=_ROW, writes=(_FIVE,),
    ),
    Kernel(
        "tp_conv_2d_s8_pairs_dsp", (Conv2D,), ANY, "dsp", accepts_conv, _conv,
        lambda op: _CONV_AND_GATHER * _conv_cycles(op),
        pack=pack_conv, scratch_bytes=conv_scratch_bytes, writes=(_INTERLEAVED, _FIVE),
    ),
    Kernel(
        "tp_depthwise_3x3_s8_dense_dsp", (DepthwiseConv2D,), DENSE, "dsp", accepts_depthwise, _depthwise,
        linear(0, 17), pack=pack_depthwise, scratch_bytes=depthwise_scratch_bytes, reads=_FIVE,
    ),
    Kernel(
        "tp_average_pool_five_s8_dsp", (AveragePool2D,), DENSE, "dsp", accepts_pool, _pool, linear(0, 350), reads=_FIVE,
    ),
)  # fmt: skip
