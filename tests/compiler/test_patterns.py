"""Patterns beside 2:4: their masks, what is discovered in weights, and which kernels may then run them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests import networks
from tinyprune.compiler import lower, reader, sparsity
from tinyprune.compiler.kernels import KERNELS
from tinyprune.compiler.sparsity import NM, Threshold, Unstructured
from tinyprune.device import boards

Matrix = npt.NDArray[np.int8]
GROUPED = st.builds(NM, st.integers(1, 3), st.integers(4, 8), st.integers(1, 4))


def matrices() -> st.SearchStrategy[Matrix]:
    shape = st.tuples(st.integers(1, 9), st.integers(1, 40))
    return shape.flatmap(lambda s: arrays(np.int8, s, elements=st.integers(-128, 127)))


def random_weights(rows: int, taps: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(rows, taps))


@given(matrices(), GROUPED)
def test_a_group_keeps_the_positions_of_most_weight_in_all_its_channels(weights: Matrix, pattern: NM) -> None:
    mask = pattern.mask(weights.astype(np.float64))
    assert pattern.matches(weights * mask)
    energy = weights.astype(np.int64) ** 2
    for row in range(0, len(weights), pattern.channels):
        for tap in range(0, weights.shape[1], pattern.group):
            block = np.s_[row : row + pattern.channels, tap : tap + pattern.group]
            kept, total = mask[block], energy[block].sum(axis=0)
            assert (kept == kept[0]).all()
            assert kept[0].sum() == min(pattern.kept, kept.shape[1])
            assert total[kept[0]].min() >= max(total[~kept[0]], default=0)


@given(matrices(), GROUPED)
def test_one_weight_too_many_is_noticed(weights: Matrix, pattern: NM) -> None:
    full = np.where(weights == 0, 1, weights).astype(np.int8)
    has_whole_group = weights.shape[1] > pattern.kept
    assert pattern.matches(full) is not has_whole_group


@given(matrices(), st.floats(0.01, 0.99))
def test_unstructured_removes_that_share_and_the_least_weights(weights: Matrix, share: float) -> None:
    pattern = Unstructured(share)
    mask, magnitude = pattern.mask(weights.astype(np.float64)), np.abs(weights.astype(int))
    assert (~mask).sum() == min(round(share * weights.size), weights.size - 1)
    assert pattern.matches(weights * mask)
    assert magnitude[mask].min(initial=128) >= magnitude[~mask].max(initial=0)


def test_a_threshold_is_a_multiple_of_the_standard_deviation() -> None:
    weights = random_weights(40, 50) * 3 + 0.5
    mask = Threshold(0.8).mask(weights)
    np.testing.assert_array_equal(mask, np.abs(weights) >= 0.8 * np.sqrt(((weights - weights.mean()) ** 2).mean()))
    assert 0.4 < mask.mean() < 0.6
    assert Threshold(99).mask(weights).sum() == 1


@pytest.mark.parametrize("name", ["1:4", "2:4g4", "2:4g2", "2:4"])
def test_a_pattern_is_discovered_by_its_name(name: str) -> None:
    weights = random_weights(16, 32)
    assert sparsity.discover(weights * sparsity.parse(name).mask(weights)) == name


def test_zeros_without_structure_are_unstructured_and_few_are_dense() -> None:
    weights = random_weights(16, 32)
    assert sparsity.discover(weights * Unstructured(0.31).mask(weights)) == "unstructured"
    assert sparsity.discover(weights * Unstructured(0.29).mask(weights)) == "dense"


def test_one_channel_shares_nothing() -> None:
    assert sparsity.discover(np.array([[1, 2, 0, 0]], np.int8)) == "2:4"
    assert sparsity.discover(np.array([[1, 2, 0, 0], [3, 0, 0, 0]], np.int8)) == "2:4g2"


@pytest.mark.parametrize("name", ["1:4", "2:4g4", "2:4g2"])
def test_implied_patterns_do_hold(name: str) -> None:
    for seed in range(20):
        weights = random_weights(13, 27, seed)
        weights *= sparsity.parse(name).mask(weights)
        for looser in sparsity.IMPLIED[name]:
            pattern = sparsity.parse(looser)
            assert isinstance(pattern, NM)
            assert pattern.matches(weights)


def test_which_kernels_take_which_weights() -> None:
    strict = {"1:4", "2:4g4", "2:4g2", "2:4"}
    assert {p for p in (*strict, "unstructured", "dense") if sparsity.takes("2:4", p)} == strict
    assert not sparsity.takes("1:4", "2:4")
    assert all(sparsity.takes(kernel, "unstructured") for kernel in ("dense", "any"))


@pytest.mark.parametrize("name", ["1:4", "2:4g2", "2:4g4"])
def test_stricter_layers_run_on_kernels_for_2_of_4(name: str) -> None:
    program = lower.lower(reader.read(networks.every_operator(pattern=name)), boards.load("nano33"), "size")
    step = next(step for step in program.steps if step.op.name == "conv_2")
    assert (step.pattern, step.kernel.name) == (name, "tp_conv_1x1_s8_sp24_dsp")
    assert step.reason.startswith(f"weights are {name}, run 2:4; ")
    assert {kernel.pattern for kernel in KERNELS} <= {"dense", "any", "2:4"}


def test_unstructured_layers_never_run_on_kernels_for_2_of_4() -> None:
    program = lower.lower(reader.read(networks.every_operator(pattern="unstructured-50")), boards.load("nano33"))
    found = [step for step in program.steps if step.pattern == "unstructured"]
    assert len(found) == 3
    assert all("sp24" not in step.kernel.name for step in found)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2:4", NM(2, 4)),
        ("1:16g2", NM(1, 16, 2)),
        ("unstructured-87.5", Unstructured(0.875)),
        ("threshold-0.8", Threshold(0.8)),
    ],
)
def test_names_are_read_back(text: str, pattern: sparsity.Pattern) -> None:
    assert sparsity.parse(text) == pattern
    assert pattern.name == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4:4", "4:4 is no N:M pattern: N must be at least 1 and less than M"),
        ("0:4", "0:4 is no N:M pattern"),
        ("2:4g0", "channels share positions in groups of at least 1, not of 0"),
        ("unstructured-100", "sparsity 1 is out of range: give a share between 0 and 1, such as 0.5"),
        ("unstructured-0", "sparsity 0 is out of range"),
        ("threshold-0", "a threshold of 0 standard deviations is out of range"),
        ("2/4", "unknown pattern '2/4': give N:M such as 2:4"),
        ("", "unknown pattern ''"),
    ],
)
def test_bad_patterns_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sparsity.parse(text)
