"""The arithmetic against its definitions, written out with Python's integers, and the proof of the fast rounding."""

from dataclasses import replace
from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tflite_models import Conv, Dense, Input, graph
from tinyprune.compiler import fixed_point
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.errors import ModelError

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
MULTIPLIER = st.integers(1 << 30, (1 << 31) - 1) | st.sampled_from([0, 1 << 30, 3 << 29, (1 << 31) - 1])


def gemmlowp_high_mul(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul as gemmlowp writes it: a nudge by sign, then a division that truncates."""
    if a == b == -(1 << 31):
        return (1 << 31) - 1
    product = a * b
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    return nudged >> 31 if nudged >= 0 else -(-nudged >> 31)


def ties_of(zeros: int, most: int) -> np.ndarray:
    """The accumulators below 2^30 of which a multiplier with so many trailing zero bits makes a tie: all, or `most`."""
    first, every = 1 << (30 - zeros), 1 << max(0, zeros - most.bit_length() + 1)
    return np.arange(first - (1 << 30), 1 << 30, 2 * first * every, dtype=np.int64)


@settings(deadline=None)
@given(INT32, INT32)
@example(-(1 << 31), -(1 << 31))
@example(-3, 1 << 30)
@example(3, 1 << 30)
def test_high_mul_is_gemmlowps(a: int, b: int) -> None:
    assert fixed_point.saturating_rounding_doubling_high_mul(a, b) == gemmlowp_high_mul(a, b)


@pytest.mark.parametrize("zeros", range(1, 31))
def test_high_mul_rounds_every_tie_up(zeros: int) -> None:
    """All ties there are for up to 18 trailing zeros of the multiplier, many beyond: never away from zero."""
    acc = ties_of(zeros, 1 << 18)
    for multiplier in {(1 << 30) + (1 << zeros) if zeros < 30 else 1 << 30, (1 << 31) - (1 << zeros)}:
        product = acc * multiplier
        assert (product % (1 << 31) == 1 << 30).all()
        high = fixed_point.saturating_rounding_doubling_high_mul(acc, multiplier)
        np.testing.assert_array_equal(high, -(-product >> 31))  # the integer above
        for a in acc[:: len(acc) // 100 + 1].tolist():
            assert gemmlowp_high_mul(a, multiplier) == -(-(a * multiplier) >> 31)


@settings(deadline=None)
@given(INT32, st.integers(0, 31))
@example(-6, 2)
@example(6, 2)
@example(-(1 << 31), 31)
def test_rounding_divide_rounds_ties_away_from_zero(x: int, exponent: int) -> None:
    exact = Fraction(abs(x), 1 << exponent)
    rounded = int(exact + Fraction(1, 2))
    assert fixed_point.rounding_divide_by_pot(x, exponent) == (rounded if x >= 0 else -rounded)


@settings(deadline=None)
@given(st.integers(-(1 << 20), 1 << 20), MULTIPLIER, st.integers(-31, 10))
def test_multiply_rounds_twice(acc: int, multiplier: int, shift: int) -> None:
    high = gemmlowp_high_mul(acc << max(shift, 0), multiplier)
    expected = fixed_point.rounding_divide_by_pot(high, max(-shift, 0))
    assert fixed_point.multiply_by_quantized_multiplier(acc, multiplier, shift) == expected


def test_a_left_shift_wraps() -> None:
    assert fixed_point.multiply_by_quantized_multiplier(1 << 30, 1 << 30, 2) == 0
    assert fixed_point.multiply_by_quantized_multiplier(1 << 30, 1 << 30, 1) == -(1 << 30)


@settings(deadline=None)
@given(st.floats(2.0**-40, 2.0**30))
@example(0.0)
@example(1.0 - 2.0**-53)
@example(2.0**-32)
@example(2.0**-33)
def test_quantize_multiplier(real: float) -> None:
    multiplier, shift = fixed_point.quantize_multiplier(real)
    if real < 2.0**-32:
        assert (multiplier, shift) == (0, 0)
        return
    assert 1 << 30 <= multiplier < 1 << 31
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(2) ** (shift - 32)


def fast(acc: np.ndarray, multiplier: int, shift: int, zero_point: int) -> np.ndarray:
    """C's tp_requantize_fast + tp_fast_offset in 64 bits, where int32 overflow would show as a value out of range."""
    doubled = acc * 2
    x = (doubled * multiplier + (1 << 31)) >> 32
    offset = (1 << (-shift - 1)) + zero_point * (1 << -shift)
    total = x + (x >> 31) + offset
    for value in (doubled, x, total):
        assert value.min() >= -(1 << 31)
        assert value.max() < 1 << 31
    return total >> -shift


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
@pytest.mark.parametrize("shift", range(-30, 0))
def test_fast_rounding_where_it_is_said_to_be_exact(shift: int, zero_point: int) -> None:
    """On all small accumulators, on every tie of the first rounding, and around those of the second."""
    bound = next((1 << b for b in range(29, 0, -1) if fixed_point.fast_rounding_is_exact(1 << b, shift, zero_point)), 0)
    if not bound:
        assert shift < -22
        assert abs(zero_point) > 1
        return
    small = np.arange(-2000, 2001)
    half = np.arange(-999, 1000, 2) << (-shift - 1)
    for multiplier in (1 << 30, (1 << 30) + 1, (1 << 30) + (1 << 15), 3 << 29, (1 << 31) - 1):
        zeros = (multiplier & -multiplier).bit_length() - 1
        second = np.round(half * 2.0**31 / multiplier).astype(np.int64)
        candidates = [small, ties_of(zeros, 1 << 12), second - 1, second, second + 1]
        acc = np.unique(np.concatenate([*candidates, [-bound, bound]]))
        acc = acc[np.abs(acc) <= bound]
        exact = fixed_point.multiply_by_quantized_multiplier(acc, multiplier, shift)
        np.testing.assert_array_equal(fast(acc, multiplier, shift, zero_point), exact + zero_point)


def test_fast_rounding_is_not_said_to_be_exact_where_it_is_not() -> None:
    assert not fixed_point.fast_rounding_is_exact(10, 0, 0)  # −1 and no half to round it off
    assert not fixed_point.fast_rounding_is_exact(10, 3, 0)
    assert not fixed_point.fast_rounding_is_exact(1 << 30, -8, 0)  # 2·acc leaves 32 bits
    assert fixed_point.fast_rounding_is_exact((1 << 30) - 1, -8, 0)
    assert not fixed_point.fast_rounding_is_exact(0, -31, 0)
    assert fixed_point.fast_rounding_is_exact(0, -24, -128)  # −2^31 + 2^23 − 1 fits
    assert not fixed_point.fast_rounding_is_exact(0, -25, -128)
    assert not fixed_point.fast_rounding_is_exact(1 << 29, -23, 127 * 2)


@settings(deadline=None)
@given(st.integers(0, (1 << 30) - 1), st.integers(-30, -1), st.integers(-128, 127))
def test_fast_rounding_promises_no_overflow(bound: int, shift: int, zero_point: int) -> None:
    if fixed_point.fast_rounding_is_exact(bound, shift, zero_point):
        fast(np.array([-bound, bound]), (1 << 31) - 1, shift, zero_point)


def layer(scales: list[float], dense: bool, channels: int = 3) -> Weighted:
    weights = np.zeros((channels, 4) if dense else (channels, 1, 1, 4), np.int8)
    shape = (4,) if dense else (1, 1, 4)
    kind = Dense if dense else Conv
    op = graph(Input(shape, 0.1), [kind(weights=weights, weight_scales=scales, scale=0.3)]).ops[0]
    assert isinstance(op, Weighted)
    return op


def test_scales_multiply_in_double() -> None:
    a, b, c = (float(np.float32(value)) for value in (0.1, 0.7, 0.3))
    in_double = fixed_point.quantize_multiplier(a * b / c)
    assert in_double != fixed_point.quantize_multiplier(float(np.float32(a) * np.float32(b)) / c)
    for scales in ([0.7], [0.7] * 3):
        for dense in (True, False):
            multipliers, shifts = requantization(layer(scales, dense))
            assert set(zip(multipliers.tolist(), shifts.tolist(), strict=True)) == {in_double}
            assert multipliers.dtype == shifts.dtype == np.int32
            assert multipliers.shape == shifts.shape == (3,)


def test_scales_out_of_range_are_refused() -> None:
    op = layer([0.7] * 3, dense=False)
    tiny = replace(op, output=replace(op.output, scale=np.float32(1e-12)))
    with pytest.raises(ModelError, match='layer "layer0": its output scale is too small for its weights'):
        requantization(tiny)


def test_softmax_parameters() -> None:
    assert fixed_point.softmax_parameters(1.0, 1.0) == (1 << 30, 27, -(31 << 26 >> 27))
    assert fixed_point.softmax_parameters(1e9, 1.0) == ((1 << 31) - 1, 31, 0)
    with pytest.raises(ModelError, match="a softmax of input scale 1e-09 and beta 1 is out of range"):
        fixed_point.softmax_parameters(1e-9, 1.0)


def test_exp_and_reciprocal_are_near_the_real_ones() -> None:
    a = -np.concatenate([np.arange(100), np.linspace(0, (1 << 31) - 1, 5000).astype(np.int64)])
    real = np.exp(a / 2.0**26)
    assert np.abs(fixed_point.exp_of_negative(a) / 2.0**31 - real).max() < 2.0**-22
    assert fixed_point.exp_of_negative(0) == (1 << 31) - 1
    for x in (1, 3, 1 << 19, (1 << 19) + 1, 12345678, (1 << 28) - 1, (1 << 31) - 1):
        scale, bits_over_unit = fixed_point.reciprocal(x, 12)
        assert scale / 2.0**31 / 2.0**bits_over_unit == pytest.approx(2.0**19 / x, rel=1e-8)


def test_exp_factors_are_what_they_say() -> None:
    assert tuple(round(exp(-(2.0**k)) * 2**31) for k in range(-2, 5)) == fixed_point.EXP_FACTORS
