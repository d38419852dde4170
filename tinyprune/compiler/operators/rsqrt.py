"""RSQRT: 1 / √x (tensorflow/lite/micro/kernels/elementwise.cc)."""

from dataclasses import dataclass, replace

import numpy as np

from tinyprune.compiler import fixed_functions, fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8
from tinyprune.compiler.operators.lookup import Lookup, case_ends, reader, stored
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape

_MORE_BITS = 20  # of the inverse square root, before it is scaled


@dataclass(frozen=True, slots=True, eq=False)
class Rsqrt(Lookup):
    pass


def unit(source: Activation, target: Activation) -> float:
    """The result of 1 is one divided by this: in float32, as TFLite Micro multiplies."""
    return float(np.sqrt(source.scale) * target.scale)


def never_negative(node: Node) -> str | None:
    """Its operand's zero point is −128: at a negative value TFLite Micro stops with an error."""
    zero_point = node.activation(0).zero_point
    return None if zero_point == -128 else f"its operand has zero point {zero_point}"


def scales_fit(node: Node) -> str | None:
    """The square root of its operand's scale, times the scale of its result, is more than 2^−30 and at most 2^12."""
    source, target = node.activation(0), node.result()
    with np.errstate(over="ignore"):
        found = unit(source, target)
    return None if 2.0**-30 < found <= 2.0**12 else f"it takes scale {source.scale:g} to {target.scale:g}"


def infer(op: Rsqrt, x: Array) -> Int8:
    differences = x.astype(np.int64) - op.input.zero_point
    multiplier, shift = fixed_functions.inverse_square_root(differences)
    inverse = fixed_point.multiply_by_quantized_multiplier(1, multiplier, shift + _MORE_BITS)
    multiplier_, shift_ = fixed_point.quantize_multiplier(1 / unit(op.input, op.output))
    found = fixed_point.multiply_by_quantized_multiplier(inverse, multiplier_, shift_ - _MORE_BITS).astype(np.int64)
    return stored(np.where(differences == 0, 127, found + op.output.zero_point))


def case(random: np.random.Generator) -> Rsqrt:
    source, target = case_ends(random)
    source = replace(source, zero_point=-128)
    usual = 1 / (np.sqrt(float(source.scale)) * random.choice([100, 255, float(random.uniform(1, 1000))]))
    wide = 2.0 ** random.uniform(-29.9, 11.9) / np.sqrt(float(source.scale))
    return Rsqrt("rsqrt", source, replace(target, scale=np.float32(random.choice([usual, usual, wide]))))


RSQRT = Operator(
    Rsqrt, "rsqrt", "1 / √x of each value, 127 of 0.", reader(Rsqrt),
    (one_result, same_shape, never_negative, scales_fit), infer, case, lambda _op: Written("RSQRT"), "AddRsqrt",
)  # fmt: skip
