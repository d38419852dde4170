"""What an operator is to a kernel in C: parameter structs, constants of its channels, and their ranges."""

from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.pool import Pool2D
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.compiler.operators.transpose_conv import TransposeConv
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.operators.window import Window
from tinyprune.errors import ModelError

#: The fields of C's `tp_layer`, `tp_softmax` and `tp_quantize`, all int32_t, in order.
LAYER_FIELDS = (
    "in_height", "in_width", "in_channels", "out_height", "out_width", "out_channels",
    "kernel_height", "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width",
    "pad_top", "pad_left", "input_zero_point", "output_zero_point", "activation_min", "activation_max",
)  # fmt: skip
SOFTMAX_FIELDS = ("rows", "depth", "input_multiplier", "input_left_shift", "diff_min")
QUANTIZE_FIELDS = ("count", "multiplier", "shift", "input_zero_point", "output_zero_point")


def window(op: Weighted | Pool2D) -> Window:
    """The sliding window; a fully connected layer is a 1×1 window over one pixel."""
    return op.window if isinstance(op, (Conv2D, DepthwiseConv2D, Pool2D, TransposeConv)) else Window()


def is_pointwise(op: Conv2D | FullyConnected) -> bool:
    """Whether each output pixel is computed from the input's pixel in its place, or from all of the input."""
    if isinstance(op, FullyConnected) or _takes_whole_map(op):
        return True
    return op.window.kernel == op.window.stride == (1, 1) and op.input.shape[:2] == op.output.shape[:2]


def _takes_whole_map(op: Weighted | Pool2D) -> TypeGuard[Conv2D]:
    """Whether a convolution is a fully connected layer: its kernel has a weight for each value of the map."""
    if not isinstance(op, Conv2D) or op.output.shape[:2] != (1, 1):
        return False
    return op.weights.shape[1:] == op.input.shape and op.window.padding == (0, 0) and op.window.dilation == (1, 1)


def layer_fields(op: Weighted | Pool2D) -> dict[str, int]:
    """The values of `tp_layer` for an operator, by field name."""
    slide = window(op)
    if isinstance(op, FullyConnected) or _takes_whole_map(op):
        taps = op.weights[0].size
        rows = op.input.count // taps
        maps: tuple[int, ...] = (1, rows, taps, 1, rows, op.out_channels)
        slide = Window()
    else:
        maps = (*op.input.shape, *op.output.shape)
    geometry = (*maps, *slide.kernel, *slide.stride, *slide.dilation, *slide.padding)
    quantized = (op.input.zero_point, op.output.zero_point, op.activation_min, op.activation_max)
    return dict(zip(LAYER_FIELDS, (*geometry, *quantized), strict=True))


def softmax_fields(op: Softmax) -> dict[str, int]:
    """The values of `tp_softmax`, by field name."""
    multiplier, left_shift, diff_min = fixed_point.softmax_parameters(float(op.input.scale), op.beta)
    depth = op.input.file_shape[-1]
    values = (op.input.count // depth, depth, multiplier, left_shift, diff_min)
    return dict(zip(SOFTMAX_FIELDS, values, strict=True))


def quantize_fields(op: Quantize) -> dict[str, int]:
    """The values of `tp_quantize`, by field name."""
    values = (op.input.count, *op.rescaling, op.input.zero_point, op.output.zero_point)
    return dict(zip(QUANTIZE_FIELDS, values, strict=True))


def channels(op: Weighted) -> npt.NDArray[np.int32]:
    """`tp_channel` rows `[out_channels, (bias, multiplier, shift)]`, the input zero point folded into the bias.

    Padding is then filled with the zero point itself. Raises ModelError where int32 accumulation could overflow.
    """
    return checked_channels(op, weight_rows(op))


def checked_channels(op: Weighted, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """The same for a layer, or a part of one, of the weights `[out_channels, taps]`."""
    multipliers, shifts = requantization(op)
    bias = op.bias.astype(np.int64) - op.input.zero_point * rows.sum(axis=1)
    if int((np.abs(bias) + 128 * np.abs(rows).sum(axis=1)).max()) > np.iinfo(np.int32).max:
        raise ModelError(f'layer "{op.name}": {_overflow(op)}')
    return np.stack([bias.astype(np.int32), multipliers, shifts], axis=1)


def _overflow(op: Weighted) -> str:
    """What is wrong with a layer whose sums can overflow, and what to do."""
    limits = np.iinfo(np.int32)
    clipped = np.flatnonzero((op.bias == limits.min) | (op.bias == limits.max))
    if not len(clipped):
        return "its weights and bias can overflow a 32-bit accumulator; quantize the model again"
    scale = float(np.broadcast_to(op.weight_scales, op.out_channels)[clipped].max())
    shown = ", ".join(map(str, clipped[:4])) + (", …" if len(clipped) > 4 else "")
    return (
        f"the bias of {len(clipped)} of {op.out_channels} channels ({shown}) has been clipped to "
        f"{op.bias[clipped[0]]:,}: the weights of these channels are next to 0, and so is the scale that the quantizer "
        f"gave them ({scale:.1e}). They always give the same value: remove such dead channels from the network, or "
        "quantize with another tool"
    )


def folded_bias(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels]`: bias − input_zero_point · Σ weights."""
    folded: npt.NDArray[np.int64] = op.bias.astype(np.int64) - op.input.zero_point * weight_rows(op).sum(axis=1)
    return folded


def max_accumulators(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels]`: the largest magnitude that any partial sum can reach, over all inputs."""
    largest = -op.input.limits[0]
    found: npt.NDArray[np.int64] = np.abs(folded_bias(op)) + largest * np.abs(weight_rows(op)).sum(axis=1)
    return found


def max_accumulator(op: Weighted) -> int:
    """The largest of all channels."""
    return int(max_accumulators(op).max())


def weight_rows(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels, taps]` in 64 bits; a depthwise layer's taps are its kernel's."""
    weights = op.weights.astype(np.int64)
    if isinstance(op, DepthwiseConv2D):
        return weights.reshape(-1, op.out_channels).T
    return weights.reshape(op.out_channels, -1)
