"""The lowered network: what each layer calls with which constants, and where every map lies. Made by lower.py."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyprune import memory
from tinyprune.boards import Board
from tinyprune.graph import Graph, Op
from tinyprune.kernels import Kernel

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One kernel call. Offsets are bytes in the arena."""

    op: Op
    kernel: Kernel
    pattern: str  # what the weights follow, whichever kernel runs them
    parameters: dict[str, int]
    weights: Array | None
    channels: npt.NDArray[np.int32] | None  # [out_channels, (bias, multiplier, shift)]
    input_offset: int
    output_offset: int
    scratch_offset: int
    reason: str

    @property
    def weights_bytes(self) -> int:
        return 0 if self.weights is None else self.weights.nbytes

    @property
    def working_bytes(self) -> int:
        """What must lie in the arena at once to run this step."""
        return self.op.input.size_bytes + self.op.output.size_bytes + self.kernel.scratch_bytes(self.op)

    @property
    def constant_bytes(self) -> int:
        return self.weights_bytes + (0 if self.channels is None else self.channels.nbytes)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    graph: Graph
    board: Board
    steps: tuple[Step, ...]
    arena: memory.Plan
    input_offset: int
    output_offset: int
