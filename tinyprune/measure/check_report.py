"""What a check found, as data and as JSON: before anything is trained, compiled or run."""

import json
from dataclasses import asdict, dataclass

from tinyprune.compiler.program import Resident
from tinyprune.errors import DoesNotFit, ModelError, Obstacle


@dataclass(frozen=True, slots=True)
class LayerCheck:
    """A layer as it would run on `CheckReport.layers_on`. Cycles are estimates, None where the board has no meter."""

    name: str
    op: str
    shape: tuple[int, ...]  # of the output
    pattern: str  # found in its weights
    macs: int
    kernel: str
    constant_bytes: int
    cycles: int | None
    prunable: bool
    reason: str  # why it is not prunable, "" if it is
    constant_bytes_2_4: int | None  # pruned 2:4; None where that is not possible, or done already
    cycles_2_4: int | None
    cycles_dense: int | None = None  # of a layer that is pruned already, on the fastest dense kernel
    weights_corner: tuple[str, ...] = ()  # some output channels and taps: "#" a weight, "." a zero


@dataclass(frozen=True, slots=True)
class BoardCheck:
    """A board. `arena_bytes` is exact, all other figures are estimates, None where the network does not run there."""

    board: str
    runs: bool  # whether there are kernels for every layer
    fits: bool
    reason: str  # why not, "" if it does
    flash_bytes: int | None = None
    flash_bytes_available: int | None = None
    ram_bytes: int | None = None  # without the stack
    ram_bytes_available: int | None = None
    arena_bytes: int | None = None
    cycles: int | None = None
    ms: float | None = None
    flash_bytes_2_4: int | None = None  # with every layer pruned that can be
    cycles_2_4: int | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Whether and how a network would run. `obstacles`: all that keeps it from running anywhere."""

    model: str
    model_sha256: str | None  # None where there is no int8 network
    runs: bool
    message: str  # the obstacles as text, "" if it runs
    obstacles: tuple[Obstacle, ...] = ()
    notes: tuple[str, ...] = ()
    macs: int = 0
    boards: tuple[BoardCheck, ...] = ()
    layers: tuple[LayerCheck, ...] = ()
    layers_on: str | None = None  # the board
    arena_map: tuple[Resident, ...] = ()  # of that board: what lies where in the arena, and when
    schema: str = "check-1"  # of this report: docs/reports.md

    @property
    def exit_code(self) -> int:
        """As `tinyprune` has them: 0 it runs, 1 it does not, 3 it is too large for every board that was asked for."""
        if not self.runs:
            return ModelError.exit_code
        return 0 if any(board.fits for board in self.boards) else DoesNotFit.exit_code

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)
