"""Weights of any pattern as the stream of words that `tp_five_pixels_s8_pairs_dsp` reads (layout: tp_kernels_dsp.h,
tp_conv_2d_s8_pairs_dsp).

Every group of four neighbouring taps gives as many pairs of weights as it has non-zeros by two: two when dense, one at
2:4, none where all are zero. Time and bytes are those of the pairs, whatever the pattern; fast rather than small, as
weights are halfwords, scaled, beside their channel's requantization.
"""

from dataclasses import dataclass
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
RUN = 16  # pairs that the kernel has unrolled
OWN_ENTRIES = -36
#: What a channel's own entry costs, in pairs: 9 cycles of 13.
_OWN_ENTRY_PAIRS = 0.7
_MAX_STEP = 255


@dataclass(frozen=True, slots=True)
class Code:
    """A kernel's run of RUN pairs: how many share a word of steps, and bytes of code of each; loading steps is 4."""

    record: int
    pair_bytes: int

    @property
    def step_bits(self) -> int:
        return 32 // self.record

    def entry(self, pairs: int) -> int:
        """Bytes of the run that a channel skips."""
        skip = -pairs % RUN
        return skip * self.pair_bytes + skip // self.record * 4

    def own_entry(self, pairs: int) -> int:
        """A channel's own entry in the lower half, its runs in the upper."""
        return self.entry(pairs) | (-(-pairs // RUN) - 2) << 16

    def skipped(self, entry: int) -> int:
        record_bytes = self.record * self.pair_bytes + 4
        return entry // record_bytes * self.record + entry % record_bytes // self.pair_bytes


CODE = Code(4, 48)

#: (position in `PAIRS` and weights) of one pair: its address in the expanded activations, and two weights.
Pair: TypeAlias = tuple[int, int, int]


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]` and its channels' `[out_channels]` numbers → the stream `[words]`.

    Weights and bias are stored times 2^scale_shift. Raises ValueError where a scaled weight does not fit.
    """
    scaled = weights.astype(np.int64) << scale_shift[:, None]
    if scaled.min(initial=0) < -(1 << 15) or scaled.max(initial=0) >= 1 << 15:
        raise ValueError("a scaled weight does not fit 16 bits")
    return stream([pairs_of(row) for row in scaled], CODE, bias << scale_shift, multiplier, offset)


def stream(channels: list[list[Pair]], code: Code, bias: Int64, multiplier: Int64, offset: Int64) -> Words:
    """All channels with weights as halfwords."""
    entry, channels = entries(channels, code)
    words = [0, entry]
    for pairs, *numbers in zip(channels, bias, multiplier, offset, strict=True):
        own = [code.own_entry(len(pairs))] if entry == OWN_ENTRIES else []
        words += [int(numbers[0]), *own, *_records(pairs, code), int(numbers[1]), int(numbers[2])]
    return finished(words)


def entries(channels: list[list[Pair]], code: Code) -> tuple[int, list[list[Pair]]]:
    """Where channels enter the kernel's run, and their pairs, made equal in number where that is faster."""
    most = max(len(pairs) for pairs in channels)
    spared = sum(most - len(pairs) for pairs in channels)
    if most > RUN or spared > _OWN_ENTRY_PAIRS * len(channels):
        return OWN_ENTRIES, channels
    return code.entry(most), [[(0, 0, 0)] * (most - len(pairs)) + pairs for pairs in channels]


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


def steps_of(pairs: list[Pair], code: Code) -> list[int]:
    """From each pair to the next, zeros in front that fill the first record."""
    addresses = [0, *(address for address, _, _ in pairs)]
    return [0] * (-len(pairs) % code.record) + [after - before for before, after in pairwise(addresses)]


def steps_word(steps: list[int], code: Code) -> int:
    """A record's."""
    return sum(step << code.step_bits * i for i, step in enumerate(steps))


def _records(pairs: list[Pair], code: Code) -> list[int]:
    words: list[int] = []
    steps = steps_of(pairs, code)
    missing = len(steps) - len(pairs)
    for first in range(0, len(steps), code.record):
        words.append(steps_word(steps[first : first + code.record], code))
        record = pairs[max(0, first - missing) : first + code.record - missing]
        words += [(low & 0xFFFF) | (high & 0xFFFF) << 16 for _, low, high in record]
    return words


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    weights = np.zeros((len(scale_shift), -(-taps // GROUP) * GROUP), np.int64)
    for row, shift, pairs in zip(weights, scale_shift, unpack_pairs(stream, CODE), strict=True):
        for address, *values in pairs:
            group, pair = divmod(address, GROUP_BYTES)
            row[[group * GROUP + tap for tap in PAIRS[pair // PAIR_BYTES]]] += values
        row >>= shift
    return weights[:, :taps].astype(np.int8)


def unpack_pairs(stream: Words, code: Code) -> list[list[Pair]]:
    """The pairs of each channel: the inverse of `stream`."""
    words, at = [int(word) for word in stream], 2
    channels: list[list[Pair]] = []
    while at < len(words):
        at, left = read_entry(words, at + 1, code)
        steps, address, pairs = 0, 0, list[Pair]()
        for number in range(left, 0, -1):
            if number == left or number % code.record == 0:
                at, steps = at + 1, words[at]
            address += steps >> code.step_bits * (-number % code.record) & (1 << code.step_bits) - 1
            pairs.append((address, signed(words[at], 16), signed(words[at] >> 16, 16)))
            at += 1
        channels.append(pairs)
        at += 2
    assert at == len(words) == words[0]
    return channels


def read_entry(words: list[int], at: int, code: Code) -> tuple[int, int]:
    """(where the records of the channel begin, its count of pairs); `at` is behind its bias."""
    runs, entry = 1, words[1]
    if entry == OWN_ENTRIES & 0xFFFFFFFF:
        runs, entry = (words[at] >> 16) + 2 & 0xFFFF, words[at] & 0xFFFF
        at += 1
    return at, RUN * runs - code.skipped(entry)


def signed(value: int, bits: int) -> int:
    """The lowest bits as a two's complement."""
    value &= (1 << bits) - 1
    return value - (value >> bits - 1 << bits)
