"""Samples that cannot be right are told by what is odd about them; real ones pass without a word."""

from typing import Any

import numpy as np
import pytest

from tinyprune.training import calibration, quantization_error
from tinyprune.training.quantization_error import LayerError

GOOD = np.random.default_rng(0).normal(2, 3, (200, 4, 4, 2)).astype(np.float32)


def outlier(number: int = 7, times: float = 50) -> np.ndarray:
    samples = GOOD.copy()
    samples[number] *= times
    return samples


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def model(request: pytest.FixtureRequest) -> Any:
    """A batch normalization with the statistics of GOOD, behind a layer that leaves values as they are."""
    keras = pytest.importorskip(request.param)
    network = keras.Sequential(
        [
            keras.layers.Input((4, 4, 2)),
            keras.layers.BatchNormalization(name="untrained"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    network.get_layer("norm").set_weights([np.ones(2), np.zeros(2), np.full(2, 2.0), np.full(2, 9.0)])
    return network


ODD = {
    "constant": (np.zeros_like(GOOD), "all values of all 200 samples are 0: real inputs are needed"),
    "the same": (np.tile(GOOD[:1], (9, 1, 1, 1)), "all 9 samples are the same one: different real inputs are needed"),
    "too large": (255 * GOOD, "what reaches the batch normalization norm has 25"),
    "too small": (GOOD / 10, "norm has 0.10"),
    "moved": (GOOD + 40, "norm has a mean 13."),
    "one far out": (outlier(), "sample 7 is at least"),
    "few far out": (np.concatenate([outlier(3)[:9], GOOD, outlier(3)[:9]]), "2 samples, such as 3, are at least"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_samples_are_told_by_what_is_odd(model: Any, case: str) -> None:
    samples, sentence = ODD[case]
    assert any(sentence in told for told in calibration.oddities(model, samples)), calibration.oddities(model, samples)


@pytest.mark.parametrize("times", [0.5, 1, 2])
def test_real_samples_pass_without_a_word(model: Any, times: float) -> None:
    assert calibration.oddities(model, np.float32(times) * GOOD) == ()
    assert calibration.oddities(model, GOOD[:3]) == ()


def test_heavy_tails_are_no_outliers(model: Any) -> None:
    tails = np.random.default_rng(1).standard_normal((200, 4, 4, 2)).astype(np.float32) ** 3
    assert not any("times as far out" in told for told in calibration.oddities(model, tails))


def test_dead_and_saturated_layers_are_named_once() -> None:
    def error(name: str, *, constant: bool = False, at_limit: float = 0.1) -> LayerError:
        return LayerError(name, 40.0, 0.01, 0.0, constant, at_limit)

    layers = [error("a"), error("b", at_limit=0.6), error("c", constant=True), error("d", constant=True)]
    dead, full = quantization_error.oddities(layers)
    assert dead.startswith('layer "c" answers the same to every sample: it is dead on these inputs (as 1 behind it)')
    assert full.startswith('layer "b" is saturated: more than 50% of its outputs are at its limit; are')
    assert quantization_error.oddities(layers[:1]) == ()
