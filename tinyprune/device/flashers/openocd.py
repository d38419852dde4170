"""OpenOCD: debug probes of all kinds."""

import re

from tinyprune.device.flash_methods import Openocd
from tinyprune.device.flashers import probe, tool
from tinyprune.device.flashers.job import Flashed, Job

_ADVICE = {
    r"verify failed|checksum mismatch|contents differ": "what is in the flash differs from the image; try again",
    r"LIBUSB_ERROR_ACCESS|permission denied": (
        "no permission to use the probe: add the udev rules that `tinyprune doctor --udev` prints"
    ),
    r"unable to find a matching|open failed|no device found|unable to open|no J-Link device found": (
        "no such debug probe was found; check its cable, and the number given with --serial-number"
    ),
    r"can't find (target|interface|board)/": "this OpenOCD is too old for the board's chip; install a newer one",
    r"LIBUSB_ERROR_BUSY|unable to claim": "another program uses the probe: close debuggers and IDEs",
    r"init mode failed|cannot read IDR|error connecting DP|unable to connect to the target|examination failed": (
        "the probe does not reach the chip: check the board's power and the SWD wires"
    ),
}
_QUIET = "gdb_port disabled; tcl_port disabled; telnet_port disabled"  # another OpenOCD may have them


def command(job: Job, how: Openocd, serial_number: str | None) -> list[str]:
    """OpenOCD's arguments: the probe, which of them, how to talk, the chip; program, verify, reset, end."""
    interface, *others = how.config
    settings = [f"adapter serial {serial_number}"] if serial_number else []
    settings += [f"transport select {how.transport}"] if how.transport else []
    before = [part for setting in settings for part in ("-c", setting)]
    files = [part for name in others for part in ("-f", name)]
    return ["-f", interface, *before, *files, "-c", _QUIET, "-c", f"program {job.hex.name} verify reset exit"]


def flash(job: Job, how: Openocd) -> Flashed:
    """Programs only the pages of the image, reads them back, resets. Raises TinypruneError of several kinds."""
    program = tool.find("openocd", "`sudo apt install openocd` (0.12 or newer), or `brew install open-ocd`")
    serial_number = probe.choose(job)

    def follow(text: str) -> None:
        for step in re.findall(r"\*\* (Programming|Verify) Started \*\*", text):
            job.progress({"Programming": "writing", "Verify": "verifying"}[step], 0, None)

    job.progress("connecting with openocd", 0, None)
    said = tool.run([program, *command(job, how, serial_number)], job, follow, _ADVICE)
    if "** Verified OK **" not in said:
        raise tool.failed("openocd", "it ended without having verified", said, _ADVICE)
    return Flashed(probe.name(serial_number), True, "openocd read the flash back: it equals the image")
