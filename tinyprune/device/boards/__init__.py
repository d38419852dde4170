"""Boards as data: one strict TOML file each in boards/. Unknown keys are refused, so a typo never becomes a default."""

import os
from dataclasses import replace
from pathlib import Path

from tinyprune.device.boards.parse import nearest, parse
from tinyprune.device.boards.schema import CORES, EMULATOR_NAMES, Board, Memory, Qemu, Reads, Usb
from tinyprune.device.families import FAMILIES
from tinyprune.errors import UsageError
from tinyprune.resources import BOARDS

__all__ = [
    "CORES",
    "EMULATOR_NAMES",
    "Board",
    "Memory",
    "Qemu",
    "Reads",
    "explain",
    "limited",
    "load",
    "names",
    "path_of",
]

#: What the names of boards begin with that stand for any chip with that core.
_CORE = "cortex-"


def names() -> list[str]:
    """Boards in alphabetical order, behind them those that are a core alone."""
    return sorted((path.stem for path in BOARDS.glob("*.toml")), key=lambda name: (name.startswith(_CORE), name))


def load(name_or_path: str) -> Board:
    """The board of that name, or of a TOML file of the user's.

    Raises UsageError for an unknown name (with the nearest one) or a file that does not describe a board.
    """
    return parse(path_of(name_or_path))


def generic() -> str:
    """What people take whose board is not in the list, as the end of a message."""
    return f"for another board take its core: {', '.join(name for name in names() if name.startswith(_CORE))}"


def _of_family(name: str) -> str:
    """The boards of a family or chip that was given for a board ("stm32g4", "stm32g474"), as the end of a message."""
    family = next((family for family in FAMILIES if name.lower().startswith(family)), None)
    members = [each for each in names() if family and load(each).family == family]
    return f" (boards of the family {family}: {', '.join(members)})" if members else ""


def path_of(name_or_path: str) -> Path:
    """The file that describes a board. Raises UsageError as `load` does."""
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such board file")
        return path
    if name_or_path not in names():
        near = _of_family(name_or_path) or nearest(name_or_path, names())
        raise UsageError(f'unknown board "{name_or_path}"{near}; `tinyprune boards` lists all; {generic()}')
    return BOARDS / f"{name_or_path}.toml"


def limited(board: Board, flash_bytes: int | None = None, ram_bytes: int | None = None) -> Board:
    """The board as if it had no more flash and RAM, the latter with the stack; None: all that it has.

    Raises UsageError for limits of a host, above what the board has, or of RAM that the stack needs.
    """
    for name, limit, memory in (("max-flash", flash_bytes, board.flash), ("max-ram", ram_bytes, board.ram)):
        if limit is None:
            continue
        if memory is None:
            raise UsageError(f"--{name}: {board.name} has no memory of its own to limit")
        if not memory.stack_bytes < limit <= memory.bytes:
            least = f"above {memory.stack_bytes:,}, which are for the stack, and " if memory.stack_bytes else ""
            raise UsageError(f"--{name} {limit:,}: it must be {least}at most {memory.bytes:,}, what {board.name} has")
    flash, ram = board.flash, board.ram
    return replace(
        board,
        flash=flash and replace(flash, bytes=flash_bytes or flash.bytes),
        ram=ram and replace(ram, bytes=ram_bytes or ram.bytes),
    )


def explain(board: Board) -> list[str]:
    """What the numbers mean, one line each."""
    fpu = "with" if board.cpu.fpu else "without"
    lines = [
        f"{board.name}: {board.title}",
        f"core       {board.cpu.core}, {fpu} FPU; kernels: {', '.join(board.isas)}",
    ]
    if board.cpu.clock_hz:
        source = f" from {board.clock.hz / 1e6:g} MHz ({board.clock.source})" if board.clock else ""
        lines.append(f"clock      {board.cpu.clock_hz / 1e6:g} MHz{source}")
    if board.flash:
        lines.append(f"flash      {board.flash.bytes:,} bytes from {board.flash.origin:#010x}")
    if board.ram:
        stack = f"{board.ram.stack_bytes:,} of them for the stack"
        lines.append(f"RAM        {board.ram.bytes:,} bytes from {board.ram.origin:#010x}, {stack}")
    lines += [f"reads      {name}: {_reads(reads)}" for name, reads in board.reads.items()]
    if board.usb:
        lines.append(f"USB        {_usb_ids(board.usb)}")
    if board.serial:
        lines.append(f"serial     {board.serial.at}")
    if board.flashing:
        lines.append(f"flashing   {', '.join(board.flashing)}")
    return [*lines, f"emulators  {', '.join(board.emulators)}", f"port       firmware_templates/ports/{board.family}"]


def _reads(reads: Reads) -> str:
    ahead = ", the next line ahead" if reads.prefetch else ""
    lines = f"{_range(reads.cache_bytes)} bytes in lines of {_range(reads.line_bytes)}{ahead}"
    return f"{lines}; {_range(reads.miss_cycles)} cycles for a line that is not there (modelled)"


def _range(pair: tuple[int, int]) -> str:
    return f"{pair[0]:,}" if pair[0] == pair[1] else f"{pair[0]:,} or {pair[1]:,}"


def _usb_ids(usb: Usb) -> str:
    known = {"running": usb.sketch, "bootloader": usb.bootloader, "probe": " or ".join(usb.probe)}
    return ", ".join(f"{ids} ({state})" for state, ids in known.items() if ids)
