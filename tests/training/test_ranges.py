"""The range that int8 is to cover: judged by the error that it leaves."""

import numpy as np
import pytest

from tinyprune.training.ranges import SHARES, Histogram


def best_of(values: np.ndarray) -> tuple[float, float]:
    histogram = Histogram(float(values.min()), float(values.max()))
    for part in np.array_split(values, 3):
        histogram.add(part)
    return histogram.best()


def error_of(values: np.ndarray, smallest: float, largest: float) -> float:
    """Mean square of what TFLite's asymmetric int8 loses."""
    step = (largest - smallest) / 255
    zero_point = round(-128 - smallest / step)
    stored = np.clip(np.round(values / step) + zero_point, -128, 127)
    return float((((stored - zero_point) * step - values) ** 2).mean())


def values_of(kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=50_000).astype(np.float32)
    return {
        "uniform": rng.uniform(-1, 3, 50_000).astype(np.float32),
        "relu": np.maximum(normal, 0),
        "relu with a tail": np.maximum(rng.exponential(size=50_000) ** 2 - 0.5, 0).astype(np.float32),
        "signed with outliers": np.append(normal, [-20, 30]).astype(np.float32),
    }[kind]


def test_evenly_spread_values_are_covered_whole() -> None:
    values = values_of("uniform")
    assert best_of(values) == (pytest.approx(values.min()), pytest.approx(values.max()))


@pytest.mark.parametrize("kind", ["uniform", "relu", "relu with a tail", "signed with outliers"])
def test_no_other_share_of_the_range_leaves_less_error(kind: str) -> None:
    values = values_of(kind)
    low, high = min(0.0, float(values.min())), float(values.max())
    errors = [error_of(values, low * share, high * share) for share in SHARES]
    assert error_of(values, *best_of(values)) <= min(errors) * 1.01


def test_a_few_outliers_do_not_make_all_steps_coarse() -> None:
    values = np.append(np.random.default_rng(0).uniform(0, 1, 1_000_000), 3).astype(np.float32)
    smallest, largest = best_of(values)
    assert (smallest, 1 < largest < 2) == (0, True)
    assert error_of(values, smallest, largest) < 0.5 * error_of(values, 0, 3)


def test_zero_belongs_to_every_range() -> None:
    assert best_of(np.linspace(2, 3, 1000, dtype=np.float32))[0] == 0
    assert best_of(np.linspace(-3, -2, 1000, dtype=np.float32))[1] == 0


def test_a_tensor_that_is_always_zero() -> None:
    assert best_of(np.zeros(10, np.float32)) == (0, 0)
