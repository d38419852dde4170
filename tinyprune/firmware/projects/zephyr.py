"""A Zephyr module, with a sample: docs.zephyrproject.org, "Modules (External projects)"."""

from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import codegen
from tinyprune.firmware.names import library_name
from tinyprune.firmware.projects import parts

_SAMPLE = "samples/benchmark"
_YOURS = frozenset({f"{_SAMPLE}/CMakeLists.txt", f"{_SAMPLE}/prj.conf"})


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """`zephyr/`, `include/`, `src/` and `samples/benchmark/`."""
    library = library_name(name)
    files = parts.library(source, library)
    scaffold = codegen.rendered("zephyr", parts.about(program, name, files))
    sample = {**parts.benchmark(program, source, library), "main.c": source.files["app/main.c"]}
    return Project({**files, **scaffold, **{f"{_SAMPLE}/src/{path}": text for path, text in sample.items()}}, _YOURS)


def refusal(board: Board) -> str | None:
    """Why there is no module for a board."""
    if board.cpu.core == "host":
        return "the PC runs no Zephyr; give the board that will, or its core, such as --board cortex-m4f"
    return None
