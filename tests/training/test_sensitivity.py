"""Sensitivity: one layer matters, another does not; thresholds follow."""

import numpy as np
import pytest

from tinyprune.compiler.sparsity import Threshold
from tinyprune.errors import DataError, ModelError, UsageError
from tinyprune.training.prune import prune, sensitivity

SAMPLES = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)


@pytest.fixture
def model():
    """Two branches of equal layers, of which the answer hardly hears the second."""
    from tf_keras import Model, layers, utils

    utils.set_random_seed(0)
    start = layers.Input((16,))
    loud, quiet = layers.Dense(8, name="loud")(start), layers.Dense(8, name="quiet")(start)
    faint = layers.Rescaling(0.01)(quiet)
    return Model(start, layers.Add()([loud, faint]))


def test_the_scan_finds_the_layer_that_matters_and_leaves_the_model_as_it_was(model):
    before = [weights.copy() for weights in model.get_weights()]
    scan = sensitivity.scan(model, ["loud", "quiet"], SAMPLES)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    for one, other in zip(scan["loud"], scan["quiet"], strict=True):
        assert one.error > 100 * other.error or one.zeros == other.zeros == 0
    zeros = [response.zeros for response in scan["loud"]]
    assert zeros == sorted(zeros)
    assert zeros[-1] > 0.9 * 128


def test_the_quiet_layer_pays_for_the_sparsity_of_both(model):
    patterns = sensitivity.patterns(model, SAMPLES, 0.5)
    pruned = prune(model, patterns)
    layers = {line.name: line for line in pruned.layers}
    assert layers["quiet"].zeros > 0.8 * 128
    assert layers["loud"].zeros < 0.3 * 128
    assert 0.5 * 256 <= sum(line.zeros for line in pruned.layers) < 0.6 * 256
    assert layers["quiet"].reason.startswith("threshold-")


def test_layers_without_a_pattern_of_their_own_stay_and_say_so(model):
    pruned = prune(model, {"quiet": Threshold(1)})
    assert {line.name: line.pruned for line in pruned.layers} == {"loud": False, "quiet": True}
    assert {line.name: line.reason for line in pruned.layers}["loud"] == "no pattern was chosen for it"
    with pytest.raises(UsageError, match=r'pattern is given for "quite".*did you mean "quiet"'):
        prune(model, {"quite": Threshold(1)})


def test_a_sparsity_that_no_threshold_reaches_is_refused(model, monkeypatch):
    found = sensitivity.scan(model, ["loud", "quiet"], SAMPLES)
    monkeypatch.setattr(sensitivity, "scan", lambda *_: found)
    for sparsity in (0.0, -1.0, 1.0, 75.0):
        with pytest.raises(UsageError, match=r"thresholds reach shares up to 0\.9"):
            sensitivity.patterns(model, SAMPLES, sparsity)


def test_samples_of_a_wrong_shape_are_refused(model):
    with pytest.raises(DataError, match=r"sensitivity samples have shape \[40, 15\]"):
        sensitivity.patterns(model, SAMPLES[:, 1:], 0.5)


def test_two_outputs_are_refused():
    from tf_keras import Model, layers

    x = layers.Input((8,))
    with pytest.raises(ModelError, match="has 2 outputs; sensitivity is scanned of one"):
        sensitivity.scan(Model(x, [layers.Dense(2)(x), layers.Dense(3)(x)]), ["dense"], np.zeros((4, 8)))
