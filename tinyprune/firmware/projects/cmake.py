"""A CMake project that needs nothing but CMake and GCC for Arm, and gives the bytes that our own build gives."""

from tinyprune.compiler.program import Program
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import build, codegen
from tinyprune.firmware.projects.bare import license_text
from tinyprune.firmware.toolchain import arm_flags, gcc_flags

#: What users are meant to change; the lists of files and flags are in cmake/tinyprune.cmake, made anew by each build.
_YOURS = frozenset({"CMakeLists.txt", "CMakePresets.json"})
_TOOLCHAIN = "cmake/arm-none-eabi.cmake"


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """The C with CMakeLists.txt, presets and, but for the PC, a toolchain file."""
    cpu = arm_flags(program.board)
    compile_flags, link_flags = gcc_flags(program.board)
    about = {
        **codegen.context(program, name),
        "hears": source.hears,
        "cpu_flags": cpu,
        "compile_flags": [flag for flag in compile_flags if flag not in cpu and not flag.startswith("-std=")],
        "link_flags": [flag for flag in link_flags if flag not in cpu and not flag.startswith("-l")],
        "linker_script": build.LINKER_SCRIPT if build.LINKER_SCRIPT in source.files else None,
        "sources": build.compiled(source),
        "includes": build.includes(source),
    }
    scaffold = codegen.rendered("cmake", about)
    if not cpu:
        del scaffold[_TOOLCHAIN]
    return Project({**source.files, "LICENSE": license_text(), **scaffold}, _YOURS)
