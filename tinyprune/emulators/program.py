"""What an emulator needs of a linked ELF: bytes, symbols and the names of functions."""

import bisect
from dataclasses import dataclass
from pathlib import Path

from tinyprune.errors import TargetError


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
