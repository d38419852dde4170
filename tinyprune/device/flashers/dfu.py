"""dfu-util: bootloaders of USB's Device Firmware Upgrade class, with ST's extension for addresses (Portenta H7)."""

import re
import sys

from tinyprune.device import ports
from tinyprune.device.flash_methods import Dfu
from tinyprune.device.flashers import tool
from tinyprune.device.flashers.job import Flashed, Job, segments, wait_for
from tinyprune.device.flashers.touch import board_port, touch
from tinyprune.device.ports import Port
from tinyprune.errors import TargetError, UsageError

_BOOTLOADER_TIMEOUT_S = 10.0
_ADVICE = {
    r"LIBUSB_ERROR_ACCESS|cannot open dfu device": (
        "no permission to use the bootloader: add the udev rules that `tinyprune doctor --udev` prints"
    ),
    r"no dfu capable usb device": "the board is not in its bootloader; double-tap the reset button and try again",
    r"more than one dfu capable": "several boards are in their bootloaders; say which with --serial-number",
    r"error during download|last page.*not writeable": "the bootloader refused the image; try again",
}


def flash(job: Job, how: Dfu) -> Flashed:
    """Erases and writes the pages of the image, then starts it. Raises TinypruneError of several kinds."""
    program = tool.find("dfu-util", "`sudo apt-get install dfu-util`, or `brew install dfu-util`")
    usb = job.board.usb
    assert usb is not None
    serial_number = _enter(job)
    address = segments(job.image.elf)[0][0]
    number = ["-S", serial_number] if serial_number else []
    target = ["-d", usb.bootloader, *number, "-a", str(how.interface), "-s", f"{address:#010x}:leave"]

    def follow(text: str) -> None:
        for step, percent in re.findall(r"(Erase|Download)\s+\[[= ]*\]\s+(\d+)%", text):
            job.progress({"Erase": "erasing", "Download": "writing"}[step], int(percent), 100)

    job.progress("writing with dfu-util", 0, None)
    said = tool.run([program, *target, "-D", job.bin.name], job, follow, _ADVICE)
    if "File downloaded successfully" not in said:
        raise tool.failed("dfu-util", "it ended without having written", said, _ADVICE)
    where = f"the bootloader {usb.bootloader}" + (f", serial number {serial_number}" if serial_number else "")
    return Flashed(where, False, "the bootloader acknowledged every block; dfu-util does not read the flash back")


def _enter(job: Job) -> str | None:
    """Gets the board into its bootloader; the serial number by which dfu-util finds it, if there are several.

    Where the system does not list USB devices (not Linux), dfu-util itself will say whether there is one.
    """
    usb = job.board.usb
    assert usb is not None
    before = _bootloaders(usb.bootloader)
    if job.serial_number is not None and job.serial_number in (before or ()):
        return job.serial_number
    if before and job.serial_number is None and job.port is None:
        if len(before) > 1:
            listed = ", ".join(before)
            raise UsageError(f"{len(before)} boards are in the bootloader: {listed}; say which with --serial-number")
        return None
    sketch = board_port(job) if job.port else _sketch(job, before)
    if sketch is None:
        return job.serial_number
    job.progress(f"touching {sketch.device} at 1200 baud", 0, None)
    touch(sketch.device)
    new = wait_for(lambda: _new(usb.bootloader, before), _BOOTLOADER_TIMEOUT_S)
    if new is None and before is not None:
        raise TargetError(
            f"{sketch.device} was touched at 1200 baud, but no bootloader ({usb.bootloader}) came within "
            f"{_BOOTLOADER_TIMEOUT_S:g} s; {usb.enter_bootloader or 'start it by hand'}, and try again"
        )
    return new.serial_number if new and before else None


def _sketch(job: Job, bootloaders: list[str] | None) -> Port | None:
    """The port of a running sketch; None where only dfu-util can know whether a bootloader is there."""
    assert job.board.usb is not None
    sketch = ports.choose(ports.with_ids([job.board.usb.sketch]), job.board, job.serial_number)
    if sketch is not None or bootloaders is None:
        return sketch
    if bootloaders:
        raise UsageError(
            f"no {job.board.title} has the serial number {job.serial_number}; "
            f"in the bootloader: {', '.join(bootloaders)}"
        )
    raise TargetError(ports.nothing_found(job.board))


def _new(usb_id: str, before: list[str] | None) -> Port | None:
    """A bootloader that was not there before."""
    return next((one for one in _devices(usb_id) if one.serial_number not in (before or ())), None)


def _bootloaders(usb_id: str) -> list[str] | None:
    """Serial numbers of the bootloaders; None where the system does not tell."""
    return [device.serial_number for device in _devices(usb_id)] if sys.platform.startswith("linux") else None


def _devices(usb_id: str) -> list[Port]:
    return [device for device in ports.usb_devices() if device.usb_id == usb_id]
