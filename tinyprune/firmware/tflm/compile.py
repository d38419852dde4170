"""FirmwareSource with C++ → FirmwareImage, linked with the library that TFLite Micro's own build made."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareImage, FirmwareSource
from tinyprune.errors import MissingDependency, ModelError, UsageError
from tinyprune.files import write_files
from tinyprune.firmware import build, occupied, toolchain
from tinyprune.firmware.tflm.tree import Tree
from tinyprune.firmware.toolchain import Compiler

_CXX = "arm-none-eabi-g++"
#: As TFLite Micro's Makefile has them where they change what headers mean.
_CXX_FLAGS = (
    "-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-ffunction-sections", "-fdata-sections",
    "-Wall", "-Wextra", "-Wconversion", "-Werror", "-g", "-DTF_LITE_STATIC_MEMORY",
)  # fmt: skip
_NO_LOGS = ("-DNDEBUG", "-DTF_LITE_STRIP_ERROR_STRINGS")
LINK_FLAGS = ("-nostartfiles", "-static", "--specs=nano.specs", "-Wl,--gc-sections", "-Wl,--fatal-warnings", "-lm")
#: Folders of headers for C++: the port's string.h is for C alone.
CXX_INCLUDES = ("network", "runtime/include", "runtime/tflm", "app")


def compiler(board: Board) -> Compiler:
    """GCC for Arm with its C++ half. Raises MissingDependency."""
    found = toolchain.find(board, "gcc")
    if board.cpu.core == "host" or shutil.which(_CXX) is None:
        raise MissingDependency(
            f"TFLite Micro's runtime needs {_CXX} and newlib, and a board with a Cortex-M: install "
            "gcc-arm-none-eabi and libstdc++-arm-none-eabi-newlib from your distribution"
        )
    return found


def link(
    source: FirmwareSource, cxx_objects: Sequence[Path], board: Board, gcc: Compiler, tree: Tree, output: Path
) -> FirmwareImage:
    """Compiles the C and links into `output`/firmware.{elf,hex,bin}.

    Raises as `build.build` does, and UsageError where the library does not go with the board or the headers.
    """
    elf = output / "firmware.elf"
    with _written(source, output) as folder:
        c_files, includes = build.compiled(source), [f"-I{path}" for path in build.INCLUDES]
        _run([*gcc.command, *gcc.compile_flags, _nowhere(folder), *includes, "-c", *c_files], folder, board, tree)
        objects = [*_objects(c_files), *map(str, cxx_objects)]
        flags = ["-T", build.LINKER_SCRIPT, *toolchain.arm_flags(board), *LINK_FLAGS]
        _run([_CXX, *objects, str(tree.library), *flags, "-o", str(elf.resolve())], folder, board, tree)
    build.write_hex_and_bin(elf)
    flash_bytes, ram_bytes = occupied.measure(elf, board)
    return FirmwareImage(source.board, source.model_sha256, gcc.version, elf, flash_bytes, ram_bytes)


def cxx(source: FirmwareSource, board: Board, tree: Tree, output: Path) -> list[Path]:
    """The C++ as object files in `output`: most of the work, and none of it depends on the arena's size."""
    with _written(source, output) as folder:
        files, ours = cxx_files(source), [f"-I{path}" for path in CXX_INCLUDES]
        theirs = [word for path in tree.includes for word in ("-isystem", str(path))]
        _run([_CXX, *cxx_flags(board, tree), _nowhere(folder), *ours, *theirs, "-c", *files], folder, board, tree)
        return [(folder / name).rename(output.resolve() / name) for name in _objects(files)]


@contextmanager
def _written(source: FirmwareSource, parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".build-", dir=parent) as name:
        yield write_files(source.files, Path(name).resolve())


def _nowhere(folder: Path) -> str:
    return f"-ffile-prefix-map={folder}=."


def _objects(files: Sequence[str]) -> list[str]:
    return [f"{PurePosixPath(path).stem}.o" for path in files]


def cxx_files(source: FirmwareSource) -> list[str]:
    return sorted(path for path in source.files if path.endswith(".cc"))


def cxx_flags(board: Board, tree: Tree) -> list[str]:
    """For C++ that goes with the tree's library."""
    logs = () if tree.logs else _NO_LOGS
    return [*toolchain.arm_flags(board), toolchain.optimization(board), *_CXX_FLAGS, *logs]


def _run(command: list[str], folder: Path, board: Board, tree: Tree) -> None:
    try:
        build.run_compiler(command, folder, board)
    except ModelError as error:
        text = str(error)
        if "uses VFP register arguments" in text:
            raise UsageError(
                f"{tree.library} was built for another floating-point ABI than {board.name} has ({board.cpu.core}"
                f"{' with' if board.cpu.fpu else ' without'} FPU)"
            ) from None
        if "undefined reference" in text or "No such file or directory" in text:
            raise UsageError(
                f"headers and library of TFLite Micro at {tree.root} do not go together, or are of a version that "
                f"tinyprune does not know; {text.partition('said:')[2].strip()[-1500:]}"
            ) from None
        raise
