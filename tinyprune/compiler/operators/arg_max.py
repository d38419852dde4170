"""ARG_MAX and ARG_MIN: at which index of an axis the largest or smallest value stands, as int32."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int32, Unary
from tinyprune.compiler.operators.operator import Operator, Written, one_result
from tinyprune.compiler.operators.reduction import axes_of, case_input, like_file, reduced


@dataclass(frozen=True, slots=True, eq=False)
class ArgMax(Unary):
    """`axis` is one of the input's shape in the file. Of equal values the first one counts."""

    axis: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many values stand before the axis, along it, and behind it."""
        shape = self.input.file_shape
        return prod(shape[: self.axis]), shape[self.axis], prod(shape[self.axis + 1 :])


@dataclass(frozen=True, slots=True, eq=False)
class ArgMin(ArgMax):
    """The same of the smallest value."""


_Kind = TypeVar("_Kind", bound=ArgMax)


def axis_exists(node: Node) -> str | None:
    """Its axis is one constant, and its input has it."""
    axes = node.constant(1, "INT32").ravel().tolist()
    if len(axes) == 1 and axes_of(node) is not None:
        return None
    return f"its axis is {axes}, its input is {list(node.activation(0).file_shape)}"


def makes_indices(node: Node) -> str | None:
    """Its result is int32, and has the shape of its input without the axis."""
    source, target, axes = node.activation(0), node.result(0, "INT32"), axes_of(node)
    if axes is None or len(axes) != 1:
        return None
    wanted = reduced(source.file_shape, axes, keep=False)
    if wanted == target.file_shape:
        return None
    return f"it should make {list(wanted)} of {list(source.file_shape)}, the file says {list(target.file_shape)}"


def _reader(kind: type[_Kind]) -> Callable[[Node], _Kind]:
    def read(node: Node) -> _Kind:
        axes = axes_of(node)
        assert axes is not None
        return kind(node.name, node.activation(0), node.result(0, "INT32"), axes[0])

    return read


def infer(op: ArgMax, x: Array) -> Int32:
    before, along, behind = op.sizes
    values = x.reshape(len(x), before, along, behind)
    found = np.argmin(values, axis=2) if isinstance(op, ArgMin) else np.argmax(values, axis=2)
    return np.asarray(found, np.int32).reshape(len(x), *op.output.shape)


def _case_of(kind: type[_Kind], name: str) -> Callable[[np.random.Generator], _Kind]:
    def case(random: np.random.Generator) -> _Kind:
        """Along the last axis mostly; up to some hundred values, so that all bytes of an index occur."""
        source = case_input(random)
        if random.integers(3) == 0:
            last = int(random.integers(1, 600))
            source = like_file(source, (*source.file_shape[:1], *source.file_shape[1:-1][:1], last))
        rank = len(source.file_shape)
        axis = rank - 1 if random.integers(2) else int(random.integers(rank))
        target = Activation(1, "t1", (), np.float32(1), 0)
        shape = reduced(source.file_shape, (axis,), keep=False)
        return kind(name, source, like_file(target, shape, "int32"), axis)

    return case


def _writer(code: str) -> Callable[[ArgMax], Written]:
    def write(op: ArgMax) -> Written:
        from tflite import TensorType

        axis = np.array([op.axis], np.int32)
        return Written(code, _OPTIONS[code], {"OutputType": TensorType.INT32}, (("axis", axis, None, 0),))

    return write


_OPTIONS = {"ARG_MAX": "ArgMaxOptions", "ARG_MIN": "ArgMinOptions"}
_RULES = (one_result, axis_exists, makes_indices)
ARG_MAX = Operator(
    ArgMax, "arg_max", "Index of the largest value along an axis, as int32: the class of a classifier.",
    _reader(ArgMax), _RULES, infer, _case_of(ArgMax, "arg_max"), _writer("ARG_MAX"), "AddArgMax",
)  # fmt: skip
ARG_MIN = Operator(
    ArgMin, "arg_min", "Index of the smallest value along an axis, as int32.", _reader(ArgMin), _RULES, infer,
    _case_of(ArgMin, "arg_min"), _writer("ARG_MIN"), "AddArgMin",
)  # fmt: skip
