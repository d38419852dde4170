"""QUANTIZE from int8 to int8: the same values with another scale and zero point."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Int8, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape

#: A QUANTIZE that multiplies differences of ±255 by this stays within 32 bits.
MOST_RESCALING = 2.0**22


@dataclass(frozen=True, slots=True, eq=False)
class Quantize(Unary):
    @property
    def rescaling(self) -> tuple[int, int]:
        """(multiplier, shift)"""
        return fixed_point.quantize_multiplier(float(self.input.scale) / float(self.output.scale))


def moderate(node: Node) -> str | None:
    """It multiplies by more than 2^−31 and less than 2^22."""
    source, target = node.activation(0), node.result()
    if 2.0**-31 < float(source.scale) / float(target.scale) < MOST_RESCALING:
        return None
    return f"it changes the scale from {source.scale:g} to {target.scale:g}"


def read(node: Node) -> Quantize:
    return Quantize(node.name, *node.ends())


def infer(op: Quantize, x: Array) -> Int8:
    scaled = fixed_point.multiply_by_quantized_multiplier(x.astype(np.int64) - op.input.zero_point, *op.rescaling)
    return np.clip(scaled.astype(np.int64) + op.output.zero_point, -128, 127).astype(np.int8)


def case(random: np.random.Generator) -> Quantize:
    shape = cases.shape(random, most=40)[:2]
    return Quantize("quantize", cases.activation(random, shape), cases.activation(random, shape, 1))


def write(_: Quantize) -> Written:
    return Written("QUANTIZE", "QuantizeOptions")


QUANTIZE = Operator(
    Quantize, "quantize", "Another scale and zero point for the same values, from int8 to int8.", read,
    (one_result, same_shape, moderate), infer, case, write, "AddQuantize",
)  # fmt: skip
