"""SPACE_TO_DEPTH and DEPTH_TO_SPACE: blocks of pixels to channels, and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

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


@dataclass(frozen=True, slots=True, eq=False)
class SpaceToDepth(Unary):
    block: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        shape, space, depth = _blocks(self.output.file_shape, self.block)
        return moves_of(shape, space, depth)


@dataclass(frozen=True, slots=True, eq=False)
class DepthToSpace(Unary):
    block: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        shape, space, depth = _blocks(self.input.file_shape, self.block)
        return moves_of(shape, depth, space)


_Kind = TypeVar("_Kind", SpaceToDepth, DepthToSpace)


def _blocks(shape: tuple[int, ...], block: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of deep maps `[batches, height, width, channels]`: (the shape [batches, height, width, rows of a block, row of a
    block], strides in the large map, strides in the deep one)."""
    batches, height, width, channels = shape
    blocks = (batches, height, width, block, channels // block)
    large = (batches, height, block, width, channels // block)
    by_row = strides(large)
    return blocks, (by_row[0], by_row[1], by_row[3], by_row[2], by_row[4]), strides(blocks)


def _options(kind: str) -> str:
    return "SpaceToDepthOptions" if kind == "SPACE_TO_DEPTH" else "DepthToSpaceOptions"


def blocks_fit(node: Node) -> str | None:
    """It is between maps of height, width and channels; the larger one has whole blocks of pixels, and the other one
    their channels behind one another."""
    block = node.options(_options(node.kind)).BlockSize()
    before, behind = node.activation(0).file_shape, node.result().file_shape
    large, deep = (before, behind) if node.kind == "SPACE_TO_DEPTH" else (behind, before)
    if len(large) == 4 and block > 0:
        batches, height, width, channels = large
        whole = height % block == width % block == 0
        if whole and deep == (batches, height // block, width // block, channels * block * block):
            return None
    return f"it makes {list(behind)} of {list(before)} with blocks of {block}"


def _reader(kind: type[_Kind]) -> Callable[[Node], _Kind]:
    return lambda node: kind(node.name, *node.ends(), node.options(_options(node.kind)).BlockSize())


def infer(op: SpaceToDepth, x: Array) -> Array:
    samples, batches, height, width, channels = in_file_shape(x, op.input).shape
    n = op.block
    cut = x.reshape(samples, batches, height // n, n, width // n, n, channels)
    return in_graph_shape(cut.transpose(0, 1, 2, 4, 3, 5, 6), op.output)


def infer_back(op: DepthToSpace, x: Array) -> Array:
    samples, batches, height, width, channels = in_file_shape(x, op.input).shape
    n = op.block
    cut = x.reshape(samples, batches, height, width, n, n, channels // n**2)
    return in_graph_shape(cut.transpose(0, 1, 2, 4, 3, 5, 6), op.output)


def _maps(random: np.random.Generator) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """(block, shape of the large map, of the deep one)"""
    block, channels = int(random.integers(1, 4)), cases.size(random, 9)
    batches, height, width = int(random.choice([1, 1, 2])), cases.size(random, 6), cases.size(random, 6)
    deep = (batches, height, width, channels * block**2)
    return block, (batches, height * block, width * block, channels), deep


def case(random: np.random.Generator) -> SpaceToDepth:
    block, large, deep = _maps(random)
    source = cases.filed(random, large)
    return SpaceToDepth("space_to_depth", source, cases.filed(random, deep, 1, like=source), block)


def case_back(random: np.random.Generator) -> DepthToSpace:
    block, large, deep = _maps(random)
    source = cases.filed(random, deep)
    return DepthToSpace("depth_to_space", source, cases.filed(random, large, 1, like=source), block)


def _writer(kind: str) -> Callable[[SpaceToDepth | DepthToSpace], Written]:
    return lambda op: Written(kind, _options(kind), {"BlockSize": op.block})


_RULES = (one_result, blocks_fit, same_quantization)
SPACE_TO_DEPTH = Operator(
    SpaceToDepth, "space_to_depth", "The pixels of a block one behind the other, as channels.", _reader(SpaceToDepth),
    _RULES, infer, case, _writer("SPACE_TO_DEPTH"), "AddSpaceToDepth",
)  # fmt: skip
DEPTH_TO_SPACE = Operator(
    DepthToSpace, "depth_to_space", "Channels as the pixels of a block.", _reader(DepthToSpace), _RULES, infer_back,
    case_back, _writer("DEPTH_TO_SPACE"), "AddDepthToSpace",
)  # fmt: skip
