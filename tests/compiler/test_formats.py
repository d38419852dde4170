"""docs/formats.md: its examples and sizes are those of the packers. (2:4: test_sparsity.py.)"""

import re
from pathlib import Path

import numpy as np
import pytest

from tinyprune.compiler.kernels import depthwise_five, few, five_wide, planes, quads
from tinyprune.compiler.kernels.relu_rounding import ReluChannels
from tinyprune.compiler.sparsity import duos, pairs, pairs8, pairs14, taps, twins, two_of_four

PAGE = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")


def example(name: str) -> list[int]:
    """The hexadecimal numbers of a code block of the page."""
    found = re.search(rf"```{name}\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None
    return [int(number, 16) for number in found[1].split()]


def test_pairs_example() -> None:
    weights = np.zeros((1, 24), np.int8)
    weights[0, [0, 1, 6, 7, 16]] = 3, -1, 5, 7, 2
    packed = pairs.pack(weights, np.array([1]), np.array([2]), np.array([9]), np.array([11]))
    assert packed.tolist() == example("pairs")


def test_duos_example() -> None:
    weights = np.zeros((2, 24), np.int8)
    weights[0, [0, 1, 6, 7, 16]] = 3, -1, 5, 7, 2
    weights[1, [0, 6]] = 1, -2
    packed = duos.pack(weights, np.array([1, -1]), np.array([2, 3]), np.array([9, 8]), np.array([11, 10]))
    assert packed.tolist() == example("duos")


@pytest.mark.parametrize("zeros", [0, 0.5, 0.75, 0.9, 1])
@pytest.mark.parametrize("taps", [7, 40, 64, 200])
def test_duos_size(zeros: float, taps: int) -> None:
    random = np.random.default_rng(taps)
    weights = (random.integers(1, 128, (6, taps)) * (random.random((6, taps)) >= zeros)).astype(np.int8)
    numbers = np.zeros(6, np.int64)
    counts = [duos.count(weights[first : first + 2]) for first in (0, 2, 4)]
    counts = [count + (count > 1 and count % 4 == 1) for count in counts]  # with the pair of zeros
    expected = 4 * (7 + sum(7 + (count > 17) + 2 * count + -(-count // 4) for count in counts))
    assert duos.pack(weights, numbers, numbers, numbers, numbers).nbytes == expected


def test_duos_size_of_the_page() -> None:
    two_of_four = np.tile(np.array([1, 0, 2, 0], np.int8), (64, 16))
    numbers = np.zeros(64, np.int64)
    sizes = [duos.pack(rows, *[numbers] * 4).nbytes for rows in (two_of_four, np.ones((64, 64), np.int8))]
    assert sizes == [5532, 10268]
    assert all(f"{size:,} bytes" in " ".join(PAGE.split()) for size in sizes)


def test_examples_of_the_other_streams() -> None:
    weights, one_of_four = np.zeros((1, 24), np.int8), np.zeros((1, 16), np.int8)
    weights[0, [0, 1, 6, 7, 16]] = 3, -1, 5, 7, 2
    one_of_four[0, [1, 6, 11]] = 3, -1, 5
    bias, shift, multiplier, offset = (np.array([number]) for number in (1, 2, 9, 11))
    assert pairs8.pack(weights, bias, shift, multiplier).tolist() == example("pairs8")
    assert taps.pack(weights, bias, shift, multiplier, offset).tolist() == example("taps")
    assert pairs14.pack(one_of_four, bias, shift, multiplier, offset).tolist() == example("sp14")
    blocks = np.array([[0, 5, 0, -7, 9, 0, 0, 0]], np.int8)
    assert two_of_four.pack_words(blocks).ravel().tolist() == example("words")
    kernel = np.arange(1, 10, dtype=np.int8).reshape(3, 3, 1)
    packed = depthwise_five.pack8(kernel, np.array([10]), np.array([2]), np.array([7]))
    assert packed.ravel().tolist() == example("dense8")


def test_twins_example_and_size() -> None:
    weights = np.array([[1, 2, 3, 4], [-1, -2, -3, -4]], np.int8)
    numbers = [np.array(pair) for pair in ([5, -5], [9, 8], [2, 1], [0, 0])]
    assert twins.pack(twins.filled(weights[:, None]), *numbers).tolist() == example("twins")
    rows = np.arange(1, 11, dtype=np.int8).reshape(1, 2, 5)
    assert twins.filled(rows).tolist() == [[1, 3, 2, 4, 5, 0, 6, 8, 7, 9, 10, 0]]
    assert twins.filled(rows[:, :1]).tolist() == [[1, 3, 2, 4, 5, 0, 0, 0]]
    assert twins.filled(rows.reshape(1, 1, 10)).tolist() == [[1, 3, 2, 4, 5, 7, 6, 8, 9, 0, 10, 0]]
    ones = np.ones(64, np.int64)
    assert twins.pack(np.ones((64, 64), np.int8), ones, ones, ones, ones).nbytes == 5128


def test_quads_example_and_size() -> None:
    rows = np.array([[1, 2, 3, 4, 5], [-1, -2, -3, -4, -5]], np.int8)
    assert quads.pack_rows(rows).ravel().tolist() == example("quads")
    assert quads.pack_rows(np.ones((10, 65), np.int8)).nbytes == 12 * 68
    numbers = np.ones(8, np.int64)
    assert quads.pack_depthwise(np.ones((3, 3, 8), np.int8), numbers, numbers, numbers, numbers).nbytes == 8 * 34
    assert quads.pack_depthwise(np.ones((5, 1, 8), np.int8), numbers, numbers, numbers, numbers).nbytes == 8 * (16 + 10)


def test_planes_example_and_order() -> None:
    def words(halves: np.ndarray) -> list[int]:
        return np.ascontiguousarray(halves, np.int16).view("<u4").ravel().tolist()

    kernel = np.array([[[1, 2, 3], [-1, -2, -3]]], np.int64)
    assert words(planes.pack_kernel(kernel)) == example("planes")
    assert planes.pack_kernel(np.arange(1, 5).reshape(1, 1, 4)).tolist() == [[1, 0, 3, 2, 0, 4]]
    assert planes.pack_kernel_3x3(np.arange(9).reshape(1, 3, 3)).tolist() == [[0, 1, 2, 1, 3, 4, 5, 4, 6, 7, 8, 7]]


def test_few_example() -> None:
    taps = np.arange(1, 9, dtype=np.int8).reshape(1, 8)
    channels = ReluChannels(*(np.array([number]) for number in (2, 1 << 30, -0x3FBFF, 5)))
    assert few.pack_taps(taps, few.EIGHT, channels).ravel().tolist() == example("few")
    kept = np.array([[0, 2, 3, 0, 5, 0, 0, 8]], np.int8)
    assert few.pack_kept(kept, channels).ravel().tolist() == example("few pairs")


def stream(weights: np.ndarray) -> np.ndarray:
    numbers = np.zeros(len(weights), np.int64)
    return pairs.pack(weights, numbers, numbers, numbers, numbers)


@pytest.mark.parametrize("zeros", [0, 0.5, 0.75, 0.9, 1])
@pytest.mark.parametrize("taps", [7, 40, 64, 200])
def test_pairs_size(zeros: float, taps: int) -> None:
    random = np.random.default_rng(taps)
    weights = random.integers(1, 128, (16, taps)).astype(np.int8) * (random.random((16, taps)) >= zeros)
    packed = stream(weights)
    counts = [len(pairs.pairs_of(row)) for row in weights.astype(np.int64)]
    counts = [count + (count > 1 and count % 4 == 1) for count in counts]
    words = 5 + sum(3 + (count > 17) + count + -(-count // 4) for count in counts)
    assert len(packed) == packed[0] == words


def test_pairs_sizes_of_the_page() -> None:
    weights = np.full((64, 64), 3, np.int8)
    kept = weights * two_of_four.PATTERN.mask(weights.astype(np.float64))
    dense, pruned = (stream(each).nbytes for each in (weights, kept))
    assert f"64 channels of 16 pairs, {pruned:,} bytes; dense: 32 pairs, {dense:,}" in PAGE.replace("\n", " ")


def test_five_wide_example_and_size() -> None:
    rows = np.arange(1, 11, dtype=np.int8).reshape(2, 5, 1)
    plane = depthwise_five.to_planes(rows, 4, 1)
    assert plane.ravel().tolist() == example("five-wide")
    where = five_wide.new_map(25)
    assert where.slots % 4 == 0
    assert where.slots >= 25 + 3
    assert five_wide.planes_bytes(where, 64) == 64 * 5 * where.slots


def test_depthwise_example() -> None:
    weights = np.arange(1, 10, dtype=np.int8).reshape(3, 3, 1)
    packed = depthwise_five.pack(weights, np.array([10]), -3, np.array([2]), np.array([7]), np.array([8]))
    assert packed.ravel().tolist() == example("depthwise")
    assert packed.nbytes == 40
