"""Masks of the benchmark, and what they do to a .tflite file."""

import numpy as np
import pytest

from benchmarks import weights
from tests import networks
from tinyprune import reader, sparsity
from tinyprune.graph import DepthwiseConv2D, matrix
from tinyprune.sparsity import two_of_four

RANDOM = np.random.default_rng(3).integers(1, 128, (8, 16)).astype(np.int8)


@pytest.mark.parametrize("pattern", weights.PATTERNS)
def test_share_of_zeros(pattern: str) -> None:
    expected = {"dense": 0, "2": 0.5, "1": 0.75, "50 %": 0.5, "75 %": 0.75, "90 %": 0.9}
    kept = weights.PATTERNS[pattern](RANDOM).mean()
    share = next(share for word, share in expected.items() if pattern.startswith(word))
    assert kept == pytest.approx(1 - share, abs=0.5 / RANDOM.size)


def test_two_of_four_is_that_of_tinyprune() -> None:
    np.testing.assert_array_equal(weights.PATTERNS["2:4"](RANDOM), two_of_four.mask(RANDOM.astype(np.float64)))


@pytest.mark.parametrize("alike", [2, 4])
def test_neighbouring_channels_keep_the_same_taps(alike: int) -> None:
    mask = weights.PATTERNS[f"2:4, {alike} channels alike"](RANDOM)
    assert two_of_four.matches(RANDOM * mask)
    for row in range(0, 8, alike):
        assert (mask[row : row + alike] == mask[row]).all()
        energy = (RANDOM[row : row + alike, :4].astype(int) ** 2).sum(axis=0)
        assert sorted(energy[mask[row, :4]]) == sorted(energy)[2:]


def test_unstructured_keeps_the_largest_of_the_layer() -> None:
    mask = weights.PATTERNS["75 % unstructured"](RANDOM)
    assert RANDOM[mask].min() >= RANDOM[~mask].max()


def test_only_weights_of_convolutions_and_dense_layers_change() -> None:
    model = networks.every_operator(pruned=False)
    pruned = weights.prune(model, weights.PATTERNS["2:4"])
    assert len(pruned) == len(model)
    assert weights.prune(model, weights.all_of) == model
    before, after = reader.read(model, "before"), reader.read(pruned, "after")
    for old, new in zip(before.ops, after.ops, strict=True):
        rows = matrix(new)
        if rows is not None:
            assert sparsity.discover(rows) == "2:4"
            np.testing.assert_array_equal(rows[rows != 0], matrix(old)[rows != 0])  # type: ignore[index]
        if isinstance(new, DepthwiseConv2D):
            np.testing.assert_array_equal(new.weights, old.weights)  # type: ignore[union-attr]
    assert weights.zeros(pruned) == pytest.approx(0.5, abs=0.03)
    assert weights.zeros(model) < 0.02
