"""Where a finished build runs: on a board behind a port, or in an emulator."""

from tinyprune.errors import UsageError


def check(port: str | None, emulator: str | None, *, hardware: bool) -> None:
    """Refuses options that contradict each other before anything slow starts."""
    if port is not None and emulator is not None:
        raise UsageError("--port and --emulator exclude each other: a board or an emulator?")
    if hardware and port is None:
        raise UsageError("--hardware goes with --port: it says that a board is at its other end")
