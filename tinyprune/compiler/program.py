"""The lowered network: what each layer calls with which constants, and where every map lies. Made by lower.py."""

from dataclasses import dataclass

from tinyprune.compiler import memory
from tinyprune.compiler.graph import Graph, Op
from tinyprune.compiler.kernels import Argument, Constant, Kernel, Layout
from tinyprune.device.boards import Board


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One kernel call. Offsets are bytes in the arena; `rows` is above 0 where the call is made once for each row."""

    op: Op
    kernel: Kernel
    pattern: str  # what the weights follow, whichever kernel runs them
    arguments: tuple[Argument, ...]
    output_layout: Layout
    input_offset: int
    output_offset: int
    scratch_offset: int
    scratch_bytes: int
    rows: int
    reason: str

    @property
    def constants(self) -> tuple[Constant, ...]:
        return tuple(argument for argument in self.arguments if isinstance(argument, Constant))

    @property
    def weights_bytes(self) -> int:
        """Of the array that holds the weights; in some formats bias and requantization stand between them."""
        return sum(constant.values.nbytes for constant in self.constants if constant.name == "weights")

    @property
    def working_bytes(self) -> int:
        """What must lie in the arena at once to run this step."""
        return self.op.input.size_bytes + self.op.output.size_bytes + self.scratch_bytes

    @property
    def constant_bytes(self) -> int:
        return sum(constant.values.nbytes for constant in self.constants)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    graph: Graph
    board: Board
    steps: tuple[Step, ...]
    arena: memory.Plan
    input_offset: int
    output_offset: int

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
