"""Output projects, one a file: the same C, laid out and surrounded for the tools that its users have.

None of them changes the C: whatever the project, `build.py` makes firmware of the same sources, and the emulator runs
that. A project decides where files go and what is around them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.errors import UsageError
from tinyprune.firmware.projects import arduino, bare, cmake, platformio


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of PROJECTS: how a project is made of a program, its C and the model's name, and for which boards."""

    make: Callable[[Program, FirmwareSource, str], Project]
    refusal: Callable[[Board], str | None] = lambda _board: None  # why not for this board


PROJECTS: dict[str, Kind] = {
    "bare": Kind(bare.make),
    "arduino": Kind(arduino.make, arduino.refusal),
    "platformio": Kind(platformio.make, platformio.refusal),
    "cmake": Kind(cmake.make),
}


def check(name: str, board: Board) -> None:
    """Raises UsageError for an unknown project, or one that this board cannot have."""
    if name not in PROJECTS:
        raise UsageError(f'unknown project "{name}"; known: {", ".join(PROJECTS)}')
    refusal = PROJECTS[name].refusal(board)
    if refusal is not None:
        raise UsageError(f"--project {name}: {refusal}")
