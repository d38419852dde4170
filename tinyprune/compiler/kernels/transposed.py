"""The kernels of transposed convolutions: portable C.

Output pixels whose row and column leave the same remainders by the strides see the same taps: those are a phase. Each
phase is a convolution of stride 1 over the input, whose kernel is every stride-th tap, in reverse order.
"""

from collections.abc import Iterator

import numpy as np

from tinyprune.compiler.graph import Int8
from tinyprune.compiler.kernels import sixteen
from tinyprune.compiler.kernels.kernel import Array, Call, Constant, Kernel, Place, Struct, Wiring, always
from tinyprune.compiler.kernels.parameters import checked_channels, layer_fields
from tinyprune.compiler.operators.transpose_conv import TransposeConv
from tinyprune.compiler.sparsity import DENSE


def phases(op: TransposeConv) -> Iterator[Int8]:
    """The weights of each, `[out_channels, rows, columns, in_channels]`, rows of phases from the top."""
    down, right = op.window.stride
    for row in range(down):
        for column in range(right):
            yield op.weights[:, row::down, column::right][:, ::-1, ::-1]


def _pack(op: TransposeConv) -> Array:
    return np.concatenate([phase.reshape(-1) for phase in phases(op)])


def _channels(op: TransposeConv) -> Array:
    """`tp_channel` rows of each phase, in which the input zero point is folded."""
    rows = [phase.reshape(op.out_channels, -1).astype(np.int64) for phase in phases(op)]
    return np.concatenate([checked_channels(op, each) for each in rows])


def _arguments(op: TransposeConv, _wiring: Wiring) -> Call:
    return (
        Struct("tp_layer", layer_fields(op)), Constant("weights", "int8_t", _pack(op)),
        Constant("channels", "tp_channel", _channels(op)), Place.INPUT, Place.OUTPUT, Place.SCRATCH,
    )  # fmt: skip


def _wide_arguments(op: TransposeConv, _wiring: Wiring) -> Call:
    return (
        Struct("tp_layer", layer_fields(op)), Constant("weights", "int8_t", _pack(op)),
        Constant("channels", "tp_wide_channel", sixteen.wide_channels(op)), Place.INPUT, Place.OUTPUT, Place.SCRATCH,
    )  # fmt: skip


def _patch_bytes(op: TransposeConv) -> int:
    """Of the first phase, which has the most taps."""
    return int(next(phases(op))[0].size)


def _cycles(op: TransposeConv) -> float:
    return 4.3 * op.macs + 120 * op.output.count


def _wide_cycles(op: TransposeConv) -> float:
    return 8 * op.macs + 120 * op.output.count


ROWS = (
    Kernel(
        "tp_transpose_conv_s8_dense_c", (TransposeConv,), DENSE, "c", always, _arguments, _cycles, pack=_pack,
        scratch_bytes=_patch_bytes,
    ),
    Kernel(
        "tp_transpose_conv_s16_dense_c", (TransposeConv,), DENSE, "c", sixteen.fits_wide, _wide_arguments, _wide_cycles,
        pack=_pack, dtypes=("int16",),
    ),
)  # fmt: skip
