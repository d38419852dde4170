"""Masks in PyTorch lie as our patterns do, stay in training, and are part of the weights in the end."""

import sys

import numpy as np
import pytest

from tinyprune.compiler import sparsity
from tinyprune.errors import MissingDependency, ModelError, UsageError
from tinyprune.torch import finish, mask

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv2d(8, 8, (3, 2)),
        nn.BatchNorm2d(8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


def taps(weights: "torch.Tensor") -> np.ndarray:
    """By hand: `[out_channels, kernel…, in_channels]` as a matrix."""
    values = weights.detach().numpy()
    rows = [[row[:, y, x] for y in range(row.shape[1]) for x in range(row.shape[2])] for row in values]
    return np.array([np.concatenate(row) for row in rows])


def train(model: "nn.Module") -> None:
    rate = torch.optim.Adam(model.parameters(), 0.01, weight_decay=0.01)
    inputs, targets = torch.randn(16, 1, 8, 8), torch.randint(0, 4, (16,))
    for _ in range(5):
        rate.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        rate.step()


@pytest.mark.parametrize("pattern", ["2:4", "1:4", "2:4g2", "unstructured-75"])
def test_zeros_are_where_the_pattern_has_them_and_stay_there(model, pattern: str) -> None:
    dense = {name: weights.clone() for name, weights in model.named_parameters()}
    found = mask(model, pattern)
    assert [layer.masked for layer in found] == [True, False, True, True]
    assert found[1].reason == "depthwise or grouped: a filter has few taps"
    before = model[3].weight.detach().clone()
    train(model)
    finish(model)
    assert {name for name, _ in model.named_parameters()} == set(dense)
    assert not torch.equal(before, model[3].weight)
    wanted = sparsity.parse(pattern).mask(taps(dense["3.weight"]))
    assert np.array_equal(taps(model[3].weight) != 0, wanted)
    for layer, weights in zip(found, (model[0].weight, model[2].weight, model[3].weight, model[7].weight), strict=True):
        assert int((weights == 0).sum()) == layer.zeros


def test_a_second_mask_is_stricter_and_some_layers_may_be_left_out(model) -> None:
    mask(model, "3:4", only=("3",))
    train(model)
    first = model[3].weight == 0
    assert mask(model, "2:4", only=("3",))[0].reason == "not chosen"
    train(model)
    finish(model)
    assert sparsity.discover(taps(model[3].weight)) == "2:4"
    assert bool((model[3].weight == 0)[first].all())
    assert not (model[7].weight == 0).any()


def test_what_cannot_be_masked_gets_a_sentence(model, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match='no layer "9" with weights; it has 0, 2, 3, 7'):
        mask(model, "2:4", only=("9",))
    with pytest.raises(UsageError, match="unknown pattern 'two'"):
        mask(model, "two")
    with pytest.raises(ModelError, match="no layer to mask with 2:4 \\(0: depthwise or grouped"):
        mask(nn.Sequential(nn.Conv2d(4, 4, 3, groups=4)), "2:4")
    monkeypatch.setitem(sys.modules, "torch.nn.utils", None)
    with pytest.raises(MissingDependency, match="PyTorch is not installed"):
        mask(model, "2:4")
