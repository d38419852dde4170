"""Dense weights of two output channels in one word, as `tp_one_pixel_s8_twins_dsp` and `tp_two_pixels_s8_twins_dsp`
read them (layout and why it is exact: tp_kernels_dsp.h, tp_conv_2d_s8_twins_dsp).

One load serves two channels and one extension of bytes takes the place of two: a word's halfwords are w0 + 256 · w1.
"""

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity.pairs import GROUP, Int8, Int64, Words, finished

#: Output channels at a time, and the words that they have beside their weights.
CHANNELS = 4
NUMBERS = 16
PIXELS = 2
#: Four taps of two pixels, expanded.
GROUP_BYTES = 4 * 2 * PIXELS
#: Four taps in the order in which words have them.
_ORDER = (0, 2, 1, 3)
_HEADER = 2
_HIGH = 256


def filled(rows: Int8) -> Int8:
    """`[out_channels, kernel_height, taps of a row]` → `[out_channels, taps]` in the order in which words have them.

    Each row is filled up to four taps, or, of several that end with one, to two.
    """
    channels, height, taps = rows.shape
    fours = np.pad(rows, ((0, 0), (0, 0), (0, -taps % GROUP))).reshape(channels, height, -1, GROUP)[..., _ORDER]
    row = fours.reshape(channels, height, -1)
    return (row[..., :-2] if height > 1 and taps % GROUP == 1 else row).reshape(channels, -1)


def pack(weights: Int8, bias: Int64, multiplier: Int64, shift: Int64, zero_point: Int64) -> Words:
    """`[out_channels, taps]`, `filled`, and its channels' `[out_channels]` numbers → the stream `[words]`.

    Shifts are those to the right, 1 to 30. Raises ValueError where an odd channel has a weight of −128.
    """
    if (weights[1::2] == -128).any():
        raise ValueError("a weight of -128 does not fit beside another")
    out_channels, taps = weights.shape
    missing = -out_channels % CHANNELS
    rounding = (1 << (shift - 1)) + (zero_point << shift)
    numbers = np.pad(np.stack([multiplier, rounding, shift], axis=1), ((0, missing), (0, 0)))
    biases = _twins(np.pad(bias, (0, missing)))
    rows = _twins(np.pad(weights, ((0, missing), (0, 0))).astype(np.int64))  # [fours, 2, 2, taps]
    halfwords = (rows[:, :, 0] + _HIGH * rows[:, :, 1]) & 0xFFFF
    words = halfwords[..., 0::2] | halfwords[..., 1::2] << 16  # [fours, 2, pairs]
    fours = np.concatenate(
        [
            np.stack([biases[:, :, 0] + _HIGH * biases[:, :, 1], biases[:, :, 0]], axis=2).reshape(len(rows), 4),
            words.transpose(0, 2, 1).reshape(len(rows), taps),
            numbers.reshape(len(rows), 3 * CHANNELS),
        ],
        axis=1,
    )
    return finished([0, out_channels, *fours.ravel().tolist()])


def _twins(of_channels: Int64) -> Int64:
    """`[out_channels, …]` → `[out_channels / 4, 2, 2, …]`."""
    return of_channels.reshape(-1, 2, 2, *of_channels.shape[1:])


def unpack(stream: Words, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    out_channels = int(stream[1])
    fours = stream[_HEADER:].reshape(-1, NUMBERS + taps)[:, 4 : 4 + taps]
    words = fours.reshape(len(fours), -1, 2).transpose(0, 2, 1)  # [fours, 2, pairs]
    halfwords = np.stack([words & 0xFFFF, words >> 16], axis=-1)
    both: npt.NDArray[np.int16] = halfwords.astype(np.uint16).view(np.int16).reshape(len(fours), 2, taps)
    first = (both & 0xFF).astype(np.uint8).view(np.int8).astype(np.int64)
    rows = np.stack([first, (both - first) // _HIGH], axis=2).reshape(-1, taps)
    return rows[:out_channels].astype(np.int8)
