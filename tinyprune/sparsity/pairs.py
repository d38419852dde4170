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
_MAX_STEP = 255
#: Entries that are no place in the run: the stream's end; more than one run.
_END, _RUNS = 0, 8
_ENTRY_BITS = 12
_MAX_NUMBER = 1 << 19


@dataclass(frozen=True, slots=True)
class Code:
    """A kernel's run of RUN pairs: how many share a word of steps, and bytes of code of each; loading steps is 4.

    `behind_bytes` are those from the run's end to where entries count from; `numbers` are a channel's words behind its
    pairs.
    """

    record: int
    pair_bytes: int
    behind_bytes: int = 168
    numbers: int = 2

    @property
    def step_bits(self) -> int:
        return 32 // self.record

    def skip_bytes(self, pairs: int) -> int:
        """Bytes of the run that are skipped before the last `pairs` of it, 1 to RUN."""
        skip = RUN - pairs
        return skip * self.pair_bytes + skip // self.record * 4

    def pairs_behind(self, skipped_bytes: int) -> int:
        """The inverse of `skip_bytes`; also at the run's end, where no steps are loaded any more."""
        record_bytes = self.record * self.pair_bytes + 4
        skip = skipped_bytes // record_bytes * self.record + skipped_bytes % record_bytes // self.pair_bytes
        return RUN - skip

    @property
    def _run_bytes(self) -> int:
        return RUN * self.pair_bytes + (RUN // self.record - 1) * 4

    def entry(self, pairs: int) -> int:
        """Where a channel of so many pairs goes on behind its first one."""
        if pairs > RUN + 1:
            return _RUNS
        return (self._run_bytes if pairs == 1 else self.skip_bytes(pairs - 1)) - self._run_bytes - self.behind_bytes

    def runs(self, pairs: int) -> list[int]:
        """The word that a channel of more than one run has."""
        if pairs <= RUN + 1:
            return []
        return [self.skip_bytes((pairs - 2) % RUN + 1) | (pairs - 2) // RUN * 2 << 16]

    def pairs_left(self, entry: int) -> int:
        """The inverse of `entry`, less the first pair."""
        return self.pairs_behind(entry + self._run_bytes + self.behind_bytes)


CODE = Code(4, 48)
EXACT = Code(4, 48, behind_bytes=240, numbers=3)

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


def pack_exact(weights: Int8, bias: Int64, multiplier: Int64, shift: Int64, zero_point: Int64) -> Words:
    """As `pack`, for both of TFLite's roundings with shifts to the right, 1 to 30: `tp_five_pixels_s8_exact_dsp`."""
    channels = [pairs_of(row) for row in 2 * weights.astype(np.int64)]
    rounding = (1 << (shift - 1)) + (zero_point << shift)
    return stream(channels, EXACT, 2 * bias, multiplier, rounding, shift)


def stream(channels: list[list[Pair]], code: Code, bias: Int64, *numbers: Int64) -> Words:
    """All channels with weights as halfwords. Each one's last number, of 20 bits, shares its word with an entry."""
    if (numbers[-1] < -_MAX_NUMBER).any() or (numbers[-1] >= _MAX_NUMBER).any():
        raise ValueError("the last number does not fit 20 bits")
    channels = [_filled_up(pairs, code) for pairs in channels]
    follow = [*(_entry_field(pairs, code) for pairs in channels), _END]
    words = [0, follow[0]]
    for pairs, entry, *of_channel in zip(channels, follow[1:], bias, *numbers, strict=True):
        first, *plain, last = map(int, of_channel)
        words += [*_pair_words(pairs, first, code), *plain, last << _ENTRY_BITS | entry]
    return finished([*words, 0, 0, 0])


def _filled_up(pairs: list[Pair], code: Code) -> list[Pair]:
    """With a pair of zeros in front where the second pair's step is not in the first one's word."""
    return [(0, 0, 0), *pairs] if len(pairs) > 1 and len(pairs) % code.record == 1 else pairs


def _entry_field(pairs: list[Pair], code: Code) -> int:
    return code.entry(len(pairs)) & (1 << _ENTRY_BITS) - 1


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


def steps_of(pairs: list[Pair]) -> list[int]:
    """From each pair to the next."""
    return [after - before for before, after in pairwise([0, *(address for address, _, _ in pairs)])]


def steps_word(steps: list[int], code: Code) -> int:
    """A record's."""
    return sum(step << code.step_bits * i for i, step in enumerate(steps))


def _pair_words(pairs: list[Pair], bias: int, code: Code) -> list[int]:
    """A channel's steps, bias and weights."""
    first, *steps = steps_of(pairs)
    short = len(steps) % code.record
    words = [
        steps_word([first, *[0] * (code.record - 1 - short), *steps[:short]], code),
        bias,
        _weights_word(pairs[0]),
        *code.runs(len(pairs)),
        *map(_weights_word, pairs[1 : 1 + short]),
    ]
    for at in range(short, len(steps), code.record):
        words.append(steps_word(steps[at : at + code.record], code))
        words += map(_weights_word, pairs[1 + at : 1 + at + code.record])
    return words


def _weights_word(pair: Pair) -> int:
    _, low, high = pair
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    return _weights_of(unpack_pairs(stream, CODE), scale_shift, taps)


def unpack_exact(stream: Words, taps: int) -> Int8:
    """The inverse of `pack_exact`."""
    channels = unpack_pairs(stream, EXACT)
    return _weights_of(channels, np.ones(len(channels), np.int64), taps)


def _weights_of(channels: list[list[Pair]], scale_shift: Int64, taps: int) -> Int8:
    weights = np.zeros((len(scale_shift), -(-taps // GROUP) * GROUP), np.int64)
    for row, shift, pairs in zip(weights, scale_shift, channels, strict=True):
        for address, *values in pairs:
            group, pair = divmod(address, GROUP_BYTES)
            row[[group * GROUP + tap for tap in PAIRS[pair // PAIR_BYTES]]] += values
        row >>= shift
    return weights[:, :taps].astype(np.int8)


def unpack_pairs(stream: Words, code: Code) -> list[list[Pair]]:
    """The pairs of each channel: the inverse of `stream`."""
    words, at = [int(word) for word in stream], 2
    entry = signed(words[1], _ENTRY_BITS)
    channels: list[list[Pair]] = []
    while entry != _END:
        steps, address = words[at], words[at] & (1 << code.step_bits) - 1
        pairs = [_pair(address, words[at + 2])]
        at, left = _read_entry(words, at + 3, entry, code)
        for number in range(left, 0, -1):
            if number % code.record == 0:
                at, steps = at + 1, words[at]
            address += steps >> code.step_bits * (-number % code.record) & (1 << code.step_bits) - 1
            pairs.append(_pair(address, words[at]))
            at += 1
        channels.append(pairs)
        at += code.numbers
        entry = signed(words[at - 1], _ENTRY_BITS)
    assert at + 3 == len(words) == words[0]
    return channels


def _pair(address: int, word: int) -> Pair:
    return address, signed(word, 16), signed(word >> 16, 16)


def _read_entry(words: list[int], at: int, entry: int, code: Code) -> tuple[int, int]:
    """(where the records of the channel go on, how many pairs it has behind its first)."""
    if entry != _RUNS:
        return at, code.pairs_left(entry)
    return at + 1, code.pairs_behind(words[at] & 0xFFFF) + RUN * (words[at] >> 17)


def signed(value: int, bits: int) -> int:
    """The lowest bits as a two's complement."""
    value &= (1 << bits) - 1
    return value - (value >> bits - 1 << bits)
