"""Convolutions of five pixels at a time, with the DSP extension: tp_kernels_dsp.h is their contract.

One function a way to store weights, all around the same loops over pixels: as a convolution of its own, or as the
pointwise half of a loop over the rows of a five-wide map.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Int8
from tinyprune.compiler.kernels.depthwise_five import WIDTH
from tinyprune.compiler.kernels.five_wide import Words, map_struct, reached, row_bytes, rows_struct
from tinyprune.compiler.kernels.kernel import Argument, Constant, Kernel, Layout, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import channels, layer_fields
from tinyprune.compiler.kernels.quads import Bool, exact_numbers, inexact
from tinyprune.compiler.kernels.relu_rounding import Int64, ReluChannels, fits_relu
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.sparsity import ANY, duos, pairs, pairs8, pairs14, taps, twins
from tinyprune.compiler.sparsity.pairs import GROUP

Layer: TypeAlias = Conv2D | FullyConnected


@dataclass(frozen=True, slots=True)
class Format:
    """A way to store the weights of a layer.

    `beyond` says which channels `[out_channels]` its arithmetic does not reach, None where it takes no such layer at
    all; with `carries` these are computed beside the others. The other functions take the layer and the weights of
    those that are left `[channels, taps]`, zeros where one in between is carried: `fits`, `pack`, and `cycles` of a
    tile, without expansion, which takes `expand_cycles` a group, `row_cycles` in a loop over rows, and outside of one
    `alone_cycles` more and `apart` a channel, or `run_cycles` where tiles run in one call. `multiple` divides the
    channels of the input; `together` is how many output channels are computed at a time; `group_bytes` is what four
    taps of a tile of `pixels` take when expanded, `rows` the rows of a five-wide map that tiles divide. Where words
    need each row of a kernel whole, `fill` makes the taps of `[out_channels, kernel_height, taps]`.
    """

    name: str
    beyond: Callable[[Layer], Bool | None]
    fits: Callable[[Layer, Int8], bool]
    pack: Callable[[Layer, Int8], Words]
    group_bytes: int
    cycles: Callable[[Layer, Int8], float]
    expand_cycles: float
    row_cycles: float = 0
    run_cycles: float = 0
    alone_cycles: float = 250
    apart: float = 0
    carries: bool = False
    fill: Callable[[Int8], Int8] | None = None
    multiple: int = 1
    pixels: int = WIDTH
    together: int = 1
    rows: int = 1


#: C's TP_STRIP_BYTES and TP_STRIP_TILES.
_STRIP_BYTES, _STRIP_TILES = 1 << 14, 4
#: In how many halfwords a weight may be stored, where pairs may repeat.
_PIECES = 4


@lru_cache(maxsize=4)
def _reached(op: Layer, pieces: int) -> tuple[ReluChannels, Bool]:
    return reached(op, pieces)


def _relu(op: Layer, rows: Int8, pieces: int) -> ReluChannels:
    """Of the first channels, as many as there are rows."""
    channels, _ = _reached(op, pieces)
    return ReluChannels(*(numbers[: len(rows)] for numbers in channels))


def _beyond_relu(pieces: int, op: Layer) -> Bool | None:
    if not fits_relu(op.output.zero_point, op.activation_min):
        return None
    return _reached(op, pieces)[1]


def _scaled(op: Layer, rows: Int8) -> Int64:
    """With a weight of more than one piece as large as it is stored."""
    found: Int64 = rows.astype(np.int64) << _relu(op, rows, _PIECES).scale_shift[:, None]
    return found


def _always(_op: Layer, _rows: Int8) -> bool:
    return True


def _pack_pairs(op: Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, _PIECES)
    return pairs.pack(rows, channels.bias, *channels[:3])


def _pack_pairs8(op: Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, _PIECES)
    return pairs8.pack(rows, channels.bias, *channels[:2])


def _pack_duos(op: Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, _PIECES)
    return duos.pack(rows, channels.bias, *channels[:3])


def _pack_taps(op: Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, 1)
    return taps.pack(rows, channels.bias, *channels[:3])


def _pack_pairs14(op: Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, 1)
    return pairs14.pack(rows, channels.bias, *channels[:3])


def _pack_exact(op: Layer, rows: Int8) -> Words:
    return pairs.pack_exact(rows, *(numbers[: len(rows)] for numbers in exact_numbers(op)))


def _pack_duos_exact(op: Layer, rows: Int8) -> Words:
    return duos.pack_exact(rows, *(numbers[: len(rows)] for numbers in exact_numbers(op)))


PAIRS = Format(
    "pairs", partial(_beyond_relu, _PIECES), _always, _pack_pairs, pairs.GROUP_BYTES,
    lambda op, rows: _long(pairs.count(_scaled(op, rows)), len(rows)) + 33 * len(rows), 71, apart=8, carries=True,
)  # fmt: skip
PAIRS8 = Format(
    "pairs8", partial(_beyond_relu, _PIECES), lambda op, rows: pairs8.fits(_relu(op, rows, _PIECES).bias), _pack_pairs8,
    pairs.GROUP_BYTES, lambda _op, rows: 14.25 * pairs.count(rows) + 58 * len(rows), 71, carries=True,
)  # fmt: skip
TAPS = Format(
    "taps", partial(_beyond_relu, 1), lambda _op, rows: rows.shape[1] <= taps.MAX_TAPS, _pack_taps,
    taps.GROUP_BYTES, lambda _op, rows: 11 * taps.count(rows) + 47 * len(rows), 48,
)  # fmt: skip
SP14 = Format(
    "sp14", partial(_beyond_relu, 1), lambda _op, rows: pairs14.fits(rows), _pack_pairs14,
    pairs14.GROUP_BYTES, lambda _op, rows: 13.5 * pairs14.count(rows) + 33 * len(rows), 120, apart=8,
    multiple=pairs14.BLOCK,
)  # fmt: skip
EXACT = Format(
    "exact", inexact, _always, _pack_exact, pairs.GROUP_BYTES,
    lambda _op, rows: _long(pairs.count(rows), len(rows)) + 61 * len(rows), 71, carries=True,
)  # fmt: skip
DUOS = Format(
    "duos", partial(_beyond_relu, _PIECES), _always, _pack_duos, duos.GROUP_BYTES,
    lambda op, rows: _long(duos.count(_scaled(op, rows)), len(rows) // 2) + 19 * len(rows) + 200, 46,
    alone_cycles=150, carries=True, pixels=duos.PIXELS, together=duos.CHANNELS, rows=duos.PIXELS,
)  # fmt: skip
DUOS_EXACT = Format(
    "duos_exact", inexact, _always, _pack_duos_exact, duos.GROUP_BYTES,
    lambda _op, rows: _long(duos.count(rows), len(rows) // 2) + 26 * len(rows) + 200, 46,
    alone_cycles=150, carries=True, pixels=duos.PIXELS, together=duos.CHANNELS, rows=duos.PIXELS,
)  # fmt: skip
FORMATS = (PAIRS, PAIRS8, TAPS, SP14, EXACT, DUOS, DUOS_EXACT)


def _rows(form: Format, op: Layer) -> Int8:
    """`[out_channels, taps]`, filled where the format does that, by columns where tiles share those."""
    rows = op.matrix
    assert rows is not None
    layer = layer_fields(op)
    if _shares_columns(layer):
        kernel = (len(rows), layer["kernel_height"], layer["kernel_width"], layer["in_channels"])
        rows = rows.reshape(kernel).transpose(0, 2, 1, 3).reshape(rows.shape)
    return form.fill(rows.reshape(len(rows), _pieces(op), -1)) if form.fill else rows


def _pieces(op: Layer) -> int:
    """How many runs of bytes a patch consists of; with dilation it is gathered."""
    if isinstance(op, FullyConnected) or (op.window.kernel[1] > 1 and op.window.dilation[1] > 1):
        return 1
    return op.window.kernel[0]


def _shares_columns(layer: dict[str, int]) -> bool:
    """Whether neighbouring outputs share columns of taps, which are expanded once then: tp_band.h."""
    undilated = layer["dilation_width"] == 1 and layer["in_channels"] % GROUP == 0
    return undilated and layer["kernel_width"] > layer["stride_width"]


def _shares_rows(form: Format, layer: dict[str, int]) -> bool:
    """Whether the pixels of a tile share rows of taps, which are expanded once then: tp_duos_strip_dsp.c."""
    undilated = layer["dilation_height"] == 1 and layer["stride_height"] == 1
    return form.pixels == duos.PIXELS and _shares_columns(layer) and undilated and layer["kernel_height"] == 3


def _strip_tiles(form: Format, layer: dict[str, int]) -> int:
    """Tiles side by side whose columns are expanded together, where they are shared."""
    column_bytes = layer["kernel_height"] * layer["in_channels"] // GROUP * form.group_bytes
    more = (_STRIP_BYTES // column_bytes - layer["kernel_width"]) // layer["stride_width"]
    return min(max(more, 0) + 1, _STRIP_TILES)


def _strip_columns(form: Format, layer: dict[str, int]) -> int:
    return (_strip_tiles(form, layer) - 1) * layer["stride_width"] + layer["kernel_width"]


def carried(form: Format, op: Layer) -> Bool | None:
    """`[out_channels]` that are computed beside the others: those out of reach, and a last one that is left over."""
    beyond = form.beyond(op)
    left_over = np.arange(op.out_channels) >= op.out_channels // form.together * form.together
    return None if beyond is None else beyond | left_over


def streamed(form: Format, op: Layer) -> Int8:
    """`[channels, taps]` of the stream."""
    without = carried(form, op)
    assert without is not None
    rows: Int8 = np.where(without[:, None], np.int8(0), _rows(form, op))
    return rows[: op.out_channels // form.together * form.together]


def pack(form: Format, op: Layer) -> Words:
    """The stream, and the carried channels behind it: tp_kernels_dsp.h."""
    without = carried(form, op)
    assert without is not None
    return np.concatenate([form.pack(op, streamed(form, op)), _pack_carried(form, op, np.flatnonzero(without))])


def _pack_carried(form: Format, op: Layer, which: npt.NDArray[np.intp]) -> Words:
    if not len(which):
        return np.zeros(1, np.uint32)
    rows, numbers = _rows(form, op)[which], channels(op)[which].astype(np.int64)
    halfwords = np.pad(rows, ((0, 0), (0, -rows.shape[1] % GROUP))).astype(np.int64) & 0xFFFF
    zero_points = np.full_like(which, op.output.zero_point)
    words = np.column_stack([which, numbers, zero_points, halfwords[:, ::2] | halfwords[:, 1::2] << 16])
    return np.array([len(which), *(words & 0xFFFFFFFF).ravel().tolist()], np.uint32)


def accepts(form: Format, op: Layer) -> bool:
    """`tp_conv_2d_s8_*_dsp`, output [height][width][channels]. It computes a tile of pixels, wanted or not."""
    if op.matrix is None:
        return False
    enough = op.output.size_bytes // op.out_channels >= form.pixels and op.out_channels >= form.together
    if not enough or op.input.shape[-1] % form.multiple:
        return False
    without = carried(form, op)
    return without is not None and (form.carries or not without.any()) and form.fits(op, streamed(form, op))


def accepts_row(form: Format, op: Conv2D) -> bool:
    """`tp_conv_1x1_row_s8_*_dsp`: behind a depthwise layer of the same loop."""
    slide = op.window
    return (
        accepts(form, op)
        and (op.activation_min, op.activation_max) == (-128, 127)
        and slide.kernel == slide.stride == (1, 1)
        and op.input.shape[:2] == op.output.shape[:2]
        and op.input.shape[1] == WIDTH
        and op.input.shape[2] % GROUP == 0
    )


def scratch_bytes(form: Format, op: Layer) -> int:
    """Expanded activations; where pixels do not lie side by side also patches and the band of input rows."""
    layer = layer_fields(op)
    groups = _groups(form, op)
    expanded = groups * form.group_bytes
    if _is_direct(layer):
        return expanded
    if _shares_columns(layer):
        expanded = expanded // layer["kernel_width"] * _strip_columns(form, layer)
    patches = 0 if _is_in_rows(form, op) else form.pixels * GROUP * groups
    reach = (layer["out_width"] - 1) * layer["stride_width"] + (layer["kernel_width"] - 1) * layer["dilation_width"] + 1
    band = _band_height(form, layer) * reach * layer["in_channels"]
    return expanded + patches + band + (GROUP - 1 if form.fill else 0)


def _is_in_rows(form: Format, op: Layer) -> bool:
    """Whether a pixel's taps are whole groups in each row of its kernel: nothing is gathered."""
    layer = layer_fields(op)
    apart = layer["dilation_width"] > 1 and layer["kernel_width"] > 1
    return not apart and (form.fill is not None or layer["kernel_width"] * layer["in_channels"] % GROUP == 0)


def _band_height(form: Format, layer: dict[str, int]) -> int:
    """Input rows that are kept: from the first to the last that the kernel covers in output rows computed as one."""
    further = (_rows_together(form, layer) - 1) * layer["stride_height"]
    return further + (layer["kernel_height"] - 1) * layer["dilation_height"] + 1


def _rows_together(form: Format, layer: dict[str, int]) -> int:
    """How many output rows are computed as one, in tiles of pixels: tp_conv_2d_five_dsp.c, or the format's."""
    if _is_direct(layer):
        return layer["out_height"]
    if form.rows > 1:
        return form.rows
    most = min(layer["out_height"], form.pixels)
    if _shares_columns(layer):
        return most
    few = (rows for rows in range(1, most) if 16 * (-rows * layer["out_width"] % WIDTH) <= rows * layer["out_width"])
    return next(few, most)


def row_scratch_bytes(form: Format, op: Conv2D) -> int:
    return _groups(form, op) * form.group_bytes + (form.rows - 1) * row_bytes(op.input.shape[2])


def _groups(form: Format, op: Layer) -> int:
    return -(-int(_rows(form, op).shape[1]) // GROUP)


def _is_direct(layer: dict[str, int]) -> bool:
    """Whether a pixel's activations lie side by side in the input: no patch is needed."""
    ones = ("kernel_height", "kernel_width", "stride_height", "stride_width")
    maps_agree = layer["in_width"] == layer["out_width"] and layer["in_height"] == layer["out_height"]
    return all(layer[name] == 1 for name in ones) and maps_agree and layer["in_channels"] % GROUP == 0


def _arguments(form: Format, op: Conv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack(form, op))
    layer = Struct("tp_layer", layer_fields(op))
    return layer, map_struct(wiring.output), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _row_arguments(form: Format, op: Conv2D, wiring: Wiring) -> tuple[Argument, ...]:
    weights = Constant("weights", "uint32_t", pack(form, op))
    return rows_struct(op, wiring), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH, Place.ROW


def _cycles(form: Format, op: Layer) -> float:
    """Behind a depthwise layer in a loop over rows."""
    return _tiles(form, op) * (_tile_cycles(form, op) + form.row_cycles)


def _alone_cycles(form: Format, op: Layer) -> float:
    """With what finds a tile's pixels, and, but in five-wide maps, takes its outputs where they belong."""
    is_five_wide = op.output.shape[-2:-1] == (WIDTH,)
    apart = 0 if is_five_wide else form.apart * op.out_channels
    beside = form.alone_cycles + form.row_cycles
    runs = not is_five_wide and not _shares_columns(layer_fields(op)) and _are_whole(form, op)
    if form.run_cycles and runs:
        beside = form.run_cycles
    return _tiles(form, op) * (_tile_cycles(form, op) + beside + apart + _gather_cycles(form, op))


def _are_whole(form: Format, op: Layer) -> bool:
    """Whether tiles have no channels but those that are computed together: else each is a call of its own."""
    without = carried(form, op)
    assert without is not None
    return not without.any() and op.out_channels % twins.CHANNELS == 0


def _tiles(form: Format, op: Layer) -> int:
    layer = layer_fields(op)
    times, left = divmod(layer["out_height"], _rows_together(form, layer))
    rows, width = _rows_together(form, layer), layer["out_width"]
    return times * math.ceil(rows * width / form.pixels) + math.ceil(left * width / form.pixels)


def _tile_cycles(form: Format, op: Layer) -> float:
    groups, without = _groups(form, op), carried(form, op)
    assert without is not None
    beside = int(without.sum()) * (40 + form.pixels * (45 + 12 * groups))
    layer, share = layer_fields(op), 1.0
    if _shares_columns(layer):
        share = _strip_columns(form, layer) / (_strip_tiles(form, layer) * layer["kernel_width"])
    if _shares_rows(form, layer):
        share *= 0.6
    return form.cycles(op, streamed(form, op)) + form.expand_cycles * groups * share + beside


def _gather_cycles(form: Format, op: Layer) -> float:
    """Of a tile: rows of a kernel that are no whole groups are copied, small ones byte by byte."""
    layer = layer_fields(op)
    if _is_direct(layer):
        return 0
    pieces, taps = layer["kernel_height"], layer["kernel_width"] * layer["in_channels"]
    if _is_in_rows(form, op):
        return 16 * pieces
    if layer["dilation_width"] > 1 and layer["kernel_width"] > 1:
        pieces, taps = pieces * layer["kernel_width"], layer["in_channels"]
    return form.pixels * pieces * (110 + 10 * min(taps, 16))


def _long(count: int, channels: int) -> float:
    """Cycles of so many pairs: the kernel's runs of 16 are entered again for every 16 behind the first 17."""
    return 13.25 * count + max(0, count - 17 * channels)


def kernels_of(form: Format, alone: tuple[type, ...] = (Conv2D,)) -> tuple[Kernel, Kernel]:
    """In a loop over rows, and alone."""
    return (
        Kernel(
            f"tp_conv_1x1_row_s8_{form.name}_dsp", (Conv2D,), ANY, "dsp", partial(accepts_row, form),
            partial(_row_arguments, form), partial(_cycles, form), pack=partial(pack, form),
            scratch_bytes=partial(row_scratch_bytes, form), reads=Layout.ROW, writes=(Layout.FIVE_WIDE,),
            pixels=form.pixels,
        ),
        Kernel(
            f"tp_conv_2d_s8_{form.name}_dsp", alone, ANY, "dsp", partial(accepts, form),
            partial(_arguments, form), partial(_alone_cycles, form), pack=partial(pack, form),
            scratch_bytes=partial(scratch_bytes, form), writes=(Layout.INTERLEAVED, Layout.FIVE_WIDE),
            pixels=form.pixels,
        ),
    )  # fmt: skip


ROWS = tuple(kernel for form in FORMATS for kernel in kernels_of(form))
