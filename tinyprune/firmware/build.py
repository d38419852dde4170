"""FirmwareSource → FirmwareImage: compiles, links, writes .elf, .hex and .bin, and measures flash and RAM from the
ELF."""

import errno
import os
import re
import subprocess
from pathlib import Path
from typing import Literal

from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareImage, FirmwareSource
from tinyprune.errors import MemoryExceeded, MissingDependency, ModelError, UsageError, first_line, printable
from tinyprune.firmware import occupied
from tinyprune.firmware.toolchain import Compiler

_OVERFLOW = re.compile(r"overflowed by (\d+) bytes")
#: What a port checks of the board file's numbers, in the words of GCC and of clang.
_PORT_REFUSES = re.compile(r'^port/\S+ error: static assertion failed.*: "?([^"\n]+)"?$', re.MULTILINE)
_COMPILE_TIMEOUT_S = 600
_SHOWN_OF_ALL, _SHOWN_CHARACTERS = 4000, 400  # of what a compiler says, and of a line of that
#: Where the firmware's sources look for headers.
INCLUDES = ("network", "runtime/include", "app", "port")
_AUDIO = "audio"
LINKER_SCRIPT = "port/link.ld"


def compiled(source: FirmwareSource) -> list[str]:
    """The files that are compiled, in the order in which they are linked."""
    return sorted(path for path in source.files if path.endswith(".c"))


def includes(source: FirmwareSource) -> list[str]:
    """The same, with the folder that firmware has which hears."""
    return [*INCLUDES, *([_AUDIO] if any(path.startswith(f"{_AUDIO}/") for path in source.files) else [])]


def build(source: FirmwareSource, board: Board, compiler: Compiler, project: Path, output: Path) -> FirmwareImage:
    """Compiles the project written at `project` into `output`/firmware.{elf,hex,bin}.

    Raises MemoryExceeded where the linker runs out of RAM or flash, UsageError where the board file asks for a clock
    that its port cannot set up, ModelError where the compiler fails otherwise (a defect of tinyprune's).
    """
    elf = output / ("firmware.elf" if board.flash else "firmware")
    sources = compiled(source)
    folders = [f"-I{folder}" for folder in includes(source)]
    script = ["-T", LINKER_SCRIPT] if LINKER_SCRIPT in source.files else []
    nowhere = (
        f"-ffile-prefix-map={project.resolve()}=."  # no path of this machine in the image: equal sources, equal bytes
    )
    command = [*compiler.command, *compiler.compile_flags, nowhere, *folders, *sources, *script, *compiler.link_flags]
    run_compiler([*command, "-o", str(elf.resolve())], project, board)
    from elftools.common.exceptions import ELFError

    try:
        if board.flash:
            write_hex_and_bin(elf)
        flash_bytes, ram_bytes = occupied.measure(elf, board)
    except (ELFError, FileNotFoundError, ValueError) as error:
        raise MissingDependency(
            f"the compiler {compiler.version} ended well and left no program ({first_line(error)}); install it again"
        ) from None
    return FirmwareImage(source.board, source.model_sha256, compiler.version, elf, flash_bytes, ram_bytes)


def run_compiler(command: list[str], folder: Path, board: Board) -> None:
    """One call in `folder`. Raises as `build` does."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_COMPILE_TIMEOUT_S,
        )
    except OSError as error:
        raise MissingDependency(
            f"the compiler {command[0]} cannot be run: {error.strerror}; install it again"
        ) from None
    except subprocess.TimeoutExpired:
        raise ModelError(f"the compiler did not finish within {_COMPILE_TIMEOUT_S} s") from None
    if done.returncode == 0:
        return
    overflow = _OVERFLOW.search(done.stderr)
    if overflow:
        region: Literal["flash", "RAM"] = "RAM" if re.search(r"[`'\"]RAM[`'\"]", done.stderr) else "flash"
        excess_bytes = int(overflow[1])
        message = f"the firmware does not fit {board.name}: {region} is exceeded by {excess_bytes:,} bytes"
        raise MemoryExceeded(message, region, excess_bytes)
    refused = _PORT_REFUSES.search(done.stderr)
    if refused:
        raise UsageError(f"the port {board.family} cannot do what the board file of {board.name} says: {refused[1]}")
    if os.strerror(errno.ENOSPC) in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    said = "\n".join(printable(line, _SHOWN_CHARACTERS) for line in done.stderr[-_SHOWN_OF_ALL:].splitlines())
    raise ModelError(f"the compiler refused the generated code; please report this. {command[0]} said:\n{said}")


def write_hex_and_bin(elf: Path) -> None:
    """Beside the ELF file, what flashing tools take."""
    from elftools.elf.elffile import ELFFile
    from intelhex import IntelHex

    image = IntelHex()
    with elf.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_LOAD"):
            if segment["p_filesz"]:
                image.frombytes(segment.data(), offset=segment["p_paddr"])
    image.write_hex_file(str(elf.with_suffix(".hex")))
    image.tobinfile(str(elf.with_suffix(".bin")))
