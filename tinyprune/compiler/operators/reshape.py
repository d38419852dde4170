"""RESHAPE: the same bytes with another shape."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Move, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_quantization


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Unary):
    """The constant or computed shape operand is not kept: shapes are fixed."""

    @property
    def moves(self) -> tuple[Move, ...]:
        return (Move(0, 0, self.input.size_bytes),)


def as_many_values(node: Node) -> str | None:
    """Its result has as many values as its input."""
    source, target = node.activation(0), node.result()
    return None if source.count == target.count else f"it reshapes {list(source.shape)} to {list(target.shape)}"


def read(node: Node) -> Reshape:
    return Reshape(node.name, *node.ends())


def infer(op: Reshape, x: Array) -> Array:
    return x.reshape(len(x), *op.output.shape)


def case(random: np.random.Generator) -> Reshape:
    shape = cases.shape(random)
    source = cases.activation(random, shape)
    behind = (prod(shape),) if random.integers(2) else tuple(reversed(shape))
    return Reshape("reshape", source, cases.activation(random, behind, 1, like=source))


def write(op: Reshape) -> Written:
    shape = np.array(op.output.file_shape, np.int32)
    return Written("RESHAPE", "ReshapeOptions", {"NewShape": shape}, (("shape", shape, None, 0),))


RESHAPE = Operator(
    Reshape, "reshape", "Another shape for the same bytes: costs nothing.", read,
    (one_result, as_many_values, same_quantization), infer, case, write, "AddReshape",
)  # fmt: skip
