"""RESHAPE, EXPAND_DIMS and SQUEEZE: the same bytes with another shape."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TypeVar

import numpy as np

from tinyprune.compiler.file import Node, shape_of
from tinyprune.compiler.graph import Array, Unary
from tinyprune.compiler.moves import Move
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_quantization


@dataclass(frozen=True, slots=True, eq=False)
class View(Unary):
    """Another name for the bytes of its operand."""

    @property
    def is_view(self) -> bool:
        return True

    @property
    def value_moves(self) -> tuple[Move, ...]:
        return (Move(0, 0, self.input.count),)


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(View):
    """The constant or computed shape operand is not kept: shapes are fixed."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpandDims(View):
    """One axis of size 1 more."""


@dataclass(frozen=True, slots=True, eq=False)
class Squeeze(View):
    """Without axes of size 1."""


_View = TypeVar("_View", bound=View)


def as_many_values(node: Node) -> str | None:
    """Its result has as many values as its input."""
    source, target = node.activation(0), node.result()
    return None if source.count == target.count else f"it reshapes {list(source.shape)} to {list(target.shape)}"


def shape_is_plain(node: Node) -> str | None:
    """Its shape operand, if it has one, is a tensor with a possible shape itself."""
    shape = node.index(1) if len(node.inputs) > 1 else -1
    sizes = shape_of(node.file, shape) if shape >= 0 else ()
    return f"its shape operand has the shape {list(sizes)}" if any(size < 0 for size in sizes) else None


def axis_is_inserted(node: Node) -> str | None:
    """Its result has the shape of its input with an axis of size 1 more, at a constant place."""
    axes = node.constant(1, "INT32")
    before, behind = node.activation(0).file_shape, node.result().file_shape
    axis = int(axes.ravel()[0])
    axis += (len(before) + 1) * (axis < 0)
    if axes.ndim < 2 and 0 <= axis <= len(before) and behind == (*before[:axis], 1, *before[axis:]):
        return None
    return f"it makes {list(behind)} of {list(before)} with axis {axes.ravel().tolist()}"


def axes_are_removed(node: Node) -> str | None:
    """Its result has the shape of its input without axes of size 1: those that it names, or all of them."""
    before, behind = node.activation(0).file_shape, node.result().file_shape
    options = node.options_or_none("SqueezeOptions")
    named = [int(n) for n in options.SqueezeDimsAsNumpy()] if options and options.SqueezeDimsLength() else []
    axes = {axis + len(before) * (axis < 0) for axis in named} or {n for n, size in enumerate(before) if size == 1}
    inside = all(0 <= axis < len(before) and before[axis] == 1 for axis in axes)
    if inside and behind == tuple(size for axis, size in enumerate(before) if axis not in axes):
        return None
    return f"it makes {list(behind)} of {list(before)}" + (f" without the axes {named}" if named else "")


def _reader(kind: type[_View]) -> Callable[[Node], _View]:
    return lambda node: kind(node.name, *node.ends())


def infer(op: View, x: Array) -> Array:
    return x.reshape(len(x), *op.output.shape)


def case(random: np.random.Generator) -> Reshape:
    shape = cases.shape(random)
    source = cases.activation(random, shape, dtype=cases.dtype(random))
    behind = (prod(shape),) if random.integers(2) else tuple(reversed(shape))
    return Reshape("reshape", source, cases.activation(random, behind, 1, like=source))


def case_expand(random: np.random.Generator) -> ExpandDims:
    shape = cases.file_shape(random)
    axis = int(random.integers(len(shape) + 1))
    source = cases.filed(random, shape, dtype=cases.dtype(random))
    return ExpandDims("expand_dims", source, cases.filed(random, (*shape[:axis], 1, *shape[axis:]), 1, like=source))


def case_squeeze(random: np.random.Generator) -> Squeeze:
    """All axes of size 1, or some of them."""
    shape = tuple(1 if random.integers(3) == 0 else n for n in cases.file_shape(random, 5))
    ones = [axis for axis, n in enumerate(shape) if n == 1]
    removed = set(ones[: int(random.integers(1, len(ones) + 1))]) if ones and random.integers(2) else set(ones)
    source = cases.filed(random, shape, dtype=cases.dtype(random))
    behind = [n for axis, n in enumerate(shape) if axis not in removed]
    return Squeeze("squeeze", source, cases.filed(random, behind, 1, like=source))


def write(op: Reshape) -> Written:
    shape = np.array(op.output.file_shape, np.int32)
    return Written("RESHAPE", "ReshapeOptions", {"NewShape": shape}, (("shape", shape, None, 0),))


def write_expand(op: ExpandDims) -> Written:
    before, behind = op.input.file_shape, op.output.file_shape
    axis = next(n for n in range(len(behind)) if behind == (*before[:n], 1, *before[n:]))
    return Written(
        "EXPAND_DIMS",
        "ExpandDimsOptions",
        {},
        (("axis", np.array(axis - (axis % 2) * len(behind), np.int32), None, 0),),
    )


def write_squeeze(op: Squeeze) -> Written:
    """Names axes where some of size 1 stay."""
    before, behind = op.input.file_shape, op.output.file_shape
    ones = [axis for axis, size in enumerate(before) if size == 1]
    axes = next(
        some
        for some in combinations(ones, len(before) - len(behind))
        if behind == tuple(size for axis, size in enumerate(before) if axis not in some)
    )
    return Written("SQUEEZE", "SqueezeOptions", {"SqueezeDims": np.array(axes if 1 in behind else (), np.int32)})


RESHAPE = Operator(
    Reshape, "reshape", "Another shape for the same bytes: costs nothing.", _reader(Reshape),
    (one_result, shape_is_plain, as_many_values, same_quantization), infer, case, write, "AddReshape",
    types=("INT8", "INT16"),
)  # fmt: skip
EXPAND_DIMS = Operator(
    ExpandDims, "expand_dims", "An axis of size 1 more: costs nothing.", _reader(ExpandDims),
    (one_result, axis_is_inserted, same_quantization), infer, case_expand, write_expand, "AddExpandDims",
    types=("INT8", "INT16"),
)  # fmt: skip
SQUEEZE = Operator(
    Squeeze, "squeeze", "Axes of size 1 less: costs nothing.", _reader(Squeeze),
    (one_result, axes_are_removed, same_quantization), infer, case_squeeze, write_squeeze, "AddSqueeze",
    types=("INT8", "INT16"),
)  # fmt: skip
