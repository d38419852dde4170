"""UF2: the bootloader shows a volume and takes one file of 512-byte blocks (github.com/microsoft/uf2)."""

import struct
from pathlib import Path

from tinyprune.device import ports
from tinyprune.device.flash_methods import Uf2
from tinyprune.device.flashers import volumes
from tinyprune.device.flashers.job import Flashed, Job, segments, wait_for
from tinyprune.device.flashers.touch import board_port, touch
from tinyprune.device.ports import Port
from tinyprune.errors import TargetError, UsageError

INFO = "INFO_UF2.TXT"
_FILE = "FIRMWARE.UF2"
_PAYLOAD_BYTES, _DATA_BYTES = 256, 476
_MAGIC_START, _MAGIC_SECOND, _MAGIC_END = 0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30
_FAMILY_ID_PRESENT = 0x2000
_MOUNT_TIMEOUT_S = 15.0
_TAKE_TIMEOUT_S = 15.0


def convert(parts: list[tuple[int, bytes]], family: int) -> bytes:
    """The UF2 file of (address, bytes) pieces: 256 aligned bytes a block, gaps within a block as erased flash."""
    pages: dict[int, bytearray] = {}
    for address, data in parts:
        for at, byte in enumerate(data, address):
            page = pages.setdefault(at // _PAYLOAD_BYTES, bytearray(b"\xff" * _PAYLOAD_BYTES))
            page[at % _PAYLOAD_BYTES] = byte
    blocks = []
    for number, (index, payload) in enumerate(sorted(pages.items())):
        header = (_MAGIC_START, _MAGIC_SECOND, _FAMILY_ID_PRESENT, index * _PAYLOAD_BYTES, _PAYLOAD_BYTES)
        head = struct.pack("<8I", *header, number, len(pages), family)
        blocks.append(head + payload.ljust(_DATA_BYTES, b"\0") + struct.pack("<I", _MAGIC_END))
    return b"".join(blocks)


def flash(job: Job, how: Uf2) -> Flashed:
    """Copies the image to the bootloader's volume, which must then go: a bootloader that has all starts the program.

    Raises TargetError where no volume is there or it stays, UsageError where several are.
    """
    volume = _volume(job, how)
    data = convert(segments(job.image.elf), how.family)
    job.progress(f"writing to {volume}", 0, None)
    volumes.write(volume / _FILE, data)
    job.progress("waiting for the program to start", 0, None)
    if not wait_for(lambda: not is_board(volume, how), _TAKE_TIMEOUT_S):
        raise TargetError(
            f"the bootloader did not take the image: its volume {volume} is still there {_TAKE_TIMEOUT_S:g} s after "
            "writing; press reset, start the bootloader again and retry"
        )
    blocks = len(data) // 512
    evidence = f"the bootloader took all {blocks} blocks and started the program; UF2 does not read back"
    return Flashed(str(volume), False, evidence)


def is_board(volume: Path, how: Uf2) -> bool:
    """Whether INFO_UF2.TXT there names the board."""
    board_id = volumes.field(volumes.read(volume / INFO), "Board-ID")
    return bool(board_id) and board_id.startswith(how.board_ids)


def _volume(job: Job, how: Uf2) -> Path:
    """The bootloader's volume: the one named, else the only one, else the one that comes after touching the sketch."""
    board = job.board
    proof = f"{INFO} with Board-ID {' or '.join(how.board_ids)}"
    if job.port is not None and Path(job.port).is_dir():
        return volumes.named(lambda folder: is_board(folder, how), job.port, board, proof)
    before = _there(how)
    if before and job.port is None and job.serial_number is None:
        return volumes.only(before, board)
    sketch = board_port(job) if job.port else _sketch(job)
    if sketch is None and before:
        listed = ", ".join(map(str, before))
        raise UsageError(f"volumes do not tell serial numbers: name the board's by --port FOLDER; there are: {listed}")
    new = _touched(job, how, sketch, before) if sketch else None
    if new is not None:
        return new
    seen = volumes.unmounted_advice(how.label)
    wanted = f"volume {how.label} with {proof}"
    raise TargetError(f"{board.title}: {seen}" if seen else ports.nothing_found(board, wanted))


def _touched(job: Job, how: Uf2, sketch: Port, before: list[Path]) -> Path | None:
    """The volume that is there after touching the sketch's port, and was not before."""
    job.progress(f"touching {sketch.device} at 1200 baud", 0, None)
    touch(sketch.device)
    job.progress(f"waiting for the volume {how.label}", 0, None)
    return wait_for(lambda: next((one for one in _there(how) if one not in before), None), _MOUNT_TIMEOUT_S)


def _there(how: Uf2) -> list[Path]:
    return [folder for folder in volumes.mounted() if is_board(folder, how)]


def _sketch(job: Job) -> Port | None:
    usb = job.board.usb
    return ports.choose(ports.with_ids([usb.sketch]), job.board, job.serial_number) if usb else None
