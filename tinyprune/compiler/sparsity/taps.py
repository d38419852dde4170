"""Weights of which few are not zero, anywhere, as the stream of words that `tp_five_pixels_s8_taps_dsp` reads (layout:
tp_kernels_dsp.h, tp_conv_2d_s8_taps_dsp).

Time and bytes are those of the non-zeros, each with its place; where two of them share a group of four taps, pairs.py
is faster.
"""

import numpy as np

from tinyprune.compiler.sparsity.pairs import Int8, Int64, Words, finished, scaled

GROUP = 4
#: Bytes of one tap of five pixels, expanded.
TAP_BYTES = 12
GROUP_BYTES = GROUP * TAP_BYTES
MAX_TAPS = 0xFFFF // TAP_BYTES
_RUN, _TAP_CODE_BYTES, _RUN_ENTRY, _RUNS = 16, 40, -792, 4
_END = [0, 0, 0, 0]


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]`, taps ≤ MAX_TAPS, and its channels' `[out_channels]` numbers → the stream `[words]`.

    Weights and bias are stored times 2^scale_shift. Raises ValueError where a scaled weight does not fit.
    """
    stream = [0]
    for row, *numbers in zip(scaled(weights, scale_shift), bias << scale_shift, multiplier, offset, strict=True):
        first, *others = [(int(row[tap]) & 0xFFFF) | int(tap) * TAP_BYTES << 16 for tap in np.flatnonzero(row)] or [0]
        stream += [int(numbers[0]), first, *_entry(len(others)), *others, int(numbers[1]), int(numbers[2])]
    return finished(stream + _END)


def count(weights: Int8) -> int:
    """How many taps `[out_channels, taps]` takes, the first of each channel left out: it takes one in any case."""
    return int(np.maximum(np.count_nonzero(weights, axis=1) - 1, 0).sum())


def _entry(count: int) -> list[int]:
    if count <= _RUN:
        return [_RUN_ENTRY + _TAP_CODE_BYTES * (_RUN - count)]
    return [_RUNS, _TAP_CODE_BYTES * (-count % _RUN) | (-(-count // _RUN) - 2) << 16]


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    weights = np.zeros((len(scale_shift), taps), np.int64)
    words = [int(word) for word in stream]
    at = 1
    for row, shift in zip(weights, scale_shift, strict=True):
        left, begin = _read_entry(words, at + 2)
        for word in (words[at + 1], *words[begin : begin + left]):
            row[(word >> 16) // TAP_BYTES] += (word & 0xFFFF) - ((word & 0x8000) << 1)
        row >>= shift
        at = begin + left + 2
    assert at + len(_END) == len(words) == words[0]
    return weights.astype(np.int8)


def _read_entry(words: list[int], at: int) -> tuple[int, int]:
    """(count of taps behind the first, where they begin)."""
    if words[at] == _RUNS:
        runs = words[at + 1]
        return _RUN * ((runs >> 16) + 2) - (runs & 0xFFFF) // _TAP_CODE_BYTES, at + 2
    skipped = (words[at] - (1 << 32) - _RUN_ENTRY) // _TAP_CODE_BYTES
    return _RUN - skipped, at + 1
