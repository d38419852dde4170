"""TFLite's two roundings after a ReLU in two instructions: what to store, and why it is exact.

The accumulator of an output channel is made 2^t times as large (by its stored weights and bias), so that every channel
of every layer ends in the same shift E, which an instruction can hold:

    y = SSAT8((offset + (2^t · acc · m >> 32)) >> E),   t = E + 1 − s,   offset = 2^(t−2) + 2^(E−1) + zero_point · 2^E

with TFLite's multiplier m ≥ 0 and s = −shift. In C: `smmla`, `ssat … asr #12`, and a store.

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

A channel that can only give zero_point (2^(s−1) above every |x|) is stored with m = 0, and s is free.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int64: TypeAlias = npt.NDArray[np.int64]

#: C's TP_RELU_SHIFT.
SHIFT = 12
_INT16_MAX, _INT32_MAX = (1 << 15) - 1, (1 << 31) - 1
_MAX_SCALE_SHIFT = 16


@dataclass(frozen=True, slots=True)
class ReluChannels:
    """What C stores, each `[out_channels]`: weights and bias are to be taken times 2^scale_shift."""

    scale_shift: Int64
    multiplier: Int64
    offset: Int64


def fits_relu(output_zero_point: int, activation_min: int, activation_max: int) -> bool:
    """Whether the layer clamps as the proof needs it."""
    return output_zero_point == activation_min == -128 and activation_max == 127


def relu_channels(
    max_accumulator: npt.ArrayLike, max_weight: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> ReluChannels | None:
    """How to store the channels of a layer that `fits_relu`; None where a channel is out of reach.

    All arguments are `[out_channels]`: the largest magnitude of any partial sum and of any weight, and TFLite's
    requantization.
    """
    bound, weight, m, s = (
        np.asarray(a, np.int64) * sign
        for a, sign in ((max_accumulator, 1), (max_weight, 1), (multiplier, 1), (shift, -1))
    )
    # |x| ≤ |acc|·m / 2^31 + 1/2 (s ≥ 1 here), so |x| < 2^(s−1) where |acc|·m + 2^30 < 2^(30+s)
    products = [int(a) * int(b) for a, b in zip(bound, m, strict=True)]
    silent = np.array(
        [p == 0 or (k >= 1 and p + (1 << 30) < 1 << (30 + int(k))) for p, k in zip(products, s, strict=True)]
    )
    t = np.where(silent, 2, SHIFT + 1 - s)
    if ((t < 2) | (t > _MAX_SCALE_SHIFT)).any():
        return None
    if ((bound << t) > _INT32_MAX).any() or ((weight << t) > _INT16_MAX + 1).any():
        return None
    offset = (1 << (t - 2)) + (1 << (SHIFT - 1)) - (128 << SHIFT)
    return ReluChannels(t, np.where(silent, 0, m), offset)


def requantize(acc: npt.ArrayLike, channels: ReluChannels) -> npt.NDArray[np.int8]:
    """What C computes from unscaled accumulators `[…, out_channels]`."""
    high = ((np.asarray(acc, np.int64) << channels.scale_shift) * channels.multiplier) >> 32
    outputs: npt.NDArray[np.int8] = np.clip((channels.offset + high) >> SHIFT, -128, 127).astype(np.int8)
    return outputs
