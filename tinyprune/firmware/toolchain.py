"""C compilers: which one is there, and what it must be told for each core.

`arm-none-eabi-gcc` on PATH is preferred, being what firmware people use; the `ziglang` wheel (clang with its own
linker) serves everywhere else, also for the PC.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.errors import MissingDependency, UsageError, first_line, printable

#: Core → flags of GCC, with and without an FPU.
_GCC_CORES = {
    "cortex-m0": ("-mcpu=cortex-m0", "-mfloat-abi=soft"),
    "cortex-m0plus": ("-mcpu=cortex-m0plus", "-mfloat-abi=soft"),
    "cortex-m3": ("-mcpu=cortex-m3", "-mfloat-abi=soft"),
    "cortex-m4": ("-mcpu=cortex-m4", "-mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    "cortex-m7": ("-mcpu=cortex-m7", "-mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    "cortex-m33": ("-mcpu=cortex-m33", "-mfloat-abi=hard -mfpu=fpv5-sp-d16"),
    # Its Armv8-M half: neither Helium nor loops of Armv8.1-M, which the built-in emulator has not.
    "cortex-m55": ("-mcpu=cortex-m33", "-mfloat-abi=hard -mfpu=fpv5-sp-d16"),
}
#: zig takes -Os and -Oz for the same; clang's own -Oz is 1.1 KB less for DS-CNN S, and 0.8 % slower.
_ZIG_SIZE = ("-Xclang", "-Oz")
#: What zig calls the core, and its FPU.
_ZIG_CORES = {
    "cortex-m0": ("cortex_m0", ""),
    "cortex-m0plus": ("cortex_m0plus", ""),
    "cortex-m3": ("cortex_m3", ""),
    "cortex-m4": ("cortex_m4", "+vfp4d16sp"),
    "cortex-m7": ("cortex_m7", "+fp_armv8d16sp"),
    "cortex-m33": ("cortex_m33+dsp", "+fp_armv8d16sp"),
    "cortex-m55": ("cortex_m33+dsp", "+fp_armv8d16sp"),
}
#: For a compiler to tell its version.
TIMEOUT_S = 60.0
_WERROR = ("-Werror",)
_COMMON_FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion")
_HOST_FLAGS = (*_COMMON_FLAGS, "-O2")
#: For any PC, as GCC does it by default. For the processor at hand, an EPYC with AVX-512, clang 22.1.8 added wrongly in
#: tp_add_s8_fast_c; for the baseline it is right, and without vectors.
_ZIG_HOST = ("-mcpu=baseline", "-fno-sanitize=undefined")
_BARE_FLAGS = (*_COMMON_FLAGS, "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-common", "-g")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler set up for one board: `command` begins every call."""

    name: str  # the key of COMPILERS
    version: str  # for reports, e.g. "arm-none-eabi-gcc 12.2.1"
    command: tuple[str, ...]
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]


def optimization(board: Board) -> str:
    """For size where the kernels that matter are assembly: -O2 costs DS-CNN S 1.5 KB with GCC, 6.5 KB with clang."""
    return "-Os" if "dsp" in board.isas else "-O2"


def arm_flags(board: Board) -> tuple[str, ...]:
    """GCC's flags for the board's core; none for the PC."""
    if board.cpu.core == "host":
        return ()
    cpu, fpu = _GCC_CORES[board.cpu.core]
    return (cpu, "-mthumb", *(fpu.split() if board.cpu.fpu else ("-mfloat-abi=soft",)))


def gcc_flags(board: Board) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What GCC is told to compile and to link for a board, here and in generated projects; -Werror is ours alone."""
    if board.cpu.core == "host":
        return _HOST_FLAGS, ()
    cpu = arm_flags(board)
    return (*cpu, optimization(board), *_BARE_FLAGS), (*cpu, "-nostdlib", "-static", "-Wl,--gc-sections", "-lgcc")


def find(board: Board, name: str | None = None) -> Compiler:
    """The compiler of that name, or the first of COMPILERS that is installed.

    Raises UsageError for an unknown name, MissingDependency where nothing can compile for the board.
    """
    if name is not None and name not in COMPILERS:
        raise UsageError(f'unknown compiler "{name}"; known: {", ".join(COMPILERS)}')
    for candidate in [name] if name else COMPILERS:
        compiler = COMPILERS[candidate](board)
        if compiler is not None:
            return compiler
    wanted = f"compiler {name}" if name else "C compiler"
    raise MissingDependency(
        f"no {wanted} for {board.name} was found; `pip install ziglang` brings one, or install "
        f"{'gcc' if board.cpu.core == 'host' else 'gcc-arm-none-eabi'} from your distribution"
    )


def _gcc(board: Board) -> Compiler | None:
    host = board.cpu.core == "host"
    tool = "gcc" if host else "arm-none-eabi-gcc"
    path = shutil.which(tool)
    if path is None:
        return None
    version = f"{tool} {_output(path, '-dumpfullversion')}"
    flags, link = gcc_flags(board)
    fatal = () if host else ("-Wl,--fatal-warnings",)
    return Compiler("gcc", version, (path,), (*flags, *_WERROR), (*fatal, *link))


def _zig(board: Board) -> Compiler | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    command = (sys.executable, "-m", "ziglang", "cc")
    clang = re.search(r"clang version (\S+)", _output(*command, "--version"))
    version = f"zig cc {_output(*command[:-1], 'version')} (clang {clang.group(1) if clang else 'of unknown version'})"
    if board.cpu.core == "host":
        return Compiler("zig", version, command, (*_HOST_FLAGS, *_WERROR, *_ZIG_HOST), ())
    core, fpu = _ZIG_CORES[board.cpu.core]
    target, cpu = ("eabihf", core + fpu) if board.cpu.fpu else ("eabi", core)
    machine = ("-target", f"thumb-freestanding-{target}", f"-mcpu={cpu}")
    size = _ZIG_SIZE if optimization(board) == "-Os" else ()
    flags = (*machine, optimization(board), *_BARE_FLAGS, *_WERROR, "-fno-sanitize=undefined", *size)
    return Compiler(
        "zig",
        version,
        command,
        flags,
        (*machine, "-nostdlib", "-static", "-Wl,--gc-sections", "-Wl,-e,tp_reset", "-lcompiler_rt"),
    )


def _output(*command: str) -> str:
    """What a compiler says of itself, on one line. Raises MissingDependency where it does not run to its end."""
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependency(
            f"the compiler {command[0]} does not run ({first_line(error)}); install it again, or give another by "
            "--compiler"
        ) from None
    return printable(" ".join(done.stdout.split()))


#: Name → set-up for a board, None where it is not installed; in order of preference.
COMPILERS = {"gcc": _gcc, "zig": _zig}
