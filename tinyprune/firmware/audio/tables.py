"""The numbers that the C front end multiplies with: window, filters and cosines of features.py's front ends, for float
and for fixed point.

`firmware_templates/audio/audio_tables.c.j2` prints them; tp_audio_float.c and tp_audio_fixed.c say what they are for.
The scale of the network's input is folded into the last factor, so that a product with logarithms gives the quantized
feature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinyprune.sound import features
from tinyprune.sound.features import FrontEnd

Arithmetic = Literal["float", "fixed"]
Array = npt.NDArray[Any]

#: Angles of W_512^k that the transform needs: up to 2 × 3 × 63 for its butterflies, a quarter more for their cosines.
SINES = 2 * 3 * 63 + features.FFT_POINTS // 4 + 1
HALF_WINDOW = features.WINDOW_SAMPLES // 2

Q15 = 1 << 15
LOG_BITS = 12  # of the binary point of logarithms (base 2)
LOG_STEPS = 64
SQRT_FIRST, SQRT_LAST, SQRT_SHIFT = 32, 256, 23
SUM_STEPS, SUM_OCTAVES = 8, 13
#: Logarithms of a band over the clip's largest sample lie between that of the offset and this.
HIGHEST_LOG = 12
LOG_CENTRE = -4
POLYNOMIAL_DEGREE = 6
#: Of a fixed-point factor of logarithms: it stays below 2^14, they below 2^17.
FACTOR_BITS, MOST_FRACTION_BITS = 14, 16


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One constant array of the C front end."""

    name: str
    c_type: str
    values: Array
    comment: str


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    front_end: FrontEnd
    arithmetic: Arithmetic
    arrays: tuple[Table, ...]
    constants: dict[str, int | str]
    """Macros, without their prefix TP_AUDIO_."""


_Made = tuple[tuple[Table, ...], dict[str, int | str]]
"""Arrays and constants."""


def make(front_end: FrontEnd, arithmetic: Arithmetic, input_scale: float, input_zero_point: int) -> Tables:
    """All tables for a network whose input has that quantization."""
    arrays, constants = _MAKERS[arithmetic](front_end, input_scale)
    is_logmel = front_end.coefficients is None
    more: dict[str, int | str] = {
        "BANDS": front_end.bands,
        "COEFFICIENTS": front_end.width,
        "INPUT_ZERO_POINT": f"({input_zero_point})",
        "SILENCE": f"({silence(front_end, input_scale, input_zero_point)})" if is_logmel else 0,
    }
    return Tables(front_end, arithmetic, arrays, more | constants)


def shared(front_end: FrontEnd, sine_one: float) -> tuple[Array, Array, Array, Array]:
    """(half the window, sines of W_512, rising weights of bins, bins in each interval between the filters' edges)."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(HALF_WINDOW + 1) / features.WINDOW_SAMPLES)
    sines = sine_one * np.sin(2 * np.pi * np.arange(SINES) / features.FFT_POINTS)
    position = filter_positions(front_end)
    interval = np.floor(position).astype(np.int64)
    counts = np.bincount(interval, minlength=front_end.bands + 1)
    return window, sines, position - interval, counts


def filter_positions(front_end: FrontEnd) -> Array:
    """Where bins lie between the filters' edges, from bin 1 to the highest frequency: 3.25 is a quarter of the way
    from edge 3 to 4, `[bins]`.

    Filters overlap by half and are as wide as each other on the mel scale: what a bin does not give to the rising side
    of one filter it gives to the falling side of the filter below. So one weight a bin is enough.
    """
    lowest, highest = _mel(front_end.lowest_hz), _mel(front_end.highest_hz)
    bin_hz = features.SAMPLE_RATE_HZ / features.FFT_POINTS
    bins_hz = np.arange(bin_hz, front_end.highest_hz, bin_hz)
    return np.asarray((_mel(bins_hz) - lowest) / (highest - lowest) * (front_end.bands + 1))


def _mel(frequency_hz: Any) -> Any:
    return 1127.0 * np.log1p(frequency_hz / 700.0)


def cosines(front_end: FrontEnd, input_scale: float) -> Array:
    """From base-2 logarithms to units of the network's input, `[coefficients, bands / 2]`.

    Even rows are for the sum of a band and its mirror image, odd rows for their difference. The float C reads them
    transposed.
    """
    half = np.arange(front_end.bands // 2) + 0.5
    phase = np.pi / front_end.bands * np.arange(front_end.width)[:, None] * half
    return np.asarray(2.0 * np.cos(phase) / np.sqrt(2.0 * front_end.bands) * np.log(2.0) / input_scale)


def log2_polynomial() -> Array:
    """log2(1 + x) for x in [0, 1], `[powers]` from x^0: good to 1e-5."""
    fit = np.polynomial.Chebyshev.interpolate(lambda x: np.log2(1 + x), POLYNOMIAL_DEGREE, domain=[0, 1])
    return np.asarray(fit.convert(kind=np.polynomial.Polynomial).coef)


def silence(front_end: FrontEnd, input_scale: float, input_zero_point: int) -> int:
    """A band without energy, as the network takes it."""
    return int(np.clip(np.rint(np.log(front_end.log_offset) / input_scale) + input_zero_point, -128, 127))


def _float(front_end: FrontEnd, input_scale: float) -> _Made:
    window, sines, rising, counts = shared(front_end, 1.0)
    arrays = [
        _floats("window", window, "Hann, its first half"),
        _floats("sine", sines, "sin(2 pi k / 512)"),
        _floats("rising", rising, "of bins 1...: what goes to the filter that rises there"),
        Table("interval_bins", "uint8_t", counts, "bins between two edges of filters"),
        _floats("log2", log2_polynomial(), "log2(1 + x), powers of x from 0"),
    ]
    constants: dict[str, int | str] = {"LOG_OFFSET": f"{front_end.log_offset}f"}
    if front_end.coefficients is None:
        constants["UNITS"] = f"{np.float32(np.log(2.0) / input_scale)!s}f"
    else:
        factors = cosines(front_end, input_scale).T
        arrays.append(_floats("cosines", factors, "from log2 of bands to units of the network's input"))
    return tuple(arrays), constants


def _floats(name: str, values: Array, comment: str) -> Table:
    return Table(name, "float", values.astype(np.float32), comment)


def _fixed(front_end: FrontEnd, input_scale: float) -> _Made:
    window, sines, rising, counts = shared(front_end, Q15)
    arrays = (
        _integers("window", "uint16_t", Q15 * window, "Hann, its first half, Q15"),
        _integers("sine", "int16_t", np.minimum(sines, Q15 - 1), "sin(2 pi k / 512), Q15"),
        _integers("rising", "int16_t", np.minimum(Q15 * rising, Q15 - 1), "of bins 1...: to the rising filter, Q15"),
        Table("interval_bins", "uint8_t", counts, "bins between two edges of filters"),
        _integers("log2", "uint16_t", _log2_steps(), "log2(1 + i / 64), Q15"),
        _integers("sqrt", "uint16_t", _sqrt_steps(), "square roots of (32 + i) << 23"),
        _integers("log_sum", "uint16_t", _log_sums(), "log2(1 + 2^(-i / 8)), Q12"),
    )
    constants: dict[str, int | str] = {"LOG_OFFSET": f"({round(np.log2(front_end.log_offset) * 2**LOG_BITS)})"}
    if front_end.coefficients is None:
        units = np.log(2.0) / input_scale
        bits = int(np.clip(np.floor(np.log2(2**FACTOR_BITS / units)), 0, MOST_FRACTION_BITS))
        constants |= {
            "UNITS": min(round(units * 2**bits), 2**FACTOR_BITS),
            "FEATURE_SHIFT": bits + LOG_BITS,
        }
        return arrays, constants
    more_arrays, more_constants = _fixed_transform(front_end, input_scale)
    return (*arrays, *more_arrays), constants | more_constants


def _fixed_transform(front_end: FrontEnd, input_scale: float) -> _Made:
    """What a cosine transform needs."""
    rows, more_bits, bits = _fixed_cosines(front_end, input_scale)
    centre = LOG_CENTRE << LOG_BITS
    # The rows see logarithms less the centre; what all bands have in common only reaches coefficient 0.
    bias = np.full(front_end.width, 1 << (bits + LOG_BITS - 1))
    bias[0] += 2 * int(rows[0].sum()) * centre >> more_bits
    arrays = (
        _integers("cosines", "int16_t", rows, "from log2 of bands to units of the network's input"),
        _integers("bias", "int32_t", bias, "rounding, and what the centre of the logarithms took away"),
    )
    return arrays, {
        "LOG_CENTRE": f"({centre})",
        "LOG_HIGHEST": HIGHEST_LOG << LOG_BITS,
        "COSINE_SHIFT": more_bits,
        "FEATURE_SHIFT": bits + LOG_BITS,
    }


def _fixed_cosines(front_end: FrontEnd, input_scale: float) -> tuple[Array, int, int]:
    """(the cosines, fractional bits that each product loses, fractional bits that stay): as many as int32 sums of any
    logarithms leave room for."""
    real = cosines(front_end, input_scale)
    largest_log = max(HIGHEST_LOG - LOG_CENTRE, LOG_CENTRE - np.log2(front_end.log_offset))
    largest_sum = 2 * np.abs(real).sum(axis=1).max() * (largest_log - LOG_CENTRE) + 1  # with bias and rounding
    bits = int(np.floor(np.log2(2**31 / (largest_sum * 2**LOG_BITS))))
    largest_pair = 2 * largest_log * 2**LOG_BITS
    in_cosine = int(np.floor(np.log2((Q15 - 1) / np.abs(real).max())))
    in_product = int(np.floor(np.log2(2**31 / (largest_pair * np.abs(real).max()))))
    more_bits = max(0, min(in_cosine, in_product) - bits)
    bits = min(bits, in_cosine, in_product)
    return _rounded(real * 2.0 ** (bits + more_bits)), more_bits, bits


def _rounded(rows: Array) -> Array:
    """Integers whose rows add up as the real ones do: the same error in every band would add up to much in the row that
    is a constant."""
    return np.diff(np.rint(np.cumsum(rows, axis=1)), axis=1, prepend=0)


def _integers(name: str, c_type: str, values: Array, comment: str) -> Table:
    rounded = np.rint(values).astype(np.int64)
    limits = np.iinfo(c_type.removesuffix("_t"))
    if rounded.min() < limits.min or rounded.max() > limits.max:
        raise ValueError(f"table {name} does not fit {c_type}")
    return Table(name, c_type, rounded, comment)


def _log2_steps() -> Array:
    return np.asarray(Q15 * np.log2(1 + np.arange(LOG_STEPS + 1) / LOG_STEPS))


def _sqrt_steps() -> Array:
    return np.asarray(np.sqrt(np.arange(SQRT_FIRST, SQRT_LAST + 1) * 2.0**SQRT_SHIFT))


def _log_sums() -> Array:
    return np.asarray(2**LOG_BITS * np.log2(1 + 2.0 ** (-np.arange(SUM_STEPS * SUM_OCTAVES + 1) / SUM_STEPS)))


_MAKERS: dict[Arithmetic, Callable[[FrontEnd, float], _Made]] = {"float": _float, "fixed": _fixed}
