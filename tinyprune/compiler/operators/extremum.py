"""MAXIMUM and MINIMUM: of two tensors, or of a tensor and a constant, element by element.

TFLite Micro compares stored values. They stand for the same real values only where scales and zero points are the same,
as converters have it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import (
    Binary,
    case_operands,
    reader,
    shapes_agree,
    something_is_computed,
    spread,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, Written, one_result


@dataclass(frozen=True, slots=True, eq=False)
class Maximum(Binary):
    """The larger stored value."""


@dataclass(frozen=True, slots=True, eq=False)
class Minimum(Binary):
    """The smaller stored value."""


def infer(op: Binary, left: Array, right: Array) -> Array:
    found: Array = (np.maximum if isinstance(op, Maximum) else np.minimum)(*spread(op, left, right))
    return found


def _case_of(kind: type[Binary], name: str) -> Callable[[np.random.Generator], Binary]:
    def case(random: np.random.Generator) -> Binary:
        dtype = cases.dtype(random)
        left, right, shape = case_operands(random, dtype=dtype)
        return kind(name, left, right, cases.activation(random, shape, 2, dtype=dtype))

    return case


def _operator(kind: type[Binary], about: str, resolver: str) -> Operator:
    name = kind.__name__.lower()
    rules = (one_result, two_operands, shapes_agree, something_is_computed)
    case = _case_of(kind, name)

    def write(_: Binary) -> Written:
        return Written(name.upper(), "MaximumMinimumOptions")

    return Operator(kind, name, about, reader(kind), rules, infer, case, write, resolver, types=("INT8", "INT16"))


MAXIMUM = _operator(
    Maximum, "Larger of two tensors' stored values, or of a tensor's and a constant's, with broadcasting.", "AddMaximum"
)
MINIMUM = _operator(
    Minimum, "Smaller of two tensors' stored values, or of a tensor's and a constant's, with broadcasting.",
    "AddMinimum",
)  # fmt: skip
