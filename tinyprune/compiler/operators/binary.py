"""What element-wise operators of two operands share: shapes, broadcasting, and cases of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node, is_constant
from tinyprune.compiler.graph import Activation, Array, Op, Tensor
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.operator import Written, aligned
from tinyprune.compiler.operators.weighted import fused_option

_TYPES = ("INT8", "INT16", "BOOL")
#: The most of |value − zero_point| of an int8 tensor.
MOST = 255


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Op):
    """Operands have the result's shape, or are broadcast to it."""

    left: Tensor
    right: Tensor
    output: Activation

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.left, self.right)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)


@dataclass(frozen=True, slots=True, eq=False)
class ClampedBinary(Binary):
    """With a fused activation."""

    activation_min: int
    activation_max: int


def most(tensor: Tensor) -> int:
    """The most of |value − zero_point| of a tensor of its type."""
    return MOST if tensor.dtype == "int8" else 1 << 15


def shapes_agree(node: Node) -> str | None:
    """Its operands have the same shape, or are broadcast to one as NumPy does it."""
    shapes = [node.operand(n, *_TYPES).file_shape for n in range(len(node.inputs))]
    target = node.result(0, *_TYPES).file_shape
    try:
        shape: tuple[int, ...] | None = np.broadcast_shapes(*shapes)
    except ValueError:
        shape = None
    if shape == target:
        return None
    return f"its operands {' and '.join(str(list(shape)) for shape in shapes)} make {list(target)}"


def something_is_computed(node: Node) -> str | None:
    """At least one operand is computed."""
    constant = all(is_constant(node.file, node.index(n)) for n in range(len(node.inputs)))
    return "all its operands are constants" if constant else None


def two_operands(node: Node) -> str | None:
    """It has two operands."""
    return None if len(node.inputs) == 2 else f"it has {len(node.inputs)} operands"


def reader(kind: type[Binary], *types: str) -> Callable[[Node], Any]:
    """For operators without parameters, whose result is of one of `types` (int8 if there are none)."""
    return lambda node: kind(node.name, node.operand(0), node.operand(1), node.result(0, *types))


def clamped_reader(kind: type[ClampedBinary], options: str) -> Callable[[Node], Any]:
    def read(node: Node) -> ClampedBinary:
        target = node.result()
        return kind(node.name, node.operand(0), node.operand(1), target, *fused.clamp(node, options, target))

    return read


def clamped_writer(code: str, options: str) -> Callable[[ClampedBinary], Written]:
    return lambda op: Written(code, options, fused_option(op))


def spread(op: Binary, left: Array, right: Array) -> tuple[Array, Array]:
    """Both operands `[samples, *shape]`, ready to be broadcast to the result."""
    rank = len(op.output.shape)
    return aligned(left, op.left, rank), aligned(right, op.right, rank)


def differences(op: Binary, left: Array, right: Array) -> list[npt.NDArray[np.int64]]:
    """Both operands `[samples, *shape]` without their zero points, ready to be broadcast to the result."""
    tensors = (op.left, op.right)
    return [x.astype(np.int64) - tensor.zero_point for x, tensor in zip(spread(op, left, right), tensors, strict=True)]


def rescaled(values: npt.ArrayLike, scaling: tuple[int, int], output: Tensor) -> npt.NDArray[np.int64]:
    """`values` times (multiplier, shift), and the zero point of the result."""
    return fixed_point.multiply_by_quantized_multiplier(values, *scaling).astype(np.int64) + output.zero_point


def case_operands(
    random: np.random.Generator,
    activation: Callable[..., Activation] = cases.activation,
    constant: Callable[..., Tensor] = cases.constant,
    dtype: str = "int8",
) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Two operands and their common shape. Equal shapes mostly; else the last axes, ones on one side or on both, or a
    constant on either side."""
    shape = cases.shape(random, 3, 12)
    how = random.integers(10)
    keeps = [random.integers(2, size=len(shape)).astype(bool), np.full(len(shape), True)]
    if how == 2:
        keeps[1] = ~keeps[0]
    shapes = [tuple(n if keep else 1 for n, keep in zip(shape, some, strict=True)) for some in keeps]
    first: Tensor = activation(random, shapes[0] if how in (1, 2) else shape[-1:] if how == 0 else shape)
    second: Tensor = activation(random, shapes[1], 1)
    if how in (3, 4, 5):
        second = constant(random, (shape, shape[-1:], ())[how - 3], 1)
    swapped = random.integers(2) == 1
    if dtype == "int16":
        first, second = cases.widened(first), cases.widened(second)
    both = (second, first) if swapped else (first, second)
    return (*both, tuple(np.broadcast_shapes(first.shape, second.shape)))
