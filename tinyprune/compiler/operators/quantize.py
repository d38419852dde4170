"""QUANTIZE from int8 or int16 to int8, int16 or int32: the same values with another scale and zero point; from bool to
int8 where a CAST has made float32 of it."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node, type_of
from tinyprune.compiler.graph import Activation, Array, Tensor, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, change_of_shape, one_result

#: A QUANTIZE that multiplies differences of ±255 by this stays within 32 bits.
MOST_RESCALING = 2.0**22


@dataclass(frozen=True, slots=True, eq=False)
class Quantize(Unary):
    @property
    def rescaling(self) -> tuple[int, int]:
        """(multiplier, shift)"""
        return fixed_point.quantize_multiplier(float(self.input.scale) / float(self.output.scale))


def same_shape(node: Node) -> str | None:
    """Its result has the shape of its operand."""
    return change_of_shape(*_ends(node))


def rescales_moderately(node: Node) -> str | None:
    """It multiplies by more than 2^−31, and less than 2^22, of int16 less than 2^15."""
    return _immoderate(*_ends(node))


def moderate(node: Node) -> str | None:
    """It multiplies by more than 2^−31, and less than 2^22, of int16 less than 2^15."""
    return _immoderate(node.activation(0), node.result())


def most_rescaling(tensor: Tensor) -> float:
    """Differences of the tensor's values from its zero point that are multiplied by this stay within 32 bits."""
    if tensor.dtype == "int8":
        return MOST_RESCALING
    return 2.0**15 if tensor.zero_point == 0 else 2.0**14


def _immoderate(source: Tensor, target: Tensor) -> str | None:
    if 2.0**-31 < float(source.scale) / float(target.scale) < most_rescaling(source):
        return None
    return f"it changes the scale from {source.scale:g} to {target.scale:g}"


def _ends(node: Node) -> tuple[Activation, Activation]:
    if type_of(node.file, node.index(0)) == "BOOL":
        return node.activation(0, "BOOL"), node.result(0, "INT8")
    return node.activation(0, "INT8", "INT16"), node.result(0, "INT8", "INT16", "INT32")


def read(node: Node) -> Quantize:
    return Quantize(node.name, *_ends(node))


def infer(op: Quantize, x: Array) -> Array:
    if op.input.dtype == "bool":
        return fixed_point.affine_quantized(x, float(op.output.scale), op.output.zero_point, "int8")
    scaled = fixed_point.multiply_by_quantized_multiplier(x.astype(np.int64) - op.input.zero_point, *op.rescaling)
    found: Array = np.clip(scaled.astype(np.int64) + op.output.zero_point, *op.output.limits).astype(op.output.dtype)
    return found


def case(random: np.random.Generator) -> Quantize:
    """Scales fit the types, which may differ, mostly; also they are any."""
    shape = cases.shape(random, most=40)[:2]
    kinds = [
        ("int8", "int8"),
        ("int8", "int16"),
        ("int16", "int8"),
        ("int16", "int16"),
        ("int16", "int32"),
        ("int8", "int32"),
    ]
    before, behind = kinds[int(random.choice([0, 0, 0, 1, 2, 3, 4, 5]))]
    source = cases.activation(random, shape, dtype=before)
    fitting = {"int8": 1.0, "int16": 2.0**-8, "int32": 2.0**-8}
    scale = float(source.scale) * fitting[behind] / fitting[before] * float(np.exp(random.uniform(-2, 2)))
    target = cases.activation(
        random, shape, 1, scale_=scale if (before, behind) != ("int8", "int8") else None, dtype=behind
    )
    return Quantize("quantize", source, target)


def write(_: Quantize) -> Written:
    return Written("QUANTIZE", "QuantizeOptions")


QUANTIZE = Operator(
    Quantize, "quantize", "Another scale and zero point for the same values, or another type: int8, int16 or int32.",
    read,     (one_result, same_shape, rescales_moderately), infer, case, write, "AddQuantize", types=("INT8", "INT16"),
    asymmetric=True,
)  # fmt: skip
