"""What a linked program takes of memory, whatever kind of file the PC's system has for programs."""

from collections.abc import Iterator
from pathlib import Path

from tinyprune.device.boards import Board, Memory
from tinyprune.errors import UsageError

_PE_WRITABLE, _MACH_WRITABLE, _ELF_WRITABLE = 1 << 31, 2, 2  # IMAGE_SCN_MEM_WRITE, VM_PROT_WRITE, PF_W


def measure(program: Path, board: Board) -> tuple[int, int]:
    """(flash, RAM) bytes that it occupies; RAM without the stack. On the PC: what the loader maps, and what of that can
    be written. Raises UsageError for a program of another kind of PC."""
    return _on_board(program, board.flash, board.ram) if board.flash and board.ram else _on_pc(program)


def _on_board(elf: Path, flash: Memory, ram: Memory) -> tuple[int, int]:
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        file = ELFFile(stream)
        loaded = [segment.header for segment in file.iter_segments("PT_LOAD")]
        ends = [s["p_paddr"] + s["p_filesz"] for s in loaded if s["p_filesz"]]
        # SHF_ALLOC sections in RAM; the stack is a reservation, not a use
        sections = [s.header for s in file.iter_sections() if s["sh_flags"] & 2 and s.name != ".stack"]
        inside = [s["sh_size"] for s in sections if ram.origin <= s["sh_addr"] < ram.end]
        return max(ends) - flash.origin, sum(inside)


def _on_pc(program: Path) -> tuple[int, int]:
    with program.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"\x7fELF":
        parts = _elf(program)
    elif magic[:2] == b"MZ":
        parts = _pe(program)
    elif magic == b"\xcf\xfa\xed\xfe":
        parts = _mach_o(program)
    else:
        raise UsageError(f"{program}: this PC's programs are of a kind that is not known")
    pieces = list(parts)
    return sum(stored for stored, _, _ in pieces), sum(size for _, size, writable in pieces if writable)


def _elf(program: Path) -> Iterator[tuple[int, int, bool]]:
    """Of each part: bytes in the file, bytes in memory, whether it can be written."""
    from elftools.elf.elffile import ELFFile

    with program.open("rb") as stream:
        for part in ELFFile(stream).iter_segments("PT_LOAD"):
            yield part["p_filesz"], part["p_memsz"], bool(part["p_flags"] & _ELF_WRITABLE)


def _pe(program: Path) -> Iterator[tuple[int, int, bool]]:
    import pefile

    with pefile.PE(str(program), fast_load=True) as file:
        for part in file.sections:
            yield part.SizeOfRawData, part.Misc_VirtualSize, bool(part.Characteristics & _PE_WRITABLE)


def _mach_o(program: Path) -> Iterator[tuple[int, int, bool]]:
    from macholib.MachO import MachO

    for header in MachO(str(program)).headers:
        for _, command, _ in header.commands:
            if hasattr(command, "vmsize"):
                yield command.filesize, command.vmsize, bool(command.initprot & _MACH_WRITABLE)
