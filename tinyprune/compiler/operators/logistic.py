"""LOGISTIC and TANH: gemmlowp's fixed point, in Q4.27 (integer_ops/logistic.h and tanh.h)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import frexp
from typing import TypeVar

import numpy as np

from tinyprune.compiler import fixed_functions, fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.lookup import Lookup, reader, stored
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape
from tinyprune.compiler.operators.softmax import probabilities

_FRACTION_BITS = 27
_MOST = 15 << _FRACTION_BITS  # beyond it the result is the highest or lowest value


@dataclass(frozen=True, slots=True, eq=False)
class Logistic(Lookup):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class Tanh(Lookup):
    pass


_Kind = TypeVar("_Kind", bound=Lookup)


def unit_result(node: Node) -> str | None:
    """Its result has scale 1/128 and zero point 0."""
    target = node.result()
    if target.scale == np.float32(1 / 128) and target.zero_point == 0:
        return None
    return f"its result has scale {target.scale:g} and zero point {target.zero_point}"


def moderate_scale(node: Node) -> str | None:
    """Its operand's scale is at least 2^−28 and less than 2^32."""
    scale = float(node.activation(0).scale)
    return None if 2.0**-28 <= scale < 2.0**32 else f"its operand has scale {scale:g}"


def infer_logistic(op: Logistic, x: Array) -> Int8:
    return _infer(op, x, lambda a: fixed_point.rounding_divide_by_pot(fixed_functions.logistic(a), 23) - 128)


def infer_tanh(op: Tanh, x: Array) -> Int8:
    return _infer(op, x, lambda a: fixed_point.rounding_divide_by_pot(fixed_functions.tanh(a), 24))


def _infer(op: Lookup, x: Array, function: Callable[[Array], Array]) -> Int8:
    differences = x.astype(np.int64) - op.input.zero_point
    fraction, shift = frexp(float(op.input.scale) * (1 << _FRACTION_BITS))
    radius = _MOST >> shift
    inside = np.abs(differences) < radius
    multiplier = int(fraction * (1 << 31))  # exact: a float32 has 24 bits
    a = fixed_point.multiply_by_quantized_multiplier(np.where(inside, differences, 0), multiplier, min(shift, 31))
    outside = np.where(differences <= -radius, -128, 127)
    return stored(np.where(inside, function(a), outside))


def _case_of(kind: type[_Kind], name: str, scale: float, zero_point: int) -> Callable[[np.random.Generator], _Kind]:
    def case(random: np.random.Generator) -> _Kind:
        """Scales at which most of the curve is seen, and extreme ones."""
        shape = cases.shape(random, 4, 12)
        usual = float(np.exp(random.uniform(-5, -1)))
        chosen = float(random.choice([usual, usual, 0.0625, cases.scale(random), 2.0 ** random.uniform(-28, 31)]))
        source = cases.activation(random, shape, scale_=chosen)
        return kind(name, source, Activation(1, "t1", shape, np.float32(scale), zero_point))

    return case


LOGISTIC = Operator(
    Logistic, "logistic", "1 / (1 + exp(−x)) of each value.", reader(Logistic),
    (one_result, same_shape, probabilities, moderate_scale), infer_logistic,
    _case_of(Logistic, "logistic", 1 / 256, -128), lambda _op: Written("LOGISTIC"), "AddLogistic",
)  # fmt: skip
TANH = Operator(
    Tanh, "tanh", "Hyperbolic tangent of each value.", reader(Tanh),
    (one_result, same_shape, unit_result, moderate_scale), infer_tanh, _case_of(Tanh, "tanh", 1 / 128, 0),
    lambda _op: Written("TANH"), "AddTanh",
)  # fmt: skip
