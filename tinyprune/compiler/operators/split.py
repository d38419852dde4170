"""SPLIT and SPLIT_V: a tensor cut into parts along an axis."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Parting
from tinyprune.compiler.moves import Move, moved, strides
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, file_axis


@dataclass(frozen=True, slots=True, eq=False)
class Split(Parting):
    """`axis` is one of the input's shape."""

    axis: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        before, found, start = strides(self.input.shape), [], 0
        for number, part in enumerate(self.parts):
            found.append(moved(0, number, part.shape, before, strides(part.shape), (start, 0)))
            start += part.shape[self.axis] * before[self.axis]
        return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class SplitV(Split):
    """Parts of any sizes."""


def _position(node: Node) -> int:
    """Where the input stands among the operands."""
    return 1 if node.kind == "SPLIT" else 0


def _axis(node: Node) -> int | None:
    values = node.constant(0 if node.kind == "SPLIT" else 2, "INT32")
    return file_axis(node.activation(_position(node)), int(values.ravel()[0])) if values.size == 1 else None


def axis_is_constant(node: Node) -> str | None:
    """The axis is a constant, and not the batch."""
    return None if _axis(node) is not None else "it cuts along the batch, or along an axis that is not there"


def parts_fill(node: Node) -> str | None:
    """Its parts have the input's shape but for that axis, along which they add up to it."""
    source, axis = node.activation(_position(node)), _axis(node)
    parts = [node.result(n) for n in range(len(node.outputs))]
    if axis is None or not parts:
        return None if parts else "it has no outputs"
    shapes = " and ".join(str(list(part.shape)) for part in parts)
    same_rank = all(len(part.shape) == len(source.shape) and part.batched == source.batched for part in parts)
    rests = {tensor.shape[:axis] + tensor.shape[axis + 1 :] for tensor in (*parts, source)}
    if same_rank and len(rests) == 1 and sum(part.shape[axis] for part in parts) == source.shape[axis]:
        return None
    return f"it makes {shapes} of {list(source.shape)}"


def parts_are_quantized_alike(node: Node) -> str | None:
    """Its parts have the input's scale and zero point."""
    source = node.activation(_position(node))
    for number in range(len(node.outputs)):
        part = node.result(number)
        if (part.scale, part.zero_point) != (source.scale, source.zero_point):
            return f'part "{part.name}" has another scale or zero point than the input'
    return None


def _read(node: Node) -> Split:
    axis = _axis(node)
    assert axis is not None
    kind = Split if node.kind == "SPLIT" else SplitV
    return kind(
        node.name, node.activation(_position(node)), tuple(node.result(n) for n in range(len(node.outputs))), axis
    )


def infer(op: Split, x: Array) -> tuple[Array, ...]:
    ends = np.cumsum([part.shape[op.axis] for part in op.parts])[:-1]
    return tuple(np.split(x, ends, axis=op.axis + 1))


def _case(random: np.random.Generator, kind: type[Split], sizes: list[int]) -> Split:
    shape = cases.shape(random)
    axis = int(random.integers(len(shape)))
    whole = (*shape[:axis], sum(sizes), *shape[axis + 1 :])
    source = cases.activation(random, whole, dtype=cases.dtype(random))
    parts = [
        cases.activation(random, (*shape[:axis], size, *shape[axis + 1 :]), number + 1, like=source)
        for number, size in enumerate(sizes)
    ]
    return kind("split", source, tuple(parts), axis)


def case(random: np.random.Generator) -> Split:
    return _case(random, Split, [cases.size(random, 5)] * int(random.integers(1, 5)))


def case_v(random: np.random.Generator) -> Split:
    return _case(random, SplitV, [cases.size(random, 5) for _ in range(random.integers(1, 5))])


def _file_axis(op: Split) -> tuple[str, Array, None, int]:
    return ("axis", np.array(op.axis + (1 if op.input.batched else 0), np.int32), None, 0)


def write(op: Split) -> Written:
    return Written("SPLIT", "SplitOptions", {"NumSplits": len(op.parts)}, (_file_axis(op),), constants_first=True)


def write_v(op: Split) -> Written:
    sizes = np.array([part.shape[op.axis] for part in op.parts], np.int32)
    return Written("SPLIT_V", "SplitVOptions", {"NumSplits": len(sizes)}, (("sizes", sizes, None, 0), _file_axis(op)))


_RULES = (axis_is_constant, parts_fill, parts_are_quantized_alike)
_TYPES = ("INT8", "INT16")
_ABOUT = "Parts of a tensor. Along the first axis it costs nothing: parts are where they were."
SPLIT = Operator(Split, "split", _ABOUT, _read, _RULES, infer, case, write, "AddSplit", types=_TYPES)
SPLIT_V = Operator(SplitV, "split", _ABOUT, _read, _RULES, infer, case_v, write_v, "AddSplitV", types=_TYPES)
