"""Convolutions of five pixels at a time, with the DSP extension: tp_kernels_dsp.h is their contract.

One function a way to store weights, all around the same loops over pixels: as a convolution of its own, or as the
pointwise half of a loop over the rows of a five-wide map.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from tinyprune.compiler.graph import Int8
from tinyprune.compiler.kernels.depthwise_five import WIDTH
from tinyprune.compiler.kernels.five_wide import Words, map_struct, relu_channels, row_bytes, rows_struct
from tinyprune.compiler.kernels.kernel import Argument, Constant, Kernel, Layout, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import layer_fields
from tinyprune.compiler.kernels.quads import exact_numbers, rounds_exactly
from tinyprune.compiler.kernels.relu_rounding import ReluChannels
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.sparsity import ANY, duos, pairs, pairs8, pairs14, taps
from tinyprune.compiler.sparsity.pairs import GROUP

_Fits: TypeAlias = Callable[[Conv2D | FullyConnected], bool]
_Pack: TypeAlias = Callable[[Conv2D | FullyConnected], Words]


@dataclass(frozen=True, slots=True)
class Format:
    """A way to store the weights of a layer.

    `multiple` divides the channels of the input, `multiple_out` those of the output; `group_bytes` is what four
    taps of a tile of `pixels` take when expanded, `rows` the rows of a five-wide map that tiles divide. `cycles`
    are those of a tile for weights `[out_channels, taps]`, without expansion: `expand_cycles` a group.
    """

    name: str
    fits: _Fits
    pack: _Pack
    group_bytes: int
    cycles: Callable[[Int8], float]
    expand_cycles: float
    multiple: int = 1
    pixels: int = WIDTH
    multiple_out: int = 1
    rows: int = 1


def _relu(
    fits: Callable[[Int8, ReluChannels], bool], pack: Callable[[Int8, ReluChannels], Words]
) -> tuple[_Fits, _Pack]:
    """`fits` and `pack` of a format for layers that end in one rounding."""

    def takes(op: Conv2D | FullyConnected) -> bool:
        channels = relu_channels(op)
        return channels is not None and fits(_rows(op), channels)

    def packed(op: Conv2D | FullyConnected) -> Words:
        channels = relu_channels(op)
        assert channels is not None
        return pack(_rows(op), channels)

    return takes, packed


def _pack_exact(op: Conv2D | FullyConnected) -> Words:
    return pairs.pack_exact(_rows(op), *exact_numbers(op))


PAIRS = Format(
    "pairs", *_relu(lambda _rows, _c: True, lambda rows, c: pairs.pack(rows, c.bias, *c[:3])), pairs.GROUP_BYTES,
    lambda rows: 13.25 * pairs.count(rows) + 33 * len(rows), 71,
)  # fmt: skip
PAIRS8 = Format(
    "pairs8",
    *_relu(lambda _rows, c: pairs8.fits(c.bias), lambda rows, c: pairs8.pack(rows, c.bias, *c[:2])), pairs.GROUP_BYTES,
    lambda rows: 14.25 * pairs.count(rows) + 58 * len(rows), 71,
)  # fmt: skip
TAPS = Format(
    "taps",
    *_relu(lambda rows, _c: rows.shape[1] <= taps.MAX_TAPS, lambda rows, c: taps.pack(rows, c.bias, *c[:3])),
    taps.GROUP_BYTES, lambda rows: 11 * taps.count(rows) + 47 * len(rows), 48,
)  # fmt: skip
SP14 = Format(
    "sp14", *_relu(lambda rows, _c: pairs14.fits(rows), lambda rows, c: pairs14.pack(rows, c.bias, *c[:3])),
    pairs14.GROUP_BYTES, lambda rows: 13.5 * pairs14.count(rows) + 33 * len(rows), 120, multiple=pairs14.BLOCK,
)  # fmt: skip
EXACT = Format(
    "exact", rounds_exactly, _pack_exact, pairs.GROUP_BYTES,
    lambda rows: 13.25 * pairs.count(rows) + 66 * len(rows), 71,
)  # fmt: skip
DUOS = Format(
    "duos", *_relu(lambda _rows, _c: True, lambda rows, c: duos.pack(rows, c.bias, *c[:3])), duos.GROUP_BYTES,
    lambda rows: 13.25 * duos.count(rows) + 19 * len(rows) + 300, 46, pixels=duos.PIXELS, multiple_out=duos.CHANNELS,
    rows=duos.PIXELS,
)  # fmt: skip
FORMATS = (PAIRS, PAIRS8, TAPS, SP14, EXACT, DUOS)


def _rows(op: Conv2D | FullyConnected) -> Int8:
    rows = op.matrix
    assert rows is not None
    return rows


def accepts(form: Format, op: Conv2D | FullyConnected) -> bool:
    """`tp_conv_2d_s8_*_dsp`, output [height][width][channels]. It computes five pixels, wanted or not."""
    enough = op.output.size_bytes // op.out_channels >= WIDTH
    divides = op.input.shape[-1] % form.multiple == 0 and op.out_channels % form.multiple_out == 0
    return enough and divides and form.fits(op)


def accepts_row(form: Format, op: Conv2D) -> bool:
    """`tp_conv_1x1_row_s8_*_dsp`: behind a depthwise layer of the same loop."""
    slide = op.window
    return (
        accepts(form, op)
        and slide.kernel == slide.stride == (1, 1)
        and op.input.shape[:2] == op.output.shape[:2]
        and op.input.shape[1] == WIDTH
        and op.input.shape[2] % GROUP == 0
    )


def scratch_bytes(form: Format, op: Conv2D | FullyConnected) -> int:
    """Expanded activations; where pixels do not lie side by side also patches and the band of input rows."""
    layer = layer_fields(op)
    groups = _groups(op)
    expanded = groups * form.group_bytes
    if _is_direct(layer):
        return expanded
    reach = (layer["out_width"] - 1) * layer["stride_width"] + (layer["kernel_width"] - 1) * layer["dilation_width"] + 1
    band = _band_height(form, layer) * reach * layer["in_channels"]
    return expanded + form.pixels * GROUP * groups + band


def _band_height(form: Format, layer: dict[str, int]) -> int:
    """Input rows that are kept: those that the kernel covers in one output row, or from the first to the last of
    several."""
    if form.rows == 1:
        return layer["kernel_height"]
    return (form.rows - 1) * layer["stride_height"] + (layer["kernel_height"] - 1) * layer["dilation_height"] + 1


def row_scratch_bytes(form: Format, op: Conv2D) -> int:
    return _groups(op) * form.group_bytes + (form.rows - 1) * row_bytes(op.input.shape[2])


def _groups(op: Conv2D | FullyConnected) -> int:
    return -(-int(_rows(op).shape[1]) // GROUP)


def _is_direct(layer: dict[str, int]) -> bool:
    """Whether a pixel's activations lie side by side in the input: no patch is needed."""
    ones = ("kernel_height", "kernel_width", "stride_height", "stride_width")
    maps_agree = layer["in_width"] == layer["out_width"] and layer["in_height"] == layer["out_height"]
    return all(layer[name] == 1 for name in ones) and maps_agree and layer["in_channels"] % GROUP == 0


def _arguments(form: Format, op: Conv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", form.pack(op))
    layer = Struct("tp_layer", layer_fields(op))
    return layer, map_struct(wiring.output), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _row_arguments(form: Format, op: Conv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", form.pack(op))
    return rows_struct(op, wiring), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH, Place.ROW


_AND_GATHER = 1.03  # what gathering adds, in a first layer of 40 taps


def _cycles(form: Format, factor: float, op: Conv2D) -> float:
    tiles = math.ceil(op.output.size_bytes / (op.out_channels * form.pixels))
    return factor * tiles * (form.cycles(_rows(op)) + form.expand_cycles * _groups(op))


def _kernels(form: Format) -> tuple[Kernel, Kernel]:
    """In a loop over rows, and alone."""
    return (
        Kernel(
            f"tp_conv_1x1_row_s8_{form.name}_dsp", (Conv2D,), ANY, "dsp", partial(accepts_row, form),
            partial(_row_arguments, form), partial(_cycles, form, 1.0), pack=form.pack,
            scratch_bytes=partial(row_scratch_bytes, form), reads=Layout.ROW, writes=(Layout.FIVE_WIDE,),
        ),
        Kernel(
            f"tp_conv_2d_s8_{form.name}_dsp", (Conv2D,), ANY, "dsp", partial(accepts, form),
            partial(_arguments, form), partial(_cycles, form, _AND_GATHER), pack=form.pack,
            scratch_bytes=partial(scratch_bytes, form), writes=(Layout.INTERLEAVED, Layout.FIVE_WIDE),
        ),
    )  # fmt: skip


ROWS = tuple(kernel for form in FORMATS for kernel in _kernels(form))
