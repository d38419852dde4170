"""REVERSE_V2: the indices of some axes backwards."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Unary
from tinyprune.compiler.moves import Move, moves_of, strides
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import (
    Operator,
    Written,
    in_file_shape,
    in_graph_shape,
    one_result,
    same_quantization,
    same_shape,
)

_MOST_AXES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Reverse(Unary):
    """`axes` are those of the file's shape, in order, each next to the one before."""

    axes: tuple[int, ...]

    @property
    def value_moves(self) -> tuple[Move, ...]:
        shape = self.input.file_shape
        behind = strides(shape)
        before = [-step if axis in self.axes else step for axis, step in enumerate(behind)]
        start = sum((shape[axis] - 1) * behind[axis] for axis in self.axes)
        return moves_of(shape, before, behind, (start, 0))


def _axes(node: Node) -> list[int]:
    rank = len(node.activation(0).file_shape)
    return sorted(axis + rank * (axis < 0) for axis in node.constant(1, "INT32").ravel().tolist())


def axes_are_neighbours(node: Node) -> str | None:
    """The axes that it reverses are a constant vector; they are next to one another, in a tensor of at most 5."""
    rank, axes, vector = len(node.activation(0).file_shape), _axes(node), node.constant(1, "INT32")
    inside = vector.ndim == 1 and rank <= _MOST_AXES and axes[0] >= 0 and axes[-1] < rank
    if inside and axes == list(range(axes[0], axes[-1] + 1)):
        return None
    return f"it reverses the axes {vector.ravel().tolist()} of {rank}"


def read(node: Node) -> Reverse:
    return Reverse(node.name, *node.ends(), tuple(_axes(node)))


def infer(op: Reverse, x: Array) -> Array:
    return in_graph_shape(np.flip(in_file_shape(x, op.input), tuple(axis + 1 for axis in op.axes)), op.output)


def case(random: np.random.Generator) -> Reverse:
    shape = cases.file_shape(random, _MOST_AXES)
    first = int(random.integers(len(shape)))
    last = int(random.integers(first, len(shape)))
    source = cases.filed(random, shape, dtype=cases.dtype(random))
    return Reverse("reverse", source, cases.filed(random, shape, 1, like=source), tuple(range(first, last + 1)))


def write(op: Reverse) -> Written:
    """From the end, the last one first."""
    axes = [axis - len(op.input.file_shape) for axis in reversed(op.axes)]
    return Written("REVERSE_V2", "ReverseV2Options", {}, (("axes", np.array(axes, np.int32), None, 0),))


REVERSE_V2 = Operator(
    Reverse, "reverse", "A tensor backwards along some axes.", read,
    (one_result, same_shape, axes_are_neighbours, same_quantization), infer, case, write, "AddReverseV2",
    types=("INT8", "INT16"),
)  # fmt: skip
