"""Kernels of int16 maps: tp_kernels_s16.h is their contract."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels import quads
from tinyprune.compiler.kernels.kernel import Call, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.parameters import layer_fields, max_accumulator, weight_rows
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.sparsity import DENSE, TWO_OF_FOUR, two_of_four

_DTYPES = ("int16",)
#: Of `tp_round_once`.
_MOST_SHIFT = -2
#: What TFLite asks of 64-bit accumulators.
MOST_WIDE = 1 << 47


def _linear(per_mac: float, per_output: float) -> Callable[[Any], float]:
    return lambda op: per_mac * op.macs + per_output * op.output.count


def rescaling(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels, (multiplier, shift)]` as C has them: multipliers below 2^15 round once."""
    multipliers, shifts = requantization(op)
    chosen = fixed_point.reduced_multiplier(multipliers) if op.rounds_once else multipliers.astype(np.int64)
    return np.stack([chosen, shifts.astype(np.int64)], axis=1)


def wide_channels(op: Weighted) -> npt.NDArray[np.int32]:
    """`tp_wide_channel` rows `[out_channels, (bias_low, bias_high, multiplier, shift)]`."""
    return np.concatenate([wide_halves(op.bias.astype(np.int64)), rescaling(op)], axis=1).astype(np.int32)


def wide_halves(bias: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`[…, (bias_low, bias_high)]`, each of 32 bits."""
    return np.stack([(bias & 0xFFFFFFFF).astype(np.uint32).view(np.int32), bias >> 32], axis=-1)


def fits_wide(op: Weighted) -> bool:
    """Whether no accumulator leaves its range: 64 bits, or 32 where TFLite has such."""
    return max_accumulator(op) < (MOST_WIDE if op.rounds_once else 1 << 31)


def _wide(op: Weighted, _wiring: Wiring) -> Call:
    weights, numbers = (
        Constant("weights", "int8_t", op.weights),
        Constant("channels", "tp_wide_channel", wide_channels(op)),
    )
    return Struct("tp_layer", layer_fields(op)), weights, numbers, Place.INPUT, Place.OUTPUT, Place.SCRATCH


def _accepts_depthwise(op: DepthwiseConv2D) -> bool:
    rows = np.abs(op.weights.astype(np.int64)).sum(axis=1)
    return fits_wide(op) and (1 << 15) * int(rows.max()) < 1 << 31


def narrow_channels(op: Weighted) -> npt.NDArray[np.int32]:
    """`tp_channel` rows `[out_channels, (bias, multiplier, shift)]`; a channel that is always 0 gets a shift that C
    takes."""
    found = rescaling(op)
    shifts = np.where(found[:, 0] == 0, _MOST_SHIFT, found[:, 1])
    return np.stack([op.bias.astype(np.int64), found[:, 0], shifts], axis=1).astype(np.int32)


def _fits_narrow(op: Weighted) -> bool:
    """Whether 32-bit accumulators and `tp_round_once` are exact."""
    multipliers, shifts = requantization(op)
    rounds = not op.rounds_once or int(shifts[multipliers > 0].max(initial=_MOST_SHIFT)) <= _MOST_SHIFT
    return rounds and max_accumulator(op) < 1 << 31


def pack_quads(op: Conv2D | FullyConnected) -> npt.NDArray[np.uint32]:
    """Words `[ceil(out_channels / 4), 2, ceil(taps / 4), 2]`: every four taps in the order in which SXTB16 makes pairs
    of neighbours."""
    rows = weight_rows(op).astype(np.int8)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % quads.QUAD)))
    words = quads.pack_rows(padded.reshape(len(rows), -1, quads.QUAD)[:, :, [0, 2, 1, 3]].reshape(padded.shape))
    return np.ascontiguousarray(words.reshape(*words.shape[:2], 2, 2).transpose(0, 2, 1, 3))


def _pack_pairs(op: Conv2D | FullyConnected) -> npt.NDArray[np.uint32]:
    return two_of_four.pack_fast(weight_rows(op).astype(np.int8)).view(np.uint32)


def pack_depthwise(op: DepthwiseConv2D) -> npt.NDArray[np.uint32]:
    """Words `[channels / 4, kernel_h, kernel_w]`: a tap of four channels."""
    fours = op.weights.reshape(*op.window.kernel, -1, quads.QUAD).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(fours).view("<u4")[..., 0].astype(np.uint32)


def _narrow(pack: Callable[[Any], npt.NDArray[Any]]) -> Callable[[Any, Wiring], Call]:
    """The arguments of a kernel of 32-bit accumulators whose weights `pack` lays out."""

    def arguments(op: Weighted, _wiring: Wiring) -> Call:
        weights = pack(op)
        return (
            Struct("tp_layer", layer_fields(op)), Constant("weights", f"{weights.dtype.name}_t", weights),
            Constant("channels", "tp_channel", narrow_channels(op)), Place.INPUT, Place.OUTPUT, Place.SCRATCH,
        )  # fmt: skip

    return arguments


def _round_up(taps: int) -> int:
    return -(-taps // quads.QUAD) * quads.QUAD


def _taps(op: Weighted) -> int:
    return int(weight_rows(op).shape[1])


def _is_in_place(op: Conv2D | FullyConnected) -> bool:
    """Whether patches lie in the map, as C's `tp_is_in_place` says it."""
    pointwise = isinstance(op, FullyConnected) or (
        op.window.kernel == op.window.stride == (1, 1) and op.input.shape[:2] == op.output.shape[:2]
    )
    return pointwise and _taps(op) % quads.QUAD == 0


def _patch_bytes(op: Conv2D | FullyConnected, count: int) -> int:
    return 0 if _is_in_place(op) else count * 2 * _round_up(_taps(op))


def _pairs_bytes(op: Conv2D | FullyConnected) -> int:
    groups = _round_up(_taps(op)) // two_of_four.GROUP
    return _round_up(groups) * two_of_four.BLOCK_BYTES + _patch_bytes(op, 1)


def _pixels(op: Conv2D | FullyConnected) -> int:
    return op.output.count // op.out_channels


def _dense_cycles(op: Conv2D | FullyConnected) -> float:
    """Two pixels share what they load; patches that are not in the map are copied."""
    copied = 0 if _is_in_place(op) else 4.6 * _taps(op) * _pixels(op)
    return (1.8 if _pixels(op) == 1 else 1.5) * op.macs + 27 * op.output.count + copied


def _pairs_cycles(op: Conv2D | FullyConnected) -> float:
    """Activations are copied six times for all channels."""
    copied = (10 if _is_in_place(op) else 13) * _taps(op) * _pixels(op)
    return 0.84 * op.macs + 28 * op.output.count + copied


def _many_pixels(op: Conv2D | FullyConnected) -> bool:
    """Four pixels share what the kernel expands, so fewer are better served by the dense one."""
    return _fits_narrow(op) and op.output.count >= quads.QUAD * op.out_channels


def _accepts_depthwise_dsp(op: DepthwiseConv2D) -> bool:
    channels = op.input.shape[2]
    return _fits_narrow(op) and channels == op.out_channels and channels % quads.QUAD == 0


_CONV = (Conv2D, FullyConnected)

ROWS = (
    Kernel(
        "tp_conv_2d_s16_sp24_dsp", _CONV, TWO_OF_FOUR, "dsp", _many_pixels, _narrow(_pack_pairs), _pairs_cycles,
        pack=_pack_pairs, scratch_bytes=_pairs_bytes, dtypes=_DTYPES,
    ),
    Kernel(
        "tp_conv_2d_s16_dense_dsp", _CONV, DENSE, "dsp", _fits_narrow, _narrow(pack_quads), _dense_cycles,
        pack=pack_quads, scratch_bytes=lambda op: _patch_bytes(op, 2), dtypes=_DTYPES,
    ),
    Kernel(
        "tp_depthwise_2d_s16_dense_dsp", (DepthwiseConv2D,), DENSE, "dsp", _accepts_depthwise_dsp,
        _narrow(pack_depthwise), _linear(6.3, 22), pack=pack_depthwise, dtypes=_DTYPES,
    ),
    Kernel("tp_conv_2d_s16_dense_c", _CONV, DENSE, "c", fits_wide, _wide, _linear(7, 60), dtypes=_DTYPES),
    Kernel(
        "tp_depthwise_2d_s16_dense_c", (DepthwiseConv2D,), DENSE, "c", _accepts_depthwise, _wide, _linear(16, 60),
        dtypes=_DTYPES,
    ),
)  # fmt: skip
