"""1:4 weights as the stream of words that `tp_five_pixels_s8_sp14_dsp` reads (layout: tp_kernels_dsp.h,
tp_conv_2d_s8_sp14_dsp).

Two neighbouring groups of four taps, x and y, share one pair of weights, one of each group: half the pairs that
pairs.py needs.
"""

import numpy as np

from tinyprune.compiler.sparsity import pairs
from tinyprune.compiler.sparsity.pairs import PAIR_BYTES, Code, Int8, Int64, Pair, Words

GROUP = 4
BLOCK = 2 * GROUP
#: Bytes of a group of four taps of five pixels, expanded: half of sixteen pairs.
GROUP_BYTES = 8 * PAIR_BYTES
CODE = Code(2, 48)
_MAX_STEP = 0xFFFF


def fits(weights: Int8) -> bool:
    """Whether `[out_channels, taps]` is 1:4 in whole blocks of two groups, all within a step."""
    rows, taps = weights.shape
    if taps % BLOCK or taps // GROUP * GROUP_BYTES > _MAX_STEP:
        return False
    return bool((np.count_nonzero(weights.reshape(rows, -1, GROUP), axis=2) <= 1).all())


def pack(weights: Int8, bias: Int64, scale_shift: Int64, multiplier: Int64, offset: Int64) -> Words:
    """`[out_channels, taps]` that fits and its channels' `[out_channels]` numbers → the stream `[words]`.

    Weights and bias are stored times 2^scale_shift. Raises ValueError where a scaled weight does not fit.
    """
    if not fits(weights):
        raise ValueError("weights are not 1:4")
    channels = [_pairs_of(row) for row in pairs.scaled(weights, scale_shift)]
    return pairs.stream(channels, CODE, bias << scale_shift, multiplier, offset)


def count(weights: Int8) -> int:
    """How many pairs `[out_channels, taps]` takes: what the kernel's time is proportional to."""
    return int(np.maximum(weights.reshape(len(weights), -1, BLOCK).any(axis=2).sum(axis=1), 1).sum())


def _pairs_of(row: Int64) -> list[Pair]:
    """The pairs of one channel `[taps]`; one of zeros if there is nothing else."""
    found: list[Pair] = []
    for number, block in enumerate(row.reshape(-1, 2, GROUP)):
        if block.any():
            x, y = (int(np.argmax(group != 0)) for group in block)
            values = (int(block[0, x]), int(block[1, y]))
            address = 2 * GROUP_BYTES * number + PAIR_BYTES * (GROUP * x + y)
            found.append((address, *(values[::-1] if _swapped(x, y) else values)))
    return found or [(0, 0, 0)]


def _swapped(x: int, y: int) -> bool:
    """Whether y's activation is the low half: no instruction makes the other order."""
    return x >= 2 and y < 2


def unpack(stream: Words, scale_shift: Int64, taps: int) -> Int8:
    """The weights `[out_channels, taps]` in a stream: the inverse of `pack`."""
    weights = np.zeros((len(scale_shift), taps), np.int64)
    for row, shift, taken in zip(weights, scale_shift, pairs.unpack_pairs(stream, CODE), strict=True):
        for address, *values in taken:
            block, pair = divmod(address, 2 * GROUP_BYTES)
            x, y = divmod(pair // PAIR_BYTES, GROUP)
            row[[block * BLOCK + x, block * BLOCK + GROUP + y]] += values[::-1] if _swapped(x, y) else values
        row >>= shift
    return weights.astype(np.int8)
