"""What goes into every flasher and what comes out, and the little that most of them share: waiting and looking into the
ELF."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tinyprune.device.boards.schema import ARCHITECTURES, RUNS, Board
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import TargetError
from tinyprune.progress import BytesProgress

T = TypeVar("T")

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    image: FirmwareImage
    board: Board
    progress: BytesProgress
    port: str | None = None  # a serial port, or the folder of a mounted volume
    serial_number: str | None = None  # of the board or its probe
    timeout_s: float = 120.0  # for a tool to finish

    @property
    def hex(self) -> Path:
        return self.image.elf.with_suffix(".hex")

    @property
    def bin(self) -> Path:
        return self.image.elf.with_suffix(".bin")


@dataclass(frozen=True, slots=True)
class Flashed:
    where: str  # the port, probe or volume
    verified: bool  # the flash's contents were compared with the image
    evidence: str  # how they were, or what is known instead


def wait_for(what: Callable[[], T | None], timeout_s: float) -> T | None:
    """The first answer that is not None or False; None after the time-out."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_S)


def segments(elf: Path) -> list[tuple[int, bytes]]:
    """(address, bytes) of all that goes into flash, by address."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        loaded = [s for s in ELFFile(stream).iter_segments("PT_LOAD") if s["p_filesz"]]
        return sorted((int(s["p_paddr"]), bytes(s.data())) for s in loaded)


def check_image(image: FirmwareImage, board: Board) -> None:
    """Raises TargetError unless the ELF is a program for the board's core that lies in the board's flash."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    again = f"build it again with `tinyprune build --board {board.name}`"
    try:
        with image.elf.open("rb") as stream:
            file = ELFFile(stream)
            machine, architecture = file["e_machine"], _architecture(file)
        parts = segments(image.elf)
    except (OSError, ELFError) as error:
        raise TargetError(f"{image.elf}: not a readable ELF file ({error}); {again}") from None
    if machine != "EM_ARM":
        raise TargetError(f"{image.elf}: made for {machine.removeprefix('EM_')}, not for Arm; {again}")
    if architecture is not None and architecture not in RUNS.get(board.cpu.core, {architecture}):
        made_for = ARCHITECTURES.get(architecture, f"architecture {architecture}")
        raise TargetError(f"{image.elf}: made for {made_for}, which a {board.cpu.core} does not run; {again}")
    assert board.flash is not None
    for address, data in parts:
        if address < board.flash.origin or address + len(data) > board.flash.end:
            raise TargetError(
                f"{image.elf}: has {len(data):,} bytes at {address:#x}, outside the flash of {board.title} "
                f"({board.flash.origin:#x} to {board.flash.end:#x}); {again}"
            )
    if not parts:
        raise TargetError(f"{image.elf}: has nothing to program; {again}")


def _architecture(file: object) -> int | None:
    from elftools.elf.sections import ARMAttributesSection

    for section in file.iter_sections():  # type: ignore[attr-defined]
        if isinstance(section, ARMAttributesSection):
            for attribute in (
                attribute
                for part in section.iter_subsections()
                for inner in part.iter_subsubsections()
                for attribute in inner.iter_attributes()
            ):
                if attribute.tag == "TAG_CPU_ARCH":
                    return int(attribute.value)
    return None
