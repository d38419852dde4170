"""What element-wise kernels of several operands share: C's nested loops, and where the result may lie."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from tinyprune.compiler.graph import Activation, Tensor
from tinyprune.compiler.kernels.kernel import Struct

#: Nested loops of C's tp_loops and tp_select.
LOOPS = 4


class ElementWise(Protocol):
    """An operator of one result, whose operands have its shape or are broadcast to it."""

    @property
    def inputs(self) -> tuple[Tensor, ...]: ...
    @property
    def outputs(self) -> tuple[Activation, ...]: ...


def loops(shape: Sequence[int], operands: Mapping[str, Tensor]) -> dict[str, int] | None:
    """The values of C's struct, by field name: how often each loop turns, and each operand's strides. None where the
    shapes want more loops than there are."""
    joined: list[tuple[int, ...]] = []
    strides = [_strides(tensor.shape, len(shape)) for tensor in operands.values()]
    for count, *steps in zip(reversed(shape), *map(reversed, strides), strict=True):
        if count == 1:
            continue
        inner = joined[-1] if joined else None
        if inner and steps == [inner[0] * step for step in inner[1:]]:
            joined[-1] = (inner[0] * count, *inner[1:])
        else:
            joined.append((count, *steps))
    if len(joined) > LOOPS:
        return None
    rows = [*[(1, *[0] * len(operands))] * (LOOPS - len(joined)), *reversed(joined)]
    names = ("count", *operands)
    return {f"{name}_{n}": row[place] for place, name in enumerate(names) for n, row in enumerate(rows)}


def _strides(shape: tuple[int, ...], rank: int) -> list[int]:
    """Bytes from one index of each of the output's axes to the next; 0 where the operand is broadcast."""
    padded = (*[1] * (rank - len(shape)), *shape)
    steps = [int(np.prod(padded[axis + 1 :], dtype=int)) for axis in range(rank)]
    return [0 if count == 1 else step for count, step in zip(padded, steps, strict=True)]


def has_loops(op: ElementWise) -> bool:
    """Whether C has enough nested loops for the shapes."""
    return loops(op.outputs[0].shape, {str(n): tensor for n, tensor in enumerate(op.inputs)}) is not None


def loops_struct(op: ElementWise, left: int = 0, right: int = 1) -> Struct:
    """C's `tp_loops`, with these operands as the left and the right one."""
    found = loops(op.outputs[0].shape, {"left": op.inputs[left], "right": op.inputs[right]})
    assert found is not None
    return Struct("tp_loops", found)


def over_operands(op: ElementWise) -> tuple[int, ...]:
    """The operands that are not broadcast, with values as wide as the result's: that may lie over them."""
    shape, size = op.outputs[0].shape, op.outputs[0].size_bytes
    return tuple(n for n, tensor in enumerate(op.inputs) if (tensor.shape, tensor.size_bytes) == (shape, size))


def rows(op: ElementWise) -> int:
    """How often C's innermost loop begins."""
    found = loops(op.outputs[0].shape, {str(n): tensor for n, tensor in enumerate(op.inputs)})
    return 1 if found is None else found["count_0"] * found["count_1"] * found["count_2"]
