"""Integer arithmetic of TFLite's int8 kernels, value for value, over NumPy arrays.

The definition is gemmlowp's fixed point (https://github.com/google/gemmlowp, fixedpoint/fixedpoint.h) as TFLite Micro
uses it with double rounding (tensorflow/lite/kernels/internal/common.h). Qm.n is a 32-bit integer with m integer and
n fraction bits. Multipliers are Q0.31; a shift is to the left when positive, to the right when negative, as in
TFLite.
"""

from math import floor, frexp
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError

Int32: TypeAlias = npt.NDArray[np.int32]
Int64: TypeAlias = npt.NDArray[np.int64]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

_SOFTMAX_INTEGER_BITS = 5
_EXP_FRACTION_BITS = 31 - _SOFTMAX_INTEGER_BITS
#: exp(−2^k) in Q0.31 for k = −2 … 4: one factor for each bit of the exponent above a quarter.
EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_EIGHTH = 1895147668  # exp(−1/8) in Q0.31
_THIRD = 715827883  # 1/3 in Q0.31
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540  # in Q2.29


def quantize_multiplier(real: float) -> tuple[int, int]:
    """`real ≈ multiplier · 2^(shift − 31)`, the multiplier in [2^30, 2^31); (0, 0) below 2^−32."""
    if real == 0:
        return 0, 0
    fraction, shift = frexp(real)
    multiplier = floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (multiplier, shift) if shift >= -31 else (0, 0)


def saturating_rounding_doubling_high_mul(a: npt.ArrayLike, b: npt.ArrayLike) -> Int32:
    """`a · b / 2^31` to the nearest, ties upward (towards +∞); −2^31 · −2^31 saturates.

    gemmlowp writes it as a truncating division of a·b + nudge by 2^31, with nudge = 2^30, or 1 − 2^30 where a·b < 0.
    That is the floor of (a·b + 2^30) / 2^31 in both cases. Let a·b = −(k·2^31 + r) with k ≥ 0 and 0 ≤ r < 2^31:
    truncation gives −⌊(k·2^31 + r + 2^30 − 1) / 2^31⌋, which is −k up to the tie r = 2^30 and −(k + 1) beyond it, and
    so does the floor. A tie thus goes to −k, upwards, as Arm's SMMULR rounds it too; "away from zero" would need the
    nudge −2^30.
    """
    product = np.asarray(a, dtype=np.int64) * np.asarray(b, dtype=np.int64)
    rounded: Int32 = np.minimum((product + (1 << 30)) >> 31, INT32_MAX).astype(np.int32)
    return rounded


def rounding_divide_by_pot(x: npt.ArrayLike, exponent: npt.ArrayLike) -> Int32:
    """`x / 2^exponent` to the nearest, ties away from zero; exponent in [0, 31]."""
    values, places = np.asarray(x, dtype=np.int64), np.asarray(exponent, dtype=np.int64)
    mask = (np.int64(1) << places) - 1
    threshold = (mask >> 1) + (values < 0)
    quotient: Int32 = ((values >> places) + ((values & mask) > threshold)).astype(np.int32)
    return quotient


def multiply_by_quantized_multiplier(acc: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Int32:
    """`acc · multiplier · 2^(shift − 31)`, rounded twice; a left shift wraps at 32 bits."""
    places = np.asarray(shift, dtype=np.int64)
    shifted = (np.asarray(acc, dtype=np.int64) << np.maximum(places, 0)).astype(np.int32)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), np.maximum(-places, 0))


def affine_quantized(values: npt.ArrayLike, scale: float, zero_point: int, dtype: str) -> npt.NDArray[Any]:
    """Integers of this type for real numbers: divided in float32, rounded to the nearest, halves away from zero."""
    with np.errstate(over="ignore"):  # infinite is as good as large
        quotient = (np.asarray(values, np.float32) / np.float32(scale)).astype(np.float64)
    rounded = np.trunc(quotient + np.copysign(0.5, quotient)) + zero_point
    limits = np.iinfo(dtype)
    found: npt.NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(limits.dtype)
    return found


def reduced_multiplier(multiplier: npt.ArrayLike) -> Int64:
    """A Q0.31 multiplier as Q0.15, as TFLite multiplies 64-bit accumulators with it; at most 2^15 − 1."""
    values = np.asarray(multiplier, dtype=np.int64)
    return np.where(values < 0x7FFF0000, (values + (1 << 15)) >> 16, 0x7FFF)


def multiply_by_reduced_multiplier(acc: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Int32:
    """The same of 64-bit accumulators: `acc · multiplier · 2^(shift − 31)` rounded once, ties upward, by 15 bits of the
    multiplier; |acc| < 2^47, shift below 8. The result wraps at 32 bits."""
    places = 15 - np.asarray(shift, dtype=np.int64)
    product = np.asarray(acc, dtype=np.int64) * reduced_multiplier(multiplier)
    rounded: Int32 = ((product + (np.int64(1) << (places - 1))) >> places).astype(np.int32)
    return rounded


def fast_rounding_is_exact(max_accumulator: int, shift: int, output_zero_point: int) -> bool:
    """Whether C's `tp_requantize_fast` is exact for every |acc| ≤ max_accumulator and multiplier in [0, 2^31)."""
    return fast_rounding_is_exact_between(-max_accumulator, max_accumulator, shift, output_zero_point)


def fast_rounding_is_exact_between(least: int, most: int, shift: int, output_zero_point: int) -> bool:
    """The same for least ≤ acc ≤ most, with least ≤ 0 ≤ most.

    The fast form, with s = −shift and arithmetic right shifts, is

        x = SMMULR(2·acc, multiplier);  x += x >> 31;  y = (x + 2^(s−1) + (zero_point << s)) >> s.

    Step 1. SMMULR(p, m) = ⌊(p·m + 2^31) / 2^32⌋. With p = 2·acc this is ⌊(acc·m + 2^30) / 2^31⌋, the floor that
    `saturating_rounding_doubling_high_mul` is: equal on every input, ties included, where 2·acc fits 32 bits: −2^30 ≤
    acc < 2^30. That one saturates for two factors of −2^31 only, and m ≥ 0. As m < 2^31, |x| ≤ |acc|.

    Step 2. Rounding x / 2^s to the nearest, ties away from zero, is ⌊(x + 2^(s−1)) / 2^s⌋ for x ≥ 0. For x < 0 it is
    ⌊(x − 1 + 2^(s−1)) / 2^s⌋: the −1 changes the floor only where x + 2^(s−1) is a multiple of 2^s, which is the tie,
    and there it takes the lower neighbour, away from zero. x >> 31 is that −1; s ≥ 1, or it would not be rounded off.
    acc >> 31 does as well: signs differ only where acc < 0 and x = 0, and −1 + 2^(s−1) is still rounded off to 0. So
    exact convolutions take SMMLAR(2·acc, multiplier, 2^(s−1) + (zero_point << s)), and add acc >> 31.

    Step 3. zero_point · 2^s is a multiple of 2^s and leaves the floor as zero_point. No sum may leave 32 bits.
    """
    s = -shift
    if not 1 <= s <= 30 or least < -(1 << 30) or most >= 1 << 30:
        return False
    half, offset = 1 << (s - 1), output_zero_point << s
    sums = (offset, half + offset, half + offset + most, half + offset + least - 1)
    return min(sums) >= INT32_MIN and max(sums) <= INT32_MAX


def softmax_parameters(input_scale: float, beta: float) -> tuple[int, int, int]:
    """(multiplier, left_shift, diff_min): takes differences of inputs to Q5.26; below diff_min exp is 0."""
    real = min(float(beta) * float(input_scale) * (1 << _EXP_FRACTION_BITS), float(INT32_MAX))
    if not real > 1:
        raise ModelError(f"a softmax of input scale {input_scale:g} and beta {beta:g} is out of range; quantize again")
    multiplier, left_shift = quantize_multiplier(real)
    largest = ((1 << _SOFTMAX_INTEGER_BITS) - 1) << _EXP_FRACTION_BITS
    return multiplier, left_shift, -(largest >> left_shift)


def exp_of_negative(a: npt.ArrayLike, integer_bits: int = _SOFTMAX_INTEGER_BITS) -> Int32:
    """exp(a) in Q0.31 of a ≤ 0 with up to five `integer_bits`."""
    values, quarter = np.asarray(a, dtype=np.int64), 1 << (29 - integer_bits)
    remainder = (values & (quarter - 1)) - quarter  # in [−1/4, 0)
    above = remainder - values
    result = _exp_of_quarter(remainder << integer_bits)
    for bit, factor in enumerate(EXP_FACTORS[: integer_bits + 2], start=29 - integer_bits):
        result = np.where(above & (1 << bit), saturating_rounding_doubling_high_mul(result, factor), result)
    return np.where(values == 0, np.int32(INT32_MAX), result)


def _exp_of_quarter(a: npt.NDArray[np.int64]) -> Int32:
    """exp(a) for a in [−1/4, 0), both in Q0.31: the Taylor series of fourth order around −1/8."""
    mul = saturating_rounding_doubling_high_mul
    x = a + (1 << 28)
    x2 = mul(x, x)
    x3, x4 = mul(x2, x), mul(x2, x2)
    x4_over_24_and_x3_over_6 = mul(rounding_divide_by_pot(x4, 2).astype(np.int64) + x3, _THIRD)
    tail = rounding_divide_by_pot(x4_over_24_and_x3_over_6.astype(np.int64) + x2, 1)
    series: Int32 = (_EXP_EIGHTH + mul(_EXP_EIGHTH, x + tail).astype(np.int64)).astype(np.int32)
    return series


def reciprocal(x: npt.ArrayLike, integer_bits: int) -> tuple[Int64, Int64]:
    """(r, e) with 1 / x ≈ r · 2^−e, r in Q0.31, of x > 0 with `integer_bits`."""
    values = np.asarray(x, dtype=np.int64)
    headroom = leading_zeros(values)
    denominator = values << headroom  # of x = 2^e · denominator: in [1, 2) of Q1.31
    return inverse(denominator), integer_bits - headroom


def inverse(denominator: npt.ArrayLike) -> Int64:
    """1 / denominator in Q0.31, of [1, 2] in Q1.31."""
    return saturating_shift_left(newton_inverse(denominator), 1)


def newton_inverse(denominator: npt.ArrayLike) -> Int64:
    """2 / denominator in Q2.29, of [1, 2] in Q1.31: three steps of Newton-Raphson."""
    half = np.asarray(denominator, dtype=np.int64) >> 1

    def mul(a: Int64, b: Int64 | int) -> Int64:
        return saturating_rounding_doubling_high_mul(a, b).astype(np.int64)

    estimate = _48_OVER_17 + mul(half, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - mul(half, estimate)
        estimate = estimate + saturating_shift_left(mul(estimate, error), 2)
    return estimate


def leading_zeros(x: npt.ArrayLike) -> Int64:
    """How many zeros stand before the first one in 32 bits; 32 of 0."""
    zeros: Int64 = 32 - np.frexp(np.asarray(x, dtype=np.float64))[1].astype(np.int64)
    return zeros


def saturating_shift_left(x: npt.ArrayLike, places: npt.ArrayLike) -> Int64:
    """x · 2^places, within 32 bits; places in [0, 31]."""
    shifted: Int64 = np.clip(np.asarray(x, dtype=np.int64) << np.asarray(places, np.int64), INT32_MIN, INT32_MAX)
    return shifted
