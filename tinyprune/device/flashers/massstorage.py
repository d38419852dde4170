"""Drag and drop onto a probe that shows a volume: DAPLink (micro:bit) and ST-Link (Nucleo)."""

import re
from pathlib import Path

from tinyprune.device import ports
from tinyprune.device.flash_methods import MassStorage
from tinyprune.device.flashers import volumes
from tinyprune.device.flashers.job import Flashed, Job, wait_for
from tinyprune.errors import TargetError, UsageError

DETAILS, MBED, FAIL = "DETAILS.TXT", "MBED.HTM", "FAIL.TXT"
_PROGRAM_TIMEOUT_S = 40.0
_RETURN_TIMEOUT_S = 15.0


def flash(job: Job, how: MassStorage) -> Flashed:
    """Copies the image to the probe's volume, waits until it comes back, and reads FAIL.TXT.

    Raises TargetError where no volume is there or the probe reports a failure, UsageError where several are.
    """
    volume = _volume(job, how)
    source = job.hex if how.suffix == "hex" else job.bin
    target = volume / f"FIRMWARE.{how.suffix.upper()}"
    before = _state(volume)
    job.progress(f"copying to {volume}", 0, None)
    volumes.write(target, source.read_bytes())
    job.progress("waiting for the probe to program the board", 0, None)
    if not wait_for(lambda: _done(volume, target, before), _PROGRAM_TIMEOUT_S):
        raise TargetError(
            f"the probe did not program the board: {volume} has not been mounted again {_PROGRAM_TIMEOUT_S:g} s after "
            "copying; unplug the board, plug it in and try again"
        )
    back = wait_for(lambda: _is_board(volume, how, job.serial_number), _RETURN_TIMEOUT_S)
    if not back:
        evidence = f"the probe took the image, but {volume} did not come back, so its {FAIL} could not be read"
        return Flashed(str(volume), False, evidence)
    reason = " ".join(volumes.read(volume / FAIL).split())
    if reason:
        raise TargetError(f"the probe failed to program {job.board.title}; {FAIL} on {volume} says: {reason}")
    return Flashed(str(volume), False, f"the probe reports no failure (no {FAIL}); it does not read the flash back")


def _volume(job: Job, how: MassStorage) -> Path:
    proof = f"{DETAILS} or {MBED} with the code {' or '.join(how.board_codes)}"
    if job.port is not None:
        found = [volumes.named(lambda folder: _is_board(folder, how, job.serial_number), job.port, job.board, proof)]
    else:
        found = [folder for folder in volumes.mounted() if _is_board(folder, how, job.serial_number)]
    if found:
        volume = volumes.only(found, job.board)
        if volumes.field(volumes.read(volume / DETAILS), "Daplink Mode").lower() == "bootloader":
            raise UsageError(
                f"{volume}: the probe is in MAINTENANCE mode, where files replace its own firmware; plug the board in "
                "again without holding its button"
            )
        return volume
    seen = volumes.unmounted_advice(how.label)
    wanted = f"volume {how.label} with {proof}" if how.label else f"volume with {proof}"
    raise TargetError(f"{job.board.title}: {seen}" if seen else ports.nothing_found(job.board, wanted))


def _is_board(volume: Path, how: MassStorage, serial_number: str | None) -> bool:
    """Whether the files there name the board, and that very one if a serial number is given."""
    unique_id = _unique_id(volume)
    if serial_number is not None and unique_id.lower() != serial_number.lower():
        return False
    return unique_id.startswith(how.board_codes)


def _unique_id(volume: Path) -> str:
    """DAPLink's id begins with the board's code; ST-Link writes a code into a link in MBED.HTM."""
    unique_id = volumes.field(volumes.read(volume / DETAILS), "Unique ID")
    link = re.search(r"[?&]code=([0-9A-Fa-f]+)", volumes.read(volume / MBED))
    return unique_id or (link[1] if link else "")


def _state(volume: Path) -> tuple[str, str]:
    """What a finished programming changes: DAPLink counts remounts, and each writes or removes FAIL.TXT."""
    return volumes.field(volumes.read(volume / DETAILS), "Remount count"), volumes.read(volume / FAIL)


def _done(volume: Path, target: Path, before: tuple[str, str]) -> bool:
    """The volume went, or came back without the file, or its files say that it was remounted."""
    return not target.exists() or _state(volume) != before
