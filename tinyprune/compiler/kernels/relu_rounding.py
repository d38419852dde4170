"""TFLite's two roundings after a ReLU in two instructions: what to store, and why it is exact.

The accumulator of an output channel is made 2^t times as large (by its stored weights and bias), so that every channel
of every layer ends in the same shift E, which an instruction can hold:

    y = SSAT8((offset + (2^t · acc · m >> 32)) >> E),   t = E + 1 − s,   offset = 2^(t−2) + 2^(E−1) + zero_point · 2^E

with TFLite's multiplier m ≥ 0 and s = −shift ≥ 1. In C: `smmla`, `ssat … asr #E`, and a store. With E = 11, shifts
−4 to −10 take any weights: t is 8 to 2, and 127 · 2^8 fits 16 bits.

Proof, for activation_min = zero_point = −128 and activation_max = 127. TFLite has x = ⌊(acc·m + 2^30) / 2^31⌋ (ties
upwards), then q = x / 2^s rounded to the nearest, ties away from zero, and y = clamp(q + zero_point).

1. For x ≥ 0, q = ⌊(x + 2^(s−1)) / 2^s⌋. For x < 0, q ≤ 0 and so is that floor: both give y = activation_min, whichever
   way a tie goes. So y = clamp(⌊(x + 2^(s−1)) / 2^s⌋ + zero_point) for every x.
2. ⌊(⌊a / p⌋ + b) / q⌋ = ⌊(a + p·b) / (p·q)⌋ for integers, p and q positive. So the floor in 1 is
   ⌊(acc·m + 2^30 + 2^(30+s)) / 2^(31+s)⌋, and times 2^t above and below, with 31 + s + t = 32 + E, it is
   ⌊(2^t·acc·m + 2^(30+t) + 2^(31+E)) / 2^(32+E)⌋.
3. For t ≥ 2, 2^(30+t) + 2^(31+E) is a multiple of 2^32: by 2. with p = 2^32 the floor is
   ⌊(⌊2^t·acc·m / 2^32⌋ + 2^(t−2) + 2^(E−1)) / 2^E⌋, and zero_point moves into it as zero_point·2^E.
4. No sum overflows: |2^t·acc| < 2^31, m < 2^31, so the product's upper word is within 2^30, and offset within 2^30.

Two kinds of channels are stored otherwise, so that one of them does not take a layer's kernel away:

* One without weights: its output is a constant y. Stored are bias (y + 128)·2^E, m = 2^30 and t = 2, which give y.
* One that can only give zero_point (2^(s−1) above every x): bias and m are stored as 0, and s is free.

activation_max may be lower where the kernel limits its map afterwards: that commutes with the clamp to 127.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point

Int64: TypeAlias = npt.NDArray[np.int64]

#: C's TP_RELU_SHIFT.
SHIFT = 11
_INT16_MAX, _INT32_MAX = (1 << 15) - 1, (1 << 31) - 1
_MIN_SCALE_SHIFT, _MAX_SCALE_SHIFT = 2, SHIFT  # the proof needs t ≥ 2 and s ≥ 1
_ZERO_POINT = -128


class ReluChannels(NamedTuple):
    """What C stores, each `[out_channels]`: weights and bias are to be taken times 2^scale_shift."""

    scale_shift: Int64
    multiplier: Int64
    offset: Int64
    bias: Int64


class _Channel(NamedTuple):
    scale_shift: int
    multiplier: int
    bias: int

    @property
    def offset(self) -> int:
        return (1 << (self.scale_shift - 2)) + (1 << (SHIFT - 1)) + _ZERO_POINT * (1 << SHIFT)


#: A channel that gives zero_point only.
_NOTHING = _Channel(_MIN_SCALE_SHIFT, 0, 0)


def fits_relu(output_zero_point: int, activation_min: int, activation_max: int = 127) -> bool:
    """Whether the layer clamps as the proof needs it."""
    return output_zero_point == activation_min == _ZERO_POINT and activation_max == 127


def reached(
    bias: npt.ArrayLike,
    reach: npt.ArrayLike,
    highest: npt.ArrayLike,
    max_weight: npt.ArrayLike,
    multiplier: npt.ArrayLike,
    shift: npt.ArrayLike,
) -> tuple[ReluChannels, npt.NDArray[np.bool_]]:
    """How to store the channels of a layer that `fits_relu`, and `[out_channels]` which are out of reach: these are
    stored as if they gave zero_point only.

    All arguments are `[out_channels]`: the bias with the input zero point folded in, the largest magnitude of any
    partial sum of products, the highest sum that any input gives, bias included, the largest of any weight w or −w − 1,
    and TFLite's requantization.
    """
    given = (bias, reach, highest, max_weight, multiplier, shift)
    rows = np.stack([np.asarray(column, np.int64) for column in given], axis=1)
    found = [_channel(*row) for row in rows.tolist()]
    columns = [(c.scale_shift, c.multiplier, c.offset, c.bias) for c in (c or _NOTHING for c in found)]
    return ReluChannels(*np.array(columns, np.int64).reshape(-1, 4).T), np.array([c is None for c in found], np.bool_)


def relu_channels(
    bias: npt.ArrayLike,
    reach: npt.ArrayLike,
    highest: npt.ArrayLike,
    max_weight: npt.ArrayLike,
    multiplier: npt.ArrayLike,
    shift: npt.ArrayLike,
) -> ReluChannels | None:
    """The same where every channel is within reach, else None."""
    found, beyond = reached(bias, reach, highest, max_weight, multiplier, shift)
    return None if beyond.any() else found


def _channel(bias: int, reach: int, highest: int, max_weight: int, multiplier: int, shift: int) -> _Channel | None:
    """One channel's numbers, or None."""
    s = -shift
    if reach == 0:
        found = _Channel(_MIN_SCALE_SHIFT, 1 << 30, (_tflite(bias, multiplier, shift) - _ZERO_POINT) << SHIFT)
    elif multiplier == 0 or (s >= 1 and highest * multiplier + (1 << 30) < 1 << (30 + s)):
        found = _NOTHING  # x ≤ acc·m / 2^31 + 1/2, below 2^(s−1)
    else:
        found = _Channel(SHIFT + 1 - s, multiplier, bias)
    return found if _fits(found, reach, max_weight) else None


def _tflite(acc: int, multiplier: int, shift: int) -> int:
    scaled = int(fixed_point.multiply_by_quantized_multiplier(acc, multiplier, shift))
    return min(max(scaled + _ZERO_POINT, -128), 127)


def _fits(channel: _Channel, reach: int, max_weight: int) -> bool:
    t = channel.scale_shift
    if not _MIN_SCALE_SHIFT <= t <= _MAX_SCALE_SHIFT:
        return False
    return (abs(channel.bias) + reach) << t <= _INT32_MAX and max_weight << t <= _INT16_MAX


def requantize(acc: npt.ArrayLike, channels: ReluChannels) -> npt.NDArray[np.int8]:
    """What C computes from unscaled accumulators `[…, out_channels]`, which hold the stored bias."""
    high = ((np.asarray(acc, np.int64) << channels.scale_shift) * channels.multiplier) >> 32
    outputs: npt.NDArray[np.int8] = np.clip((channels.offset + high) >> SHIFT, -128, 127).astype(np.int8)
    return outputs
