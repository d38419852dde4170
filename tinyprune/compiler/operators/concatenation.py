"""CONCATENATION: tensors one behind the other along an axis."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Joining, Tensor
from tinyprune.compiler.moves import Move, moved, strides
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, file_axis, one_result

_OPTIONS = "ConcatenationOptions"


@dataclass(frozen=True, slots=True, eq=False)
class Concatenation(Joining):
    """`axis` is one of the output's shape."""

    axis: int

    @property
    def value_moves(self) -> tuple[Move, ...]:
        behind, found, start = strides(self.output.shape), [], 0
        for number, part in enumerate(self.parts):
            found.append(moved(number, 0, part.shape, strides(part.shape), behind, (0, start)))
            start += part.shape[self.axis] * behind[self.axis]
        return tuple(found)


def parts_fit(node: Node) -> str | None:
    """Its parts have the result's shape but for one axis, other than the batch, along which they fill it."""
    target, axis = node.result(), file_axis(node.result(), node.options(_OPTIONS).Axis())
    parts = [node.operand(n) for n in range(len(node.inputs))]
    shapes = " and ".join(str(list(part.file_shape)) for part in parts)
    fact = f"it makes {list(target.file_shape)} of {shapes} along axis {node.options(_OPTIONS).Axis()}"
    if axis is None or any(len(part.file_shape) != len(target.file_shape) for part in parts):
        return fact
    if any(part.batched != target.batched for part in parts):
        return fact
    rests = {part.shape[:axis] + part.shape[axis + 1 :] for part in (*parts, target)}
    return fact if len(rests) > 1 or sum(part.shape[axis] for part in parts) != target.shape[axis] else None


def parts_are_quantized_alike(node: Node) -> str | None:
    """Its parts have the result's scale and zero point."""
    target = node.result()
    for number in range(len(node.inputs)):
        part = node.operand(number)
        if (part.scale, part.zero_point) != (target.scale, target.zero_point):
            return f'part "{part.name}" has another scale or zero point than its result'
    return None


def not_clamped(node: Node) -> str | None:
    """It has no fused activation."""
    number = node.options(_OPTIONS).FusedActivationFunction()
    return None if number == 0 else f"it has the fused activation number {number}"


def read(node: Node) -> Concatenation:
    target = node.result()
    axis = file_axis(target, node.options(_OPTIONS).Axis())
    assert axis is not None
    return Concatenation(node.name, tuple(node.operand(n) for n in range(len(node.inputs))), target, axis)


def infer(op: Concatenation, *parts: Array) -> Array:
    samples = max(len(part) for part in parts)
    return np.concatenate([np.broadcast_to(part, (samples, *part.shape[1:])) for part in parts], axis=op.axis + 1)


def case(random: np.random.Generator) -> Concatenation:
    """A constant part and the same part twice are among them."""
    shape = cases.shape(random)
    axis = int(random.integers(len(shape)))
    source = cases.activation(random, shape, dtype=cases.dtype(random))
    parts: list[Tensor] = [source]
    for number in range(int(random.integers(0, 4))):
        if random.integers(6) == 0:
            parts.append(source)
            continue
        other = (*shape[:axis], cases.size(random, 9), *shape[axis + 1 :])
        part = cases.activation(random, other, number + 1, like=source)
        parts.append(cases.fixed(random, part) if random.integers(4) == 0 else part)
    behind = (*shape[:axis], sum(part.shape[axis] for part in parts), *shape[axis + 1 :])
    return Concatenation("concatenation", tuple(parts), cases.activation(random, behind, 9, like=source), axis)


def write(op: Concatenation) -> Written:
    return Written("CONCATENATION", _OPTIONS, {"Axis": op.axis + (1 if op.output.batched else 0)})


CONCATENATION = Operator(
    Concatenation, "concatenation",
    "Tensors one behind the other. Along the first axis it costs nothing where parts can be computed in place.", read,
    (one_result, parts_fit, parts_are_quantized_alike, not_clamped), infer, case, write, "AddConcatenation",
    types=("INT8", "INT16"),
)  # fmt: skip
