"""2:4 weights as the stream of words that `tp_five_pixels_s8_sp24_dsp` reads (layout: tp_kernels_dsp.h,
tp_conv_2d_s8_sp24_dsp).

Fast rather than small: weights are halfwords, scaled, beside their channel's requantization; five bytes a kept pair.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.sparsity.two_of_four import GROUP, KEPT, PAIRS, mask, matches

__all__ = ["mask", "matches", "pack", "unpack"]

Int8: TypeAlias = npt.NDArray[np.int8]
Int64: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint32]

PIXELS = 5
#: Bytes of one expanded pair of activations for five pixels, and of a group's six.
PAIR_BYTES = 4 * PIXELS
GROUP_BYTES = len(PAIRS) * PAIR_BYTES
RECORD_GROUPS = 4
#: Bytes a group of `tp_conv_2d_s8_sp24_dsp`'s scratch: expanded pairs and the patch.
SCRATCH_BYTES_PER_GROUP = GROUP_BYTES + GROUP


def channel_words(taps: int) -> int:
    """Words of one output channel in the stream."""
    groups = -(-taps // GROUP)
    return 3 + groups + -(-groups // RECORD_GROUPS)


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]` and its channels' `[out_channels]` numbers → `[out_channels, channel_words]`.

    Weights and bias are stored times 2^scale_shift. Raises ValueError where a group has more than two non-zeros or a
    value does not fit.
    """
    values, pairs = _select(weights)
    scaled = values.astype(np.int64) << scale_shift[:, None, None]
    if scaled.min(initial=0) < -(1 << 15) or scaled.max(initial=0) >= 1 << 15:
        raise ValueError("a scaled weight does not fit 16 bits")
    halfwords = scaled & 0xFFFF
    address = np.arange(pairs.shape[1]) * GROUP_BYTES + pairs * PAIR_BYTES
    steps = np.diff(address, axis=1, prepend=0)
    missing = -pairs.shape[1] % RECORD_GROUPS  # of the first record
    steps = np.pad(steps, ((0, 0), (missing, 0))).reshape(len(weights), -1, RECORD_GROUPS)
    words = np.pad(halfwords[:, :, 0] | halfwords[:, :, 1] << 16, ((0, 0), (missing, 0)))
    step_words = (steps << np.arange(0, 32, 8)).sum(axis=2, keepdims=True)
    records = np.concatenate([step_words, words.reshape(steps.shape)], axis=2).reshape(len(weights), -1)
    kept = np.ones(records.shape[1], np.bool_)
    kept[1 : 1 + missing] = False
    columns = [_word(bias << scale_shift), records[:, kept], _word(multiplier), _word(offset)]
    return np.concatenate(columns, axis=1).astype(np.uint32)


def unpack(packed: Words, taps: int, scale_shift: Int64) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    groups = -(-taps // GROUP)
    missing = -groups % RECORD_GROUPS
    records = np.insert(packed[:, 1:-2], [1] * missing, 0, axis=1).reshape(len(packed), -1, 1 + RECORD_GROUPS)
    steps = (records[:, :, :1] >> np.arange(0, 32, 8, dtype=np.uint32) & 0xFF).reshape(len(packed), -1)[:, missing:]
    pairs = (steps.astype(np.int64).cumsum(axis=1) - np.arange(groups) * GROUP_BYTES) // PAIR_BYTES
    words = np.ascontiguousarray(records[:, :, 1:].reshape(len(packed), -1)[:, missing:])
    values = words.view(np.int16).reshape(len(packed), groups, KEPT) >> scale_shift[:, None, None]
    blocks = np.zeros((len(packed), groups, GROUP), np.int8)
    np.put_along_axis(blocks, PAIRS[pairs].astype(np.intp), values.astype(np.int8), axis=2)
    return blocks.reshape(len(packed), -1)[:, :taps]


def _word(column: Int64) -> Int64:
    return (column & 0xFFFFFFFF)[:, None]


def _select(weights: Int8) -> tuple[Int8, Int64]:
    """Kept values `[rows, groups, 2]` and their index into PAIRS `[rows, groups]`."""
    if not matches(weights):
        raise ValueError("the weights are not 2:4: a group of four has more than two non-zeros")
    rows, taps = weights.shape
    groups = np.pad(weights, ((0, 0), (0, -taps % GROUP))).reshape(rows, -1, GROUP)
    pairs = np.argmax((groups[:, :, PAIRS] != 0).sum(axis=3), axis=2)
    values = np.take_along_axis(groups, PAIRS[pairs].astype(np.intp), axis=2)
    return values, pairs.astype(np.int64)
