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
from tinyprune.compiler.sparsity import ANY, duos, pairs, pairs8, pairs14, taps
from tinyprune.compiler.sparsity.pairs import GROUP

_Layer: TypeAlias = Conv2D | FullyConnected


@dataclass(frozen=True, slots=True)
class Format:
    """A way to store the weights of a layer.

    `beyond` says which channels `[out_channels]` its arithmetic does not reach, None where it takes no such layer at
    all; with `carries` these are computed beside the others. The other functions take the layer and the weights of
    those that are left `[channels, taps]`, zeros where one in between is carried: `fits`, `pack`, and `cycles` of a
    tile, without expansion, which takes `expand_cycles` a group. `multiple` divides the channels of the input;
    `together` is how many output channels are computed at a time; `group_bytes` is what four taps of a tile of
    `pixels` take when expanded, `rows` the rows of a five-wide map that tiles divide.
    """

    name: str
    beyond: Callable[[_Layer], Bool | None]
    fits: Callable[[_Layer, Int8], bool]
    pack: Callable[[_Layer, Int8], Words]
    group_bytes: int
    cycles: Callable[[_Layer, Int8], float]
    expand_cycles: float
    carries: bool = False
    multiple: int = 1
    pixels: int = WIDTH
    together: int = 1
    rows: int = 1


#: In how many halfwords a weight may be stored, where pairs may repeat.
_PIECES = 4


@lru_cache(maxsize=4)
def _reached(op: _Layer, pieces: int) -> tuple[ReluChannels, Bool]:
    return reached(op, pieces)


def _relu(op: _Layer, rows: Int8, pieces: int) -> ReluChannels:
    """Of the first channels, as many as there are rows."""
    channels, _ = _reached(op, pieces)
    return ReluChannels(*(numbers[: len(rows)] for numbers in channels))


def _beyond_relu(pieces: int, op: _Layer) -> Bool | None:
    if not fits_relu(op.output.zero_point, op.activation_min):
        return None
    return _reached(op, pieces)[1]


def _scaled(op: _Layer, rows: Int8) -> Int64:
    """With a weight of more than one piece as large as it is stored."""
    found: Int64 = rows.astype(np.int64) << _relu(op, rows, _PIECES).scale_shift[:, None]
    return found


def _always(_op: _Layer, _rows: Int8) -> bool:
    return True


def _pack_pairs(op: _Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, _PIECES)
    return pairs.pack(rows, channels.bias, *channels[:3])


def _pack_pairs8(op: _Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, _PIECES)
    return pairs8.pack(rows, channels.bias, *channels[:2])


def _pack_duos(op: _Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, _PIECES)
    return duos.pack(rows, channels.bias, *channels[:3])


def _pack_taps(op: _Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, 1)
    return taps.pack(rows, channels.bias, *channels[:3])


def _pack_pairs14(op: _Layer, rows: Int8) -> Words:
    channels = _relu(op, rows, 1)
    return pairs14.pack(rows, channels.bias, *channels[:3])


def _pack_exact(op: _Layer, rows: Int8) -> Words:
    return pairs.pack_exact(rows, *(numbers[: len(rows)] for numbers in exact_numbers(op)))


def _pack_duos_exact(op: _Layer, rows: Int8) -> Words:
    return duos.pack_exact(rows, *(numbers[: len(rows)] for numbers in exact_numbers(op)))


PAIRS = Format(
    "pairs", partial(_beyond_relu, _PIECES), _always, _pack_pairs, pairs.GROUP_BYTES,
    lambda op, rows: 13.25 * pairs.count(_scaled(op, rows)) + 33 * len(rows), 71, carries=True,
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
    pairs14.GROUP_BYTES, lambda _op, rows: 13.5 * pairs14.count(rows) + 33 * len(rows), 120, multiple=pairs14.BLOCK,
)  # fmt: skip
EXACT = Format(
    "exact", inexact, _always, _pack_exact, pairs.GROUP_BYTES,
    lambda _op, rows: 13.25 * pairs.count(rows) + 61 * len(rows), 71, carries=True,
)  # fmt: skip
DUOS = Format(
    "duos", partial(_beyond_relu, _PIECES), _always, _pack_duos, duos.GROUP_BYTES,
    lambda op, rows: 13.25 * duos.count(_scaled(op, rows)) + 19 * len(rows) + 300, 46, carries=True,
    pixels=duos.PIXELS, together=duos.CHANNELS, rows=duos.PIXELS,
)  # fmt: skip
DUOS_EXACT = Format(
    "duos_exact", inexact, _always, _pack_duos_exact, duos.GROUP_BYTES,
    lambda _op, rows: 13.25 * duos.count(rows) + 26 * len(rows) + 300, 46, carries=True,
    pixels=duos.PIXELS, together=duos.CHANNELS, rows=duos.PIXELS,
)  # fmt: skip
FORMATS = (PAIRS, PAIRS8, TAPS, SP14, EXACT, DUOS, DUOS_EXACT)


def _rows(op: _Layer) -> Int8:
    rows = op.matrix
    assert rows is not None
    return rows


def carried(form: Format, op: _Layer) -> Bool | None:
    """`[out_channels]` that are computed beside the others: those out of reach, and a last one that is left over."""
    beyond = form.beyond(op)
    left_over = np.arange(op.out_channels) >= op.out_channels // form.together * form.together
    return None if beyond is None else beyond | left_over


def _streamed(form: Format, op: _Layer) -> Int8:
    """`[channels, taps]` of the stream."""
    without = carried(form, op)
    assert without is not None
    rows: Int8 = np.where(without[:, None], np.int8(0), _rows(op))
    return rows[: op.out_channels // form.together * form.together]


def pack(form: Format, op: _Layer) -> Words:
    """The stream, and the carried channels behind it: tp_kernels_dsp.h."""
    without = carried(form, op)
    assert without is not None
    return np.concatenate([form.pack(op, _streamed(form, op)), _pack_carried(op, np.flatnonzero(without))])


def _pack_carried(op: _Layer, which: npt.NDArray[np.intp]) -> Words:
    words = [len(which)]
    numbers = channels(op) if len(which) else None
    for channel in which.tolist():
        assert numbers is not None
        row = np.pad(_rows(op)[channel], (0, -_rows(op).shape[1] % GROUP)).astype(np.int64) & 0xFFFF
        words += [channel, *numbers[channel].tolist(), op.output.zero_point, *(row[::2] | row[1::2] << 16).tolist()]
    return (np.array(words, np.int64) & 0xFFFFFFFF).astype(np.uint32)


def accepts(form: Format, op: _Layer) -> bool:
    """`tp_conv_2d_s8_*_dsp`, output [height][width][channels]. It computes five pixels, wanted or not."""
    enough = op.output.size_bytes // op.out_channels >= WIDTH and op.out_channels >= form.together
    if not enough or op.input.shape[-1] % form.multiple:
        return False
    without = carried(form, op)
    return without is not None and (form.carries or not without.any()) and form.fits(op, _streamed(form, op))


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


def scratch_bytes(form: Format, op: _Layer) -> int:
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


def _groups(op: _Layer) -> int:
    return -(-int(_rows(op).shape[1]) // GROUP)


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


_AND_GATHER = 1.03  # what gathering adds, in a first layer of 40 taps


def _cycles(form: Format, factor: float, op: Conv2D) -> float:
    tiles, groups = math.ceil(op.output.size_bytes / (op.out_channels * form.pixels)), _groups(op)
    without = carried(form, op)
    assert without is not None
    beside = int(without.sum()) * (40 + form.pixels * (45 + 12 * groups))
    return factor * tiles * (form.cycles(op, _streamed(form, op)) + form.expand_cycles * groups + beside)


def _kernels(form: Format) -> tuple[Kernel, Kernel]:
    """In a loop over rows, and alone."""
    return (
        Kernel(
            f"tp_conv_1x1_row_s8_{form.name}_dsp", (Conv2D,), ANY, "dsp", partial(accepts_row, form),
            partial(_row_arguments, form), partial(_cycles, form, 1.0), pack=partial(pack, form),
            scratch_bytes=partial(row_scratch_bytes, form), reads=Layout.ROW, writes=(Layout.FIVE_WIDE,),
        ),
        Kernel(
            f"tp_conv_2d_s8_{form.name}_dsp", (Conv2D,), ANY, "dsp", partial(accepts, form),
            partial(_arguments, form), partial(_cycles, form, _AND_GATHER), pack=partial(pack, form),
            scratch_bytes=partial(scratch_bytes, form), writes=(Layout.INTERLEAVED, Layout.FIVE_WIDE),
        ),
    )  # fmt: skip


ROWS = tuple(kernel for form in FORMATS for kernel in _kernels(form))
