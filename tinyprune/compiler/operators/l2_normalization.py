"""L2_NORMALIZATION: each vector along the last axis, divided by its length (integer_ops/l2normalization.h)."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_functions, fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.fused import activation_name
from tinyprune.compiler.operators.logistic import unit_result
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape

_OPTIONS = "L2NormOptions"
_OUTPUT_BITS = 7  # the result's scale is 1/128
_MOST_AXES = 4


@dataclass(frozen=True, slots=True, eq=False)
class L2Normalization(Unary):
    @property
    def depth(self) -> int:
        return self.input.file_shape[-1]


def few_axes(node: Node) -> str | None:
    """Its operand has one to four axes."""
    rank = len(node.activation(0).file_shape)
    return None if 1 <= rank <= _MOST_AXES else f"its operand has {rank} axes"


def not_clamped(node: Node) -> str | None:
    """It has no fused activation."""
    name = activation_name(node, _OPTIONS)
    return None if name == "NONE" else f"it has the fused activation {name}"


def read(node: Node) -> L2Normalization:
    return L2Normalization(node.name, *node.ends())


def infer(op: L2Normalization, x: Array) -> Int8:
    """Squares of differences are less than 2^16, and an axis has at most 2^15 of them: their sum fits 31 bits."""
    differences = x.reshape(-1, op.depth).astype(np.int64) - op.input.zero_point
    multiplier, shift = fixed_functions.inverse_square_root((differences**2).sum(axis=1, keepdims=True))
    found = fixed_point.multiply_by_quantized_multiplier(differences, multiplier, shift + _OUTPUT_BITS)
    return np.clip(found, -128, 127).astype(np.int8).reshape(x.shape)


def case(random: np.random.Generator) -> L2Normalization:
    """Scales do not matter: lengths are divided out."""
    depth = int(random.choice([cases.size(random, 20), cases.size(random, 20), cases.size(random, 600)]))
    shape = (*cases.shape(random, 3, 4)[1:], depth)
    source = cases.activation(random, shape)
    return L2Normalization("l2_normalization", source, Activation(1, "t1", shape, np.float32(1 / 128), 0))


def write(_: L2Normalization) -> Written:
    return Written("L2_NORMALIZATION", _OPTIONS)


L2_NORMALIZATION = Operator(
    L2Normalization, "l2_normalization", "Each vector along the last axis, divided by its Euclidean length.", read,
    (one_result, same_shape, unit_result, few_axes, not_clamped), infer, case, write, "AddL2Normalization",
)  # fmt: skip
