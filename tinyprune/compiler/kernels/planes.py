"""Depthwise kernels with the DSP extension for interleaved maps, by planes of four channels: any kernel, dilation,
padding and multiplier, and strides of 1 and 2. tp_kernels_dsp.h is their contract."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import folded_bias
from tinyprune.compiler.kernels.profiled import Profiled, Work
from tinyprune.compiler.kernels.quads import exact_numbers, inexact
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.weighted import requantization
from tinyprune.compiler.sparsity import DENSE

Words = npt.NDArray[np.uint32]
Int64 = npt.NDArray[np.int64]

_QUAD = 4
_WORD_BYTES = 16
#: Rows of a band, and output rows computed from them, by stride.
_SLOTS_3X3, _BATCH_3X3 = {1: 8, 2: 9}, {1: 6, 2: 4}
_BATCH = 4


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a depthwise layer; steps are bytes from one place to the next."""

    inputs: int
    outputs: int
    in_step: int
    out_step: int
    kernel: int
    stride: int
    dilation: int
    padding: int

    @property
    def part(self) -> int:
        """Outputs that are computed as if there were no dilation."""
        return -(-self.outputs // self.dilation)


def axes(op: DepthwiseConv2D) -> tuple[Axis, Axis, bool]:
    """(rows, columns, whether rows are the map's columns): the kernel is at least as wide as high."""
    (_, width, channels), slide = op.input.shape, op.window
    steps = ((width * channels, op.output.shape[1] * op.out_channels), (channels, op.out_channels))
    both = [_axis(op, number, *steps[number]) for number in (0, 1)]
    turned = slide.kernel[0] > slide.kernel[1]
    return (both[1], both[0], True) if turned else (both[0], both[1], False)


def _axis(op: DepthwiseConv2D, number: int, in_step: int, out_step: int) -> Axis:
    slide, outputs = op.window, op.output.shape[number]
    kernel = slide.kernel[number]
    dilation = slide.dilation[number] if kernel > 1 else 1
    stride = slide.stride[number]
    if outputs == 1 and (stride > 2 or dilation > 1):
        stride = 1
    return Axis(op.input.shape[number], outputs, in_step, out_step, kernel, stride, dilation, slide.padding[number])


def has_planes(op: DepthwiseConv2D) -> bool:
    """Whether columns and rows lie side by side in words: a stride of 1, or 2 without dilation; rows may have any."""
    rows, columns, _ = axes(op)
    return columns.stride <= (1 if columns.dilation > 1 else 2) and (rows.stride == 1 or rows.dilation == 1)


def accepts_3x3(op: DepthwiseConv2D) -> bool:
    """`tp_depthwise_3x3_s8_planes_dsp`: the same strides on both axes."""
    rows, columns, _ = axes(op)
    return op.window.kernel == (3, 3) and has_planes(op) and rows.stride == columns.stride


def accepts_any(op: DepthwiseConv2D) -> bool:
    """`tp_depthwise_2d_s8_planes_dsp`: what that one does not take."""
    return has_planes(op) and not accepts_3x3(op)


def words(op: DepthwiseConv2D) -> int:
    """Of a row of a band: as far as the last tile of outputs reads."""
    _, columns, _ = axes(op)
    if accepts_3x3(op):
        return -(-columns.part // 2) * columns.stride + 1
    tiles = -(-columns.part // 4)
    return 2 * columns.stride * tiles + columns.kernel // 2


def pack_kernel(weights: Int64) -> Int64:
    """`[channels, rows, columns]` → halfwords `[channels, …]`: of each row (w0, 0), (w2, w1), (w4, w3) and so on."""
    channels, rows, taps = weights.shape
    pairs = taps // 2 + 1
    padded = np.pad(weights, ((0, 0), (0, 0), (1, 2 * pairs - taps - 1)))
    return padded.reshape(channels, rows, pairs, 2)[..., ::-1].reshape(channels, -1)


def pack_kernel_3x3(weights: Int64) -> Int64:
    """`[channels, 3, 3]` → halfwords `[channels, 12]`: of each row (w0, w1), (w2, w1)."""
    return weights[..., [0, 1, 2, 1]].reshape(len(weights), -1)


def numbers(op: DepthwiseConv2D) -> tuple[Int64, Int64]:
    """(factors of weights and bias `[out_channels]`, `[out_channels, 4]` words behind a channel's weights)."""
    multipliers, shifts = (part.astype(np.int64) for part in requantization(op))
    bias, multiplier, right, zero_point = exact_numbers(op)
    fast = ~inexact(op)
    rounding = (1 << np.where(fast, right - 1, 0)) + (zero_point << np.where(fast, right, 0))
    quick = np.stack([right, 2 * bias, multiplier, rounding], axis=1)
    slow = np.stack([np.zeros_like(bias), folded_bias(op), multipliers, shifts], axis=1)
    return np.where(fast, 2, 1), np.where(fast[:, None], quick, slow)


def pack(pack_kernel: Callable[[Int64], Int64], op: DepthwiseConv2D) -> Words:
    """Words `[out_channels, …]`: weights and numbers."""
    turned = axes(op)[2]
    by_channel = op.weights.astype(np.int64).transpose((2, 1, 0) if turned else (2, 0, 1))
    factors, behind = numbers(op)
    halves = (pack_kernel(by_channel * factors[:, None, None]) & 0xFFFF).reshape(len(by_channel), -1, 2)
    found = np.concatenate([halves[..., 0] | halves[..., 1] << 16, behind], axis=1)
    return (found & 0xFFFFFFFF).astype(np.uint32)


def band(op: DepthwiseConv2D) -> tuple[int, int, int]:
    """(output rows a batch, slots, words) of the scratch memory."""
    rows, _, _ = axes(op)
    if accepts_3x3(op):
        return _BATCH_3X3[rows.stride], _SLOTS_3X3[rows.stride], words(op)
    batch = min(rows.part, _BATCH)
    return batch, (batch - 1) * rows.stride + rows.kernel, words(op)


def scratch_bytes(op: DepthwiseConv2D) -> int:
    _, slots, row_words = band(op)
    return slots * row_words * _WORD_BYTES


def fields(op: DepthwiseConv2D) -> dict[str, int]:
    """The values of `tp_planes`, by field name."""
    rows, columns, _ = axes(op)
    batch, slots, row_words = band(op)
    return {
        "in_rows": rows.inputs, "in_columns": columns.inputs,
        "in_row_step": rows.in_step, "in_column_step": columns.in_step,
        "out_rows": rows.outputs, "out_columns": columns.outputs,
        "out_row_step": rows.out_step, "out_column_step": columns.out_step,
        "kernel_rows": rows.kernel, "kernel_columns": columns.kernel,
        "row_stride": rows.stride, "column_stride": columns.stride,
        "row_dilation": rows.dilation, "column_dilation": columns.dilation,
        "pad_top": rows.padding, "pad_left": columns.padding,
        "in_channels": op.input.shape[2], "depth_multiplier": op.depth_multiplier,
        "batch": batch, "slots": slots, "words": row_words,
        "input_zero_point": op.input.zero_point, "output_zero_point": op.output.zero_point,
        "activation_min": op.activation_min, "activation_max": op.activation_max,
        "exact": int(inexact(op).any()),
    }  # fmt: skip


def _arguments(pack_kernel: Callable[[Int64], Int64], op: DepthwiseConv2D, _wiring: Wiring) -> Call:
    weights = Constant("weights", "uint32_t", pack(pack_kernel, op))
    return Struct("tp_planes", fields(op)), weights, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _work(op: DepthwiseConv2D, tile: tuple[int, int]) -> tuple[int, int, int, int]:
    """(bands, rows expanded into them, times columns / 2, tiles of (rows, columns) of outputs and rows of those) of the
    whole layer, the last two for all output channels."""
    rows, columns, _ = axes(op)
    batch, _, row_words = band(op)
    parts = rows.dilation * columns.dilation
    quads = parts * -(-op.input.shape[2] // _QUAD)
    bands = -(-rows.part // batch)
    slots = bands * (rows.kernel - rows.stride) + rows.part * rows.stride
    words_expanded = min(row_words, columns.inputs // columns.dilation // 2)
    rows_of_tiles = parts * op.out_channels * -(-rows.part // tile[0])
    return quads * bands, quads * slots, quads * slots * words_expanded, rows_of_tiles


def _work_3x3(op: DepthwiseConv2D) -> Work:
    """Two rows of two outputs at a time."""
    bands, slots, words_, rows = _work(op, (2, 2))
    columns = axes(op)[1]
    tiles = rows * -(-columns.part // 2)
    shifted = 0 if op.output.zero_point == -128 else tiles
    return (bands, slots, shifted, *_by_stride(columns.stride, (words_, rows, tiles)))


def _work_any(op: DepthwiseConv2D) -> Work:
    """Four outputs at a time."""
    bands, slots, words_, rows = _work(op, (1, 4))
    rows_axis, columns, _ = axes(op)
    tiles, taps, pairs = rows * -(-columns.part // 4), rows_axis.kernel, columns.kernel // 2 + 1
    return (bands, slots, *_by_stride(columns.stride, (words_, rows, tiles, tiles * taps, tiles * taps * pairs)))


def _by_stride(stride: int, counts: Work) -> Work:
    """Work of stride 1, and of stride 2."""
    none = (0.0,) * len(counts)
    return (*counts, *none) if stride == 1 else (*none, *counts)


ROWS = tuple(
    Kernel(
        name, (DepthwiseConv2D,), DENSE, "dsp", guard, partial(_arguments, layout), Profiled(name, work),
        pack=partial(pack, layout), scratch_bytes=scratch_bytes,
    )
    for name, guard, layout, work in (
        ("tp_depthwise_3x3_s8_planes_dsp", accepts_3x3, pack_kernel_3x3, _work_3x3),
        ("tp_depthwise_2d_s8_planes_dsp", accepts_any, pack_kernel, _work_any),
    )
)  # fmt: skip
