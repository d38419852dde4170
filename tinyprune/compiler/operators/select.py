"""SELECT_V2: where a bool condition holds, the left one of two tensors or constants, else the right one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Op, Tensor
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import shapes_agree, something_is_computed
from tinyprune.compiler.operators.operator import Operator, Written, aligned, one_result


@dataclass(frozen=True, slots=True, eq=False)
class SelectV2(Op):
    """Operands have the result's shape, or are broadcast to it. Stored values are passed on as they are."""

    condition: Tensor
    left: Tensor
    right: Tensor
    output: Activation

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.condition, self.left, self.right)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)


def three_operands(node: Node) -> str | None:
    """It has three operands."""
    return None if len(node.inputs) == 3 else f"it has {len(node.inputs)} operands"


def bool_condition(node: Node) -> str | None:
    """Its condition is bool, what it chooses from has the type of its result."""
    found = [node.operand(n, "INT8", "INT16", "BOOL").dtype for n in range(len(node.inputs))]
    if found == ["bool", *[node.result().dtype] * 2]:
        return None
    return f"its operands are {' and '.join(found)}"


def read(node: Node) -> SelectV2:
    return SelectV2(node.name, node.operand(0, "BOOL"), node.operand(1), node.operand(2), node.result())


def infer(op: SelectV2, condition: Array, left: Array, right: Array) -> Array:
    rank = len(op.output.shape)
    operands = zip((condition, left, right), op.inputs, strict=True)
    found: Array = np.where(*(aligned(values, tensor, rank) for values, tensor in operands))
    return found


def case(random: np.random.Generator) -> SelectV2:
    shape = cases.shape(random, 3, 12)
    made: list[Tensor] = []
    for number in range(3):
        how = random.integers(6)
        own = shape[-1:] if how == 0 else tuple(1 if random.integers(2) else n for n in shape) if how == 1 else shape
        constant = random.integers(4) == 0 and any(isinstance(one, Activation) for one in made)
        make: Callable[..., Tensor] = cases.constant if constant else cases.activation
        made.append(make(random, own, number) if number else cases.bool_activation(random, own))
    dtype = cases.dtype(random)
    condition, left, right = made[0], *(cases.widened(one) if dtype == "int16" else one for one in made[1:])
    broadcast = np.broadcast_shapes(*(one.shape for one in made))
    return SelectV2("select", condition, left, right, cases.activation(random, broadcast, 3, dtype=dtype))


def write(_: SelectV2) -> Written:
    return Written("SELECT_V2", "SelectV2Options")


SELECT_V2 = Operator(
    SelectV2, "select", "One of two tensors or constants, value by value, as a bool tensor says, with broadcasting.",
    read, (one_result, three_operands, bool_condition, shapes_agree, something_is_computed), infer, case, write,
    "AddSelectV2", types=("INT8", "INT16"),
)  # fmt: skip
