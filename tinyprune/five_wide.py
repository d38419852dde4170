"""Guards, packed weights and scratch of the kernels in tp_kernels_dsp.h, by operator; what rows of kernels.py need."""

import numpy as np
import numpy.typing as npt

from tinyprune import depthwise_five, fixed_point, relu_rounding
from tinyprune.depthwise_five import WIDTH
from tinyprune.graph import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Weighted, matrix
from tinyprune.kernels import folded_bias, layer_fields
from tinyprune.relu_rounding import ReluChannels
from tinyprune.sparsity import pairs
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


def accepts_separable(depthwise: DepthwiseConv2D, pointwise: Conv2D) -> bool:
    """`tp_separable_3x3_s8_pairs_dsp`, the second layer reading the first's output and nobody else."""
    slide = pointwise.window
    return (
        accepts_depthwise(depthwise)
        and accepts_conv(pointwise)
        and slide.kernel == slide.stride == (1, 1)
        and pointwise.input.shape[:2] == pointwise.output.shape[:2]
        and depthwise.out_channels % GROUP == 0
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


def separable_scratch_bytes(depthwise: DepthwiseConv2D) -> int:
    groups = depthwise.out_channels // GROUP
    return groups * pairs.GROUP_BYTES + row_bytes(depthwise.out_channels)


def row_bytes(channels: int) -> int:
    """A row of the depthwise kernels' outputs, [ceil(channels / 64)][5][64] bytes."""
    return -(-channels // _ROW_CHANNELS) * _ROW_GROUP_BYTES
