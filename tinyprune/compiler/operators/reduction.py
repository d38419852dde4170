"""What operators that reduce axes share: MEAN, SUM, REDUCE_MAX and REDUCE_MIN."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeVar

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Written

_OPTIONS = "ReducerOptions"
_MOST_AXES = 6


@dataclass(frozen=True, slots=True, eq=False)
class Reduction(Unary):
    """`axes` are those of the input's shape in the file, in ascending order, each once."""

    axes: tuple[int, ...]

    @property
    def inner_axes(self) -> tuple[int, ...]:
        """Those of the input's shape here, without the batch."""
        batch = 1 if self.input.batched else 0
        return tuple(axis - batch for axis in self.axes if axis >= batch)

    @property
    def count(self) -> int:
        """How many values each result is made of."""
        return prod(self.input.shape[axis] for axis in self.inner_axes)


_Reduction = TypeVar("_Reduction", bound=Reduction)


def axes_of(node: Node) -> tuple[int, ...] | None:
    """The axes of an operator of the file, ascending, each once; None where one of them is not an axis of its input."""
    rank = len(node.activation(0).file_shape)
    given = node.constant(1, "INT32").ravel().tolist()
    if not all(-rank <= axis < rank for axis in given):
        return None
    return tuple(sorted({axis % rank for axis in given}))


def axes_exist(node: Node) -> str | None:
    """Its axes are constants, and its input has them. It has at most 6 axes besides the batch."""
    shape = node.activation(0).file_shape
    if axes_of(node) is None:
        return f"its axes are {node.constant(1, 'INT32').ravel().tolist()}, its input is {list(shape)}"
    return None if len(node.activation(0).shape) <= _MOST_AXES else f"its input has {len(shape)} axes"


def axes_vanish(node: Node) -> str | None:
    """Its result has the shape of its input with these axes removed, or with size 1 where it keeps them."""
    source, target, axes = node.activation(0), node.result(), axes_of(node)
    if axes is None:
        return None
    wanted = reduced(source.file_shape, axes, keep=bool(node.options(_OPTIONS).KeepDims()))
    if wanted == target.file_shape:
        return None
    return f"it should make {list(wanted)} of {list(source.file_shape)}, the file says {list(target.file_shape)}"


def reduced(shape: Sequence[int], axes: Sequence[int], *, keep: bool) -> tuple[int, ...]:
    """A shape of the file with some axes reduced."""
    sizes = [1 if axis in axes else size for axis, size in enumerate(shape)]
    return tuple(size for axis, size in enumerate(sizes) if keep or axis not in axes)


def reader(kind: type[_Reduction]) -> Callable[[Node], _Reduction]:
    def read(node: Node) -> _Reduction:
        axes = axes_of(node)
        assert axes is not None
        return kind(node.name, *node.ends(), axes)

    return read


def case_input(random: np.random.Generator, dtype: str = "int8") -> Activation:
    """Of one to five axes, with and without a batch; maps whose height and width are reduced are large now and then."""
    if random.integers(4) == 0:
        height, width = (int(n) for n in random.integers(1, 24, 2))
        shape: tuple[int, ...] = (height, width, cases.size(random, 20))
    else:
        shape = cases.shape(random, 5, 7)
    found = cases.activation(random, shape, dtype=dtype)
    return found if shape[0] == 1 or random.integers(3) else unbatched(found)


def unbatched(tensor: Activation) -> Activation:
    """The same, of a file that has no batch; its first axis is not 1."""
    return replace(tensor, batched=False)


def case_axes(random: np.random.Generator, source: Activation) -> tuple[int, ...]:
    """Height and width mostly, where there are such."""
    rank = len(source.file_shape)
    if rank == 4 and random.integers(2):
        return (1, 2)
    return tuple(axis for axis in range(rank) if random.integers(2)) or (rank - 1,)


def like_file(tensor: Activation, file_shape: Sequence[int], dtype: str = "int8") -> Activation:
    """The tensor with another shape, given as the file has it."""
    batched = bool(file_shape) and file_shape[0] == 1
    shape = tuple(file_shape[1:] if batched else file_shape)
    return Activation(tensor.index, tensor.name, shape, tensor.scale, tensor.zero_point, dtype, batched)


def writer(code: str) -> Callable[[Reduction], Written]:
    def write(op: Reduction) -> Written:
        keep = len(op.output.file_shape) == len(op.input.file_shape)
        axes = np.array(op.axes, np.int32)
        return Written(code, _OPTIONS, {"KeepDims": keep}, (("axes", axes, None, 0),))

    return write
