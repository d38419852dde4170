"""The rooms that put firmware on a board, one method a file: `flash(job, its table of the board file) → Flashed`."""

from collections.abc import Callable
from typing import Any

from tinyprune.device.flashers import arduino_cli, bossac, dfu, jlink, massstorage, openocd, pyocd, uf2
from tinyprune.device.flashers.job import Flashed, Job, check_image

__all__ = ["FLASHERS", "Flashed", "Job", "check_image"]

#: Name on the command line and in board files → what does it; the keys of `flash_methods.FLASH_METHODS`.
FLASHERS: dict[str, Callable[[Job, Any], Flashed]] = {
    "bossac": bossac.flash,
    "uf2": uf2.flash,
    "massstorage": massstorage.flash,
    "pyocd": pyocd.flash,
    "openocd": openocd.flash,
    "arduino-cli": arduino_cli.flash,
    "dfu": dfu.flash,
    "jlink": jlink.flash,
}
