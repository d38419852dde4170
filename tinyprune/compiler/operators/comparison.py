"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL: of int8 tensors; the result is bool.

TFLite Micro takes both operands to a common scale of 1/256, rounded, and compares there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Tensor
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import (
    Binary,
    case_operands,
    differences,
    reader,
    shapes_agree,
    something_is_computed,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, Written, one_result

#: Bits that operands gain before they are scaled.
LEFT_SHIFT = 8
_Tensor = TypeVar("_Tensor", bound=Tensor)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Binary):
    """Its result is bool."""

    @property
    def scalings(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift to the left) of both operands."""
        return _scaling(self.left), _scaling(self.right)


@dataclass(frozen=True, slots=True, eq=False)
class Equal(Comparison):
    """left = right"""


@dataclass(frozen=True, slots=True, eq=False)
class NotEqual(Comparison):
    """left ≠ right"""


@dataclass(frozen=True, slots=True, eq=False)
class Greater(Comparison):
    """left > right"""


@dataclass(frozen=True, slots=True, eq=False)
class GreaterEqual(Comparison):
    """left ≥ right"""


@dataclass(frozen=True, slots=True, eq=False)
class Less(Comparison):
    """left < right"""


@dataclass(frozen=True, slots=True, eq=False)
class LessEqual(Comparison):
    """left ≤ right"""


_FUNCTIONS: dict[type[Comparison], Callable[[Array, Array], Array]] = {
    Equal: np.equal, NotEqual: np.not_equal, Greater: np.greater, GreaterEqual: np.greater_equal, Less: np.less,
    LessEqual: np.less_equal,
}  # fmt: skip


def _scaling(tensor: Tensor) -> tuple[int, int]:
    return fixed_point.quantize_multiplier(float(tensor.scale))


def int8_operands(node: Node) -> str | None:
    """Its operands are int8."""
    found = [node.operand(n, "INT8", "BOOL").dtype for n in (0, 1)]
    return f"it compares {' with '.join(found)}" if "bool" in found else None


def scales_below_one(node: Node) -> str | None:
    """The scales of its operands are less than 1."""
    scales = [node.operand(n, "INT8", "BOOL").scale for n in (0, 1)]
    return None if max(scales) < 1 else f"it compares scales {scales[0]:g} and {scales[1]:g}"


def infer(op: Comparison, left: Array, right: Array) -> Array:
    x, y = (
        fixed_point.multiply_by_quantized_multiplier(difference << LEFT_SHIFT, *scaling)
        for difference, scaling in zip(differences(op, left, right), op.scalings, strict=True)
    )
    return _FUNCTIONS[type(op)](x, y)


def _small(tensor: _Tensor, random: np.random.Generator) -> _Tensor:
    """The same with a scale below 1."""
    scale = np.float32(random.choice([0.05, 0.05, 0.0078125, 0.5, float(np.exp(random.uniform(-8, -0.01)))]))
    return replace(tensor, scale=scale)


def _case_of(kind: type[Comparison], name: str) -> Callable[[np.random.Generator], Comparison]:
    def activation(random: np.random.Generator, shape: tuple[int, ...], index: int = 0) -> Activation:
        return _small(cases.activation(random, shape, index), random)

    def constant(random: np.random.Generator, shape: tuple[int, ...], index: int) -> Tensor:
        return _small(cases.constant(random, shape, index), random)

    def case(random: np.random.Generator) -> Comparison:
        left, right, shape = case_operands(random, activation, constant)
        return kind(name, left, right, cases.bool_activation(random, shape, 2))

    return case


def _operator(kind: type[Comparison], code: str, sign: str) -> Operator:
    name = code.lower()
    about = f"Whether left {sign} right, of int8 tensors or a tensor and a constant, with broadcasting, as bool."
    rules = (one_result, two_operands, int8_operands, shapes_agree, something_is_computed, scales_below_one)

    def write(_: Comparison) -> Written:
        return Written(code, f"{kind.__name__}Options")

    read, case = reader(kind, "BOOL"), _case_of(kind, name)
    return Operator(kind, name, about, read, rules, infer, case, write, f"Add{kind.__name__}")


EQUAL = _operator(Equal, "EQUAL", "=")
NOT_EQUAL = _operator(NotEqual, "NOT_EQUAL", "≠")
GREATER = _operator(Greater, "GREATER", ">")
GREATER_EQUAL = _operator(GreaterEqual, "GREATER_EQUAL", "≥")
LESS = _operator(Less, "LESS", "<")
LESS_EQUAL = _operator(LessEqual, "LESS_EQUAL", "≤")
