"""BATCH_MATMUL: products of matrices, one for each index of the axes before the last two.

TFLite's arithmetic (tensorflow/lite/kernels/internal/reference/batch_matmul.h): values are differences from their zero
points on both sides. The scales of both operands are multiplied in float32.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, ConstantTensor, Int8, Op, Tensor
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result

_OPTIONS = "BatchMatMulOptions"
_MOST_AXES = 5
_LARGEST = 255 * 255  # of a product
_Tensor = TypeVar("_Tensor", bound=Tensor)


@dataclass(frozen=True, slots=True, eq=False)
class BatchMatMul(Op):
    """`left` is `[…, rows, depth]` or, transposed, `[…, depth, rows]`; `right` is `[…, depth, columns]` or, transposed,
    `[…, columns, depth]`; shapes are those of the file."""

    left: Tensor
    right: Tensor
    output: Activation
    left_transposed: bool
    right_transposed: bool

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.left, self.right)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)

    @property
    def depth(self) -> int:
        return self.left.file_shape[-2 if self.left_transposed else -1]

    @property
    def macs(self) -> int:
        return self.output.count * self.depth

    @property
    def rescaling(self) -> tuple[int, int]:
        """(multiplier, shift to the left) that take sums of products to the result."""
        both = float(self.left.scale) * float(self.right.scale)
        return fixed_point.quantize_multiplier(both / float(self.output.scale))


def _read(node: Node) -> BatchMatMul:
    options = node.options(_OPTIONS)
    operands = node.operand(0), node.operand(1)
    return BatchMatMul(node.name, *operands, node.result(), bool(options.AdjX()), bool(options.AdjY()))


def result_shape(op: BatchMatMul) -> tuple[int, ...] | None:
    """The shape in the file that the operands make; None where they do not go together."""
    left, right = op.left.file_shape, op.right.file_shape
    if not all(2 <= len(shape) <= _MOST_AXES for shape in (left, right)):
        return None
    depths = left[-2 if op.left_transposed else -1], right[-1 if op.right_transposed else -2]
    try:
        batches = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        return None
    if depths[0] != depths[1]:
        return None
    return (*batches, left[-1 if op.left_transposed else -2], right[-2 if op.right_transposed else -1])


def shapes_agree(node: Node) -> str | None:
    """Its operands have 2 to 5 axes; the last two are matrices that go together, the others are the same or are
    broadcast; its result has the shape that follows."""
    op = _read(node)
    if result_shape(op) == op.output.file_shape:
        return None
    shapes = f"{list(op.left.file_shape)} and {list(op.right.file_shape)}"
    return f"it makes {list(op.output.file_shape)} of {shapes}"


def something_is_computed(node: Node) -> str | None:
    """At least one operand is computed."""
    return None if any(isinstance(node.operand(n), Activation) for n in (0, 1)) else "both operands are constants"


def sums_fit(node: Node) -> str | None:
    """The sum of products that makes a value fits 32 bits, also where it is shifted to the left to the result's
    scale."""
    op = _read(node)
    if result_shape(op) is None or _LARGEST * op.depth << max(op.rescaling[1], 0) <= fixed_point.INT32_MAX:
        return None
    scales = f"scales {op.left.scale:g} and {op.right.scale:g} to {op.output.scale:g}"
    return f"it sums up {op.depth:,} products, and takes {scales}"


def infer(op: BatchMatMul, left: Array, right: Array) -> Int8:
    factors = []
    for values, tensor, transposed in ((left, op.left, op.left_transposed), (right, op.right, op.right_transposed)):
        missing = len(op.output.file_shape) - len(tensor.file_shape)
        shaped = values.astype(np.int64).reshape(len(values), *[1] * missing, *tensor.file_shape) - tensor.zero_point
        factors.append(shaped.swapaxes(-1, -2) if transposed else shaped)
    scaled = fixed_point.multiply_by_quantized_multiplier(factors[0] @ factors[1], *op.rescaling).astype(np.int64)
    stored: Int8 = np.clip(scaled + op.output.zero_point, -128, 127).astype(np.int8)
    return stored.reshape(len(stored), *op.output.shape)


def case(random: np.random.Generator) -> BatchMatMul:
    """With and without axes that are broadcast; a constant on either side, or none."""
    rows, depth, columns = (cases.size(random, 14) for _ in range(3))
    batches = tuple(int(n) for n in random.integers(1, 4, random.integers(0, 4)))
    transposed = bool(random.integers(2)), bool(random.integers(2))
    shapes = []
    for shape, turned in zip(((rows, depth), (depth, columns)), transposed, strict=True):
        kept = batches[int(random.integers(len(batches) + 1)) :] if random.integers(3) == 0 else batches
        before = tuple(1 if random.integers(4) == 0 else n for n in kept)
        shapes.append((*before, *reversed(shape)) if turned else (*before, *shape))
    constant = int(random.choice([0, 1, 2, 2, 1]))
    operands: list[Tensor] = []
    for number, whole in enumerate(shapes):
        made: Tensor = cases.activation(random, whole, number)
        if number == constant:
            made = cases.constant(random, whole, number)
        operands.append(_as_in_file(made))
    both = float(operands[0].scale) * float(operands[1].scale)
    spread = both * 74 * 74 / 50 * depth**0.5 * float(random.choice([1, 1, 1, 0.1, 5]))
    target = cases.activation(random, (), 2, scale_=spread)
    op = BatchMatMul("batch_matmul", operands[0], operands[1], target, *transposed)
    shape_behind = result_shape(op)
    assert shape_behind is not None
    output = Activation(2, "t2", shape_behind, target.scale, target.zero_point, batched=False)
    return BatchMatMul("batch_matmul", operands[0], operands[1], _as_in_file(output), *transposed)


def _as_in_file(tensor: _Tensor) -> _Tensor:
    """The same, of a file that has just this shape: a first axis of 1 is its batch."""
    if tensor.shape[0] != 1:
        return replace(tensor, batched=False)
    if isinstance(tensor, ConstantTensor):
        return replace(tensor, shape=tensor.shape[1:], batched=True, values=tensor.values[0])
    return replace(tensor, shape=tensor.shape[1:], batched=True)


def write(op: BatchMatMul) -> Written:
    return Written("BATCH_MATMUL", _OPTIONS, {"AdjX": op.left_transposed, "AdjY": op.right_transposed})


BATCH_MATMUL = Operator(
    BatchMatMul, "batch_matmul", "Products of matrices, computed or constant, either of them transposed.", _read,
    (one_result, shapes_agree, something_is_computed, sums_fit), infer, case, write, "AddBatchMatMul",
)  # fmt: skip
