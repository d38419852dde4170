"""Where a finished build lies, and where it runs: on a board behind a port, or in an emulator."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinyprune.errors import UsageError

if TYPE_CHECKING:
    from tinyprune.device.boards import Board


def build_folder(output: Path | None, board: "Board") -> Path:
    """Where a build is written, and where other tasks look for it."""
    return output or Path("build") / board.name


def check(port: str | None, emulator: str | None, *, hardware: bool) -> None:
    """Refuses options that contradict each other before anything slow starts."""
    if port is not None and emulator is not None:
        raise UsageError("--port and --emulator exclude each other: a board or an emulator?")
    if hardware and port is None:
        raise UsageError("--hardware goes with --port: it says that a board is at its other end")
