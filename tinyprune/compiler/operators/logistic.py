"""LOGISTIC and TANH (integer_ops/logistic.h and tanh.h).

int8: gemmlowp's fixed point, in Q4.27. int16: a table of sigmoid with interpolation; scales next to powers of two are
taken for those.
"""

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

_FRACTION_BITS = 27
_TABLE_SCALE = 4096.0 * 3.0
_LARGEST_FACTOR, _MOST_SHIFT = 32767.0, 30
_MOST = 15 << _FRACTION_BITS  # beyond it the result is the highest or lowest value


@dataclass(frozen=True, slots=True, eq=False)
class Logistic(Lookup):
    @property
    def table_input(self) -> tuple[int, int]:
        """(multiplier, right shift) that take an int16 operand to the table's input."""
        return _table_input(self.input.scale, most_left=0)


@dataclass(frozen=True, slots=True, eq=False)
class Tanh(Lookup):
    @property
    def table_input(self) -> tuple[int, int]:
        """The same."""
        return _table_input(self.input.scale, most_left=1)


def _table_input(scale: np.float32, most_left: int) -> tuple[int, int]:
    """Scale 2^−12 and what is next to it needs no rounding; nor do those up to `most_left` shifts to the left of it."""
    power, is_power = _log2(scale)
    if is_power and 0 <= power + 12 <= most_left:
        return 3 << power + 12, 0
    real, shift = float(scale) * _TABLE_SCALE, 0
    while real <= _LARGEST_FACTOR / 2 and shift <= _MOST_SHIFT:
        real, shift = 2 * real, shift + 1
    return int(real), shift


_Kind = TypeVar("_Kind", bound=Lookup)


def _log2(scale: np.float32) -> tuple[int, bool]:
    """To the nearest whole number, in float32, and whether it is next to that."""
    found = np.log(scale) * (np.float32(1) / np.log(np.float32(2)))
    rounded = np.trunc(found + np.copysign(np.float32(0.5), found))
    return int(rounded), bool(abs(found - rounded) < np.float32(1e-3))


def unit_result(node: Node) -> str | None:
    """Its result has scale 1/128 and zero point 0."""
    return _other_result(node, 1 / 128, 0)


def unit_tangents(node: Node) -> str | None:
    """Its result has scale 1/128, of int16 1/32768, and zero point 0."""
    return _other_result(node, _result(node.result().dtype, 1 / 128), 0)


def unit_probabilities(node: Node) -> str | None:
    """Its result has scale 1/256 and zero point −128, of int16 scale 1/32768 and zero point 0."""
    dtype = node.result().dtype
    return _other_result(node, _result(dtype, 1 / 256), -128 if dtype == "int8" else 0)


def _other_result(node: Node, scale: float, zero_point: int) -> str | None:
    target = node.result()
    if (target.scale, target.zero_point) == (np.float32(scale), zero_point):
        return None
    return f"its result has scale {target.scale:g} and zero point {target.zero_point}"


def _result(dtype: str, scale: float) -> float:
    """The scale of the result."""
    return scale if dtype == "int8" else 2.0**-15


def moderate_scale(node: Node) -> str | None:
    """Its operand's scale is at least 2^−28 and less than 2^32, of int16 less than 2.66."""
    source = node.activation(0)
    largest = 2.0**32 if source.dtype == "int8" else _LARGEST_FACTOR / _TABLE_SCALE
    return None if 2.0**-28 <= source.scale < largest else f"its operand has scale {source.scale:g}"


def infer_logistic(op: Logistic, x: Array) -> Array:
    if op.input.dtype == "int16":
        return fixed_functions.interpolated_sigmoid(x, *op.table_input).astype(np.int16)
    return _infer(op, x, lambda a: fixed_point.rounding_divide_by_pot(fixed_functions.logistic(a), 23) - 128)


def infer_tanh(op: Tanh, x: Array) -> Array:
    if op.input.dtype == "int16":
        return fixed_functions.interpolated_tanh(x, *op.table_input).astype(np.int16)
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
        shape, dtype = cases.shape(random, 4, 12), cases.dtype(random)
        if dtype == "int16":
            usual = float(np.exp(random.uniform(-10, -6)))
            near = 2.0**-12 * float(random.choice([1, 1, 2, 0.5, 4, 1.0005, 0.9994, 1.001]))
            wide = float(random.choice([near, near, usual, 2.0 ** random.uniform(-28, 1.4)]))
            source = cases.activation(random, shape, scale_=wide, dtype=dtype)
            return kind(name, source, Activation(1, "t1", shape, np.float32(2.0**-15), 0, dtype))
        usual = float(np.exp(random.uniform(-5, -1)))
        chosen = float(random.choice([usual, usual, 0.0625, cases.scale(random), 2.0 ** random.uniform(-28, 31)]))
        source = cases.activation(random, shape, scale_=chosen)
        return kind(name, source, Activation(1, "t1", shape, np.float32(scale), zero_point))

    return case


LOGISTIC = Operator(
    Logistic, "logistic", "1 / (1 + exp(−x)) of each value.", reader(Logistic),
    (one_result, same_shape, unit_probabilities, moderate_scale), infer_logistic,
    _case_of(Logistic, "logistic", 1 / 256, -128), lambda _op: Written("LOGISTIC"), "AddLogistic",
    types=("INT8", "INT16"),
)  # fmt: skip
TANH = Operator(
    Tanh, "tanh", "Hyperbolic tangent of each value.", reader(Tanh),
    (one_result, same_shape, unit_tangents, moderate_scale), infer_tanh, _case_of(Tanh, "tanh", 1 / 128, 0),
    lambda _op: Written("TANH"), "AddTanh", types=("INT8", "INT16"),
)  # fmt: skip
