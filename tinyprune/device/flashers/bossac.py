"""BOSSA's command line: boards with Arduino's SAM-BA bootloader (Nano 33 BLE)."""

import re
import shutil
from pathlib import Path

from tinyprune.device import ports
from tinyprune.device.boards import Board
from tinyprune.device.flash_methods import Bossac
from tinyprune.device.flashers import tool
from tinyprune.device.flashers.job import Flashed, Job, wait_for
from tinyprune.device.flashers.touch import bootloader_port
from tinyprune.errors import MissingDependency, TargetError

_LEAVE_TIMEOUT_S = 5.0
_PAGES = re.compile(r"\((\d+)/(\d+) pages\)")
_ADVICE = {
    r"verify failed|verify [^\0]*sam-ba operation failed": (
        "what is in the flash differs from the image; try again, perhaps with another cable"
    ),
    r"no device found": "the bootloader did not answer on that port; double-tap the reset button and try again",
    r"unsupported|sam-ba operation failed": (
        "this bossac does not seem to know the board's chip; use Arduino's build (see `tinyprune doctor`)"
    ),
    r"permission denied": "no permission to open the port (see `tinyprune doctor`)",
}


def flash(job: Job, how: Bossac) -> Flashed:
    """Erases, writes, verifies (by the bootloader's checksums), resets. Raises TinypruneError of several kinds."""
    bossac = find(how)
    port = bootloader_port(job)
    offset = [f"--offset={how.offset:#x}"] if how.offset else []
    # As platform.txt of ArduinoCore-mbed: USB port, say which chip, erase, write, reset in the end; and -v, verify.
    command = [bossac, f"--port={port.device}", "-U", "-i", "-e", "-w", "-v", *offset, job.bin.name, "-R"]
    size = job.bin.stat().st_size
    step = "erasing"

    def follow(text: str) -> None:
        nonlocal step
        for word, begins in (("Write ", "writing"), ("Verify ", "verifying")):
            step = begins if word in text else step
        pages = _PAGES.findall(text)
        if pages:
            job.progress(step, size * int(pages[-1][0]) // max(1, int(pages[-1][1])), size)

    job.progress(f"erasing the program on {port.device}", 0, None)
    try:
        said = tool.run(command, job, follow, _ADVICE)
    except TargetError as error:
        if _is_there(port):
            raise
        raise TargetError(f"{port.device} went away meanwhile: check the cable and try again. {error}") from None
    if "Verify successful" not in said:
        raise tool.failed("bossac", "it ended without having verified", said, _ADVICE)
    _await_start(job.board, port)
    return Flashed(str(port), True, "bossac: the bootloader's checksum of every page equals the image's")


def find(how: Bossac) -> str:
    """A bossac that knows the chip: on PATH, or Arduino's own build. Raises MissingDependency where there is none."""
    found = shutil.which("bossac")
    candidates = [Path(found)] if found else []
    candidates += arduino_builds()
    knowing = [path for path in candidates if knows(path, how.device)]
    install = (
        "get Arduino's build (Debian's bossa-cli does not know this board): "
        "`arduino-cli core install arduino:mbed_nano`, or install the board in the Arduino IDE; it is found from there"
    )
    if knowing:
        return str(knowing[0])
    if candidates:
        raise MissingDependency(f"{candidates[0]} does not know the chip {how.device}; {install}")
    return tool.find("bossac", install)


def arduino_builds() -> list[Path]:
    """What arduino-cli and the Arduino IDE have installed, the newest first."""
    versions = tool.arduino_versions("arduino/tools/bossac")
    return [path for version in versions for path in version.glob("bossac*") if path.is_file()]


def knows(bossac: Path, device: str) -> bool:
    """Whether the chip's name is in the program; upstream's 1.9.1, Debian's, lacks the nRF52840."""
    try:
        return device.encode() in bossac.read_bytes()
    except OSError:
        return False


def _is_there(port: ports.Port) -> bool:
    """Ports without a USB id, such as a pseudo terminal, are in no list."""
    return port.device in {one.device for one in ports.listed()} or (not port.usb_id and Path(port.device).exists())


def _await_start(board: Board, port: ports.Port) -> None:
    """Raises TargetError if the bootloader stays: its port goes when the program starts."""
    if not wait_for(lambda: port.device not in _bootloaders(board), _LEAVE_TIMEOUT_S):
        raise TargetError(
            f"the image is written and verified, but {board.title} did not leave its bootloader within "
            f"{_LEAVE_TIMEOUT_S:g} s; press the reset button once"
        )


def _bootloaders(board: Board) -> set[str]:
    return {port.device for port in ports.with_ids([board.usb.bootloader])} if board.usb else set()
