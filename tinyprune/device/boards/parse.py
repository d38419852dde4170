"""One board file → Board, or a UsageError that names the file, the key and what is wrong with it."""

import difflib
import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from tinyprune import files
from tinyprune.device.boards import words
from tinyprune.device.boards.schema import (
    CORES,
    EMULATOR_NAMES,
    READS,
    Board,
    Clock,
    Cpu,
    Memory,
    Microphone,
    Platformio,
    Qemu,
    Reads,
    Renode,
    Serial,
    Usb,
)
from tinyprune.device.families import FAMILIES
from tinyprune.device.flash_methods import FLASH_METHODS, FlashMethod
from tinyprune.errors import UsageError, first_line, printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

#: In any key.
LARGEST_NUMBER = 1 << 40
#: Where the architecture (Armv6-M to Armv8-M, system address map) has code and memory: all else is devices.
MEMORY = ((0, 0x4000_0000), (0x6000_0000, 0xA000_0000))
#: Below it, megahertz or kilohertz were meant.
LOWEST_CLOCK_HZ = 1_000_000
#: The firmware has its clock in an uint32_t.
HIGHEST_CLOCK_HZ = 2**32 - 1
#: Where the addresses of 32 bits end.
ADDRESSES_END = 1 << 32
#: Of the vector table, which the flash begins with, and more than the stack needs.
ALIGNMENT_BYTES = 256

_KINDS: dict[type, str] = {int: "a whole number", str: "a string", bool: "true or false"}
_TABLES: dict[str, type] = {
    "cpu": Cpu,
    "flash": Memory,
    "ram": Memory,
    "clock": Clock,
    "usb": Usb,
    "serial": Serial,
    "microphone": Microphone,
    "qemu": Qemu,
    "platformio": Platformio,
    "renode": Renode,
}


#: Far more than any board file has; what TOML allows beyond that takes a parser hours.
_MOST_BYTES = 1 << 16


def parse(path: Path) -> Board:
    """Reads and checks one board file. Raises UsageError that names file and key."""
    try:
        table = tomllib.loads(files.content(path, _MOST_BYTES).decode())
    except OSError as error:
        raise UsageError(f"{path}: cannot read the board file: {error.strerror}") from None
    except RecursionError:
        raise UsageError(f"{path}: not a board file: its tables or lists are nested too deeply") from None
    except ValueError as error:  # TOML's, UTF-8's, and Python's about numbers of thousands of digits
        raise UsageError(f"{path}: not valid TOML: {first_line(error)}") from None
    tables = [(key, kind) for key, kind in _TABLES.items() if key in table]
    inner: dict[str, Any] = {key: _fill(kind, table[key], path, f"{key}.") for key, kind in tables}
    if "flashing" in table:
        inner["flashing"] = _flashing(table["flashing"], path)
    if "reads" in table:
        inner["reads"] = _reads(table["reads"], path)
    board = _fill(Board, {**table, **inner}, path, "")
    _check(board, path)
    return board


def _flashing(table: object, path: Path) -> dict[str, FlashMethod]:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: flashing must be tables [flashing.METHOD]")
    for name in table:
        if name not in FLASH_METHODS:
            near = nearest(name, list(FLASH_METHODS)) or f"; known: {', '.join(FLASH_METHODS)}"
            raise UsageError(f'{path}: unknown flash method "{name}"{near}')
    return {name: _fill(FLASH_METHODS[name], table[name], path, f"flashing.{name}.") for name in table}


def _reads(table: object, path: Path) -> dict[str, Reads]:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: reads must be tables [reads.KIND]")
    for name in table:
        if name not in READS:
            near = nearest(name, list(READS)) or f"; known: {', '.join(READS)}"
            raise UsageError(f'{path}: unknown kind of reads "{name}"{near}')
    if "flash" in table and {"code", "data"} & table.keys():
        raise UsageError(f"{path}: [reads.flash] stands for code and data: leave out [reads.code] and [reads.data]")
    found = {name: _fill(Reads, _pairs(table[name]), path, f"reads.{name}.") for name in table}
    for name, reads in found.items():
        if problem := reads.problem():
            raise UsageError(f"{path}: reads.{name}.{problem}")
    return found


def _pairs(table: object) -> object:
    """With each number that may be a range as one: [fewest cycles, most cycles]."""
    if not isinstance(table, Mapping):
        return table
    ranges = [one.name for one in fields(Reads) if get_type_hints(Reads)[one.name] == tuple[int, int]]
    return {key: [value, value] if key in ranges and type(value) is int else value for key, value in table.items()}


def _fill(kind: type[T], table: object, path: Path, prefix: str) -> T:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: {prefix.rstrip('.')} must be a table")
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise UsageError(f'{path}: unknown key "{prefix}{key}"{nearest(key, list(known))}')
    for key, one in known.items():
        if key not in table and one.default is MISSING and one.default_factory is MISSING:
            raise UsageError(f'{path}: key "{prefix}{key}" is missing')
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    hints = get_type_hints(kind)
    for key, value in values.items():
        found = _problem(key, value, hints[key])
        if found:
            raise UsageError(f'{path}: key "{prefix}{key}" {found}')
    return kind(**values)


def _problem(key: str, value: object, hint: object) -> str | None:
    """What is wrong with the value of a key, whatever the table."""
    if isinstance(hint, type) and hint in _KINDS and type(value) is not hint:
        return f"must be {_KINDS[hint]}, not {_shown(value)}"
    if hint == tuple[str, ...] and not (isinstance(value, tuple) and all(type(v) is str for v in value)):
        return "must be a list of strings"
    if hint == tuple[int, int] and not (isinstance(value, tuple) and [type(v) for v in value] == [int, int]):
        return "must be a whole number, or a range of two"
    if type(value) is int and abs(value) > LARGEST_NUMBER:
        return f"is {_shown(value)}: no number is larger than {LARGEST_NUMBER:,}"
    texts = value if isinstance(value, tuple) else (value,)
    problems = ((text, words.problem(key, text)) for text in texts if isinstance(text, str))
    return next((f"= {_shown(text)} {found}" for text, found in problems if found), None)


def _shown(value: object) -> str:
    """A value in a message; a number of thousands of digits, which Python does not print, as hexadecimal."""
    return printable(hex(value) if type(value) is int and abs(value) > LARGEST_NUMBER else repr(value))


def _check(board: Board, path: Path) -> None:
    if board.cpu.core not in CORES:
        raise UsageError(f'{path}: unknown core "{board.cpu.core}"{nearest(board.cpu.core, list(CORES))}')
    if board.family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UsageError(
            f'{path}: unknown family "{board.family}"{nearest(board.family, list(FAMILIES))}; known: {known}; '
            "a chip of another family has a board by its core alone, such as --board cortex-m4f"
        )
    if (board.family == "host") != (board.cpu.core == "host"):
        raise UsageError(f'{path}: core "{board.cpu.core}" does not go with family "{board.family}"')
    if FAMILIES[board.family].core not in ("", board.cpu.core):
        own = FAMILIES[board.family].core
        raise UsageError(f'{path}: core "{board.cpu.core}" does not go with family "{board.family}": it has the {own}')
    _check_emulators(board, path)
    if board.usb:
        _check_usb(board.usb, path)
    if board.cpu.core != "host":
        _check_bare_metal(board, path)
    _check_choices(board, path)


def _check_emulators(board: Board, path: Path) -> None:
    if not board.emulators:
        raise UsageError(f"{path}: emulators must name at least one")
    for name in board.emulators:
        if name not in EMULATOR_NAMES:
            near = nearest(name, list(EMULATOR_NAMES)) or f"; known: {', '.join(EMULATOR_NAMES)}"
            raise UsageError(f'{path}: unknown emulator "{name}"{near}')
    for name, what in (("qemu", "machine"), ("renode", "platform")):
        if name in board.emulators and getattr(board, name) is None:
            raise UsageError(f"{path}: emulators has {name}, so table [{name}] must name its {what}")
    if board.qemu and board.qemu.counter_hz < 0:
        raise UsageError(f"{path}: qemu.counter_hz must not be below 0")
    if board.renode and not re.fullmatch(r"[\w./-]+\.repl", board.renode.platform):
        raise UsageError(f'{path}: renode.platform "{board.renode.platform}" must be a .repl file of Renode\'s')
    if board.renode and not re.fullmatch(r"\w+", board.renode.uart):
        raise UsageError(f'{path}: renode.uart "{board.renode.uart}" must be a name in the platform, like "uart0"')


def _check_usb(usb: Usb, path: Path) -> None:
    for key in ("sketch", "bootloader", "probe"):
        value = getattr(usb, key)
        for usb_id in value if isinstance(value, tuple) else filter(None, (value,)):
            if not re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", usb_id):
                raise UsageError(f'{path}: usb.{key} "{usb_id}" must be vendor:product, like "2341:805a"')


def _check_bare_metal(board: Board, path: Path) -> None:
    for key in ("flash", "ram"):
        if getattr(board, key) is None:
            raise UsageError(f"{path}: table [{key}] is missing")
    if not board.cpu.clock_hz:
        raise UsageError(f'{path}: key "cpu.clock_hz" is missing or 0')
    if board.cpu.clock_hz < LOWEST_CLOCK_HZ:
        raise UsageError(f"{path}: cpu.clock_hz = {board.cpu.clock_hz} must be in hertz and 1 MHz or more")
    if board.cpu.clock_hz > HIGHEST_CLOCK_HZ:
        raise UsageError(f"{path}: cpu.clock_hz = {board.cpu.clock_hz} must be in hertz and {HIGHEST_CLOCK_HZ} or less")
    if board.ram and board.ram.stack_bytes <= 0:
        raise UsageError(f"{path}: ram.stack_bytes must be above 0")
    for name in ("flash", "ram"):
        memory = getattr(board, name)
        if memory and (memory.origin < 0 or memory.bytes <= 0):
            raise UsageError(f"{path}: [{name}] needs a positive size and an origin of 0 or more")
        if memory and memory.end > ADDRESSES_END:
            raise UsageError(f"{path}: [{name}] ends at {memory.end:#x}, beyond the 4 GB of 32-bit addresses")
        if memory and not any(start <= memory.origin and memory.end <= end for start, end in MEMORY):
            raise UsageError(
                f"{path}: [{name}] lies from {memory.origin:#x} to {memory.end:#x}, where a Cortex-M has devices; "
                "memory is below 0x40000000, or from 0x60000000 to 0xa0000000"
            )
        if memory and memory.origin % ALIGNMENT_BYTES:
            raise UsageError(
                f"{path}: {name}.origin = {memory.origin:#x} must be a multiple of {ALIGNMENT_BYTES}: "
                "vectors and stack are aligned"
            )
    if board.flash and board.ram and board.flash.origin < board.ram.end and board.ram.origin < board.flash.end:
        raise UsageError(f"{path}: [flash] and [ram] overlap")
    if board.ram and board.ram.stack_bytes >= board.ram.bytes:
        raise UsageError(f"{path}: ram.stack_bytes leaves no RAM for the arena")


def _check_choices(board: Board, path: Path) -> None:
    family = FAMILIES[board.family]
    for key, needed in (("serial", family.pin), ("clock", family.clocks)):
        if needed and getattr(board, key) is None:
            raise UsageError(f"{path}: table [{key}] is missing: the family {board.family} leaves the choice")
    problem = None
    if board.microphone:
        problem = family.microphone_problem(asdict(board.microphone))
    if board.serial:
        problem = problem or family.serial_problem(
            board.serial.uart, board.serial.tx, board.serial.rx, board.serial.function
        )
    if board.clock:
        problem = problem or family.clock_problem(board.clock.source, board.clock.enable)
    if problem:
        raise UsageError(f"{path}: {problem}")


def nearest(word: str, candidates: list[str]) -> str:
    """What may have been meant, as the end of a message; empty where nothing is near."""
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""
