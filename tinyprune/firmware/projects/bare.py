"""The C alone: for a build system of one's own. The README has the one command that makes firmware of it."""

import shlex
import textwrap

from tinyprune.compiler.program import Program
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import build, codegen
from tinyprune.firmware.toolchain import gcc_flags
from tinyprune.resources import LICENSE


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """`network/`, `runtime/`, `app/` and `port/` with a README."""
    about = {**codegen.context(program, name), "hears": source.hears, "command": _command(program, source)}
    return Project({**source.files, "LICENSE": license_text(), **codegen.rendered("bare", about)})


def _command(program: Program, source: FirmwareSource) -> str:
    """One call of GCC, for a shell, in lines."""
    compile_flags, link_flags = gcc_flags(program.board)
    host = program.board.cpu.core == "host"
    script = ("-T", build.LINKER_SCRIPT) if build.LINKER_SCRIPT in source.files else ()
    words = [
        "gcc" if host else "arm-none-eabi-gcc",
        *compile_flags,
        *(f"-I{folder}" for folder in build.includes(source)),
        *build.compiled(source),
        *script,
        *link_flags,
        *("-o", "firmware" if host else "firmware.elf"),
    ]
    return " \\\n    ".join(textwrap.wrap(shlex.join(words), 110, break_long_words=False, break_on_hyphens=False))


def license_text() -> str:
    """The licence of everything but the network's numbers, which stay under that of the model."""
    return LICENSE.read_text(encoding="utf-8")
