"""Volumes that boards and probes show: found by what the files on them say, never by name alone, and never written to
otherwise."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from tinyprune.device.boards import Board
from tinyprune.errors import TargetError, UsageError

_INFO_BYTES = 65_536
_BY_LABEL = Path("/dev/disk/by-label")
#: What a volume answers that has just gone.
GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ENOTCONN, errno.ESTALE}


def mounted() -> list[Path]:
    """Where file systems of disks are mounted here."""
    import psutil

    return [Path(partition.mountpoint) for partition in psutil.disk_partitions(all=False)]


def read(path: Path) -> str:
    """The start of a small text file on a volume; empty where there is none."""
    try:
        with path.open("rb") as stream:
            return stream.read(_INFO_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def field(text: str, name: str) -> str:
    """The value of `Name: value` in INFO_UF2.TXT or DETAILS.TXT; empty if it is not there."""
    match = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)[ \t\r]*$", text, re.MULTILINE)
    return match[1] if match else ""


def named(matches: Callable[[Path], bool], folder: str, board: Board, proof: str) -> Path:
    """The folder that the user named. Raises UsageError if it is not the board's volume."""
    if not Path(folder).is_dir() or not matches(Path(folder)):
        raise UsageError(f"{folder} is not a volume of {board.title}: {proof} would say so; nothing was written")
    return Path(folder)


def only(found: list[Path], board: Board) -> Path:
    """The only one. Raises UsageError where there are several."""
    if len(found) > 1:
        listed = ", ".join(map(str, found))
        raise UsageError(f"{len(found)} volumes could be {board.title}: {listed}; say which with --port FOLDER")
    return found[0]


def unmounted_advice(label: str) -> str:
    """How to mount the volume, if the system sees it but has not mounted it."""
    device = _BY_LABEL / label
    if not label or not os.path.lexists(device):
        return ""
    return f"its volume {label} is there but not mounted: `udisksctl mount -b {device}`, then try again"


def write(target: Path, data: bytes) -> bool:
    """Writes through to the device; False where it went away while writing, as a device that has enough may.

    Raises UsageError where the volume refuses (read-only, no permission), TargetError where it is full.
    """
    try:
        with target.open("wb", buffering=0) as stream:
            view = memoryview(data)
            while view:
                view = view[stream.write(view) or 0 :]
            os.fsync(stream.fileno())
    except OSError as error:
        if error.errno in GONE:
            return False
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UsageError(f"{target.parent}: cannot write: {error.strerror}; mount it writable for you") from None
        raise TargetError(f"{target}: cannot write: {error.strerror}; plug the board in again and retry") from None
    return True
