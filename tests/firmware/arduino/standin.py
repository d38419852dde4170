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
    objects = []
    for group, flags in (
        ([*sources.glob("*.c*"), *(library / "src").rglob("*.c*"), HERE / "standin.cpp"], ()),
        (list(port.glob("*.c")), (*RENAMED, f"-I{firmware / 'app'}")),
    ):
        for source in sorted(group):
            objects.append(folder / f"{source.name}.{len(objects)}.o")
            cpp = source.suffix == ".cpp"
            command = [*_driver(compiler, cpp), *machine, *(CPP_FLAGS if cpp else C_FLAGS), *includes, *flags]
            _run([*command, "-c", str(source), "-o", str(objects[-1])])
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


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    assert "warning" not in done.stderr, done.stderr
