"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: every n-th pixel as a map of its own, and back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Tensor, Unary
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

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class SpaceToBatch(Unary):
    """`block` is (height, width); `before` are rows above and columns left that are added.

    TFLite Micro never sets what it fills them with: no kernel here does. Such an operator can only run where fold.py
    finds that what is filled does not matter.
    """

    block: Pair
    before: Pair
    after: Pair

    @property
    def value_moves(self) -> tuple[Move, ...]:
        return tuple(_moves(self, self.input, self.output, self.before))

    @property
    def fill(self) -> int | None:
        return self.output.zero_point if any((*self.before, *self.after)) else None


@dataclass(frozen=True, slots=True, eq=False)
class BatchToSpace(Unary):
    """`before` are rows above and columns left that are cut off."""

    block: Pair
    before: Pair
    after: Pair

    @property
    def value_moves(self) -> tuple[Move, ...]:
        return tuple(_moves(self, self.output, self.input, self.before))


def _image(tensor: Tensor) -> tuple[int, int, int, int]:
    """[batches, height, width, channels]; what has no width has one column."""
    shape = tensor.file_shape
    batches, height, *rest = shape
    return (batches, height, rest[0] if len(rest) > 1 else 1, rest[-1])


def _moves(op: SpaceToBatch | BatchToSpace, large: Tensor, small: Tensor, before: Pair) -> Iterator[Move]:
    """Those of one map of the small ones after the other: the pixels that are in the large one."""
    batches, height, width, channels = _image(large)
    _, rows, columns, _ = _image(small)
    here, there = strides(_image(large)), strides(_image(small))
    for i, j in np.ndindex(*op.block):
        (top, down), (left, across) = (
            _range(size, count, block, shift)
            for size, count, block, shift in (
                (height, rows, op.block[0], i - before[0]), (width, columns, op.block[1], j - before[1])
            )
        )  # fmt: skip
        if down <= 0 or across <= 0:
            continue
        y, x = top * op.block[0] + i - before[0], left * op.block[1] + j - before[1]
        spread = (here[0], here[1] * op.block[0], here[2] * op.block[1], 1)
        number = (i * op.block[1] + j) * batches
        offsets = (y * here[1] + x * here[2], number * there[0] + top * there[1] + left * there[2])
        shape = (batches, down, across, channels)
        if isinstance(op, SpaceToBatch):
            yield from moves_of(shape, spread, there, offsets)
        else:
            yield from moves_of(shape, there, spread, (offsets[1], offsets[0]))


def _range(size: int, count: int, block: int, shift: int) -> tuple[int, int]:
    """(the first, how many) of the `count` indices n for which n·block + shift is one of `size`."""
    first = max(0, -(shift // block))
    return first, min(count, (size - 1 - shift) // block + 1) - first


def _numbers(node: Node) -> tuple[list[int], list[list[int]]]:
    return node.constant(1, "INT32").ravel().tolist(), node.constant(2, "INT32").reshape(-1, 2).tolist()


def _shapes(node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(the large one, the small one)"""
    before, behind = node.activation(0).file_shape, node.result().file_shape
    return (before, behind) if node.kind == "SPACE_TO_BATCH_ND" else (behind, before)


def blocks_fit(node: Node) -> str | None:
    """It has 3 or 4 axes; blocks and paddings (or crops) of its height and width are constant, and its result has the
    size that follows."""
    (large, small), (block, pairs) = _shapes(node), _numbers(node)
    spatial = len(large) - 2
    if len(large) == len(small) and spatial in (1, 2) and len(block) == len(pairs) == spatial:
        sizes = [size + sum(pair) for size, pair in zip(large[1:-1], pairs, strict=True)]
        if min(block) > 0 and min(min(pair) for pair in pairs) >= 0:
            wanted = tuple(size // n for size, n in zip(sizes, block, strict=True))
            whole = all(size % n == 0 for size, n in zip(sizes, block, strict=True))
            if whole and small == (large[0] * int(np.prod(block)), *wanted, large[-1]):
                return None
    words = "paddings" if node.kind == "SPACE_TO_BATCH_ND" else "crops"
    before, behind = node.activation(0).file_shape, node.result().file_shape
    fact = f"it makes {list(behind)} of {list(before)} with blocks {block} and {words} {pairs}"
    if before[:1] == behind[:1] == (1,):
        return (
            f"{fact}: the converter took an open batch size for 1 here, too; convert the model with a batch size of 1"
        )
    return fact


def _fields(node: Node) -> tuple[Pair, Pair, Pair]:
    block, pairs = _numbers(node)
    (top, bottom), (left, right) = [*pairs, [0, 0]][:2]
    return (block[0], [*block, 1][1]), (top, left), (bottom, right)


def read(node: Node) -> SpaceToBatch:
    return SpaceToBatch(node.name, *node.ends(), *_fields(node))


def read_back(node: Node) -> BatchToSpace:
    return BatchToSpace(node.name, *node.ends(), *_fields(node))


def infer(op: SpaceToBatch, x: Array) -> Array:
    samples, (batches, height, width, channels) = len(x), _image(op.input)
    margins = [(0, 0), (0, 0), *zip(op.before, op.after, strict=True), (0, 0)]
    padded = np.pad(x.reshape(samples, batches, height, width, channels), margins, constant_values=op.fill or 0)
    _, _, tall, wide, _ = padded.shape
    (down, across) = op.block
    cut = padded.reshape(samples, batches, tall // down, down, wide // across, across, channels)
    return in_graph_shape(cut.transpose(0, 3, 5, 1, 2, 4, 6), op.output)


def infer_back(op: BatchToSpace, x: Array) -> Array:
    samples, (_, rows, columns, channels) = len(x), _image(op.input)
    (batches, height, width, _), (down, across) = _image(op.output), op.block
    cut = in_file_shape(x, op.input).reshape(samples, down, across, batches, rows, columns, channels)
    whole = cut.transpose(0, 3, 4, 1, 5, 2, 6).reshape(samples, batches, rows * down, columns * across, channels)
    top, left = op.before
    return in_graph_shape(whole[:, :, top : top + height, left : left + width], op.output)


def _case(random: np.random.Generator, kind: type) -> SpaceToBatch | BatchToSpace:
    spatial, batches, channels = int(random.choice([1, 2, 2])), int(random.choice([1, 1, 2])), cases.size(random, 9)
    block = [int(random.integers(1, 4)) for _ in range(spatial)]
    counts = [cases.size(random, 5) for _ in range(spatial)]
    whole = [n * count for n, count in zip(block, counts, strict=True)]
    before, after = [0] * spatial, [0] * spatial
    for axis, size in enumerate(whole if kind is BatchToSpace else ()):  # what is padded is left to chance
        cut = int(random.integers(min(size, 5)))
        before[axis] = int(random.integers(cut + 1))
        after[axis] = cut - before[axis]
    inner = [size - b - a for size, b, a in zip(whole, before, after, strict=True)]
    shapes = (batches, *inner, channels), (batches * int(np.prod(block)), *counts, channels)
    first, second = shapes if kind is SpaceToBatch else reversed(shapes)
    source = cases.filed(random, first)
    numbers = (block[0], [*block, 1][1]), (before[0], [*before, 0][1]), (after[0], [*after, 0][1])
    found: SpaceToBatch | BatchToSpace = kind("space", source, cases.filed(random, second, 1, like=source), *numbers)
    return found


def case(random: np.random.Generator) -> SpaceToBatch:
    found = _case(random, SpaceToBatch)
    assert isinstance(found, SpaceToBatch)
    return found


def case_back(random: np.random.Generator) -> BatchToSpace:
    found = _case(random, BatchToSpace)
    assert isinstance(found, BatchToSpace)
    return found


def _constants(op: SpaceToBatch | BatchToSpace) -> tuple[tuple[str, Array, None, int], ...]:
    spatial = len(op.input.file_shape) - 2
    pairs = list(zip(op.before, op.after, strict=True))[:spatial]
    block = np.array(op.block[:spatial], np.int32)
    return (("block", block, None, 0), ("paddings", np.array(pairs, np.int32), None, 0))


def write(op: SpaceToBatch) -> Written:
    return Written("SPACE_TO_BATCH_ND", "SpaceToBatchNDOptions", {}, _constants(op))


def write_back(op: BatchToSpace) -> Written:
    return Written("BATCH_TO_SPACE_ND", "BatchToSpaceNDOptions", {}, _constants(op))


_RULES = (one_result, blocks_fit, same_quantization)
SPACE_TO_BATCH_ND = Operator(
    SpaceToBatch, "space_to_batch", "Every n-th pixel as a map of its own. Around a convolution it costs nothing: that "
    "is dilated then.", read, _RULES, infer, case, write, "AddSpaceToBatchNd",
)  # fmt: skip
BATCH_TO_SPACE_ND = Operator(
    BatchToSpace, "batch_to_space", "The inverse of SPACE_TO_BATCH_ND, without rows and columns at the edges.",
    read_back, _RULES, infer_back, case_back, write_back, "AddBatchToSpaceNd",
)  # fmt: skip
