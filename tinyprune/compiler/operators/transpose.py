"""TRANSPOSE: the axes of a tensor in another order."""

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
)

_MOST_AXES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Unary):
    """Axis n of the result's file shape is axis `order[n]` of the input's."""

    order: tuple[int, ...]

    @property
    def value_moves(self) -> tuple[Move, ...]:
        before = strides(self.input.file_shape)
        shape = self.output.file_shape
        return moves_of(shape, [before[axis] for axis in self.order], strides(shape))

    @property
    def is_view(self) -> bool:
        """Where only axes of size 1 change places."""
        return len(self.value_moves) == 1 and not self.value_moves[0].counts


def order_is_constant(node: Node) -> str | None:
    """The order of its axes is a constant that names each of at most 5 axes once."""
    rank, order = len(node.activation(0).file_shape), node.constant(1, "INT32")
    if order.ndim == 1 and rank <= _MOST_AXES and sorted(order.tolist()) == list(range(rank)):
        return None
    return f"it orders {rank} axes as {order.ravel().tolist()}"


def result_fits(node: Node) -> str | None:
    """Its result has the shape of its input in that order."""
    before, order = node.activation(0).file_shape, node.constant(1, "INT32").ravel().tolist()
    if sorted(order) != list(range(len(before))):
        return None
    wanted, behind = tuple(before[axis] for axis in order), node.result().file_shape
    return None if wanted == behind else f"it should make {list(wanted)}, the file says {list(behind)}"


def read(node: Node) -> Transpose:
    return Transpose(node.name, *node.ends(), tuple(node.constant(1, "INT32").tolist()))


def infer(op: Transpose, x: Array) -> Array:
    whole = in_file_shape(x, op.input)
    return in_graph_shape(whole.transpose(0, *(axis + 1 for axis in op.order)), op.output)


def case(random: np.random.Generator) -> Transpose:
    shape = cases.file_shape(random, _MOST_AXES)
    order = tuple(int(axis) for axis in random.permutation(len(shape)))
    if shape[0] == 1 and random.integers(3):  # the batch stays mostly
        order = (0, *(axis for axis in order if axis))
    source = cases.filed(random, shape, dtype=cases.dtype(random))
    target = cases.filed(random, [shape[axis] for axis in order], 1, like=source)
    return Transpose("transpose", source, target, order)


def write(op: Transpose) -> Written:
    return Written("TRANSPOSE", "TransposeOptions", {}, (("order", np.array(op.order, np.int32), None, 0),))


TRANSPOSE = Operator(
    Transpose, "transpose",
    "Axes in another order. Costs nothing where only axes of size 1 change places, and before fully connected layers.",
    read, (one_result, order_is_constant, result_fits, same_quantization), infer, case, write, "AddTranspose",
    types=("INT8", "INT16"),
)  # fmt: skip
