"""BROADCAST_TO and TILE: a tensor repeated along axes of size 1 or new ones, or along any of its axes.

TFLite Micro lacks TILE, which only repeats: `oracle.py` has it run RESHAPE and BROADCAST_TO instead.
"""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node, is_constant
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


@dataclass(frozen=True, slots=True, eq=False)
class Tile(Unary):
    @property
    def multiples(self) -> tuple[int, ...]:
        """How often it repeats each axis of the file's shape."""
        ends = zip(self.output.file_shape, self.input.file_shape, strict=True)
        return tuple(behind // before for behind, before in ends)

    @property
    def value_moves(self) -> tuple[Move, ...]:
        source = self.input.file_shape
        shape = tuple(size for pair in zip(self.multiples, source, strict=True) for size in pair)
        before = [step for axis in strides(source) for step in (0, axis)]
        return moves_of(shape, before, strides(shape))


def broadcasts(node: Node) -> str | None:
    """Its input can be broadcast to the result's shape, of at most 5 axes, which is a constant operand."""
    before, behind = node.activation(0).file_shape, node.result().file_shape
    shape = node.constant(1, "INT32").tolist()
    padded = (*[1] * (len(behind) - len(before)), *before)
    fits = len(padded) == len(behind) and all(a in (1, b) for a, b in zip(padded, behind, strict=True))
    if fits and shape == list(behind) and len(behind) <= _MOST_AXES:
        return None
    return f"it makes {list(behind)} of {list(before)} by the shape {shape}"


def repeats(node: Node) -> str | None:
    """Each axis of its result is a multiple of its input's; if its second operand is constant, it says the same."""
    before, behind = node.activation(0).file_shape, node.result().file_shape
    fact = f"it makes {list(behind)} of {list(before)}"
    if len(before) != len(behind) or any(many % one for one, many in zip(before, behind, strict=True)):
        return fact
    if not is_constant(node.file, node.index(1)):
        return None
    found = node.constant(1, "INT32", "INT64").ravel().tolist()
    wanted = [many // one for one, many in zip(before, behind, strict=True)]
    return None if found == wanted else f"{fact} by the multiples {found}"


def read(node: Node) -> BroadcastTo:
    return BroadcastTo(node.name, *node.ends())


def read_tile(node: Node) -> Tile:
    return Tile(node.name, *node.ends())


def infer(op: BroadcastTo, x: Array) -> Array:
    whole, rank = in_file_shape(x, op.input), len(op.output.file_shape)
    padded = whole.reshape(len(x), *[1] * (rank - whole.ndim + 1), *whole.shape[1:])
    return in_graph_shape(np.broadcast_to(padded, (len(x), *op.output.file_shape)), op.output)


def infer_tile(op: Tile, x: Array) -> Array:
    return in_graph_shape(np.tile(in_file_shape(x, op.input), (1, *op.multiples)), op.output)


def case(random: np.random.Generator) -> BroadcastTo:
    behind = cases.file_shape(random, _MOST_AXES)
    kept = behind[int(random.integers(len(behind))) :] if random.integers(2) else behind
    before = tuple(1 if random.integers(2) else n for n in kept)
    source = cases.filed(random, before)
    return BroadcastTo("broadcast_to", source, cases.filed(random, behind, 1, like=source))


def case_tile(random: np.random.Generator) -> Tile:
    before = cases.file_shape(random, 4, 6)
    behind = tuple(size * int(random.choice([1, 1, 2, 3])) for size in before)
    dtype = cases.dtype(random)
    source = cases.filed(random, before, dtype=dtype)
    return Tile("tile", source, cases.filed(random, behind, 1, like=source))


def write_tile(op: Tile) -> Written:
    return Written("TILE", "TileOptions", {}, (("multiples", np.array(op.multiples, np.int32), None, 0),))


def write(op: BroadcastTo) -> Written:
    shape = np.array(op.output.file_shape, np.int32)
    return Written("BROADCAST_TO", "BroadcastToOptions", {}, (("shape", shape, None, 0),))


BROADCAST_TO = Operator(
    BroadcastTo, "broadcast_to", "A tensor repeated along axes of size 1, or along new ones.", read,
    (one_result, broadcasts, same_quantization), infer, case, write, "AddBroadcastTo",
)  # fmt: skip
TILE = Operator(
    Tile, "tile", "A tensor repeated along any axes. TFLite Micro lacks it; compared with BROADCAST_TO.",
    read_tile, (one_result, repeats, same_quantization), infer_tile, case_tile, write_tile, "", types=("INT8", "INT16"),
)  # fmt: skip
