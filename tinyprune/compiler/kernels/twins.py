"""Dense layers with the weights of two output channels in one word, four channels at a time, with the DSP extension:
two pixels (convolutions, fully connected layers of several rows), or one. tp_kernels_dsp.h is their contract."""

import math
from functools import partial

import numpy as np

from tinyprune.compiler.graph import Int8
from tinyprune.compiler.kernels.five_conv import Format, Layer, carried, kernels_of, pack, streamed
from tinyprune.compiler.kernels.kernel import Argument, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import folded_bias, is_pointwise, layer_fields, weight_rows
from tinyprune.compiler.kernels.profiled import Profiled, Work
from tinyprune.compiler.kernels.quads import Bool, alive, exact_numbers, inexact
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.sparsity import ANY, twins
from tinyprune.compiler.sparsity.pairs import GROUP, Words

#: What the second of two channels may come to.
_MOST = 1 << 23
#: Cycles of a tile that a carried channel takes beyond what five_conv.py counts: 8 of them measured, 24 taps each.
_CARRIED = 100


def _beyond(op: Layer) -> Bool:
    """Which channels are out of reach: each second one must fit above another."""
    rows, bias = weight_rows(op), folded_bias(op)
    highest = bias + np.maximum(-128 * rows, 127 * rows).sum(axis=1)
    lowest = bias + np.minimum(-128 * rows, 127 * rows).sum(axis=1)
    too_large = (np.maximum(highest, -lowest) >= _MOST) | (rows.min(axis=1) == -128)
    found: Bool = inexact(op) | (too_large & alive(op) & (np.arange(op.out_channels) % 2 == 1))
    return found


def _pack(op: Layer, rows: Int8) -> Words:
    return twins.pack(rows, *exact_numbers(op))


def _tile_cycles(op: Layer, rows: Int8) -> float:
    channels, taps = rows.shape
    beside = 92 if op.output.zero_point == -128 else 102
    fours, pairs = -(-channels // twins.CHANNELS), taps // 2
    last = 240 if channels % twins.CHANNELS else 0
    alone = _CARRIED * int(_beyond(op).sum())
    return float(fours * (15 * pairs + 6 * math.ceil(pairs / 16) + beside) + last + alone)


TWINS = Format(
    "twins", _beyond, lambda _op, _rows: True, _pack, twins.GROUP_BYTES, _tile_cycles, 14,
    row_cycles=150, run_cycles=40, alone_cycles=120, carries=True, pixels=twins.PIXELS, rows=twins.PIXELS,
    fill=twins.filled,
)  # fmt: skip


def _accepts(op: Layer) -> bool:
    return op.matrix is not None and is_pointwise(op)


def _arguments(op: Layer, _wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack(TWINS, op))
    return Struct("tp_layer", layer_fields(op)), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _pixel_work(op: Layer) -> Work:
    """Four channels of a pixel at a time; carried ones are beside them."""
    rows, without = streamed(TWINS, op), carried(TWINS, op)
    assert without is not None
    channels, groups, carries = len(rows), rows.shape[1] // GROUP, int(without.sum())
    fours, is_rest = -(-channels // twins.CHANNELS), int(channels % twins.CHANNELS > 0)
    stream = (fours, fours * groups, fours * math.ceil(groups / 8), is_rest)
    pixels = op.output.size_bytes // op.out_channels
    return (1, *(pixels * count for count in (1, groups, *stream, carries, carries * groups)))


ROWS = (
    *kernels_of(TWINS, (Conv2D, FullyConnected)),
    Kernel(
        "tp_conv_1x1_s8_twins_dsp", (Conv2D, FullyConnected), ANY, "dsp", _accepts, _arguments,
        Profiled("tp_conv_1x1_s8_twins_dsp", _pixel_work), pack=partial(pack, TWINS),
        scratch_bytes=lambda op: 8 * -(-int(op.weights[0].size) // GROUP),
    ),
)  # fmt: skip
