"""The lowered network: what each layer calls with which constants, and where every tensor lies. Made by lower.py."""

from dataclasses import dataclass
from typing import Literal

from tinyprune.compiler.graph import Graph, Op, State
from tinyprune.compiler.kernels import Call, Constant, Kernel, Layout
from tinyprune.compiler.memory import Plan
from tinyprune.device.boards import Board


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operator as it runs: the calls of its kernel, mostly one. Offsets are bytes in the arena, `input_offsets`
    those of all operands (0 for constants); `rows` is above 0 where the call is made once for each row."""

    op: Op
    kernel: Kernel
    pattern: str  # what the weights follow, whichever kernel runs them
    calls: tuple[Call, ...]
    output_layout: Layout
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    state_offsets: tuple[int, ...]
    scratch_offset: int
    scratch_bytes: int
    rows: int
    reason: str

    @property
    def constants(self) -> tuple[Constant, ...]:
        return tuple(argument for call in self.calls for argument in call if isinstance(argument, Constant))

    @property
    def weights_bytes(self) -> int:
        """Of the array that holds the weights; in some formats bias and requantization stand between them."""
        return sum(constant.values.nbytes for constant in self.constants if constant.name == "weights")

    @property
    def working_bytes(self) -> int:
        """What must lie in the arena at once to run this step."""
        return sum(tensor.size_bytes for tensor in (*self.op.activations, *self.op.outputs)) + self.scratch_bytes

    @property
    def constant_bytes(self) -> int:
        return sum(constant.values.nbytes for constant in self.constants)


@dataclass(frozen=True, slots=True)
class Resident:
    """Bytes of the arena from `offset` on that are needed from step `first` of the program to step `last`, both
    included. What shares bytes overlaps."""

    name: str
    kind: Literal["tensor", "variable", "scratch"]
    offset: int
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """`input_offsets`, `output_offsets` and `state_offsets` are those of the graph's inputs, outputs and states, in
    their order. `residents`: all that lies in the arena."""

    graph: Graph
    board: Board
    steps: tuple[Step, ...]
    arena: Plan
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    state_offsets: tuple[int, ...] = ()
    ram_steps: frozenset[int] = frozenset()  # numbers of those whose constants are copied to RAM at the start
    residents: tuple[Resident, ...] = ()

    @property
    def ram_constant_bytes(self) -> int:
        return sum(self.steps[number].constant_bytes for number in self.ram_steps)

    @property
    def states(self) -> tuple[tuple[State, int], ...]:
        """Each variable with its place."""
        return tuple(zip(self.graph.states, self.state_offsets, strict=True))

    @property
    def loops(self) -> tuple[tuple[int, ...], ...]:
        """Step numbers in order of execution: one alone, or several that run row by row in one loop."""
        groups: list[tuple[int, ...]] = []
        for number, step in enumerate(self.steps):
            if step.kernel.reads is Layout.ROW:
                groups[-1] = (*groups[-1], number)
            else:
                groups.append((number,))
        return tuple(groups)
