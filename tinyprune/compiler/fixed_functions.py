"""Functions in fixed point, value for value as TFLite's int8 kernels compute them, over NumPy arrays.

Logistic and tanh are gemmlowp's (fixedpoint/fixedpoint.h), logarithm and inverse square root those of
tensorflow/lite/kernels/internal/common.h. Qm.n is as in `fixed_point.py`.
"""

from collections.abc import Callable
from math import exp, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.fixed_point import (
    INT32_MAX,
    Int32,
    Int64,
    exp_of_negative,
    inverse,
    leading_zeros,
    newton_inverse,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    saturating_shift_left,
)

# Constants of the logarithm, in Q0.31: ln 2, √½, ∜½, and the coefficients of its quotient of polynomials.
_LN_2, _SQRT_HALF, _ROOT_OF_ROOT = 1488522236, 1518500250, 1805811301
_ALPHA_N, _ALPHA_D, _ALPHA_I, _ALPHA_F = 117049297, 127690142, 1057819769, 638450708
_LOG_BITS = 6  # integer bits in which it is summed, one more than the result has
_LOG_QUARTER = 1 << (29 - _LOG_BITS)

Array = npt.NDArray[Any]
#: Where TFLite Micro's table is larger by one than 65536 · sigmoid(i / 24), rounded.
_LARGER = (
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49,
    50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
)  # fmt: skip
#: 65536 · sigmoid(i / 24).
SIGMOID = np.array([floor(65536 / (1 + exp(-i / 24)) + 0.5) + (i in _LARGER) for i in range(256)], np.uint16)


def logistic(a: npt.ArrayLike) -> Int64:
    """1 / (1 + exp(−a)) in Q0.31, of Q4.27."""
    values = np.asarray(a, dtype=np.int64)
    positive = inverse(_one_plus(exp_of_negative(-np.abs(values), integer_bits=4)))
    found = np.where(values > 0, positive, INT32_MAX - positive)
    return np.where(values == 0, 1 << 30, found)


def tanh(a: npt.ArrayLike) -> Int64:
    """tanh(a) in Q0.31, of Q4.27: (1 − x) / (1 + x) with x = exp(−2·|a|)."""
    values = np.asarray(a, dtype=np.int64)
    denominator = _one_plus(exp_of_negative(-np.abs(values)))  # Q5.26 of the double has the same bits
    found = saturating_shift_left(newton_inverse(denominator) - (1 << 29), 2)
    return np.where(values == 0, 0, np.where(values < 0, -found, found))


def interpolated_sigmoid(values: npt.ArrayLike, multiplier: int, shift: int) -> Int64:
    """1 / (1 + exp(−x)) in Q0.15 of int16, whose scale multiplier / 2^shift takes to 2^−12 / 3."""
    scaled, absolute = _table_input(values, multiplier, shift)
    place, part = np.minimum(absolute >> 9, 254), absolute & 0x1FF
    table = SIGMOID.astype(np.int64)
    made = np.where(absolute >> 9 >= 255, 0x7FFF << 10, (table[place] << 9) + part * (table[place + 1] - table[place]))
    found: Int64 = np.where(scaled >= 0, made + (1 << 9), (1 << 25) - made + (1 << 9) - 1) >> 10
    return found


def interpolated_tanh(values: npt.ArrayLike, multiplier: int, shift: int) -> Int64:
    """tanh(x), in the same way."""
    scaled, absolute = _table_input(values, multiplier, shift)
    place, part = np.minimum(absolute >> 8, 254), absolute & 0xFF
    table = SIGMOID.astype(np.int64)
    made = np.where(absolute >> 8 >= 255, 0xFFFF << 8, (table[place] << 8) + part * (table[place + 1] - table[place]))
    found: Int64 = np.where(scaled >= 0, made - (1 << 23) + (1 << 7), (1 << 23) - made + (1 << 7) - 1)
    return found >> 8


def _table_input(values: npt.ArrayLike, multiplier: int, shift: int) -> tuple[Int64, Int64]:
    """Values at the table's scale, and how far they are from 0."""
    scaled = (np.asarray(values, dtype=np.int64) * multiplier + (1 << shift >> 1)) >> shift
    return scaled, np.abs(scaled)


def _stepwise(function: Callable[[Array], Array], low: float, high: float) -> npt.NDArray[np.int16]:
    """A function in Q0.15 at 513 places from `low` to `high`, between which TFLite interpolates; each is moved by half
    of the error in the middle of the step behind it. Computed in float32."""
    f32 = np.float32
    step = (f32(high) - f32(low)) / f32(512)
    scale = f32(65536) / (f32(2) / f32(65535) * f32(32767) - f32(2) / f32(65535) * f32(-32768))
    places: Array = f32(low) + np.arange(513, dtype=f32) * step
    places[-1] = f32(high)
    at, middle = (function(x) * scale for x in (places, places[:-1] + step / f32(2)))
    here = _half_away(at)
    error = _half_away((at[1:] + here[:-1]) / f32(2)) - _half_away(middle)
    here[:-1] -= _half_away(error / f32(2))
    found: npt.NDArray[np.int16] = np.clip(here, -32768, 32767).astype(np.int16)
    return found


def _half_away(x: Array) -> Array:
    """Rounded to the nearest, ties away from zero."""
    found: Array = np.trunc(x + np.copysign(np.float32(0.5), x))
    return found


def interpolated(table: npt.NDArray[np.int16], x: npt.ArrayLike) -> Int64:
    """Between 513 places of a table, of int16."""
    values, wide = np.asarray(x, dtype=np.int64), table.astype(np.int64)
    place = 256 + (values >> 7)
    found: Int64 = wide[place] + ((wide[place + 1] - wide[place]) * (values & 0x7F) + 64 >> 7)
    return found


def _one_plus(x: Int32) -> Int64:
    """1 + x in Q1.31; what TFLite takes for 1 is one less in Q0.31, and its rounding makes up for it."""
    denominator: Int64 = x.astype(np.int64) + (1 << 31)
    return denominator


def log(x: npt.ArrayLike) -> Int64:
    """ln x in Q5.26 of x ≥ 1 in Q12.19.

    x = 2^e · r, once with r in [½, 1), and once of x · √½; the smaller r, and with it the larger e, are taken. ln r is
    a quotient of polynomials in r around ∜½.
    """
    values = np.asarray(x, dtype=np.int64)
    headroom = leading_zeros(values)
    first = saturating_shift_left(_mul(saturating_shift_left(values, headroom - 1), _SQRT_HALF), 1)
    first_power = ((12 - headroom) << (31 - _LOG_BITS)) + _LOG_QUARTER
    headroom = leading_zeros(_mul(values, _SQRT_HALF)) - 1
    second = saturating_shift_left(values, headroom)
    second_power = ((12 - headroom) << (31 - _LOG_BITS)) - _LOG_QUARTER
    r, power = np.minimum(first, second), np.maximum(first_power, second_power)
    p, q = (r + _ROOT_OF_ROOT + 1) >> 1, 2 * (r - _ROOT_OF_ROOT)
    square = _mul(q, q)
    numerator = _mul(q, r) + _mul(_mul(q, square), _ALPHA_N)
    denominator = _mul(p, _ALPHA_I + q + _mul(_ALPHA_D, square)) + _mul(_ALPHA_F, q)
    fraction = _mul(rounding_divide_by_pot(numerator, _LOG_BITS), inverse(denominator + (1 << 31)))
    return saturating_shift_left(_mul(power, _LN_2) + fraction, 1)


def inverse_square_root(x: npt.ArrayLike) -> tuple[Int64, Int64]:
    """(multiplier, shift) with 1 / √x ≈ multiplier · 2^(shift − 31), of x ≥ 0; 0 counts as 1.

    x is brought to [¼, 1) in Q3.28, by a power of four; five steps of Newton-Raphson begin at 1.
    """
    values = np.maximum(np.asarray(x, dtype=np.int64), 1)
    pairs = np.zeros_like(values)  # powers of four that x is divided by, each rounded down
    for _ in range(2):
        large = values >= 1 << 29
        values, pairs = np.where(large, values >> 2, values), pairs + large
    left = (leading_zeros(values) - 1) // 2 - 1
    root = _newton_inverse_square_root((values << (2 * left)) >> 1)
    places = 11 + pairs - left  # to the right
    multiplier = (_mul(root, _SQRT_HALF) << np.maximum(-places, 0)).astype(np.int32).astype(np.int64)
    one = np.asarray(x) <= 1
    return np.where(one, INT32_MAX, multiplier), np.where(one, 0, -np.maximum(places, 0))


def _newton_inverse_square_root(x: Int64) -> Int64:
    """1 / √x, both in Q3.28."""
    half = rounding_divide_by_pot(x, 1)
    root = np.full_like(x, 1 << 28)
    for _ in range(5):
        cube = saturating_shift_left(_mul(_mul(root, root), root), 6)
        root = saturating_shift_left(_mul(3 << 27, root) - _mul(half, cube), 3)
    return root


def _mul(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64:
    return saturating_rounding_doubling_high_mul(a, b).astype(np.int64)


#: exp(x) of x = −10 … 0, and 1 / (1 + x) of x = 0 … 1.
EXPONENTIALS = _stepwise(np.exp, 10 / 65535 * (-32768 - 32767), 0)
INVERSES = _stepwise(lambda x: np.float32(1) / (np.float32(1) + x), 0, 1)
