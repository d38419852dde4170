"""Maps five columns wide, and the kernels for them that are no convolutions over all channels, with the DSP extension:
tp_kernels_dsp.h is their contract.

A 3×3 depthwise layer and the pointwise layer behind it (five_conv.py) run in one loop over rows, in place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Unary
from tinyprune.compiler.kernels import depthwise_five, relu_rounding
from tinyprune.compiler.kernels.depthwise_five import WIDTH
from tinyprune.compiler.kernels.kernel import (
    Argument,
    Constant,
    FiveWide,
    Kernel,
    Layout,
    Place,
    Struct,
    Wiring,
    linear,
)
from tinyprune.compiler.kernels.parameters import folded_bias, layer_fields, weight_rows
from tinyprune.compiler.kernels.relu_rounding import ReluChannels
from tinyprune.compiler.operators.average_pool_2d import AveragePool2D
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.sparsity import DENSE
from tinyprune.compiler.sparsity.pairs import GROUP

Words = npt.NDArray[np.uint32]

_ROW_CHANNELS = 64
_ROW_GROUP_BYTES = WIDTH * _ROW_CHANNELS


def relu_channels(op: Weighted) -> ReluChannels | None:
    """How to store the channels of a layer for one shift; None where the layer is out of reach."""
    if not relu_rounding.fits_relu(op.output.zero_point, op.activation_min, op.activation_max):
        return None
    found, beyond = reached(op)
    return None if beyond.any() else found


def reached(op: Weighted, pieces: int = 1) -> tuple[ReluChannels, npt.NDArray[np.bool_]]:
    """The same of each channel, and `[out_channels]` which are out of reach; a weight is stored in up to `pieces`."""
    rows = weight_rows(op)
    highest = folded_bias(op) + np.maximum(-128 * rows, 127 * rows).sum(axis=1)
    reach, largest = 128 * np.abs(rows).sum(axis=1), np.maximum(rows, -rows - 1).max(axis=1)
    return relu_rounding.reached(folded_bias(op), reach, highest, largest // pieces, *requantization(op))


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


def pack_depthwise(op: DepthwiseConv2D) -> Words:
    channels = relu_channels(op)
    assert channels is not None
    numbers = (channels.scale_shift, channels.multiplier, channels.offset)
    return depthwise_five.pack(op.weights, channels.bias, op.input.zero_point, *numbers)


def pack_depthwise8(op: DepthwiseConv2D) -> Words:
    channels = relu_channels(op)
    assert channels is not None
    return depthwise_five.pack8(op.weights, channels.bias, channels.scale_shift, channels.multiplier)


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


def map_struct(where: FiveWide | None) -> Struct:
    slots, first = (where.slots, where.first) if where else (0, 0)
    return Struct("tp_five_map", {"slots": slots, "first": first})


def _depthwise(pack: Callable[[DepthwiseConv2D], Words], op: DepthwiseConv2D, wiring: Wiring) -> tuple[Argument, ...]:
    layer, weights = Struct("tp_layer", layer_fields(op)), Constant("weights", "uint32_t", pack(op))
    return layer, map_struct(wiring.input), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _pool(op: AveragePool2D, wiring: Wiring) -> tuple[Argument, ...]:
    return Struct("tp_layer", layer_fields(op)), map_struct(wiring.input), Place.INPUT, Place.OUTPUT


def rows_struct(op: Conv2D | DepthwiseConv2D, wiring: Wiring) -> Struct:
    height, _, channels = op.input.shape
    assert wiring.input is not None
    assert wiring.output is not None
    values = (height, channels, op.out_channels, wiring.input.slots, wiring.input.first, wiring.output.first)
    names = ("height", "channels", "out_channels", "slots", "first_in", "first_out", "input_zero_point")
    return Struct("tp_five_rows", dict(zip(names, (*values, op.input.zero_point), strict=True)))


def _depthwise_row(
    pack: Callable[[DepthwiseConv2D], Words], op: DepthwiseConv2D, wiring: Wiring
) -> tuple[Argument, ...]:
    return rows_struct(op, wiring), Constant("weights", "uint32_t", pack(op)), Place.INPUT, Place.OUTPUT, Place.ROW


def accepts_depthwise_row(op: DepthwiseConv2D) -> bool:
    """`tp_depthwise_3x3_row_s8_dense_dsp`: a pointwise layer follows that takes groups of four channels."""
    return accepts_depthwise(op) and op.out_channels % GROUP == 0


def _depthwise_kernels(
    name: str, pack: Callable[[DepthwiseConv2D], Words], cycles_an_output: float
) -> tuple[Kernel, Kernel]:
    """In a loop over rows, and alone."""
    return (
        Kernel(
            f"tp_depthwise_3x3_row_s8_{name}_dsp", (DepthwiseConv2D,), DENSE, "dsp", accepts_depthwise_row,
            partial(_depthwise_row, pack), linear(0, cycles_an_output), pack=pack,
            reads=Layout.FIVE_WIDE, writes=(Layout.ROW,),
        ),
        Kernel(
            f"tp_depthwise_3x3_s8_{name}_dsp", (DepthwiseConv2D,), DENSE, "dsp", accepts_depthwise,
            partial(_depthwise, pack), linear(0, cycles_an_output + 0.4), pack=pack,
            scratch_bytes=depthwise_scratch_bytes, reads=Layout.FIVE_WIDE,
        ),
    )  # fmt: skip


ROWS = (
    *_depthwise_kernels("dense", pack_depthwise, 17),
    *_depthwise_kernels("dense8", pack_depthwise8, 21),
    Kernel(
        "tp_average_pool_five_s8_dsp", (AveragePool2D,), DENSE, "dsp", accepts_pool, _pool,
        lambda op: op.output.count * (60 + 2 * op.window.kernel[0] * op.window.kernel[1]),
        reads=Layout.FIVE_WIDE,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Relayout(Unary):
    """The same map in another layout: no operator of a file, put in where it pays."""


def _is_five_wide(op: Relayout) -> bool:
    return len(op.input.shape) == 3 and op.input.shape[1] == WIDTH


def _relayout(op: Relayout, wiring: Wiring) -> tuple[Argument, ...]:
    height, _, channels = op.input.shape
    where = wiring.input or wiring.output
    assert where is not None
    values = {"height": height, "channels": channels, "slots": where.slots, "first": where.first}
    return Struct("tp_relayout", values), Place.INPUT, Place.OUTPUT


#: (layout that a map is in, layout that is wanted) → what brings it there.
RELAYOUTS = {
    (Layout.INTERLEAVED, Layout.FIVE_WIDE): Kernel(
        "tp_five_wide_s8_dense_c", (Relayout,), DENSE, "dsp", _is_five_wide, _relayout, linear(0, 6),
        writes=(Layout.FIVE_WIDE,),
    ),
    (Layout.FIVE_WIDE, Layout.INTERLEAVED): Kernel(
        "tp_interleaved_s8_dense_c", (Relayout,), DENSE, "dsp", _is_five_wide, _relayout, linear(0, 6),
        reads=Layout.FIVE_WIDE,
    ),
}  # fmt: skip
