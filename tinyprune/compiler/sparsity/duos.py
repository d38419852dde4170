"""Weights of two output channels at a time as the stream of words that `tp_three_pixels_s8_duos_dsp` reads (layout:
tp_kernels_dsp.h, tp_conv_2d_s8_duos_dsp).

Pairs as in pairs.py, but the same ones for both channels, so that one load of activations serves both. Nothing is lost
where they keep the same positions (2:4g2, 2:4g4, dense); elsewhere zeros are stored and multiplied.
"""

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity import pairs
from tinyprune.compiler.sparsity.pairs import PAIRS, Code, Int8, Int64, Words, signed

CHANNELS = 2
PIXELS = 3
#: Bytes of one expanded pair of activations for three pixels, and of a group's six.
PAIR_BYTES = 4 * PIXELS
GROUP_BYTES = len(PAIRS) * PAIR_BYTES
CODE = Code(4, 48, behind_bytes=184, numbers=4, channels=CHANNELS, header=3)
EXACT = Code(4, 48, behind_bytes=240, numbers=6, channels=CHANNELS, header=3)
_END = [0] * 6


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]`, out_channels even, and its channels' `[out_channels]` numbers → the stream `[words]`.

    Weights and bias are stored times 2^scale_shift; a weight that is no halfword then in pieces, as in pairs.py.
    """
    return _stream(weights.astype(np.int64) << scale_shift[:, None], CODE, bias << scale_shift, multiplier, offset)


def pack_exact(weights: Int8, bias: Int64, multiplier: Int64, shift: Int64, zero_point: Int64) -> Words:
    """As `pack`, for both of TFLite's roundings, with shifts of 1 to 30 to the right."""
    rounding = (1 << (shift - 1)) + (zero_point << shift)
    return _stream(2 * weights.astype(np.int64), EXACT, 2 * bias, multiplier, rounding, shift)


def _stream(weights: Int64, code: Code, bias: Int64, *numbers: Int64) -> Words:
    words = [0]
    for rows, first, behind in zip(_duos(weights), _duos(bias), _duos(np.stack(numbers, axis=1)), strict=True):
        found = pairs.filled_up(pairs.shared_pairs(rows, PAIR_BYTES), code)
        header = [code.entry(len(found)), *first.tolist()]
        words += [*pairs.pair_words(found, header, code), *behind.ravel().tolist()]
    return pairs.finished([*words, *_END])


def _duos(of_channels: Int64) -> Int64:
    """`[out_channels, …]` → `[out_channels / 2, 2, …]`."""
    return of_channels.reshape(-1, CHANNELS, *of_channels.shape[1:])


def count(weights: npt.NDArray[np.generic]) -> int:
    """How many pairs `[out_channels, taps]` takes: what the kernel's time is proportional to."""
    return sum(len(pairs.shared_pairs(rows, PAIR_BYTES)) for rows in _duos(weights.astype(np.int64)))


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    return _unpack(stream, CODE, scale_shift, taps)


def unpack_exact(stream: Words, out_channels: int, taps: int) -> Int8:
    """The inverse of `pack_exact`."""
    return _unpack(stream, EXACT, np.ones(out_channels, np.int64), taps)


def _unpack(stream: Words, code: Code, scale_shift: Int64, taps: int) -> Int8:
    words, at, rows = [int(word) for word in stream], 1, []
    while words[at + 1]:
        found, at = pairs.read_pairs(words, at, signed(words[at + 1], 32), code)
        rows.append(pairs.weights_of(found, CHANNELS, taps, PAIR_BYTES))
        at += code.numbers
    assert at + len(_END) == len(words) == words[0]
    return (np.concatenate(rows) >> scale_shift[:, None]).astype(np.int8)
