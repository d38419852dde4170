"""Boards as data: one strict TOML file each in boards/. Unknown keys are refused, so a typo never becomes a default."""

import difflib
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tinyprune.errors import UsageError
from tinyprune.resources import BOARDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cpu:
    core: str  # a key of CORES
    fpu: bool
    clock_hz: int = 0  # 0: not known (the PC)
    flash_wait_states: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    origin: int
    bytes: int
    stack_bytes: int = 0

    @property
    def end(self) -> int:
        return self.origin + self.bytes


@dataclass(frozen=True, slots=True)
class Usb:
    """Vendor:product ids, in hexadecimal, of the running sketch and of the bootloader."""

    sketch: str
    bootloader: str


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    title: str
    family: str
    emulators: tuple[str, ...]
    cpu: Cpu
    flash: Memory | None = None  # None: an operating system provides memory (the PC)
    ram: Memory | None = None
    usb: Usb | None = None

    @property
    def isas(self) -> tuple[str, ...]:
        """Instruction sets that kernels may use here, the most capable first."""
        return CORES[self.cpu.core]


#: Core → instruction sets of kernels that run on it, best first.
CORES: dict[str, tuple[str, ...]] = {
    "host": ("c",),
    "cortex-m0plus": ("c",),
    "cortex-m4": ("dsp", "c"),
    "cortex-m7": ("dsp", "c"),
    "cortex-m33": ("dsp", "c"),
}

_TABLES: dict[str, type] = {"cpu": Cpu, "flash": Memory, "ram": Memory, "usb": Usb}


def names() -> list[str]:
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def load(name_or_path: str) -> Board:
    """The board of that name, or of a TOML file of the user's.

    Raises UsageError for an unknown name (with the nearest one) or a file that does not describe a board.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise UsageError(f"{path}: no such board file")
    elif name_or_path in names():
        path = BOARDS / f"{name_or_path}.toml"
    else:
        raise UsageError(
            f'unknown board "{name_or_path}"{_nearest(name_or_path, names())}; `tinyprune boards` lists all'
        )
    return parse(path)


def parse(path: Path) -> Board:
    """Reads and checks one board file. Raises UsageError that names file and key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    inner = {key: _fill(kind, table[key], path, f"{key}.") for key, kind in _TABLES.items() if key in table}
    board = _fill(Board, {**table, **inner}, path, "")
    _check(board, path)
    return board


def _fill(kind: type[T], table: object, path: Path, prefix: str) -> T:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: {prefix.rstrip('.')} must be a table")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise UsageError(f'{path}: unknown key "{prefix}{key}"{_nearest(key, list(known))}')
    for key, field in known.items():
        if key not in table and field.default is MISSING:
            raise UsageError(f'{path}: key "{prefix}{key}" is missing')
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    for key, value in values.items():
        wanted = {int: "a whole number", str: "a string", bool: "true or false"}.get(known[key].type)  # type: ignore[call-overload]
        if wanted and type(value) is not known[key].type:
            raise UsageError(f'{path}: key "{prefix}{key}" must be {wanted}, not {value!r}')
    return kind(**values)


def _check(board: Board, path: Path) -> None:
    if board.cpu.core not in CORES:
        raise UsageError(f'{path}: unknown core "{board.cpu.core}"{_nearest(board.cpu.core, list(CORES))}')
    for name in ("flash", "ram"):
        memory = getattr(board, name)
        if memory and (memory.origin < 0 or memory.bytes <= 0):
            raise UsageError(f"{path}: [{name}] needs a positive size and an origin of 0 or more")
    if board.flash and board.ram and board.flash.origin < board.ram.end and board.ram.origin < board.flash.end:
        raise UsageError(f"{path}: [flash] and [ram] overlap")
    if board.ram and board.ram.stack_bytes >= board.ram.bytes:
        raise UsageError(f"{path}: ram.stack_bytes leaves no RAM for the arena")


def _nearest(word: str, candidates: list[str]) -> str:
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.5)
    return f' (did you mean "{near[0]}"?)' if near else ""
