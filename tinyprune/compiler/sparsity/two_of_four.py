"""2:4, at most two non-zeros in every group of four neighbouring taps: how kernels read it.

A layer's weights are seen as a matrix `[out_channels, taps]`, taps being kernel_height ×
kernel_width × in_channels with in_channels fastest; groups run along taps. The packed
formats are specified in docs/formats.md.
"""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity.nm import NM

Int8 = npt.NDArray[np.int8]

GROUP = 4
KEPT = 2
PATTERN = NM(KEPT, GROUP)
#: The six ways to keep two of four, in the order in which `tp_conv_1x1_s8_sp24_dsp` expands activations.
PAIRS = np.array(list(combinations(range(GROUP), KEPT)), dtype=np.uint8)
#: Bytes of one expanded pair of activations for the four pixels that the DSP kernel computes at a time.
PAIR_BYTES = 16
BLOCK_BYTES = len(PAIRS) * PAIR_BYTES
#: Blocks of `tp_conv_2d_s8_sp24x4_c` that share an address.
WORDS_AT_ONCE = 4


def _blocks(matrix: npt.NDArray[np.generic], multiple: int) -> npt.NDArray[np.generic]:
    """`[rows, taps]` → `[rows, blocks, 4]`, taps padded with zeros and blocks to a multiple."""
    rows, taps = matrix.shape
    step = GROUP * multiple
    padded = np.zeros((rows, -(-taps // step) * step), dtype=matrix.dtype)
    padded[:, :taps] = matrix
    return padded.reshape(rows, -1, GROUP)


def select(weights: Int8, multiple: int) -> tuple[Int8, npt.NDArray[np.uint8]]:
    """Kept values `[rows, blocks, 2]` and their index into PAIRS `[rows, blocks]`.

    Raises ValueError where a group has more than two non-zeros: packing never drops a weight.
    """
    if not PATTERN.matches(weights):
        raise ValueError("the weights are not 2:4: a group of four has more than two non-zeros")
    blocks = _blocks(weights, multiple)
    covered = (blocks[:, :, PAIRS] != 0).sum(axis=3)
    pairs = np.argmax(covered, axis=2).astype(np.uint8)
    values = np.take_along_axis(blocks, PAIRS[pairs].astype(np.intp), axis=2)
    return values.astype(np.int8), pairs


def pack_small(weights: Int8) -> npt.NDArray[np.uint8]:
    """`[out_channels, taps]` → records `[out_channels, blocks / 2, 5]`: four values, one byte with their four positions
    (2 bits each)."""
    values, pairs = select(weights, 2)
    rows = len(values)
    position = PAIRS[pairs].reshape(rows, -1, 4)
    index = (position << np.arange(0, 8, 2, dtype=np.uint8)).sum(axis=2, dtype=np.uint8)
    return np.concatenate([values.view(np.uint8).reshape(rows, -1, 4), index[:, :, None]], axis=2)


def unpack_small(packed: npt.NDArray[np.uint8], taps: int) -> Int8:
    """The inverse of `pack_small`: `[out_channels, taps]`."""
    rows = len(packed)
    position = (packed[:, :, 4:] >> np.arange(0, 8, 2, dtype=np.uint8)) & 3
    blocks = np.zeros((rows, packed.shape[1] * 2, GROUP), dtype=np.int8)
    values = packed[:, :, :4].view(np.int8).reshape(rows, -1, KEPT)
    np.put_along_axis(blocks, position.reshape(rows, -1, KEPT).astype(np.intp), values, axis=2)
    return blocks.reshape(rows, -1)[:, :taps]


def pack_fast(weights: Int8) -> npt.NDArray[np.uint8]:
    """`[out_channels, taps]` → records `[out_channels, blocks / 4, 12]`: four address steps, then the values of four
    blocks.

    A step is what the kernel adds to its pointer to reach the block's pair of expanded activations; the eight values
    stand in the order in which two SXTB16 of each word give the halfword pairs of two blocks.
    """
    values, pairs = select(weights, 4)
    rows, blocks = pairs.shape
    address = np.arange(blocks) * BLOCK_BYTES + pairs.astype(np.int64) * PAIR_BYTES
    steps = np.diff(address, axis=1, prepend=0).astype(np.uint8).reshape(rows, -1, 4)
    words = values.view(np.uint8).reshape(rows, -1, 2, KEPT, KEPT).transpose(0, 1, 2, 4, 3)
    return np.concatenate([steps, words.reshape(rows, -1, 8)], axis=2)


def unpack_fast(packed: npt.NDArray[np.uint8], taps: int) -> Int8:
    """The inverse of `pack_fast`: `[out_channels, taps]`."""
    rows = len(packed)
    address = packed[:, :, :4].astype(np.int64).reshape(rows, -1).cumsum(axis=1)
    pairs = (address - np.arange(address.shape[1]) * BLOCK_BYTES) // PAIR_BYTES
    values = packed[:, :, 4:].view(np.int8).reshape(rows, -1, 2, KEPT, KEPT).transpose(0, 1, 2, 4, 3)
    blocks = np.zeros((*address.shape, GROUP), dtype=np.int8)
    np.put_along_axis(blocks, PAIRS[pairs].astype(np.intp), values.reshape(rows, -1, KEPT), axis=2)
    return blocks.reshape(rows, -1)[:, :taps]


def fits_words(weights: Int8) -> bool:
    """Whether the sum of a group's two products with any activations fits 16 bits: all but twice -128."""
    return bool(((_blocks(weights, 1) == -128).sum(axis=2) < KEPT).all())


def _slots(blocks: int) -> npt.NDArray[np.uint8]:
    """`[blocks]`: how many blocks behind its address each lies. Four share one; those of which there are no four stand
    first, and have one each."""
    alone = blocks % WORDS_AT_ONCE
    slots = (np.arange(blocks) - alone) % WORDS_AT_ONCE
    return np.where(np.arange(blocks) < alone, 0, slots).astype(np.uint8)


def pack_words(weights: Int8) -> npt.NDArray[np.uint32]:
    """`[out_channels, taps]` → `[out_channels, blocks]` words: two values, then how many bytes behind the kernel's
    address the expanded activations of the second and of the first one lie."""
    if not fits_words(weights):
        raise ValueError("a group has two weights of -128")
    values, pairs = select(weights, 1)
    positions = PAIRS[pairs][:, :, ::-1] * np.uint8(8) + 32 * _slots(pairs.shape[1])[:, None]
    bytes_ = np.concatenate([values.view(np.uint8), positions], axis=2)
    return np.ascontiguousarray(bytes_).view("<u4")[:, :, 0].astype(np.uint32)


def unpack_words(packed: npt.NDArray[np.uint32], taps: int) -> Int8:
    """The inverse of `pack_words`: `[out_channels, taps]`."""
    bytes_ = packed.astype("<u4")[:, :, None].view(np.uint8)
    blocks = np.zeros((*packed.shape, GROUP), dtype=np.int8)
    positions = (bytes_[:, :, :1:-1] - 32 * _slots(packed.shape[1])[:, None]) // 8
    np.put_along_axis(blocks, positions.astype(np.intp), bytes_[:, :, :KEPT].view(np.int8), axis=2)
    return blocks.reshape(len(packed), -1)[:, :taps]
