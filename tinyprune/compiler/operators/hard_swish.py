"""HARD_SWISH: x · relu6(x + 3) / 6, in 16 bits (kernels/internal/reference/hard_swish.h)."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8
from tinyprune.compiler.operators.lookup import Lookup, case_ends, reader, stored
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape

_HIRES_BITS = 7  # that differences gain
_RELUISH_SCALE = np.float32(3.0) / np.float32(32768.0)


@dataclass(frozen=True, slots=True, eq=False)
class HardSwish(Lookup):
    pass


def scalings(source: Activation, target: Activation) -> tuple[tuple[int, int], tuple[int, int]]:
    """(16-bit multiplier, shift) of the differences: to the result's scale, and to 3/32768, where ±3 fills 16 bits."""
    hires = source.scale * np.float32(1 / 128)
    first, second = (fixed_point.quantize_multiplier(float(hires / scale)) for scale in (target.scale, _RELUISH_SCALE))
    return (_halfword(first[0]), first[1]), (_halfword(second[0]), second[1])


def _halfword(multiplier: int) -> int:
    return min((multiplier + (1 << 15)) >> 16, 32767)


def scales_fit(node: Node) -> str | None:
    """Its operand's scale is between 2^−22 and 2^22; it is at least 1/512 of its result's, and less than 128 times
    it."""
    source, target = node.activation(0), node.result()
    with np.errstate(over="ignore"):
        ratio = float(source.scale / np.float32(128) / target.scale)
    if 2.0**-22 <= float(source.scale) <= 2.0**22 and 2.0**-16 <= ratio < 1:
        return None
    return f"it takes scale {source.scale:g} to {target.scale:g}"


def infer(op: HardSwish, x: Array) -> Int8:
    (multiplier, shift), (reluish_multiplier, reluish_shift) = scalings(op.input, op.output)
    hires = (x.astype(np.int64) - op.input.zero_point) << _HIRES_BITS
    reluish = hires
    if reluish_shift > 0:
        reluish = _saturated(reluish << (reluish_shift - 1))
    reluish = _doubling_high_mul(reluish, reluish_multiplier)
    if reluish_shift > 0:
        reluish = _saturated(reluish << 1)
    else:
        reluish = fixed_point.rounding_divide_by_pot(reluish, -reluish_shift).astype(np.int64)
    gate = (reluish + (1 << 15)) >> 1
    product = gate * _doubling_high_mul(hires, multiplier)
    towards_zero = np.sign(product) * (np.abs(product) >> 15)
    found = fixed_point.rounding_divide_by_pot(towards_zero, -shift).astype(np.int64) + op.output.zero_point
    return stored(found.astype(np.int16))  # which wraps as TFLite's does


def _saturated(x: Array) -> Array:
    return np.clip(x, -(1 << 15), (1 << 15) - 1)


def _doubling_high_mul(a: Array, b: int) -> Array:
    """a · b / 2^15 of 16 bits, ties upward."""
    return (a * b + (1 << 14)) >> 15


def case(random: np.random.Generator) -> HardSwish:
    usual = float(np.exp(random.uniform(-5, -1)))
    scale = float(random.choice([usual, usual, 0.0625, 1.0, 2.0 ** random.uniform(-22, 22)]))
    return HardSwish("hard_swish", *case_ends(random, -8.9, 6.9, scale))


HARD_SWISH = Operator(
    HardSwish, "hard_swish", "x · relu6(x + 3) / 6 of each value.", reader(HardSwish),
    (one_result, same_shape, scales_fit), infer, case, lambda _op: Written("HARD_SWISH", "HardSwishOptions"),
    "AddHardSwish",
)  # fmt: skip
