"""One folder of C for a project in an IDE: STM32CubeIDE, Keil µVision and the like, with the steps in its README."""

from tinyprune.compiler.program import Program
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import codegen
from tinyprune.firmware.names import library_name
from tinyprune.firmware.projects import parts
from tinyprune.firmware.toolchain import arm_flags


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """`include/`, `src/` and a README."""
    files = parts.library(source, library_name(name))
    flags = " ".join(f"`{flag}`" for flag in arm_flags(program.board)) or "no flags"
    return Project({**files, **codegen.rendered("folder", {**parts.about(program, name, files), "flags": flags})})
