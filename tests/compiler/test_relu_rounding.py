"""The one-shift requantization against TFLite's two roundings, on ties above all."""

import numpy as np
import pytest

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels import relu_rounding
from tinyprune.compiler.kernels.relu_rounding import SHIFT, fits_relu, reached, relu_channels

LAYER = {"bias": [1 << 17], "reach": [1 << 17], "highest": [1 << 18], "max_weight": [127]}


def tflite(acc: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    scaled = fixed_point.multiply_by_quantized_multiplier(acc, multiplier, shift)
    return np.clip(scaled - 128, -128, 127).astype(np.int8)


def accumulators(multiplier: int, shift: int, bound: int) -> np.ndarray:
    """All over the range, and around every point where the output changes."""
    edges = (np.arange(-4, 264) + 0.5) * 2.0 ** (31 - shift) / multiplier
    near = (np.round(edges).astype(np.int64)[:, None] + np.arange(-3, 4)).ravel()
    spread = np.random.default_rng(0).integers(-bound, bound + 1, 4000)
    acc = np.concatenate([near, spread, np.arange(-600, 600), [bound, -bound]])
    return acc[np.abs(acc) <= bound]


@pytest.mark.parametrize("shift", range(-10, -3))
@pytest.mark.parametrize(
    "multiplier", [1 << 30, (1 << 30) + 1, 3 << 29, 5 << 28, (1 << 31) - 1, 1518500250, (1 << 30) + (1 << 12)]
)
def test_equals_two_roundings(multiplier: int, shift: int) -> None:
    bound = (1 << (30 - (SHIFT + 1 + shift))) - 1
    stored = relu_channels([0], [bound], [bound], [127], [multiplier], [shift])
    assert stored is not None
    acc = accumulators(multiplier, -shift, bound)
    assert len(acc) > 4000
    np.testing.assert_array_equal(relu_rounding.requantize(acc[:, None], stored)[:, 0], tflite(acc, multiplier, shift))


def test_ties_below_zero_need_the_relu() -> None:
    """Without the clamp the two differ: the proof is used for what it proves."""
    acc = np.array([-3 * (1 << 5)])
    rounded = fixed_point.multiply_by_quantized_multiplier(acc, 1 << 30, -5)
    assert rounded[0] == -2
    assert (acc * (1 << 30) + (1 << 30) + (1 << 35)) >> 36 == -1


def test_a_channel_that_cannot_reach_one_is_stored_as_zero() -> None:
    largest = (1 << 20) - 2  # one more makes a tie of a half after the first rounding, and that gives one
    stored = relu_channels([7], [largest - 7], [largest], [1], [1 << 30], [-20])
    assert stored is not None
    assert (stored.multiplier.tolist(), stored.bias.tolist()) == ([0], [0])
    acc = np.array([largest, -largest, 0, 1])
    np.testing.assert_array_equal(relu_rounding.requantize(acc[:, None], stored)[:, 0], tflite(acc, 1 << 30, -20))
    assert relu_channels([7], [largest - 6], [largest + 1], [1], [1 << 30], [-20]) is None
    assert tflite(np.array([largest + 1]), 1 << 30, -20)[0] == -127


def test_how_low_sums_go_does_not_matter_to_a_channel_that_cannot_reach_one() -> None:
    """One of DS-CNN L's: far below zero for most inputs, and never up to the first output above zero_point."""
    bias, reach, highest, multiplier, shift = -61535, 61946, 411, 1945459047, -11
    stored = relu_channels([bias], [reach], [highest], [127], [multiplier], [shift])
    assert stored is not None
    acc = np.arange(bias - reach, highest + 1)
    np.testing.assert_array_equal(relu_rounding.requantize(acc[:, None], stored)[:, 0], tflite(acc, multiplier, shift))
    assert relu_channels([bias], [reach], [-bias], [127], [multiplier], [shift]) is None


def test_a_dead_channel_of_multiplier_zero() -> None:
    stored = relu_channels([1 << 20], [9], [(1 << 20) + 9], [1], [0], [0])
    assert stored is not None
    assert relu_rounding.requantize(stored.bias, stored).tolist() == [-128]


@pytest.mark.parametrize("shift", [-31, -20, -12, -8, -3, 0, 5])
@pytest.mark.parametrize("bias", [-(1 << 31), -5000, 0, 77, 5000, 1 << 20, (1 << 31) - 1])
def test_a_channel_without_weights_gives_its_constant(bias: int, shift: int) -> None:
    """Wherever its bias and scale lie: nothing is summed up."""
    stored = relu_channels([bias], [0], [bias], [0], [1518500250], [shift])
    assert stored is not None
    np.testing.assert_array_equal(
        relu_rounding.requantize(stored.bias, stored), tflite(np.array([bias]), 1518500250, shift)
    )
    assert int(stored.bias[0]) << int(stored.scale_shift[0]) < 1 << 23


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"shift": [-11]}, "t = 1 leaves a half below the lowest bit"),
        ({"shift": [-3]}, "a weight would not fit 16 bits"),
        ({"shift": [-3], "max_weight": [64]}, "a weight would be 2^15"),
        ({"shift": [0], "max_weight": [1], "reach": [1], "highest": [2], "bias": [1]}, "ties of the second rounding"),
        ({"shift": [3], "max_weight": [1], "reach": [1], "highest": [2], "bias": [1]}, "shifts to the left"),
        ({"shift": [-5], "reach": [1 << 24]}, "the accumulator would overflow"),
        ({"shift": [-5], "bias": [-(1 << 24)]}, "the accumulator would overflow"),
    ],
)
def test_refused(change: dict[str, list[int]], why: str) -> None:
    arguments = {**LAYER, "multiplier": [3 << 29], "shift": [-8]}
    assert relu_channels(**arguments) is not None
    assert relu_channels(**(arguments | change)) is None, why


def test_one_channel_out_of_reach_refuses_the_layer() -> None:
    two = {
        "bias": [0, 0],
        "reach": [9000, 9000],
        "highest": [9000, 9000],
        "multiplier": [3 << 29] * 2,
        "shift": [-8, -3],
    }
    assert relu_channels(**two, max_weight=[127, 9]) is not None
    assert relu_channels(**two, max_weight=[9, 127]) is None
    stored, beyond = reached(**two, max_weight=[9, 127])
    assert beyond.tolist() == [False, True]
    assert stored.multiplier.tolist() == [3 << 29, 0]


@pytest.mark.parametrize(
    ("zero_point", "low", "high", "fits"),
    [(-128, -128, 127, True), (0, 0, 127, False), (-128, -128, 100, False), (-127, -128, 127, False)],
)
def test_fits_relu(zero_point: int, low: int, high: int, fits: bool) -> None:
    assert fits_relu(zero_point, low, high) == fits


def test_offsets_stay_in_range() -> None:
    for shift in range(-10, -3):
        stored = relu_channels([0], [1 << 10], [1 << 10], [1], [(1 << 31) - 1], [shift])
        assert stored is not None
        assert abs(int(stored.offset[0])) < 1 << 30
