"""Weights of any pattern as the stream of words that `tp_five_pixels_s8_pairs_dsp` reads (layout: tp_kernels_dsp.h,
tp_conv_2d_s8_pairs_dsp).

Every group of four neighbouring taps gives as many pairs of weights as it has non-zeros by two: two when dense, one at
2:4, none where all are zero. Time and bytes are those of the pairs, whatever the pattern; fast rather than small, as
weights are halfwords, scaled, beside their channel's requantization.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, pairwise
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

    `behind_bytes` are those from the run's end to where entries count from. A pair has weights for `channels` at a
    time, whose words are steps, `header`, pairs, and `numbers` behind them.
    """

    record: int
    pair_bytes: int
    behind_bytes: int = 168
    numbers: int = 2
    channels: int = 1
    header: int = 1

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
EXACT = Code(4, 48, behind_bytes=220, numbers=3)

#: One pair: its address in the expanded activations, and two weights of each channel that has it.
Pair: TypeAlias = tuple[int, ...]


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]` and its channels' `[out_channels]` numbers → the stream `[words]`.

    Weights and bias are stored times 2^scale_shift; a weight that is no halfword then is stored in pieces, for a pair
    more each.
    """
    channels = [pairs_of(row) for row in weights.astype(np.int64) << scale_shift[:, None]]
    return stream(channels, CODE, bias << scale_shift, multiplier, offset)


def scaled(weights: Int8, scale_shift: Int64) -> Int64:
    """`[out_channels, taps]` times 2^scale_shift. Raises ValueError where that is no halfword."""
    found: Int64 = weights.astype(np.int64) << scale_shift[:, None]
    if found.min(initial=0) < -(1 << 15) or found.max(initial=0) >= 1 << 15:
        raise ValueError("a scaled weight does not fit 16 bits")
    return found


def pack_exact(weights: Int8, bias: Int64, multiplier: Int64, shift: Int64, zero_point: Int64) -> Words:
    """As `pack`, for both of TFLite's roundings with shifts to the right, 1 to 30: `tp_five_pixels_s8_exact_dsp`."""
    channels = [pairs_of(row) for row in 2 * weights.astype(np.int64)]
    rounding = (1 << (shift - 1)) + (zero_point << shift)
    return stream(channels, EXACT, 2 * bias, multiplier, rounding, shift)


def stream(channels: list[list[Pair]], code: Code, bias: Int64, *numbers: Int64) -> Words:
    """All channels with weights as halfwords. Each one's last number, of 20 bits, shares its word with an entry."""
    if (numbers[-1] < -_MAX_NUMBER).any() or (numbers[-1] >= _MAX_NUMBER).any():
        raise ValueError("the last number does not fit 20 bits")
    channels = [filled_up(pairs, code) for pairs in channels]
    follow = [*(_entry_field(pairs, code) for pairs in channels), _END]
    words = [0, follow[0]]
    for pairs, entry, *of_channel in zip(channels, follow[1:], bias, *numbers, strict=True):
        first, *plain, last = map(int, of_channel)
        words += [*pair_words(pairs, [first], code), *plain, last << _ENTRY_BITS | entry]
    return finished([*words, 0, 0, 0])


def filled_up(pairs: list[Pair], code: Code) -> list[Pair]:
    """With a pair of zeros in front where the second pair's step is not in the first one's word."""
    return [_zeros(0, code.channels), *pairs] if len(pairs) > 1 and len(pairs) % code.record == 1 else pairs


def _zeros(address: int, channels: int) -> Pair:
    return address, *[0] * 2 * channels


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
    return shared_pairs(row[None], PAIR_BYTES)


def shared_pairs(rows: Int64, pair_bytes: int) -> list[Pair]:
    """The same of channels `[channels, taps]` that have their pairs in common."""
    channels, taps = rows.shape
    groups = np.pad(rows, ((0, 0), (0, -taps % GROUP))).reshape(channels, -1, GROUP).transpose(1, 2, 0)
    found: list[Pair] = []
    for number, values in enumerate(groups.tolist()):
        for first, second in _choose([tap for tap in range(GROUP) if any(values[tap])]):
            address = (number * len(PAIRS) + PAIRS.index((first, second))) * pair_bytes
            _bridge(found, address, pair_bytes, channels)
            of_pair = chain(*zip(values[first], values[second], strict=True))
            found += [(address, *piece) for piece in _pieces(list(of_pair))]
    return found or [_zeros(0, channels)]


def _pieces(weights: list[int]) -> Iterator[list[int]]:
    """Halfwords that add up to the weights of a pair."""
    while any(weights):
        piece = [min(max(weight, -(1 << 15)), (1 << 15) - 1) for weight in weights]
        yield piece
        weights = [weight - part for weight, part in zip(weights, piece, strict=True)]


def _choose(taps: list[int]) -> list[tuple[int, int]]:
    """Pairs that hold each of the taps once; a tap left alone is paired with one that is zero."""
    if len(taps) % 2:
        taps = sorted([*taps, next(tap for tap in range(GROUP) if tap not in taps)])
    return [(taps[i], taps[i + 1]) for i in range(0, len(taps), 2)]


def _bridge(found: list[Pair], address: int, pair_bytes: int, channels: int) -> None:
    """Adds pairs of zeros until the address is within a step."""
    here = found[-1][0] if found else 0
    while address - here > _MAX_STEP:
        here += _MAX_STEP // pair_bytes * pair_bytes
        found.append(_zeros(here, channels))


def steps_of(pairs: list[Pair]) -> list[int]:
    """From each pair to the next."""
    return [after - before for before, after in pairwise([0, *(pair[0] for pair in pairs)])]


def steps_word(steps: list[int], code: Code) -> int:
    """A record's."""
    return sum(step << code.step_bits * i for i, step in enumerate(steps))


def pair_words(pairs: list[Pair], header: list[int], code: Code) -> list[int]:
    """Steps, header and weights."""
    first, *steps = steps_of(pairs)
    short = len(steps) % code.record
    words = [
        steps_word([first, *[0] * (code.record - 1 - short), *steps[:short]], code),
        *header,
        *_weights_words(pairs[:1]),
        *code.runs(len(pairs)),
        *_weights_words(pairs[1 : 1 + short]),
    ]
    for at in range(short, len(steps), code.record):
        words.append(steps_word(steps[at : at + code.record], code))
        words += _weights_words(pairs[1 + at : 1 + at + code.record])
    return words


def _weights_words(pairs: list[Pair]) -> list[int]:
    """One a pair and channel."""
    halfwords = [weight & 0xFFFF for _, *weights in pairs for weight in weights]
    return [low | high << 16 for low, high in zip(halfwords[::2], halfwords[1::2], strict=True)]


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    return _weights_of(unpack_pairs(stream, CODE), scale_shift, taps)


def unpack_exact(stream: Words, taps: int) -> Int8:
    """The inverse of `pack_exact`."""
    channels = unpack_pairs(stream, EXACT)
    return _weights_of(channels, np.ones(len(channels), np.int64), taps)


def _weights_of(channels: list[list[Pair]], scale_shift: Int64, taps: int) -> Int8:
    rows = [weights_of(pairs, 1, taps, PAIR_BYTES)[0] for pairs in channels]
    return (np.array(rows) >> scale_shift[:, None]).astype(np.int8)


def weights_of(pairs: list[Pair], channels: int, taps: int, pair_bytes: int) -> Int64:
    """The inverse of `shared_pairs`: `[channels, taps]`."""
    rows = np.zeros((channels, -(-taps // GROUP) * GROUP), np.int64)
    for address, *values in pairs:
        group, pair = divmod(address // pair_bytes, len(PAIRS))
        rows[:, [group * GROUP + tap for tap in PAIRS[pair]]] += np.reshape(values, (channels, 2))
    return rows[:, :taps]


def unpack_pairs(stream: Words, code: Code) -> list[list[Pair]]:
    """The pairs of each channel: the inverse of `stream`."""
    words, at = [int(word) for word in stream], 2
    entry = signed(words[1], _ENTRY_BITS)
    channels: list[list[Pair]] = []
    while entry != _END:
        pairs, at = read_pairs(words, at, entry, code)
        channels.append(pairs)
        at += code.numbers
        entry = signed(words[at - 1], _ENTRY_BITS)
    assert at + 3 == len(words) == words[0]
    return channels


def read_pairs(words: list[int], at: int, entry: int, code: Code) -> tuple[list[Pair], int]:
    """(the pairs of the channels whose words begin there, where the words behind them are): `pair_words`' inverse."""
    steps, address = words[at], words[at] & (1 << code.step_bits) - 1
    at += 1 + code.header
    pairs = [_pair(address, words[at : at + code.channels])]
    at, left = _read_entry(words, at + code.channels, entry, code)
    for number in range(left, 0, -1):
        if number % code.record == 0:
            at, steps = at + 1, words[at]
        address += steps >> code.step_bits * (-number % code.record) & (1 << code.step_bits) - 1
        pairs.append(_pair(address, words[at : at + code.channels]))
        at += code.channels
    return pairs, at


def _pair(address: int, words: list[int]) -> Pair:
    return address, *chain(*((signed(word, 16), signed(word >> 16, 16)) for word in words))


def _read_entry(words: list[int], at: int, entry: int, code: Code) -> tuple[int, int]:
    """(where the records of the channel go on, how many pairs it has behind its first)."""
    if entry != _RUNS:
        return at, code.pairs_left(entry)
    return at + 1, code.pairs_behind(words[at] & 0xFFFF) + RUN * (words[at] >> 17)


def signed(value: int, bits: int) -> int:
    """The lowest bits as a two's complement."""
    value &= (1 << bits) - 1
    return value - (value >> bits - 1 << bits)
