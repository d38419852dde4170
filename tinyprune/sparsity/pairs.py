"""Weights of any pattern as the stream of words that `tp_five_pixels_s8_pairs_dsp` reads (layout: tp_kernels_dsp.h,
tp_conv_2d_s8_pairs_dsp).

Every group of four neighbouring taps gives as many pairs of weights as it has non-zeros by two: two when dense, one at
2:4, none where all are zero. Time and bytes are those of the pairs, whatever the pattern; fast rather than small, as
weights are halfwords, scaled, beside their channel's requantization.
"""

from itertools import combinations, pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int8: TypeAlias = npt.NDArray[np.int8]
Int64: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint32]

GROUP = 4
PIXELS = 5
#: The six pairs of a group, in the order in which `tp_expand_dsp` lays out activations.
PAIRS = tuple(combinations(range(GROUP), 2))
#: Bytes of one expanded pair of activations for five pixels, and of a group's six.
PAIR_BYTES = 4 * PIXELS
GROUP_BYTES = len(PAIRS) * PAIR_BYTES
_RECORD = 4  # pairs that share a word of steps
_RUN = 16  # pairs that the kernel has unrolled
_PAIR_CODE_BYTES, _STEPS_CODE_BYTES = 48, 4
_OWN_ENTRIES = -36
#: What a channel's own entry costs, in pairs: 9 cycles of 13.
_OWN_ENTRY_PAIRS = 0.7
_MAX_STEP = 255

#: (position in `PAIRS` and weights) of one pair: its address in the expanded activations, and two weights.
Pair: TypeAlias = tuple[int, int, int]


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]` and its channels' `[out_channels]` numbers → the stream `[words]`.

    Weights and bias are stored times 2^scale_shift. Raises ValueError where a scaled weight does not fit.
    """
    scaled = weights.astype(np.int64) << scale_shift[:, None]
    if scaled.min(initial=0) < -(1 << 15) or scaled.max(initial=0) >= 1 << 15:
        raise ValueError("a scaled weight does not fit 16 bits")
    channels = [pairs_of(row) for row in scaled]
    most = max(len(pairs) for pairs in channels)
    spared = sum(most - len(pairs) for pairs in channels)
    if most <= _RUN and spared <= _OWN_ENTRY_PAIRS * len(channels):
        channels = [[(0, 0, 0)] * (most - len(pairs)) + pairs for pairs in channels]
        stream = [0, _entry(most)]
    else:
        stream = [0, _OWN_ENTRIES]
    for pairs, *numbers in zip(channels, bias << scale_shift, multiplier, offset, strict=True):
        own = [_entry(len(pairs)) | (-(-len(pairs) // _RUN) - 2) << 16] if stream[1] == _OWN_ENTRIES else []
        stream += [int(numbers[0]), *own, *_records(pairs), int(numbers[1]), int(numbers[2])]
    stream[0] = len(stream)
    return np.array([word & 0xFFFFFFFF for word in stream], np.uint32)


def count(weights: npt.NDArray[np.generic]) -> int:
    """How many pairs `[out_channels, taps]` takes: what the kernel's time is proportional to."""
    return sum(len(pairs_of(row)) for row in weights.astype(np.int64))


def pairs_of(row: Int64) -> list[Pair]:
    """The pairs of one channel `[taps]`, no two further apart than a step; one of zeros if there is nothing else."""
    found: list[Pair] = []
    for start in range(0, len(row), GROUP):
        values = [int(value) for value in row[start : start + GROUP]] + [0] * GROUP
        taps = [tap for tap in range(GROUP) if values[tap]]
        for pair in _choose(taps):
            address = start // GROUP * GROUP_BYTES + PAIRS.index(pair) * PAIR_BYTES
            _bridge(found, address)
            found.append((address, values[pair[0]], values[pair[1]]))
    return found or [(0, 0, 0)]


def _choose(taps: list[int]) -> list[tuple[int, int]]:
    """Pairs that hold each of the taps once; a tap left alone is paired with one that is zero."""
    if len(taps) % 2:
        taps = sorted([*taps, next(tap for tap in range(GROUP) if tap not in taps)])
    return [(taps[i], taps[i + 1]) for i in range(0, len(taps), 2)]


def _bridge(found: list[Pair], address: int) -> None:
    """Adds pairs of zeros until the address is within a step."""
    here = found[-1][0] if found else 0
    while address - here > _MAX_STEP:
        here += _MAX_STEP // PAIR_BYTES * PAIR_BYTES
        found.append((here, 0, 0))


def _entry(pairs: int) -> int:
    """Bytes of the kernel's run of code that a channel skips."""
    skip = -pairs % _RUN
    return skip * _PAIR_CODE_BYTES + skip // _RECORD * _STEPS_CODE_BYTES


def _records(pairs: list[Pair]) -> list[int]:
    words: list[int] = []
    missing = -len(pairs) % _RECORD
    addresses = [0, *(address for address, _, _ in pairs)]
    steps = [0] * missing + [after - before for before, after in pairwise(addresses)]
    for first in range(0, len(steps), _RECORD):
        words.append(sum(step << 8 * i for i, step in enumerate(steps[first : first + _RECORD])))
        record = pairs[max(0, first - missing) : first + _RECORD - missing]
        words += [(low & 0xFFFF) | (high & 0xFFFF) << 16 for _, low, high in record]
    return words


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    weights = np.zeros((len(scale_shift), -(-taps // GROUP) * GROUP), np.int64)
    words = [int(word) for word in stream]
    at = 2
    for row, shift in zip(weights, scale_shift, strict=True):
        at = _unpack_channel(words, at + 1, row) + 2
        row >>= shift
    assert at == len(words) == words[0]
    return weights[:, :taps].astype(np.int8)


def _unpack_channel(words: list[int], at: int, row: Int64) -> int:
    """Fills in one row from its entry on; returns where its multiplier is."""
    runs, entry = 1, words[1]
    if entry == _OWN_ENTRIES & 0xFFFFFFFF:
        runs, entry = (words[at] >> 16) + 2 & 0xFFFF, words[at] & 0xFFFF
        at += 1
    record_bytes = _RECORD * _PAIR_CODE_BYTES + _STEPS_CODE_BYTES
    left = _RUN * runs - entry // record_bytes * _RECORD - entry % record_bytes // _PAIR_CODE_BYTES
    at, steps, address = at + 1, words[at], 0
    while left:
        address += steps >> 8 * (-left % _RECORD) & 0xFF
        group, pair = divmod(address, GROUP_BYTES)
        for tap, half in zip(PAIRS[pair // PAIR_BYTES], (words[at] & 0xFFFF, words[at] >> 16), strict=True):
            row[group * GROUP + tap] += half - (half >> 15 << 16)
        at, left = at + 1, left - 1
        if left and left % _RECORD == 0:
            at, steps = at + 1, words[at]
    return at
