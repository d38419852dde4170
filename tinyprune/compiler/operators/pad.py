"""PAD and PADV2: a border of one value around a tensor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tinyprune.compiler.file import Node, constant_tensor_of
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
class Pad(Unary):
    """`before` and `after` are what is added to each axis of the file's shape; `value` is stored."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        """The inside."""
        behind = strides(self.output.file_shape)
        start = sum(count * step for count, step in zip(self.before, behind, strict=True))
        return moves_of(self.input.file_shape, strides(self.input.file_shape), behind, (0, start))

    @property
    def fill(self) -> int:
        return self.value


@dataclass(frozen=True, slots=True, eq=False)
class PadV2(Pad):
    """The value is an operand."""


_Pad = TypeVar("_Pad", bound=Pad)


def paddings(node: Node) -> list[list[int]]:
    """[before, after] of each axis of the file's shape."""
    found: list[list[int]] = node.constant(1, "INT32").reshape(-1, 2).tolist()
    return found


def padding_fits(node: Node) -> str | None:
    """What it adds before and behind each axis is constant, not below 0, and its result has the size that follows."""
    before, behind, pairs = node.activation(0).file_shape, node.result().file_shape, paddings(node)
    padded = tuple(size + sum(pair) for size, pair in zip(before, pairs, strict=False))
    if len(pairs) == len(before) and padded == behind and min(min(pair) for pair in pairs) >= 0:
        return None
    return f"it makes {list(behind)} of {list(before)} with the paddings {pairs}"


def few_axes(node: Node) -> str | None:
    """It has at most 5 axes."""
    rank = len(node.activation(0).file_shape)
    return None if rank <= _MOST_AXES else f"it has {rank} axes"


def value_is_constant(node: Node) -> str | None:
    """The padded value, where it is an operand, is one constant of the result's scale and zero point."""
    if not node.has(2):
        return "its value is left out with −1" if len(node.inputs) > 2 else None
    value, target = constant_tensor_of(node.file, node.index(2), *node.types), node.result()
    if value.count != 1:
        return f"its value has the shape {list(value.file_shape)}"
    if (value.scale, value.zero_point) != (target.scale, target.zero_point):
        return "its value has another scale or zero point than its result"
    return None


def _reader(kind: type[_Pad]) -> Callable[[Node], _Pad]:
    def read(node: Node) -> _Pad:
        source, target = node.ends()
        before, after = zip(*paddings(node), strict=True)
        value = int(node.constant(2, *node.types).ravel()[0]) if node.has(2) else target.zero_point
        return kind(node.name, source, target, before, after, value)

    return read


def infer(op: Pad, x: Array) -> Array:
    margins = [(0, 0), *zip(op.before, op.after, strict=True)]
    return in_graph_shape(np.pad(in_file_shape(x, op.input), margins, constant_values=op.value), op.output)


def _case_of(kind: type[_Pad]) -> Callable[[np.random.Generator], _Pad]:
    def case(random: np.random.Generator) -> _Pad:
        """Images mostly, some axes of which are padded; a batch now and then."""
        shape = cases.file_shape(random, _MOST_AXES)
        before, after = ([], [])
        for axis in range(len(shape)):
            padded = random.integers(8) == 0 if axis == 0 and shape[0] == 1 else random.integers(2)
            before.append(int(random.integers(4)) if padded else 0)
            after.append(int(random.integers(4)) if padded else 0)
        behind = tuple(size + b + a for size, b, a in zip(shape, before, after, strict=True))
        source = cases.filed(random, shape, dtype=cases.dtype(random))
        low, high = source.limits
        value = int(random.integers(low, high + 1)) if kind is PadV2 else source.zero_point
        return kind("pad", source, cases.filed(random, behind, 1, like=source), tuple(before), tuple(after), value)

    return case


def _pairs(op: Pad) -> tuple[str, Array, None, int]:
    return ("paddings", np.array(list(zip(op.before, op.after, strict=True)), np.int32), None, 0)


def write(op: Pad) -> Written:
    return Written("PAD", "PadOptions", {}, (_pairs(op),))


def write_v2(op: PadV2) -> Written:
    return Written(
        "PADV2", "PadV2Options", {}, (_pairs(op), ("value", np.array(op.value, op.output.dtype), op.output, 0))
    )


_ABOUT = (
    "A border of one value. Before convolutions and pools whose padding it can be, it costs nothing; along the first "
    "axis, the inside can be computed in place."
)
_RULES = (one_result, few_axes, padding_fits, value_is_constant, same_quantization)
PAD = Operator(Pad, "pad", _ABOUT, _reader(Pad), _RULES, infer, _case_of(Pad), write, "AddPad", types=("INT8", "INT16"))
PADV2 = Operator(
    PadV2, "pad", _ABOUT, _reader(PadV2), _RULES, infer, _case_of(PadV2), write_v2, "AddPadV2", types=("INT8", "INT16")
)
