"""CAST: stored values as they are, in another integer type."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from tinyprune.compiler.file import Node, activation_of
from tinyprune.compiler.graph import Activation, Array, Unary
from tinyprune.compiler.moves import Move
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, change_of_shape, one_result

_BEFORE, _BEHIND = ("INT8", "INT16", "BOOL"), ("INT8", "INT16", "INT32")
_PAIRS = (
    ("bool", "int8"), ("bool", "int16"), ("bool", "int32"), ("int8", "int8"), ("int8", "int16"), ("int8", "int32"),
    ("int16", "int8"), ("int16", "int16"), ("int16", "int32"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Unary):
    """Scales and zero points have no say; a larger value loses its upper bits."""

    @property
    def moves(self) -> tuple[Move, ...] | None:
        """The lower byte or bytes of each value; None where values gain bytes, which depend on their signs."""
        before, behind = (np.dtype(tensor.dtype).itemsize for tensor in (self.input, self.output))
        if before < behind:
            return None
        if before == behind:
            return (Move(0, 0, self.output.size_bytes),)
        return (Move(0, 0, behind, (self.output.count,), (before,), (behind,)),)


def _ends(node: Node) -> tuple[Activation, Activation]:
    node.expect_outputs(1)
    read = partial(activation_of, node.file, numbers=True)
    return read(node.index(0), *_BEFORE), read(node.outputs[0], *_BEHIND)


def same_shape(node: Node) -> str | None:
    """Its operand is int8, int16 or bool, its result int8, int16 or int32, of the same shape."""
    return change_of_shape(*_ends(node))


def read(node: Node) -> Cast:
    return Cast(node.name, *_ends(node))


def infer(op: Cast, x: Array) -> Array:
    return x.astype(op.output.dtype)


def case(random: np.random.Generator) -> Cast:
    before, behind = _PAIRS[int(random.integers(len(_PAIRS)))]
    shape = cases.shape(random, 4)
    plain = cases.bool_activation(random, shape)
    source = plain if before == "bool" else cases.activation(random, shape, dtype=before)
    return Cast("cast", source, cases.activation(random, shape, 1, dtype=behind))


def write(_: Cast) -> Written:
    return Written("CAST")


CAST = Operator(
    Cast, "cast", "The same stored values in another type: of bool, int8 or int16, in int8, int16 or int32.", read,
    (one_result, same_shape), infer, case, write, "AddCast",
)  # fmt: skip
