"""What an emulator needs of a linked ELF: bytes, symbols and the names of functions."""

import bisect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyprune.device.boards.schema import ARCHITECTURES, RUNS, Board
from tinyprune.errors import TargetError

#: e_machine → what people call it.
_MACHINES = {"EM_X86_64": "a PC (x86-64)", "EM_AARCH64": "a 64-bit Arm", "EM_386": "a PC (x86)", "EM_RISCV": "a RISC-V"}


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Program:
    segments: tuple[tuple[int, bytes], ...]  # (load address, bytes)
    symbols: dict[str, int]
    functions: tuple[Function, ...]  # by address

    def symbol(self, name: str) -> int:
        if name not in self.symbols:
            raise TargetError(f"the firmware has no symbol {name}: link it with the link.ld of tinyprune's ports")
        return self.symbols[name]

    def function_at(self, address: int) -> str:
        index = bisect.bisect_right([function.start for function in self.functions], address) - 1
        if index >= 0 and address < self.functions[index].end:
            return self.functions[index].name
        return "unknown code"


def load(path: Path) -> Program:
    """Reads an ELF file. Raises TargetError if it is none."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            segments = tuple((s["p_paddr"], s.data()) for s in elf.iter_segments("PT_LOAD") if s["p_filesz"])
            table = elf.get_section_by_name(".symtab")
            symbols = list(table.iter_symbols()) if table else []
    except (OSError, ELFError) as error:
        raise TargetError(f"{path}: not a linked firmware: {error}") from None
    functions = [
        Function(s.name, s["st_value"] & ~1, (s["st_value"] & ~1) + s["st_size"])
        for s in symbols
        if s["st_info"]["type"] == "STT_FUNC" and s["st_size"]
    ]
    ordered = tuple(sorted(functions, key=lambda function: function.start))
    return Program(segments, {s.name: s["st_value"] for s in symbols if s.name}, ordered)


def check(path: Path, board: Board) -> None:
    """Raises TargetError unless `path` is a linked firmware that the board's core can run, within its memory."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    again = f"build it for {board.name}"
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            machine, kind = elf["e_machine"], elf["e_type"]
            attributes = _attributes(elf)
            loaded = [s.header for s in elf.iter_segments("PT_LOAD") if s["p_filesz"]]
    except (OSError, ELFError) as error:
        raise TargetError(f"{path}: not a linked firmware: {error}") from None
    if machine != "EM_ARM" or kind != "ET_EXEC":
        what = f"for {_MACHINES.get(machine, machine)}" if machine != "EM_ARM" else "not linked"
        raise TargetError(f"{path} is {what}, {board.name} has a {board.cpu.core}: {again}")
    architecture = attributes.get("TAG_CPU_ARCH")
    if architecture is not None and architecture not in RUNS[board.cpu.core]:
        name = ARCHITECTURES.get(architecture, "another architecture")
        raise TargetError(f"{path} is for {name}, which the {board.cpu.core} of {board.name} does not run: {again}")
    if attributes.get("TAG_FP_ARCH") and not board.cpu.fpu:
        raise TargetError(f"{path} uses an FPU, {board.name} has none: {again}")
    flash = board.flash
    for segment in loaded:
        start, end = segment["p_paddr"], segment["p_paddr"] + segment["p_filesz"]
        if flash and not flash.origin <= start <= end <= flash.end:
            raise TargetError(f"the firmware has bytes for 0x{start:08x}, outside the flash of {board.name}: {again}")


def _attributes(elf: Any) -> dict[str, int]:
    """The numeric build attributes of the whole file; empty where it has none."""
    section = elf.get_section_by_name(".ARM.attributes")
    if section is None:
        return {}
    found = {}
    for subsection in section.iter_subsections():
        for block in subsection.iter_subsubsections("TAG_FILE"):
            found.update({a.tag: a.value for a in block.iter_attributes() if isinstance(a.value, int)})
    return found
