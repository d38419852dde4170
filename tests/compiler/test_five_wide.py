"""Packed layouts of the kernels in tp_kernels_dsp.h: what is packed is unpacked again, and nothing is dropped."""

import numpy as np
import pytest

from tinyprune.compiler.kernels import depthwise_five, quads
from tinyprune.compiler.sparsity import NM, duos, pairs, pairs8, pairs14, twins, two_of_four
from tinyprune.compiler.sparsity import taps as taps_format


def random_weights(rows: int, taps: int, zeros: float | str) -> np.ndarray:
    random = np.random.default_rng(taps)
    weights = random.integers(-128, 128, (rows, taps)).astype(np.int8)
    if zeros == "2:4":
        return weights * two_of_four.PATTERN.mask(random.random((rows, taps)))
    return weights * (random.random((rows, taps)) >= zeros)


@pytest.mark.parametrize("zeros", ["2:4", 0, 0.5, 0.9, 0.99, 1])
@pytest.mark.parametrize("taps", [1, 3, 4, 5, 8, 16, 17, 40, 64, 68, 150, 500])
def test_stream_round_trip(taps: int, zeros: float | str) -> None:
    weights = random_weights(7, taps, zeros)
    shifts, numbers = np.arange(2, 9), np.arange(7)
    packed = pairs.pack(weights, numbers * -1000, shifts, numbers, -numbers)
    np.testing.assert_array_equal(pairs.unpack(packed, shifts, taps), weights)
    assert packed[3] == 0
    assert packed[-5:].astype(np.int32).tolist() == [6, -6 << 12, 0, 0, 0]
    assert pairs.count(weights) < len(packed) - 7 * 4
    packed = pairs8.pack(weights, numbers * -1000, shifts, numbers)
    np.testing.assert_array_equal(pairs8.unpack(packed, taps, 7), weights)
    assert packed[2] == 2
    assert packed[-1] == 6
    packed = taps_format.pack(weights, numbers * -1000, shifts, numbers, -numbers)
    np.testing.assert_array_equal(taps_format.unpack(packed, shifts, taps), weights)
    assert len(packed) == 1 + 7 * 5 + taps_format.count(weights) + 4 + sum(np.count_nonzero(weights, axis=1) > 17)


@pytest.mark.parametrize("zeros", ["2:4", 0, 0.5, 0.9, 0.99, 1])
@pytest.mark.parametrize("taps", [1, 3, 4, 5, 8, 16, 17, 40, 64, 68, 150, 500])
def test_duos_round_trip(taps: int, zeros: float | str) -> None:
    weights = random_weights(6, taps, zeros)
    shifts, numbers = np.arange(2, 8), np.arange(6)
    packed = duos.pack(weights, numbers * -1000, shifts, numbers, -numbers)
    np.testing.assert_array_equal(duos.unpack(packed, shifts, taps), weights)
    assert packed[-10:].astype(np.int32).tolist() == [4, -4, 5, -5, *[0] * 6]
    assert 3 <= duos.count(weights) < (len(packed) - 7) / 2


def test_channels_that_share_positions_share_pairs() -> None:
    random = np.random.default_rng(0)
    shared = random_weights(8, 64, 0) | 1
    for channels in (2, 4):
        assert duos.count(shared * NM(2, 4, channels).mask(random.random((8, 64)))) == 4 * 16
    assert duos.count(shared) == 4 * 32
    assert duos.count(shared * NM(2, 4).mask(random.random((8, 64)))) > 4 * 24


@pytest.mark.parametrize("zeros", ["2:4", 0, 0.9, 1])
@pytest.mark.parametrize("taps", [1, 5, 64, 68, 500])
def test_exact_stream_round_trip(taps: int, zeros: float | str) -> None:
    weights, shifts, numbers = random_weights(7, taps, zeros), np.arange(1, 8), np.arange(7)
    packed = pairs.pack_exact(weights, numbers, numbers, shifts, numbers - 3)
    np.testing.assert_array_equal(pairs.unpack_exact(packed, taps), weights)
    assert packed[-6:].astype(np.int32).tolist() == [6, 64 + 3 * 128, 7 << 12, 0, 0, 0]


def test_one_pair_a_group_at_two_of_four() -> None:
    assert pairs.count(np.tile(np.array([1, 0, 2, 0, 0, 0, 0, 7], np.int8), (3, 5))) == 3 * 10
    assert pairs.count(np.ones((3, 40), np.int8)) == 3 * 20


def test_worked_example() -> None:
    """Six groups, of which the last four are empty but for one weight: three pairs and a bridge in one record."""
    weights = np.zeros((1, 24), np.int8)
    weights[0, [0, 1]] = 3, -1  # pair 01 of group 0: byte 0
    weights[0, [6, 7]] = 5, 7  # pair 23 of group 1: byte 120 + 5 · 20
    weights[0, 16] = 2  # pair 01 of group 4: byte 480, 260 further, which is more than a step
    packed = pairs.pack(weights, np.array([1]), np.array([2]), np.array([9]), np.array([11]))
    entry = 13 * 48 + 3 * 4 - 948
    steps = 220 << 8 | 240 << 16 | 20 << 24
    expected = [13, entry & 0xFFF, steps, 4, 12 | 0xFFFC << 16, 20 | 28 << 16, 0, 8, 9, 11 << 12, 0, 0, 0]
    assert packed.tolist() == expected


def test_worked_example_in_bytes() -> None:
    weights = np.zeros((1, 24), np.int8)
    weights[0, [0, 1, 6, 7, 16]] = 3, -1, 5, 7, 2
    packed = pairs8.pack(weights, np.array([-5]), np.array([2]), np.array([9]))
    steps = 220 << 8 | 240 << 16 | 20 << 24
    first, second = 3 | 5 << 8 | 0xFF << 16 | 7 << 24, 2 << 8
    assert packed.tolist() == [7, 12 * 52 + 3 * 4, (-5 * 32 + 2) & 0xFFFFFFFF, steps, first, second, 9]


@pytest.mark.parametrize("taps", [8, 16, 64, 136, 264])
@pytest.mark.parametrize("empty", [0.0, 0.7, 1.0])
def test_one_of_four_round_trip(taps: int, empty: float) -> None:
    random = np.random.default_rng(taps)
    groups = random.random((7, taps // 4, 4))
    kept = (groups == groups.max(axis=2, keepdims=True)) & (random.random((7, taps // 4, 1)) >= empty)
    weights = random.integers(1, 128, (7, taps)).astype(np.int8) * kept.reshape(7, taps)
    shifts, numbers = np.arange(2, 9), np.arange(7)
    packed = pairs14.pack(weights, numbers * -1000, shifts, numbers, -numbers)
    np.testing.assert_array_equal(pairs14.unpack(packed, shifts, taps), weights)
    assert 7 <= pairs14.count(weights) <= 7 * taps // 8


def test_one_of_four_is_refused_where_it_is_not() -> None:
    weights = np.zeros((2, 16), np.int8)
    assert pairs14.fits(weights)
    assert not pairs14.fits(weights[:, :12])
    assert not pairs14.fits(np.zeros((1, 1640), np.int8))
    weights[1, [4, 6]] = 1
    assert not pairs14.fits(weights)
    with pytest.raises(ValueError, match="not 1:4"):
        pairs14.pack(weights, *[np.zeros(2, np.int64)] * 4)


def test_worked_example_of_one_of_four() -> None:
    weights = np.zeros((1, 24), np.int8)
    weights[0, [3, 4]] = 3, -1  # (y0, x3), number 12: byte 240
    weights[0, 17] = 5  # (x1, y0), number 4 of block 2: byte 640 + 80
    packed = pairs14.pack(weights, np.array([1]), np.array([2]), np.array([9]), np.array([11]))
    entry = 15 * 48 + 7 * 4 - 964
    words = [11, entry & 0xFFF, 240 | 480 << 16, 4, 0xFFFC | 12 << 16, 20, 9, 11 << 12, 0, 0, 0]
    assert packed.tolist() == words


def test_duos_exact_round_trip() -> None:
    weights = np.random.default_rng(0).integers(-128, 128, (6, 70)).astype(np.int8)
    numbers = np.arange(1, 7)
    packed = duos.pack_exact(weights, -numbers, numbers, numbers, numbers)
    np.testing.assert_array_equal(duos.unpack_exact(packed, 6, 70), weights)


@pytest.mark.parametrize("shape", [(1, 4), (2, 8), (7, 40), (8, 30), (8, 64)])
def test_twins_round_trip(shape: tuple[int, int]) -> None:
    weights = np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)
    weights[0] = -128
    numbers = np.arange(1, 1 + shape[0])
    np.testing.assert_array_equal(twins.unpack(twins.pack(weights, -numbers, *[numbers] * 3), shape[1]), weights)


def test_twins_refuse_a_second_weight_that_does_not_fit() -> None:
    weights, numbers = np.array([[0] * 4, [-128] * 4], np.int8), np.ones(2, np.int64)
    with pytest.raises(ValueError, match="-128 does not fit"):
        twins.pack(weights, numbers, numbers, numbers, numbers)


def test_worked_example_of_taps() -> None:
    weights = np.zeros((2, 24), np.int8)
    weights[0, [1, 6, 23]] = 3, -1, 5
    stream = taps_format.pack(weights, np.array([1, -2]), np.array([2, 3]), np.array([9, 8]), np.array([11, 10]))
    first = [4, 12 | 12 << 16, 2**32 - 792 + 14 * 40, 0xFFFC | 72 << 16, 20 | 276 << 16, 9, 11]
    assert stream.tolist() == [17, *first, 2**32 - 16, 0, 2**32 - 152, 8, 10, 0, 0, 0, 0]


@pytest.mark.parametrize(("weight", "fits"), [(127, True), (-128, True), (127, False)])
def test_refuses_weights_that_do_not_fit(weight: int, fits: bool) -> None:
    weights, shift = np.full((1, 1), weight, np.int8), np.array([8 if fits else 9])
    depthwise = np.full((3, 3, 1), weight, np.int8)
    zero = np.array([0])
    if fits:
        taps_format.pack(weights, zero, shift, zero, zero)
        depthwise_five.pack(depthwise, zero, 0, shift, zero, zero)
        return
    with pytest.raises(ValueError, match="does not fit 16 bits"):
        taps_format.pack(weights, zero, shift, zero, zero)
    with pytest.raises(ValueError, match="does not fit 16 bits"):
        depthwise_five.pack(depthwise, zero, 0, shift, zero, zero)


@pytest.mark.parametrize("weight", [127, -128])
def test_pairs_store_weights_that_do_not_fit_in_pieces(weight: int) -> None:
    weights, shift, zero = np.full((2, 9), weight, np.int8), np.array([10, 9]), np.zeros(2, np.int64)
    weights[:, 3] = 1
    for form in (pairs, duos):
        np.testing.assert_array_equal(form.unpack(form.pack(weights, zero, shift, zero, zero), shift, 9), weights)


def test_depthwise_round_trip() -> None:
    random = np.random.default_rng(0)
    weights = random.integers(-128, 128, (3, 3, 9)).astype(np.int8)
    shifts, numbers = random.integers(2, 9, 9), random.integers(0, 1 << 31, 9)
    packed = depthwise_five.pack(weights, np.arange(9), -7, shifts, numbers, -np.arange(9))
    assert packed.shape == (9, 10)
    np.testing.assert_array_equal(depthwise_five.unpack(packed, shifts), weights)
    sides = weights.astype(np.int64).sum(axis=0)
    for word, side in ((0, 0), (2, 2)):
        np.testing.assert_array_equal(packed[:, word].astype(np.int32), (np.arange(9) - 7 * sides[side]) << shifts)
    np.testing.assert_array_equal(packed[:, 8], numbers)


@pytest.mark.parametrize(("height", "first"), [(1, 1), (25, 1), (25, 2), (3, 5)])
def test_map_round_trip(height: int, first: int) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (height, 5, 6)).astype(np.int8)
    slots = depthwise_five.slots(height, first)
    assert slots % 4 == 0
    assert slots > first + height
    planes = depthwise_five.to_planes(x, slots, first)
    np.testing.assert_array_equal(depthwise_five.from_planes(planes, height, first), x)
    assert planes[2, 4 * first : 4 * first + 4].tolist() == x[0, [0, 2, 1, 3], 2].tolist()
    assert planes[2, 4 * slots + first] == x[0, 4, 2]


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (5, 7), (10, 64), (3, 41)])
def test_quads_round_trip(shape: tuple[int, int]) -> None:
    weights = random_weights(*shape, 0)
    packed = quads.pack_rows(weights)
    assert packed.shape == (-(-shape[0] // 4), -(-shape[1] // 4), 4)
    np.testing.assert_array_equal(quads.unpack_rows(packed, *shape), weights)


def test_depthwise_quads_worked_example() -> None:
    weights = np.arange(36, dtype=np.int8).reshape(3, 3, 4) - 5
    numbers = np.array([1, 2, 3, 4])
    packed = quads.pack_depthwise(weights, numbers, numbers + 10, numbers, -numbers)
    assert packed.shape == (1, 34)
    assert packed[0, :4].tolist() == [2, 4, 6, 8]
    assert packed[0, 4:6].astype(np.int32).tolist() == [(-10 & 0xFFFF) | -6 << 16, (-8 & 0xFFFF) | -4 << 16]
    assert packed[0, 22:28].astype(np.int32).tolist() == [11, 1 - 2, 1, 12, 2 - 8, 2]
