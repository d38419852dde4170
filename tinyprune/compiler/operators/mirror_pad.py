"""MIRROR_PAD: a border that mirrors what lies beside it."""

from dataclasses import dataclass
from itertools import product

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
from tinyprune.compiler.operators.pad import paddings

_OPTIONS = "MirrorPadOptions"
_REFLECT, _SYMMETRIC = 0, 1
_MOST_AXES = 5


@dataclass(frozen=True, slots=True, eq=False)
class MirrorPad(Unary):
    """`before` and `after` are what is added to each axis of the file's shape; the edge itself is mirrored where
    `symmetric`."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    symmetric: bool

    @property
    def value_moves(self) -> tuple[Move, ...]:
        """A block for each combination of what is before, inside and behind along each axis."""
        here, there = strides(self.input.file_shape), strides(self.output.file_shape)
        found: list[Move] = []
        for parts in product(*(self._parts(axis) for axis in range(len(here)))):
            counts, sources, steps, targets = zip(*parts, strict=True)
            offsets = int(np.dot(sources, here)), int(np.dot(targets, there))
            stepped = [step * stride for step, stride in zip(steps, here, strict=True)]
            found += moves_of(counts, stepped, there, offsets)
        return tuple(found)

    def _parts(self, axis: int) -> list[tuple[int, int, int, int]]:
        """(how many indices, the first of the input, step in the input, the first of the output)"""
        size, before, after = self.input.file_shape[axis], self.before[axis], self.after[axis]
        skip = 0 if self.symmetric else 1
        parts = [
            (before, before - 1 + skip, -1, 0), (size, 0, 1, before), (after, size - 1 - skip, -1, before + size)
        ]  # fmt: skip
        return [part for part in parts if part[0]]


def padding_fits(node: Node) -> str | None:
    """What it adds before and behind each axis is constant, not more than the input has to mirror, and its result has
    the size that follows."""
    before, behind, pairs = node.activation(0).file_shape, node.result().file_shape, paddings(node)
    skip = 1 if node.options(_OPTIONS).Mode() == _REFLECT else 0
    padded = tuple(size + sum(pair) for size, pair in zip(before, pairs, strict=False))
    mirrored = all(0 <= count <= size - skip for size, pair in zip(before, pairs, strict=False) for count in pair)
    if len(pairs) == len(before) and padded == behind and mirrored:
        return None
    return f"it makes {list(behind)} of {list(before)} with the paddings {pairs}"


def few_axes(node: Node) -> str | None:
    """It has at most 5 axes."""
    rank = len(node.activation(0).file_shape)
    return None if rank <= _MOST_AXES else f"it has {rank} axes"


def read(node: Node) -> MirrorPad:
    source, target = node.ends()
    before, after = zip(*paddings(node), strict=True)
    return MirrorPad(node.name, source, target, before, after, node.options(_OPTIONS).Mode() == _SYMMETRIC)


def infer(op: MirrorPad, x: Array) -> Array:
    margins = [(0, 0), *zip(op.before, op.after, strict=True)]
    mode = "symmetric" if op.symmetric else "reflect"
    return in_graph_shape(np.pad(in_file_shape(x, op.input), margins, mode=mode), op.output)  # type: ignore[call-overload]


def case(random: np.random.Generator) -> MirrorPad:
    shape, symmetric = cases.file_shape(random, 4), bool(random.integers(2))
    most = [min(3, size - (not symmetric)) if random.integers(3) else 0 for size in shape]
    before, after = (tuple(int(random.integers(n + 1)) for n in most) for _ in range(2))
    behind = tuple(size + b + a for size, b, a in zip(shape, before, after, strict=True))
    source = cases.filed(random, shape)
    return MirrorPad("mirror_pad", source, cases.filed(random, behind, 1, like=source), before, after, symmetric)


def write(op: MirrorPad) -> Written:
    pairs = np.array(list(zip(op.before, op.after, strict=True)), np.int32)
    mode = _SYMMETRIC if op.symmetric else _REFLECT
    return Written("MIRROR_PAD", _OPTIONS, {"Mode": mode}, (("paddings", pairs, None, 0),))


MIRROR_PAD = Operator(
    MirrorPad, "mirror_pad", "A border that mirrors what lies beside it, with the edge (SYMMETRIC) or not (REFLECT).",
    read, (one_result, few_axes, padding_fits, same_quantization), infer, case, write, "AddMirrorPad",
)  # fmt: skip
