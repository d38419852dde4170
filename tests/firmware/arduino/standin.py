"""Builds a sketch and a library as the Arduino tools do, but against the stand-in of the API and with all warnings."""

import re
import subprocess
import sys
from pathlib import Path

from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareImage
from tinyprune.firmware.build import LINKER_SCRIPT
from tinyprune.firmware.toolchain import Compiler

HERE = Path(__file__).parent / "standin"
#: As cores compile, but freestanding, and no warning passes.
STRICT = ("-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-g")
C_FLAGS = ("-std=gnu11", *STRICT)
CPP_FLAGS = ("-std=gnu++14", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", *STRICT)
#: The sketch has functions of these names.
RENAMED = tuple(f"-Dtp_port_{name}=board_{name}" for name in ("init", "read", "write", "flush", "time_us"))


def preprocess(sketch: str) -> str:
    """What the IDE makes of an .ino: C++ that includes Arduino.h and has a prototype of each function before the first
    one."""
    functions = re.compile(r"^(?!else|do\b)[A-Za-z_][\w \t*&:<>]*\b\w+\([^;{}]*\)(?= \{)", re.MULTILINE)
    found = list(functions.finditer(sketch))
    prototypes = "".join(f"{match[0]};\n" for match in found)
    return f"#include <Arduino.h>\n{sketch[: found[0].start()]}{prototypes}{sketch[found[0].start() :]}"


def build(
    sketch: Path, library: Path, firmware: Path, board: Board, compiler: Compiler, folder: Path, *, sha256: str
) -> FirmwareImage:
    """Links the .c, .cpp and .ino files in `sketch` and in `library`/src with the stand-in, over the port that lies in
    `firmware` (a project of kind bare for the same board)."""
    sources = folder / "sketch"
    sources.mkdir(parents=True)
    for path in sorted(sketch.iterdir()):
        if path.suffix == ".ino":
            (sources / f"{path.name}.cpp").write_text(preprocess(path.read_text()))
        elif path.suffix in (".c", ".cpp", ".h"):
            (sources / path.name).write_text(path.read_text())
    machine = [flag for flag in compiler.compile_flags if flag.startswith(("-m", "-fno-sanitize")) or "thumb" in flag]
    if "-target" in compiler.compile_flags:
        machine.insert(0, "-target")
    port = firmware / "port"
    includes = [f"-I{HERE}", f"-I{library / 'src'}", f"-isystem{port}"]
    ours = [*sources.glob("*.c*"), *(library / "src").rglob("*.c*"), HERE / "standin.cpp"]
    objects: list[Path] = []
    for name, group, flags in (
        ("c", [path for path in ours if path.suffix == ".c"], C_FLAGS),
        ("cpp", [path for path in ours if path.suffix == ".cpp"], CPP_FLAGS),
        ("port", list(port.glob("*.c")), (*C_FLAGS, *RENAMED, f"-I{firmware / 'app'}")),
    ):
        command = [*_driver(compiler, name == "cpp"), *machine, *flags, *includes]
        objects += _compile(command, sorted(group), folder / name)
    elf = folder / "sketch.elf"
    script = ["-T", str(firmware / LINKER_SCRIPT)] if (firmware / LINKER_SCRIPT).exists() else []
    _run([*compiler.command, *machine, *map(str, objects), *script, *compiler.link_flags, "-o", str(elf)])
    return FirmwareImage(board.name, sha256, compiler.version, elf, 0, 0)


def _driver(compiler: Compiler, cpp: bool) -> list[str]:
    if not cpp:
        return list(compiler.command)
    if compiler.name == "zig":
        return [sys.executable, "-m", "ziglang", "c++"]
    return ["arm-none-eabi-g++"]


def _compile(command: list[str], sources: list[Path], folder: Path) -> list[Path]:
    """All of them by one call. GCC makes an object of each, zig one of all."""
    assert len({source.stem for source in sources}) == len(sources)
    folder.mkdir()
    _run([*command, "-c", *map(str, sources)], folder)
    return sorted(folder.glob("*.o"))


def _run(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    assert "warning" not in done.stderr, done.stderr
