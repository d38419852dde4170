"""RELU, RELU6, LEAKY_RELU and ABS: a straight line on each side of 0.

RELU6 of TFLite Micro clamps stored values between those of 0 and 6 in its operand, whatever scale and zero point the
result has; the others change scale and zero point.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeVar

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.fused import ACTIVATIONS, bounds_of
from tinyprune.compiler.operators.lookup import Lookup, case_ends, fitted, reader, scaled
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape
from tinyprune.compiler.operators.quantize import moderate, most_rescaling

_LEAKY = "LeakyReluOptions"


@dataclass(frozen=True, slots=True, eq=False)
class Relu(Lookup):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class Relu6(Lookup):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class LeakyRelu(Lookup):
    alpha: float  # of values below 0

    @property
    def negative_ratio(self) -> float:
        """What differences below 0 are multiplied by."""
        return float(self.input.scale) * float(np.float32(self.alpha)) / float(self.output.scale)


@dataclass(frozen=True, slots=True, eq=False)
class Abs(Lookup):
    pass


_Kind = TypeVar("_Kind", bound=Lookup)


def moderate_alpha(node: Node) -> str | None:
    """Alpha is a number, and values below 0 are multiplied by less than 2^22, of int16 less than 2^15."""
    alpha = float(node.options(_LEAKY).Alpha())
    source, target = float(node.activation(0).scale), float(node.result().scale)
    largest = float(np.finfo(np.float32).max)
    if isfinite(alpha) and abs(alpha * source) < min(largest, most_rescaling(node.result()) * target):
        return None
    return f"alpha is {alpha:g}, and the scale goes from {source:g} to {target:g}"


def six_fits(node: Node) -> str | None:
    """6 is less than 2^31 steps of its operand's scale."""
    scale = node.activation(0).scale
    return None if float(scale) * 2.0**31 > 6 else f"its operand has scale {scale:g}"


def _differences(op: Lookup, x: Array) -> Array:
    return x.astype(np.int64) - op.input.zero_point


def infer_relu(op: Relu, x: Array) -> Array:
    return fitted(scaled(_differences(op, x), op.ratio) + op.output.zero_point, op.output, op.output.zero_point)


def infer_relu6(op: Relu6, x: Array) -> Array:
    found: Array = np.clip(x, *bounds_of(ACTIVATIONS["RELU6"], op.input))
    return found


def infer_leaky_relu(op: LeakyRelu, x: Array) -> Array:
    differences, factor = _differences(op, x), op.negative_ratio
    below = scaled(differences, abs(factor)) * (-1 if factor < 0 else 1)
    return fitted(np.where(differences >= 0, scaled(differences, op.ratio), below) + op.output.zero_point, op.output)


def infer_abs(op: Abs, x: Array) -> Array:
    distances = np.abs(_differences(op, x))
    same = op.input.scale == op.output.scale
    return fitted((distances if same else scaled(distances, op.ratio)) + op.output.zero_point, op.output)


def _case_of(kind: type[_Kind], name: str) -> Callable[[np.random.Generator], _Kind]:
    def case(random: np.random.Generator) -> _Kind:
        dtype = cases.dtype(random)
        return kind(name, *case_ends(random, -30, 21.9 if dtype == "int8" else 14.9, dtype=dtype))

    return case


def _case_relu6(random: np.random.Generator) -> Relu6:
    shape = cases.shape(random, 4, 12)
    source = cases.activation(random, shape, dtype=cases.dtype(random))
    target = cases.activation(random, shape, 1, dtype=source.dtype)
    return Relu6("relu6", source, replace(target, scale=source.scale) if random.integers(2) else target)


def _case_leaky_relu(random: np.random.Generator) -> LeakyRelu:
    usual = float(random.uniform(0, 0.4))
    alpha = random.choice([usual, usual, 0.0, 1.0, 0.5, -usual, float(random.uniform(-8, 8)), 2.0**-20])
    dtype = cases.dtype(random)
    ends = case_ends(random, -30, 18.9 if dtype == "int8" else 11.9, dtype=dtype)
    return LeakyRelu("leaky_relu", *ends, float(np.float32(alpha)))


def _read_leaky_relu(node: Node) -> LeakyRelu:
    return LeakyRelu(node.name, *node.ends(), float(node.options(_LEAKY).Alpha()))


def _write_leaky_relu(op: LeakyRelu) -> Written:
    return Written("LEAKY_RELU", _LEAKY, {"Alpha": op.alpha})


_RULES = (one_result, same_shape, moderate)
RELU = Operator(
    Relu, "relu", "The larger of each value and 0.", reader(Relu), _RULES, infer_relu, _case_of(Relu, "relu"),
    lambda _op: Written("RELU"), "AddRelu", types=("INT8", "INT16"),
)  # fmt: skip
RELU6 = Operator(
    Relu6, "relu6", "Each value clamped to 0 … 6.", reader(Relu6), (one_result, same_shape, six_fits),
    infer_relu6, _case_relu6, lambda _op: Written("RELU6"), "AddRelu6", types=("INT8", "INT16"),
)  # fmt: skip
LEAKY_RELU = Operator(
    LeakyRelu, "leaky_relu", "Each value; those below 0 times alpha.", _read_leaky_relu, (*_RULES, moderate_alpha),
    infer_leaky_relu, _case_leaky_relu, _write_leaky_relu, "AddLeakyRelu", types=("INT8", "INT16"),
)  # fmt: skip
ABS = Operator(
    Abs, "abs", "Absolute value of each value.", reader(Abs), _RULES, infer_abs, _case_of(Abs, "abs"),
    lambda _op: Written("ABS", "AbsOptions"), "AddAbs", types=("INT8", "INT16"),
)  # fmt: skip
