"""The project that a user of TFLite Micro gets: CMake around the same sources, linked with a library of the user's."""

from collections.abc import Sequence

from tinyprune.compiler.program import Program
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import build, codegen
from tinyprune.firmware.projects.bare import license_text
from tinyprune.firmware.tflm import compile
from tinyprune.firmware.tflm import tree as trees
from tinyprune.firmware.tflm.layers import Choice
from tinyprune.firmware.tflm.source import PREFIX, Network
from tinyprune.firmware.tflm.tree import Tree
from tinyprune.firmware.toolchain import arm_flags, gcc_flags

_YOURS = frozenset({"CMakeLists.txt"})


def make(
    program: Program,
    source: FirmwareSource,
    name: str,
    network: Network,
    choices: Sequence[Choice],
    tree: Tree,
    arena_bytes: int,
) -> Project:
    """The C and C++ with CMakeLists.txt, toolchain file and README."""
    cpu = arm_flags(program.board)
    compile_flags, _ = gcc_flags(program.board)
    about = {
        **codegen.context(program, name, PREFIX),
        "arena_bytes": arena_bytes,
        "arena_measured": tree.symbols is not None,
        "kernels": list(network.kernels),
        "cpu_flags": cpu,
        "compile_flags": [flag for flag in compile_flags if flag not in cpu and not flag.startswith("-std=")],
        "cxx_flags": [flag for flag in compile.cxx_flags(program.board, tree) if flag not in cpu],
        "link_flags": [flag for flag in compile.LINK_FLAGS if not flag.startswith("-l")],
        "linker_script": build.LINKER_SCRIPT,
        "sources": [*build.compiled(source), *compile.cxx_files(source)],
        "cxx_includes": compile.CXX_INCLUDES,
        "tflm_includes": [path.relative_to(tree.root).as_posix() for path in tree.includes[1:]],
        "library": _library(tree),
        "repository": trees.REPOSITORY,
        "commit": trees.COMMIT,
        "needed": trees.NEEDED,
        "readme": trees.README,
        "architecture": trees.architecture(program.board),
        "table": [_row(choice) for choice in choices],
    }
    return Project({**source.files, "LICENSE": license_text(), **codegen.rendered("tflm/project", about)}, _YOURS)


def _library(tree: Tree) -> str:
    """Inside the checkout, or as it was named."""
    inside = tree.library.is_relative_to(tree.root)
    return tree.library.relative_to(tree.root).as_posix() if inside else tree.library.name


def _row(choice: Choice) -> tuple[str, str]:
    runs = "TFLite Micro" if choice.kernel is None else f"`{choice.kernel.name}`"
    return choice.operator.name, f"{runs} ({choice.reason})"
