"""What a kernel is to the rest of tinyprune: a row of the table, and the nouns of a call to it.

A kernel is one C function of the same name in firmware_templates/runtime/src, named `tp_<op>_<dtype>_<pattern>_<isa>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import ConstantTensor, Op
from tinyprune.compiler.moves import Move

Array = npt.NDArray[np.generic]


class Layout(Enum):
    """How a map lies in memory; the value is what people read."""

    INTERLEAVED = "interleaved"  # [height, width, channels], as in the .tflite
    FIVE_WIDE = "five-wide"  # a plane a channel, rows of five columns, room for padding: tp_kernels_dsp.h
    ROW = "row"  # one row at a time, handed to the next layer in the same loop


@dataclass(frozen=True, slots=True)
class FiveWide:
    """Where the rows of a five-wide map are: row r lies in slot first + r of each plane."""

    slots: int
    first: int


@dataclass(frozen=True, slots=True)
class Wiring:
    """The five-wide maps that a call reads and writes; of two layers in one loop, those of the pair."""

    input: FiveWide | None = None
    output: FiveWide | None = None


NOWHERE = Wiring()


@dataclass(frozen=True, slots=True, eq=False)
class Struct:
    """A pointer to constant parameters: C type and int32_t fields in order."""

    type: str
    fields: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A pointer to a constant array."""

    name: str
    type: str
    values: Array


@dataclass(frozen=True, slots=True)
class Place:
    """A pointer into the arena, or the loop's row number: `kind` is "input", "output", "state", "scratch" or "row".

    `number` is that of the operand or result.
    """

    kind: str
    number: int = 0

    INPUT: ClassVar["Place"]
    OUTPUT: ClassVar["Place"]
    SCRATCH: ClassVar["Place"]
    ROW: ClassVar["Place"]


Place.INPUT, Place.OUTPUT, Place.SCRATCH, Place.ROW = Place("input"), Place("output"), Place("scratch"), Place("row")

Argument: TypeAlias = Struct | Constant | Place


Call: TypeAlias = tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One row.

    `dtypes` are those that activations and results may have, `accepts` is the guard of all else; `pack` lays the
    weights out; `arguments` are those of the call, in order; `scratch_bytes` is what the caller lends it. `cycles`
    ranks kernels for an operator, no part of the cycle model that reports: `Profiled` by coefficients that a
    command fits to that model, or figures read off profiles of Cortex-M4 builds with ideal memory. `pixels` are
    computed each time that it reads the weights of a matrix. `in_place` are the operands over which the result may
    lie: the kernel has read all of a place before it writes there. With `moves` it is called for each of the
    operator's moves, which `arguments` takes behind the operator. With `leaves` it does not copy what one of the
    operator's moves would, where source and target are the same bytes.
    """

    name: str
    ops: tuple[type, ...]
    pattern: str
    isa: str
    accepts: Callable[[Any], bool]
    arguments: Callable[..., Call]
    cycles: Callable[[Any], float]
    pack: Callable[[Any], Array] | None = None
    scratch_bytes: Callable[[Any], int] = lambda _op: 0
    pixels: int = 1
    reads: Layout = Layout.INTERLEAVED
    writes: tuple[Layout, ...] = (Layout.INTERLEAVED,)
    in_place: Callable[[Any], tuple[int, ...]] = lambda _op: ()
    moves: bool = False
    leaves: bool = False
    dtypes: tuple[str, ...] = ("int8", "bool", "int32")

    def runs(self, op: Op) -> bool:
        """Whether it can run an operator, whatever pattern its weights follow."""
        typed = all(tensor.dtype in self.dtypes for tensor in (*op.activations, *op.outputs))
        return isinstance(op, self.ops) and typed and self.accepts(op)

    def kept(self, op: Op) -> tuple[Move, ...]:
        """The moves of an operator that need not be made where the bytes are in place already."""
        return (op.moves or ()) if self.leaves or self.moves else ()

    def calls(self, op: Op, wiring: Wiring = NOWHERE) -> tuple[Call, ...]:
        """What runs the operator: one call, or one for each move."""
        if self.moves:
            return tuple(self.arguments(op, move, wiring) for move in op.moves or ())
        return (self.arguments(op, wiring),)


def always(_op: Op) -> bool:
    """The guard of a kernel that takes every operator of its kinds."""
    return True


def operand(op: Op, number: int) -> Argument:
    """Where operand `number` lies: in the arena, or among the constants."""
    tensor = op.inputs[number]
    if isinstance(tensor, ConstantTensor):
        values = tensor.values.view(np.int8) if tensor.dtype == "bool" else tensor.values
        return Constant(f"operand_{number}", f"{values.dtype.name}_t", values)
    return Place("input", number)


def linear(per_mac: float, per_output: float) -> Callable[[Any], float]:
    """Cycles in proportion to the operator's dense multiply-accumulates and outputs."""
    return lambda op: per_mac * op.macs + per_output * op.outputs[0].size_bytes
