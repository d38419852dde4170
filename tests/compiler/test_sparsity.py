"""2:4: the mask keeps the largest, packing loses nothing, and the pattern is found in the weights."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyprune.compiler import sparsity
from tinyprune.compiler.sparsity import two_of_four

Matrix = npt.NDArray[np.int8]


def matrices() -> st.SearchStrategy[Matrix]:
    shape = st.tuples(st.integers(1, 9), st.integers(1, 70))
    return shape.flatmap(lambda s: arrays(np.int8, s, elements=st.integers(-128, 127)))


def pruned(weights: Matrix) -> Matrix:
    return weights * two_of_four.PATTERN.mask(weights.astype(np.float64))


@given(matrices())
def test_the_mask_keeps_the_two_largest_of_each_group(weights: Matrix) -> None:
    mask = two_of_four.PATTERN.mask(weights.astype(np.float64))
    assert two_of_four.PATTERN.matches(weights * mask)
    for row, keep in zip(weights, mask, strict=True):
        for start in range(0, len(row), 4):
            group, kept = np.abs(row[start : start + 4].astype(int)), keep[start : start + 4]
            assert kept.sum() == min(2, len(group))
            assert not kept.all() or len(group) <= 2
            assert group[kept].min() >= max(group[~kept], default=0)


@given(matrices())
def test_packing_loses_nothing(weights: Matrix) -> None:
    weights = pruned(weights)
    taps = weights.shape[1]
    np.testing.assert_array_equal(two_of_four.unpack_small(two_of_four.pack_small(weights), taps), weights)
    np.testing.assert_array_equal(two_of_four.unpack_fast(two_of_four.pack_fast(weights), taps), weights)


def test_packing_refuses_to_drop_a_weight() -> None:
    with pytest.raises(ValueError, match="more than two non-zeros"):
        two_of_four.pack_small(np.array([[1, 2, 3, 0]], np.int8))


def test_sizes_are_those_of_the_formats_page() -> None:
    weights = pruned(np.ones((64, 64), np.int8))
    assert two_of_four.pack_small(weights).nbytes == 64 * 64 * 5 // 8
    assert two_of_four.pack_fast(weights).nbytes == 64 * 64 * 3 // 4


def test_the_worked_example_of_the_formats_page() -> None:
    row = np.array([[0, 5, 0, -7, 9, 0, 0, 0]], np.int8)
    assert two_of_four.pack_small(row).tolist() == [[[5, 0xF9, 9, 0, 0b0100_1101]]]
    assert two_of_four.pack_fast(row).tolist() == [[[64, 32, 96, 96, 5, 9, 0xF9, 0, 0, 0, 0, 0]]]


@pytest.mark.parametrize(
    ("rows", "pattern"),
    [
        ([[1, 2, 3, 0]], "dense"),
        ([[1, 2, 0, 0, 0, 0, 3, 4]], "2:4"),
        ([[0] * 8], "2:4"),
        ([[1, 2]], "dense"),
        ([[1, 0, 2, 0, 3, 4, 5]], "dense"),
    ],
)
def test_patterns_are_discovered_from_the_weights(rows: list[list[int]], pattern: str) -> None:
    assert sparsity.discover(np.array(rows, np.int8)) == pattern


@pytest.mark.parametrize("taps", [1, 4, 7, 40, 64])
def test_words_round_trip(taps: int) -> None:
    random = np.random.default_rng(taps)
    weights = random.integers(-127, 128, (5, taps)).astype(np.int8) * two_of_four.PATTERN.mask(random.random((5, taps)))
    packed = two_of_four.pack_words(weights)
    assert packed.shape == (5, -(-taps // 4))
    np.testing.assert_array_equal(two_of_four.unpack_words(packed, taps), weights)


def test_words_worked_example() -> None:
    weights = np.array([[0, 5, 0, -7]], np.int8)
    assert two_of_four.pack_words(weights).tolist() == [[5 | 0xF9 << 8 | 24 << 16 | 8 << 24]]


def test_words_refuse_products_beyond_16_bits() -> None:
    weights = np.array([[-128, 0, 0, -128]], np.int8)
    assert not two_of_four.fits_words(weights)
    with pytest.raises(ValueError, match="two weights of -128"):
        two_of_four.pack_words(weights)
    assert two_of_four.fits_words(np.array([[-128, 0, 0, -127, -128, 1]], np.int8))
