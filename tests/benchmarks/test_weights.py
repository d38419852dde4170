"""Masks of the benchmark, and what they do to a .tflite file."""

import numpy as np
import pytest

from benchmarks import weights
from tests import networks
from tinyprune.compiler import reader, sparsity
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D

RANDOM = np.random.default_rng(3).integers(1, 128, (8, 16)).astype(np.int8)


@pytest.mark.parametrize("pattern", weights.PATTERNS)
def test_share_of_zeros(pattern: str) -> None:
    expected = {"dense": 0, "2:4": 0.5, "2:4g2": 0.5, "2:4g4": 0.5, "1:4": 0.75}
    kept = weights.PATTERNS[pattern](RANDOM).mean()
    share = expected.get(pattern) if pattern in expected else float(pattern.removeprefix("unstructured-")) / 100
    assert kept == pytest.approx(1 - share, abs=0.5 / RANDOM.size)


@pytest.mark.parametrize("pattern", [name for name in weights.PATTERNS if name != sparsity.DENSE])
def test_the_pattern_is_that_of_its_name(pattern: str) -> None:
    pruned = RANDOM * weights.PATTERNS[pattern](RANDOM)
    assert sparsity.parse(pattern).matches(pruned)
    assert RANDOM[pruned == 0].mean() < RANDOM[pruned != 0].mean()  # the small ones go


def test_only_weights_of_convolutions_and_dense_layers_change() -> None:
    model = networks.every_operator(pruned=False)
    pruned = weights.prune(model, weights.PATTERNS["2:4"])
    assert len(pruned) == len(model)
    assert weights.prune(model, weights.all_of) == model
    before, after = reader.read(model, "before"), reader.read(pruned, "after")
    for old, new in zip(before.ops, after.ops, strict=True):
        rows = new.matrix
        if rows is not None:
            assert sparsity.discover(rows) == "2:4"
            np.testing.assert_array_equal(rows[rows != 0], old.matrix[rows != 0])  # type: ignore[index]
        if isinstance(new, DepthwiseConv2D):
            np.testing.assert_array_equal(new.weights, old.weights)  # type: ignore[union-attr]
    assert weights.zeros(pruned) == pytest.approx(0.5, abs=0.03)
    assert weights.zeros(model) < 0.02
