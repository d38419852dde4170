"""The rooms that run firmware without a board: each boots it up to its first input and is then a Link to it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tinyprune.device.boards import Board
from tinyprune.device.emulators.profile import BlockProfile, FunctionProfile, LayerProfile, Profile, Span
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.link import Link
from tinyprune.device.protocol import Clock
from tinyprune.errors import UsageError

__all__ = [
    "EMULATORS",
    "METERED",
    "BlockProfile",
    "Emulator",
    "FunctionProfile",
    "HasButton",
    "HasMemory",
    "HasMicrophone",
    "LayerProfile",
    "Profile",
    "Span",
    "Start",
    "instructions_a_us",
    "named",
]


class Emulator(Link, Protocol):
    @property
    def clock(self) -> Clock:
        """Whose time the firmware's timestamps tell."""

    def profile(self) -> Profile:
        """Of the last complete inference. Raises TargetError if it was not asked for, or nothing has run."""


@runtime_checkable
class HasMemory(Protocol):
    """What an emulator offers whose memory can be looked into from outside, as a debugger's can."""

    def write_memory(self, symbol: str, data: bytes) -> None:
        """Writes `data` where the firmware's variable `symbol` begins. Raises TargetError where it has none in RAM."""

    def read_memory(self, symbol: str, offset: int, size: int) -> bytes:
        """What stands `offset` bytes behind the beginning of a variable. Raises TargetError as `write_memory`."""


@runtime_checkable
class HasButton(Protocol):
    """What an emulator offers that can be restarted while its firmware works. Its `write` waits for the firmware."""

    def post(self, data: bytes) -> None:
        """As `write`, without waiting. Nothing else may be asked for until it is no longer busy."""

    def is_busy(self, within_s: float) -> bool:
        """Whether the firmware still works on what was posted, after so long. Raises TargetError as `write` does."""

    def restart(self) -> None:
        """As the button on a board. Raises TargetError where the firmware does not boot."""


@runtime_checkable
class HasMicrophone(Protocol):
    """What an emulator offers whose chip has a microphone."""

    def hear(self, samples: Sequence[int]) -> None:
        """Lets it say int16 samples at 16 kHz, of which a part of a buffer may remain for the next ones. Raises
        TargetError where the firmware does not listen."""

    @property
    def lit(self) -> bool:
        """Whether the light that shows a word is on."""


class Start(Protocol):
    def __call__(self, image: FirmwareImage, board: Board, *, profile: bool = False) -> Emulator:
        """Raises TargetError if this emulator cannot run that board or cannot profile it."""


# The emulators' libraries are imported when one starts, not with the command line.


def _start_host(image: FirmwareImage, board: Board, *, profile: bool = False) -> Emulator:
    from tinyprune.device.emulators import host

    return host.start(image, board, profile=profile)


def _start_sim(image: FirmwareImage, board: Board, *, profile: bool = False) -> Emulator:
    from tinyprune.device.emulators import sim_apart

    return sim_apart.start(image, board, profile=profile)


def _start_qemu(image: FirmwareImage, board: Board, *, profile: bool = False) -> Emulator:
    from tinyprune.device.emulators import qemu

    return qemu.start(image, board, profile=profile)


def _start_renode(image: FirmwareImage, board: Board, *, profile: bool = False) -> Emulator:
    from tinyprune.device.emulators import renode

    return renode.start(image, board, profile=profile)


EMULATORS: dict[str, Start] = {"host": _start_host, "sim": _start_sim, "qemu": _start_qemu, "renode": _start_renode}
#: Those that count instructions.
METERED = ("sim",)


def named(board: Board, name: str | None = None) -> str:
    """`name`, or the board's first emulator. Raises UsageError, with those that it has, for one that it lacks."""
    name = name or board.emulators[0]
    if name not in board.emulators or name not in EMULATORS:
        known = ", ".join(emulator for emulator in board.emulators if emulator in EMULATORS) or "none that is known"
        raise UsageError(f'{board.name} has no emulator "{name}"; it has: {known}')
    return name


def instructions_a_us(emulator: str | None, board: Board) -> float | None:
    """What a microsecond of an emulator's virtual time is, None where its time is of another kind."""
    if emulator == "qemu":
        assert board.qemu is not None
        counter_hz = board.qemu.counter_hz or board.cpu.clock_hz
        return 1000.0 * board.cpu.clock_hz / counter_hz  # -icount shift=0
    return board.cpu.clock_hz / 1e6 if emulator == "renode" else None  # PerformanceInMips
