"""Pairs of weights as in pairs.py, small rather than fast: int8, as `tp_five_pixels_s8_pairs8_dsp` reads them (layout:
tp_kernels_dsp.h, tp_conv_2d_s8_pairs8_dsp)."""

import numpy as np

from tinyprune.compiler.sparsity import pairs
from tinyprune.compiler.sparsity.pairs import RUN, Code, Int8, Int64, Pair, Words

CODE = Code(4, 52)
OWN_ENTRIES = -36
#: What a channel's own entry costs, in pairs: 9 cycles of 13.
_OWN_ENTRY_PAIRS = 0.7
_MAX_BIAS = (1 << 26) - 1


def fits(bias: Int64) -> bool:
    """Whether every channel's bias has room beside its shift."""
    return bool((np.abs(bias) <= _MAX_BIAS).all())


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64) -> Words:
    """`[out_channels, taps]` and its channels' `[out_channels]` numbers → the stream `[words]`; biases must fit."""
    if not fits(bias):
        raise ValueError("a bias does not fit 27 bits")
    entry, channels = _entries([pairs.pairs_of(row) for row in weights.astype(np.int64)])
    stream = [0, entry]
    for taken, *numbers in zip(channels, bias * 32 + scale_shift, multiplier, strict=True):
        own = [_entry(len(taken)) | (-(-len(taken) // RUN) - 2) << 16] if entry == OWN_ENTRIES else []
        stream += [int(numbers[0]), *own, *_records(taken), int(numbers[1])]
    return pairs.finished(stream)


def _entries(channels: list[list[Pair]]) -> tuple[int, list[list[Pair]]]:
    """Where channels enter the kernel's run, and their pairs, made equal in number where that is faster."""
    most = max(len(taken) for taken in channels)
    spared = sum(most - len(taken) for taken in channels)
    if most > RUN or spared > _OWN_ENTRY_PAIRS * len(channels):
        return OWN_ENTRIES, channels
    return _entry(most), [[(0, 0, 0)] * (most - len(taken)) + taken for taken in channels]


def _entry(count: int) -> int:
    return CODE.skip_bytes((count - 1) % RUN + 1)


def _records(taken: list[Pair]) -> list[int]:
    words: list[int] = []
    missing = -len(taken) % CODE.record
    steps = [0] * missing + pairs.steps_of(taken)
    weights = [(0, 0)] * missing + [(low, high) for _, low, high in taken]
    for first in range(0, len(steps), CODE.record):
        words.append(pairs.steps_word(steps[first : first + CODE.record], CODE))
        words += [_word(*weights[i : i + 2]) for i in range(first, first + CODE.record, 2) if i + 1 >= missing]
    return words


def _word(first: tuple[int, int], second: tuple[int, int]) -> int:
    weights = (first[0], second[0], first[1], second[1])
    return sum((weight & 0xFF) << 8 * i for i, weight in enumerate(weights))


def unpack(stream: Words, taps: int, out_channels: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    weights = np.zeros((out_channels, -(-taps // pairs.GROUP) * pairs.GROUP), np.int64)
    words = [int(word) for word in stream]
    at = 2
    for row in weights:
        at = _unpack_channel(words, at + 1, row) + 1
    assert at == len(words) == words[0]
    return weights[:, :taps].astype(np.int8)


def _unpack_channel(words: list[int], at: int, row: Int64) -> int:
    """Fills in one row from its entry on; returns where its multiplier is."""
    at, left = _read_entry(words, at)
    at, steps, address = at + 1, words[at], 0
    while left:
        address += steps >> 8 * (-left % CODE.record) & 0xFF
        group, pair = divmod(address, pairs.GROUP_BYTES)
        word = words[at] >> 8 * (left % 2)  # the second pair of two when an odd number is left
        taps = [group * pairs.GROUP + tap for tap in pairs.PAIRS[pair // pairs.PAIR_BYTES]]
        row[taps] += (pairs.signed(word, 8), pairs.signed(word >> 16, 8))
        at, left = at + left % 2, left - 1
        if left and left % CODE.record == 0:
            at, steps = at + 1, words[at]
    return at


def _read_entry(words: list[int], at: int) -> tuple[int, int]:
    """(where the records of the channel begin, its count of pairs); `at` is behind its bias."""
    runs, entry = 1, words[1]
    if entry == OWN_ENTRIES & 0xFFFFFFFF:
        runs, entry = (words[at] >> 16) + 2 & 0xFFFF, words[at] & 0xFFFF
        at += 1
    return at, RUN * (runs - 1) + CODE.pairs_behind(entry)
