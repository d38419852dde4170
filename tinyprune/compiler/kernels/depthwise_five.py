"""Weights of a 3×3 depthwise layer over a map five columns wide, as `tp_depthwise_row_s8_dense_dsp` reads them, and
that map itself (layouts: tp_kernels_dsp.h)."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int8: TypeAlias = npt.NDArray[np.int8]
Int64: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint32]

WIDTH = 5
#: Columns in the order of a slot's four bytes.
_COLUMNS = np.array([0, 2, 1, 3])


def pack(
    weights: Int8, bias: Int64, input_zero_point: int, scale_shift: Int64, multiplier: Int64, offset: Int64
) -> Words:
    """`[3, 3, channels]` and the channels' `[channels]` numbers → `[channels, 10]`.

    `bias` has the input zero point folded in, so that padding counts as it; weights and biases are stored times
    2^scale_shift.
    """
    scaled = weights.astype(np.int64) << scale_shift
    if scaled.min(initial=0) < -(1 << 15) or scaled.max(initial=0) >= 1 << 15:
        raise ValueError("a scaled weight does not fit 16 bits")
    inner = bias << scale_shift
    left, right = (inner + input_zero_point * scaled[:, side].sum(axis=0) for side in (0, 2))
    halfwords = scaled & 0xFFFF
    pairs = [halfwords[row, 0] | halfwords[row, 1] << 16 for row in range(3)]
    last = [halfwords[0, 2] | halfwords[1, 2] << 16, halfwords[2, 2]]
    return (np.stack([left, inner, right, *pairs, *last, multiplier, offset], axis=1) & 0xFFFFFFFF).astype(np.uint32)


def unpack(packed: Words, scale_shift: Int64) -> Int8:
    """The weights `[3, 3, channels]`: the inverse of `pack`."""
    halfwords = np.ascontiguousarray(packed[:, 3:8]).view(np.int16)
    taps = np.stack([halfwords[:, 0:6:2], halfwords[:, 1:6:2], halfwords[:, 6:9]], axis=2) >> scale_shift[:, None, None]
    return taps.astype(np.int8).transpose(1, 2, 0)


def pack8(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64) -> Words:
    """The same in fewer bytes, as `tp_depthwise_row_s8_dense8_dsp` reads it → `[channels, 5]`."""
    last = np.stack([np.zeros_like(scale_shift), np.zeros_like(scale_shift), scale_shift])
    bytes_ = np.stack([weights[:, 0], weights[:, 2], weights[:, 1], last.astype(np.int8)], axis=-1)
    taps = np.ascontiguousarray(bytes_.transpose(1, 0, 2)).view("<u4")[:, :, 0].astype(np.int64)
    return (np.stack([bias, *taps.T, multiplier], axis=1) & 0xFFFFFFFF).astype(np.uint32)


def unpack8(packed: Words) -> Int8:
    """The weights `[3, 3, channels]`: the inverse of `pack8`."""
    bytes_ = np.ascontiguousarray(packed[:, 1:4]).astype("<u4").view(np.int8).reshape(-1, 3, 4)
    return np.ascontiguousarray(bytes_[:, :, [0, 2, 1]].transpose(1, 2, 0))


def slots(height: int, first: int) -> int:
    """Slots of a plane whose rows begin in slot `first`, a row of padding behind them included."""
    return -(-(first + height + 1) // 4) * 4


def to_planes(x: Int8, plane_slots: int, first: int) -> Int8:
    """`[height, 5, channels]` → the five-wide map `[channels, 5 · slots]`; elsewhere 0."""
    height, _, channels = x.shape
    planes = np.zeros((channels, plane_slots * WIDTH), np.int8)
    words = planes[:, : 4 * plane_slots].reshape(channels, plane_slots, 4)
    words[:, first : first + height] = x[:, _COLUMNS].transpose(2, 0, 1)
    planes[:, 4 * plane_slots + first : 4 * plane_slots + first + height] = x[:, 4].T
    return planes


def from_planes(planes: Int8, height: int, first: int) -> Int8:
    """The inverse of `to_planes`: `[height, 5, channels]`."""
    plane_slots = planes.shape[1] // WIDTH
    x = np.empty((height, WIDTH, len(planes)), np.int8)
    words = planes[:, : 4 * plane_slots].reshape(len(planes), plane_slots, 4)
    x[:, _COLUMNS] = words[:, first : first + height].transpose(1, 2, 0)
    x[:, 4] = planes[:, 4 * plane_slots + first : 4 * plane_slots + first + height].T
    return x
