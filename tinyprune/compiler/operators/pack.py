"""PACK and UNPACK: tensors side by side along a new axis, and a tensor cut along an axis that vanishes."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Joining, Parting, Tensor
from tinyprune.compiler.moves import Move, moved
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.concatenation import parts_are_quantized_alike as alike
from tinyprune.compiler.operators.operator import Operator, Written, in_file_shape, in_graph_shape, one_result


@dataclass(frozen=True, slots=True, eq=False)
class Pack(Joining):
    """`axis` is one of the output's file shape."""

    axis: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        outer, inner, count = _cut(self.output, self.axis)
        return tuple(
            moved(number, 0, (outer, inner), (inner, 1), (count * inner, 1), (0, number * inner))
            for number in range(count)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Unpack(Parting):
    """`axis` is one of the input's file shape."""

    axis: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        outer, inner, count = _cut(self.input, self.axis)
        return tuple(
            moved(0, number, (outer, inner), (count * inner, 1), (inner, 1), (number * inner, 0))
            for number in range(count)
        )


def _cut(whole: Tensor, axis: int) -> tuple[int, int, int]:
    """(turns before the axis, bytes behind it, its size)"""
    shape = whole.file_shape
    return prod(shape[:axis]), prod(shape[axis + 1 :]), shape[axis]


def _axis(node: Node, whole: Tensor) -> int | None:
    axis, rank = node.options("PackOptions" if node.kind == "PACK" else "UnpackOptions").Axis(), len(whole.file_shape)
    return axis % rank if -rank <= axis < rank else None


def _fault(whole: Tensor, parts: list[Tensor], axis: int | None) -> bool:
    shape = whole.file_shape
    if axis is None or not parts or len(parts) != shape[axis]:
        return True
    return any(part.file_shape != (*shape[:axis], *shape[axis + 1 :]) for part in parts)


def _count_fault(said: int, parts: int) -> str | None:
    return None if said == parts else f"its options say {said} parts, it has {parts}"


def parts_fit(node: Node) -> str | None:
    """Its parts have the result's shape without the axis that they are packed along; they are as many as that is
    long."""
    target, parts = node.result(), [node.operand(n) for n in range(len(node.inputs))]
    shapes = " and ".join(str(list(part.file_shape)) for part in parts)
    if _fault(target, parts, _axis(node, target)):
        return f"it makes {list(target.file_shape)} of {shapes} along axis {node.options('PackOptions').Axis()}"
    return _count_fault(node.options("PackOptions").ValuesCount(), len(parts))


def parts_are_quantized_alike(node: Node) -> str | None:
    """Its parts have the result's scale and zero point."""
    return alike(node)


def results_fit(node: Node) -> str | None:
    """Its results have the input's shape without the axis that is cut; they are as many as that is long."""
    source, parts = node.activation(0), [node.result(n) for n in range(len(node.outputs))]
    shapes = " and ".join(str(list(part.file_shape)) for part in parts)
    if _fault(source, list(parts), _axis(node, source)):
        return f"it makes {shapes} of {list(source.file_shape)} along axis {node.options('UnpackOptions').Axis()}"
    return _count_fault(node.options("UnpackOptions").Num(), len(parts))


def results_are_quantized_alike(node: Node) -> str | None:
    """Its results have the input's scale and zero point."""
    source = node.activation(0)
    for part in (node.result(number) for number in range(len(node.outputs))):
        if (part.scale, part.zero_point) != (source.scale, source.zero_point):
            return f'result "{part.name}" has another scale or zero point than the input'
    return None


def something_is_computed(node: Node) -> str | None:
    """At least one part is computed."""
    parts = [node.operand(number) for number in range(len(node.inputs))]
    return None if any(isinstance(part, Activation) for part in parts) else "all parts are constants"


def read(node: Node) -> Pack:
    target = node.result()
    axis = _axis(node, target)
    assert axis is not None
    return Pack(node.name, tuple(node.operand(n) for n in range(len(node.inputs))), target, axis)


def read_unpack(node: Node) -> Unpack:
    source = node.activation(0)
    axis = _axis(node, source)
    assert axis is not None
    return Unpack(node.name, source, tuple(node.result(n) for n in range(len(node.outputs))), axis)


def infer(op: Pack, *parts: Array) -> Array:
    samples = max(len(part) for part in parts)
    whole = [in_file_shape(part, tensor) for part, tensor in zip(parts, op.parts, strict=True)]
    return in_graph_shape(
        np.stack([np.broadcast_to(part, (samples, *part.shape[1:])) for part in whole], op.axis + 1), op.output
    )


def infer_unpack(op: Unpack, x: Array) -> tuple[Array, ...]:
    whole = np.moveaxis(in_file_shape(x, op.input), op.axis + 1, 0)
    return tuple(in_graph_shape(values, part) for values, part in zip(whole, op.parts, strict=True))


def _sizes(random: np.random.Generator) -> tuple[tuple[int, ...], int, int]:
    """(file shape of a part, axis, number of parts)"""
    shape = cases.file_shape(random)
    return shape, int(random.integers(len(shape) + 1)), int(random.integers(1, 5))


def case(random: np.random.Generator) -> Pack:
    """A constant part and the same part twice are among them."""
    shape, axis, count = _sizes(random)
    source = cases.filed(random, shape, dtype=cases.dtype(random))
    parts: list[Tensor] = [source]
    for number in range(1, count):
        again, other = random.integers(6) == 0, cases.filed(random, shape, number, like=source)
        parts.append(source if again else cases.fixed(random, other) if random.integers(4) == 0 else other)
    target = cases.filed(random, (*shape[:axis], count, *shape[axis:]), 9, like=source)
    return Pack("pack", tuple(parts), target, axis)


def case_unpack(random: np.random.Generator) -> Unpack:
    shape, axis, count = _sizes(random)
    source = cases.filed(random, (*shape[:axis], count, *shape[axis:]), dtype=cases.dtype(random))
    parts = tuple(cases.filed(random, shape, number + 1, like=source) for number in range(count))
    return Unpack("unpack", source, parts, axis)


def write(op: Pack) -> Written:
    return Written("PACK", "PackOptions", {"Axis": op.axis, "ValuesCount": len(op.parts)})


def write_unpack(op: Unpack) -> Written:
    """The last axis from the end."""
    rank = len(op.input.file_shape)
    axis = -1 if op.axis == rank - 1 else op.axis
    return Written("UNPACK", "UnpackOptions", {"Axis": axis, "Num": len(op.parts)})


PACK = Operator(
    Pack, "pack", "Tensors along a new axis. Where that is the first one they can be computed in place.", read,
    (one_result, parts_fit, something_is_computed, parts_are_quantized_alike), infer, case, write, "AddPack",
    types=("INT8", "INT16"),
)  # fmt: skip
UNPACK = Operator(
    Unpack, "unpack", "A tensor cut along an axis, which vanishes. If it is the first one, parts are where they were.",
    read_unpack, (results_fit, results_are_quantized_alike), infer_unpack, case_unpack, write_unpack, "AddUnpack",
    types=("INT8", "INT16"),
)  # fmt: skip
