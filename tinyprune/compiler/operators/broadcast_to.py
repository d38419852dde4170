"""BROADCAST_TO: a tensor repeated along axes of size 1, or new ones."""

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
class BroadcastTo(Unary):
    @property
    def value_moves(self) -> tuple[Move, ...]:
        shape, source = self.output.file_shape, self.input.file_shape
        padded = (*[1] * (len(shape) - len(source)), *source)
        before = [0 if size == 1 else step for size, step in zip(padded, strides(padded), strict=True)]
        return moves_of(shape, before, strides(shape))


def broadcasts(node: Node) -> str | None:
    """Its input can be broadcast to the result's shape, of at most 5 axes, which is a constant operand."""
    before, behind = node.activation(0).file_shape, node.result().file_shape
    shape = tuple(node.constant(1, "INT32").ravel().tolist())
    padded = (*[1] * (len(behind) - len(before)), *before)
    fits = len(padded) == len(behind) and all(a in (1, b) for a, b in zip(padded, behind, strict=True))
    if fits and shape == behind and len(behind) <= _MOST_AXES:
        return None
    return f"it makes {list(behind)} of {list(before)} by the shape {list(shape)}"


def read(node: Node) -> BroadcastTo:
    return BroadcastTo(node.name, *node.ends())


def infer(op: BroadcastTo, x: Array) -> Array:
    whole, rank = in_file_shape(x, op.input), len(op.output.file_shape)
    padded = whole.reshape(len(x), *[1] * (rank - whole.ndim + 1), *whole.shape[1:])
    return in_graph_shape(np.broadcast_to(padded, (len(x), *op.output.file_shape)), op.output)


def case(random: np.random.Generator) -> BroadcastTo:
    behind = cases.file_shape(random, _MOST_AXES)
    kept = behind[int(random.integers(len(behind))) :] if random.integers(2) else behind
    before = tuple(1 if random.integers(2) else n for n in kept)
    source = cases.filed(random, before)
    return BroadcastTo("broadcast_to", source, cases.filed(random, behind, 1, like=source))


def write(op: BroadcastTo) -> Written:
    shape = np.array(op.output.file_shape, np.int32)
    return Written("BROADCAST_TO", "BroadcastToOptions", {}, (("shape", shape, None, 0),))


BROADCAST_TO = Operator(
    BroadcastTo, "broadcast_to", "A tensor repeated along axes of size 1, or along new ones.", read,
    (one_result, broadcasts, same_quantization), infer, case, write, "AddBroadcastTo",
)  # fmt: skip
