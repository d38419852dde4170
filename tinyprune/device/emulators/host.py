"""The PC as a board: the firmware is a process, its serial port a pair of pipes."""

from tinyprune.device.boards import Board
from tinyprune.device.emulators.pipes import Pipes
from tinyprune.device.emulators.profile import Profile
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock
from tinyprune.errors import TargetError


def start(image: FirmwareImage, board: Board, *, profile: bool = False) -> "HostLink":
    """Runs the firmware. Raises TargetError if it cannot be executed or shall be profiled."""
    if board.cpu.core != "host":
        raise TargetError(f"the emulator host runs firmware for the board host, not for {board.name}")
    if profile:
        raise TargetError("the emulator host does not count instructions; profile on a board that runs in sim")
    return HostLink([str(image.elf.resolve())], "the firmware")


class HostLink(Pipes):
    """A Link to the process."""

    @property
    def clock(self) -> Clock:
        return "measured"

    def profile(self) -> Profile:
        raise TargetError("the emulator host does not count instructions")
