"""SEGGER's J-Link Commander."""

import sys
import tempfile
from pathlib import Path

from tinyprune.device.flash_methods import Jlink
from tinyprune.device.flashers import probe, tool
from tinyprune.device.flashers.job import Flashed, Job, segments

_ADVICE = {
    r"verify failed|verification failed": "what is in the flash differs from the image; try again",
    r"cannot connect to (j-link|probe)|connecting to j-link via usb\.\.\.failed|no emulators? connected": (
        "no J-Link was found; check its cable, and the number given with --serial-number"
    ),
    r"cannot connect to target|could not connect|failed to (attach|power up)": (
        "the probe does not reach the chip: check the board's power and the SWD wires"
    ),
    r"unknown device|is unknown to this software": "this J-Link software is too old for the board's chip",
}


def script(job: Job) -> str:
    """What Commander shall do: program (only the pages of the image), compare, start."""
    origin = segments(job.image.elf)[0][0]
    lines = ["r", "h", f"loadfile {job.hex.name}", f"verifybin {job.bin.name}, {origin:#x}", "r", "g", "qc"]
    return "\n".join(lines) + "\n"


def command(how: Jlink, serial_number: str | None, script_path: Path) -> list[str]:
    """Arguments as in SEGGER's UM08001, J-Link Commander."""
    number = ["-SelectEmuBySN", serial_number] if serial_number else []
    target = ["-device", how.device, "-if", "SWD", "-speed", str(how.speed_khz), "-autoconnect", "1"]
    return [*number, *target, "-NoGui", "1", "-ExitOnError", "1", "-CommandFile", str(script_path)]


def flash(job: Job, how: Jlink) -> Flashed:
    """Programs, compares, resets. Raises TinypruneError of several kinds."""
    name = "JLink.exe" if sys.platform == "win32" else "JLinkExe"
    program = tool.find(name, "get the J-Link software from segger.com/downloads/jlink")
    serial_number = probe.choose(job)
    job.progress("writing with J-Link", 0, None)
    with tempfile.TemporaryDirectory(prefix="tinyprune-") as folder:
        path = Path(folder) / "flash.jlink"
        path.write_text(script(job), encoding="utf-8")
        said = tool.run([program, *command(how, serial_number, path)], job, advice=_ADVICE)
    if "verify successful" not in said.lower():  # Commander ends with 0 on some errors
        raise tool.failed(name, "it ended without having verified", said, _ADVICE)
    return Flashed(probe.name(serial_number), True, "J-Link read the flash back: it equals the image")
