"""QEMU's system emulator, `qemu-system-arm`: a whole machine, its first UART on standard input and output.

Runs with `-icount shift=0`: the machine's clock then advances 1 ns an instruction, whichever it is and however busy
the PC. So the firmware's timestamps are *virtual* time, a thousand instructions a microsecond, and tell nothing of the
time that a board takes. QEMU has no DWT: ports for its machines count with another timer. Where QEMU runs that at
another frequency than the core (`qemu.counter_hz` of the board file), the firmware's microsecond is another number of
instructions, which `emulators.instructions_a_us` tells.
"""

import shutil

from tinyprune.device.boards import Board
from tinyprune.device.emulators import program
from tinyprune.device.emulators.pipes import Pipes
from tinyprune.device.emulators.profile import Profile
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock
from tinyprune.errors import MissingDependency, TargetError

PROGRAM = "qemu-system-arm"
INSTALL = "`apt-get install qemu-system-arm`, `brew install qemu` or https://www.qemu.org/download"


def start(image: FirmwareImage, board: Board, *, profile: bool = False) -> "QemuLink":
    """Boots the firmware.

    Raises TargetError where QEMU has no machine for the board, the ELF is for another one, or it shall be profiled;
    MissingDependency where QEMU is not installed.
    """
    if board.qemu is None:
        raise TargetError(f"the emulator qemu has no machine for {board.name}: its board file has no table [qemu]")
    if profile:
        raise TargetError("the emulator qemu counts no instructions of single layers; profile in sim")
    program.check(image.elf, board)
    if shutil.which(PROGRAM) is None:
        raise MissingDependency(f"{PROGRAM} is not installed: {INSTALL}")
    return QemuLink(command(image, board), f"QEMU (machine {board.qemu.machine})", first_paragraph)


def command(image: FirmwareImage, board: Board) -> list[str]:
    """The command line that runs an image."""
    assert board.qemu is not None
    quiet = ["-display", "none", "-monitor", "none", "-parallel", "none", "-net", "none"]
    machine = ["-machine", board.qemu.machine, "-icount", "shift=0"]
    return [PROGRAM, *machine, *quiet, "-serial", "stdio", "-kernel", str(image.elf.resolve())]


def first_paragraph(said: str) -> str:
    """What QEMU complains of, without the registers that it prints after a crash."""
    lines = said.strip().splitlines()
    end = next((i for i, line in enumerate(lines) if not line.strip() or line.startswith("R00=")), len(lines))
    return " / ".join(line.strip() for line in lines[:end])


class QemuLink(Pipes):
    """A Link to the machine's first UART."""

    @property
    def clock(self) -> Clock:
        return "virtual"

    def profile(self) -> Profile:
        raise TargetError("the emulator qemu counts no instructions of single layers; profile in sim")

    def close(self, kill: bool = True) -> None:
        """QEMU does not end with its input."""
        super().close(kill)
