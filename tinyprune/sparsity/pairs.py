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
RECORD = 4  # pairs that share a word of steps
RUN = 16  # pairs that the kernel has unrolled
OWN_ENTRIES = -36
_PAIR_CODE_BYTES, _STEPS_CODE_BYTES = 48, 4
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
    entry, channels = entries([pairs_of(row) for row in scaled], _PAIR_CODE_BYTES)
    stream = [0, entry]
    for pairs, *numbers in zip(channels, bias << scale_shift, multiplier, offset, strict=True):
        own = [own_entry(len(pairs), _PAIR_CODE_BYTES)] if entry == OWN_ENTRIES else []
        stream += [int(numbers[0]), *own, *_records(pairs), int(numbers[1]), int(numbers[2])]
    return finished(stream)


def entries(channels: list[list[Pair]], pair_code_bytes: int) -> tuple[int, list[list[Pair]]]:
    """Where channels enter the kernel's run, and their pairs, made equal in number where that is faster."""
    most = max(len(pairs) for pairs in channels)
    spared = sum(most - len(pairs) for pairs in channels)
    if most > RUN or spared > _OWN_ENTRY_PAIRS * len(channels):
        return OWN_ENTRIES, channels
    return _entry(most, pair_code_bytes), [[(0, 0, 0)] * (most - len(pairs)) + pairs for pairs in channels]


def own_entry(pairs: int, pair_code_bytes: int) -> int:
    """A channel's own entry in the lower half, its runs in the upper."""
    return _entry(pairs, pair_code_bytes) | (-(-pairs // RUN) - 2) << 16


def finished(stream: list[int]) -> Words:
    """The stream with its length as its first word."""
    return np.array([word & 0xFFFFFFFF for word in (len(stream), *stream[1:])], np.uint32)


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


def _entry(pairs: int, pair_code_bytes: int) -> int:
    """Bytes of the kernel's run of code that a channel skips."""
    skip = -pairs % RUN
    return skip * pair_code_bytes + skip // RECORD * _STEPS_CODE_BYTES


def steps_of(pairs: list[Pair]) -> list[int]:
    """From each pair to the next, zeros in front that fill the first record."""
    addresses = [0, *(address for address, _, _ in pairs)]
    return [0] * (-len(pairs) % RECORD) + [after - before for before, after in pairwise(addresses)]


def steps_word(steps: list[int]) -> int:
    """A record's four."""
    return sum(step << 8 * i for i, step in enumerate(steps))


def _records(pairs: list[Pair]) -> list[int]:
    words: list[int] = []
    steps = steps_of(pairs)
    missing = len(steps) - len(pairs)
    for first in range(0, len(steps), RECORD):
        words.append(steps_word(steps[first : first + RECORD]))
        record = pairs[max(0, first - missing) : first + RECORD - missing]
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
    at, left = read_entry(words, at, _PAIR_CODE_BYTES)
    at, steps, address = at + 1, words[at], 0
    while left:
        address += steps >> 8 * (-left % RECORD) & 0xFF
        add_pair(row, address, words[at] & 0xFFFF, words[at] >> 16, 16)
        at, left = at + 1, left - 1
        if left and left % RECORD == 0:
            at, steps = at + 1, words[at]
    return at


def read_entry(words: list[int], at: int, pair_code_bytes: int) -> tuple[int, int]:
    """(where the records of the channel begin, its count of pairs); `at` is behind its bias."""
    runs, entry = 1, words[1]
    if entry == OWN_ENTRIES & 0xFFFFFFFF:
        runs, entry = (words[at] >> 16) + 2 & 0xFFFF, words[at] & 0xFFFF
        at += 1
    record_bytes = RECORD * pair_code_bytes + _STEPS_CODE_BYTES
    return at, RUN * runs - entry // record_bytes * RECORD - entry % record_bytes // pair_code_bytes


def add_pair(row: Int64, address: int, low: int, high: int, bits: int) -> None:
    """Adds two weights, stored in so many bits each, to the taps whose pair has the address."""
    group, pair = divmod(address, GROUP_BYTES)
    for tap, value in zip(PAIRS[pair // PAIR_BYTES], (low, high), strict=True):
        row[group * GROUP + tap] += value - (value >> bits - 1 << bits)
