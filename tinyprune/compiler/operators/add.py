"""ADD and SUB: two tensors, or a tensor and a constant, element by element.

TFLite's arithmetic (tensorflow/lite/kernels/internal/reference/integer_ops/add.h): both operands are taken to a common
scale, twice the larger of theirs, with 20 more bits; their sum is taken to the scale of the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8, Op, Tensor
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.operator import Operator, Written, aligned, one_result
from tinyprune.compiler.operators.weighted import fused_option

#: Bits that operands gain before they are scaled.
LEFT_SHIFT = 20


@dataclass(frozen=True, slots=True, eq=False)
class Add(Op):
    """Operands have the result's shape, or are broadcast to it."""

    left: Tensor
    right: Tensor
    output: Activation
    activation_min: int
    activation_max: int

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.left, self.right)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)

    @property
    def scalings(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(multiplier, shift to the left) of both operands and of the result."""
        left, right = float(self.left.scale), float(self.right.scale)
        common = 2 * max(left, right)
        behind = common / ((1 << LEFT_SHIFT) * float(self.output.scale))
        first, second, third = (
            fixed_point.quantize_multiplier(real) for real in (left / common, right / common, behind)
        )
        return first, second, third


@dataclass(frozen=True, slots=True, eq=False)
class Sub(Add):
    """The right operand is taken from the left one."""


_Kind = TypeVar("_Kind", bound=Add)


def _options(node: Node) -> str:
    return "AddOptions" if node.kind == "ADD" else "SubOptions"


def shapes_agree(node: Node) -> str | None:
    """Its operands have the same shape, or one is broadcast to the other's as NumPy does it."""
    left, right, target = node.operand(0), node.operand(1), node.result()
    try:
        shape = np.broadcast_shapes(left.file_shape, right.file_shape)
    except ValueError:
        shape = ()
    if shape == target.file_shape:
        return None
    return f"its operands {list(left.file_shape)} and {list(right.file_shape)} make {list(target.file_shape)}"


def something_is_computed(node: Node) -> str | None:
    """At least one operand is computed."""
    return None if any(isinstance(node.operand(n), Activation) for n in (0, 1)) else "both operands are constants"


def scales_below_one(node: Node) -> str | None:
    """Its result's scale is so large that the common scale of the operands shrinks to it: at least 2^−19 of the larger
    one."""
    left, right, target = node.operand(0), node.operand(1), node.result()
    common = 2 * max(float(left.scale), float(right.scale))
    _, shift = fixed_point.quantize_multiplier(common / ((1 << LEFT_SHIFT) * float(target.scale)))
    return None if shift <= 0 else f"it takes scales {left.scale:g} and {right.scale:g} to {target.scale:g}"


def clamped(node: Node) -> str | None:
    """The fused activation is NONE, RELU, RELU_N1_TO_1 or RELU6."""
    return fused.clampable(node, _options(node))


def _reader(kind: type[_Kind]) -> Callable[[Node], _Kind]:
    def read(node: Node) -> _Kind:
        target = node.result()
        return kind(node.name, node.operand(0), node.operand(1), target, *fused.clamp(node, _options(node), target))

    return read


def infer(op: Add, left: Array, right: Array) -> Int8:
    first, second, behind = op.scalings
    scaled = [
        _scaled(aligned(values, tensor, len(op.output.shape)), tensor, scaling)
        for values, tensor, scaling in ((left, op.left, first), (right, op.right, second))
    ]
    total = scaled[0] - scaled[1] if isinstance(op, Sub) else scaled[0] + scaled[1]
    stored = fixed_point.multiply_by_quantized_multiplier(total, *behind).astype(np.int64) + op.output.zero_point
    return np.clip(stored, op.activation_min, op.activation_max).astype(np.int8)


def _scaled(values: Array, tensor: Tensor, scaling: tuple[int, int]) -> npt.NDArray[np.int64]:
    differences = (values.astype(np.int64) - tensor.zero_point) << LEFT_SHIFT
    return fixed_point.multiply_by_quantized_multiplier(differences, *scaling).astype(np.int64)


def _case_of(kind: type[_Kind], name: str) -> Callable[[np.random.Generator], _Kind]:
    def case(random: np.random.Generator) -> _Kind:
        """Equal shapes mostly; else the last axes, ones, or a constant on either side."""
        shape = cases.shape(random, 3, 12)
        how = random.integers(8)
        other = shape
        if how == 0:
            other = shape[-1:]
        elif how == 1:
            other = tuple(1 if random.integers(2) else n for n in shape)
        left = cases.activation(random, shape)
        right: Tensor = cases.activation(random, other, 1)
        if how in (2, 3):
            right = cases.constant(random, shape if how == 2 else shape[-1:], 1)
        first, second = (left, right) if random.integers(2) else (right, left)
        largest = max(float(left.scale), float(right.scale))
        output = cases.activation(
            random, shape, 2, scale_=largest * float(random.choice([0.01, 0.5, 1, 2, 2.0**-8, 3]))
        )
        return kind(name, first, second, output, *cases.clamp(random, output))

    return case


def _writer(code: str, options: str) -> Callable[[Add], Written]:
    return lambda op: Written(code, options, fused_option(op))


_RULES = (one_result, shapes_agree, something_is_computed, scales_below_one, clamped)
ADD = Operator(
    Add, "add", "Sum of two tensors, or of a tensor and a constant, with broadcasting.", _reader(Add), _RULES, infer,
    _case_of(Add, "add"), _writer("ADD", "AddOptions"), "AddAdd",
)  # fmt: skip
SUB = Operator(
    Sub, "sub", "Difference of two tensors, or of a tensor and a constant, with broadcasting.", _reader(Sub), _RULES,
    infer, _case_of(Sub, "sub"), _writer("SUB", "SubOptions"), "AddSub",
)  # fmt: skip
