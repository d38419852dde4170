"""What a kernel is to the rest of tinyprune: a row of the table, and the nouns of a call to it.

A kernel is one C function of the same name in firmware_templates/runtime/src, named `tp_<op>_<dtype>_<pattern>_<isa>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import macs

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


class Place(Enum):
    """A pointer into the arena, or the loop's row number."""

    INPUT = "input"
    OUTPUT = "output"
    SCRATCH = "scratch"
    ROW = "row"


Argument: TypeAlias = Struct | Constant | Place


@dataclass(frozen=True, slots=True)
class Kernel:
    """One row.

    `accepts` is the guard; `pack` lays the weights out; `arguments` are those of the call, in order; `scratch_bytes` is
    what the caller lends it. `cycles` ranks kernels for an operator: figures read off profiles of Cortex-M4 builds, no
    part of the cycle model that reports.
    """

    name: str
    ops: tuple[type, ...]
    pattern: str
    isa: str
    accepts: Callable[[Any], bool]
    arguments: Callable[[Any, Wiring], tuple[Argument, ...]]
    cycles: Callable[[Any], float]
    pack: Callable[[Any], Array] | None = None
    scratch_bytes: Callable[[Any], int] = lambda _op: 0
    reads: Layout = Layout.INTERLEAVED
    writes: tuple[Layout, ...] = (Layout.INTERLEAVED,)


def linear(per_mac: float, per_output: float) -> Callable[[Any], float]:
    """Cycles in proportion to the operator's dense multiply-accumulates and outputs."""
    return lambda op: per_mac * macs(op) + per_output * op.output.size_bytes
