"""GATHER: some indices of an axis, in any order."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Int32, Unary
from tinyprune.compiler.moves import Move, moved
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import (
    Operator,
    Written,
    in_file_shape,
    in_graph_shape,
    one_result,
    same_quantization,
)

_OPTIONS = "GatherOptions"
#: Indices that make more rows of equal steps than this are left to a table.
_MOST_MOVES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Gather(Unary):
    """`axis` is one of the input's file shape; `indices` have any shape, which takes its place in the result."""

    axis: int
    indices: Int32

    def __post_init__(self) -> None:
        self.indices.setflags(write=False)

    @property
    def blocks(self) -> tuple[int, int, int]:
        """(turns before the axis, bytes behind it, its size)"""
        shape = self.input.file_shape
        return prod(shape[: self.axis]), prod(shape[self.axis + 1 :]), shape[self.axis]

    @property
    def value_moves(self) -> tuple[Move, ...] | None:
        """A move for indices that follow on one another by equal steps; None where there are many."""
        outer, inner, size = self.blocks
        found, place, count = list[Move](), 0, self.indices.size
        for first, step, length in _progressions(self.indices.ravel().tolist()):
            strides = (size * inner, step * inner, 1), (count * inner, inner, 1)
            found.append(moved(0, 0, (outer, length, inner), *strides, (first * inner, place * inner)))
            place += length
        return tuple(found) if len(found) <= _MOST_MOVES else None


def _progressions(indices: list[int]) -> list[tuple[int, int, int]]:
    """(first, step, length) of one behind the other."""
    found: list[tuple[int, int, int]] = []
    for index in indices:
        if found:
            first, step, length = found[-1]
            if length == 1 or index == first + step * length:
                found[-1] = (first, index - first if length == 1 else step, length + 1)
                continue
        found.append((index, 1, 1))
    return found


def _axis(node: Node) -> int | None:
    axis, rank = node.options(_OPTIONS).Axis(), len(node.activation(0).file_shape)
    return axis % rank if -rank <= axis < rank else None


def indices_are_constant(node: Node) -> str | None:
    """The indices are constants of the axis's range, without batch dimensions, and its result has the shape that
    follows."""
    axis, indices, shape = _axis(node), node.constant(1, "INT32"), node.activation(0).file_shape
    if node.options(_OPTIONS).BatchDims() != 0:
        return f"it has {node.options(_OPTIONS).BatchDims()} batch dimensions"
    if axis is None:
        return f"it gathers along axis {node.options(_OPTIONS).Axis()} of {list(shape)}"
    if indices.min() < 0 or indices.max() >= shape[axis]:
        return f"it gathers indices {indices.min()} to {indices.max()} of {shape[axis]}"
    wanted, behind = (*shape[:axis], *indices.shape, *shape[axis + 1 :]), node.result().file_shape
    return None if wanted == behind else f"it should make {list(wanted)}, the file says {list(behind)}"


def read(node: Node) -> Gather:
    axis = _axis(node)
    assert axis is not None
    return Gather(node.name, *node.ends(), axis, node.constant(1, "INT32"))


def infer(op: Gather, x: Array) -> Array:
    return in_graph_shape(np.take(in_file_shape(x, op.input), op.indices, op.axis + 1), op.output)


def case(random: np.random.Generator) -> Gather:
    """Any order mostly, equal steps now and then; a single index without an axis."""
    shape = cases.file_shape(random)
    axis = int(random.integers(len(shape)))
    size = shape[axis]
    kept: tuple[int, ...] = cases.shape(random, 2, 6) if random.integers(4) else ()
    indices = random.integers(0, size, kept).astype(np.int32)
    if random.integers(3) == 0:
        indices = np.arange(int(random.integers(size)), size, int(random.integers(1, 3)), dtype=np.int32)
    source = cases.filed(random, shape)
    target = cases.filed(random, (*shape[:axis], *np.shape(indices), *shape[axis + 1 :]), 1, like=source)
    return Gather("gather", source, target, axis, np.array(indices, np.int32))


def write(op: Gather) -> Written:
    return Written("GATHER", _OPTIONS, {"Axis": op.axis, "BatchDims": 0}, (("indices", op.indices, None, 0),))


GATHER = Operator(
    Gather, "gather", "Some indices of an axis, in any order. Costs nothing where they are one run of bytes.", read,
    (one_result, indices_are_constant, same_quantization), infer, case, write, "AddGather",
)  # fmt: skip
