"""Everything that tinyprune refuses, as one tree; the command line maps each class to its exit code.

    TinypruneError             exit code 1
    ├── ModelError             1  the model cannot be read, quantized or run
    ├── DataError              1  the data set, a calibration array or a sample is wrong
    ├── TargetError            1  the firmware misbehaved, on a board or in an emulator
    │   ├── Disconnected       1  the other end of the line went away
    │   ├── Restarted          1  the firmware booted again in the middle of a command
    │   └── WrongModel         1  the firmware holds another model than the build
    ├── UsageError             2  an argument is wrong: unknown board, missing path, unwritable folder
    ├── MissingDependency      2  a compiler, a Python package or a tool is not installed
    ├── DoesNotFit             3  the firmware is larger than the board
    │   └── MemoryExceeded     3  the linked firmware, and by how much in which memory
    └── Interrupted          130  Ctrl-C, where something may now be half-done

A message says what is wrong, where, and what to do next; it is shown to the user as it stands.
"""

from dataclasses import dataclass
from typing import Literal

_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps a model from running."""

    operator: str  # TFLite's name of its kind, "" for the model as a whole
    number: int | None  # in the file's order
    tensor: str  # the operator's result
    reason: str  # what is wrong and what to do about it


def first_line(error: Exception) -> str:
    """What another library's error says, for a message of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def printable(text: bytes | str, longest: int = _SHOWN_CHARACTERS) -> str:
    """What a file or a device calls something, safe to show: on one line, without control characters, short."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    shown = "".join(c if c.isprintable() else "�" for c in decoded)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


class TinypruneError(Exception):
    exit_code = 1


class ModelError(TinypruneError):
    """`obstacles`: all that stands in a model's way, where reading it found several things."""

    def __init__(self, message: str, obstacles: "tuple[Obstacle, ...]" = ()) -> None:
        super().__init__(message)
        self.obstacles = obstacles


class DataError(TinypruneError):
    pass


class TargetError(TinypruneError):
    pass


class Disconnected(TargetError):
    pass


class Restarted(TargetError):
    pass


class WrongModel(TargetError):
    pass


class UsageError(TinypruneError):
    exit_code = 2


class MissingDependency(TinypruneError):
    exit_code = 2


class DoesNotFit(TinypruneError):
    exit_code = 3


class MemoryExceeded(DoesNotFit):
    def __init__(self, message: str, region: Literal["flash", "RAM"], excess_bytes: int) -> None:
        super().__init__(message)
        self.region, self.excess_bytes = region, excess_bytes


class Interrupted(TinypruneError):
    exit_code = 130
