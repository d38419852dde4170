"""Instructions of one inference as QEMU counts them, to hold ours against: `qemu-system-arm`, machine mps2-an386.

The network's and the kernels' sources of a finished project are linked with benchmarks/qemu_main.c instead of the app,
for the memory of that machine, which has a Cortex-M4 with FPU as the boards have. Its counter holds 80 million
instructions an inference.
"""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2
import numpy as np
import numpy.typing as npt

from tinyprune.device.boards import Board
from tinyprune.errors import MissingDependency, TargetError
from tinyprune.firmware.toolchain import Compiler
from tinyprune.resources import FIRMWARE_TEMPLATES

_QEMU = "qemu-system-arm"
_PORT = FIRMWARE_TEMPLATES / "ports/cortex_m"
_RUNS = 8  # as in qemu_main.c
_INSTRUCTIONS_A_TICK = 40
_MEMORY_BYTES = 4 << 20  # of the machine: ZBT SRAM at 0 and at 0x20000000
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Count:
    """`instructions` to ±5, what the clock resolves; `output` `[bytes]`."""

    instructions: float
    output: npt.NDArray[np.int8]


def installed() -> bool:
    return shutil.which(_QEMU) is not None


def runs(board: Board) -> bool:
    """Whether QEMU's mps2-an386, a Cortex-M4 with FPU, has the board's core."""
    return board.cpu.core == "cortex-m4" and board.cpu.fpu and board.flash is not None and board.ram is not None


def count(project: Path, board: Board, compiler: Compiler, sample: npt.NDArray[np.int8], folder: Path) -> Count:
    """One inference of the project on `sample`, built in `folder`, an empty one.

    Raises MissingDependency without QEMU, TargetError where the board's core is another or the run fails.
    """
    if not installed():
        raise MissingDependency(f"{_QEMU} is not installed: `apt-get install qemu-system-arm`")
    if not runs(board):
        raise TargetError(f"QEMU's mps2-an386 has a Cortex-M4 with FPU, {board.name} has not")
    elf = _link(project, board, compiler, sample, folder)
    command = [_QEMU, "-M", "mps2-an386", "-nographic", "-semihosting", "-icount", "shift=0", "-kernel", str(elf)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    words = (done.stdout + done.stderr).split()
    if done.returncode or len(words) != 3:
        raise TargetError(f"QEMU did not run the network to its end: {done.stderr[-400:] or done.stdout[-400:]}")
    network, empty = (int(word, 16) for word in words[:2])
    instructions = (network - empty) * _INSTRUCTIONS_A_TICK / _RUNS + 1  # the function that does nothing returns
    return Count(instructions, np.frombuffer(bytes.fromhex(words[2]), np.int8))


def _link(project: Path, board: Board, compiler: Compiler, sample: npt.NDArray[np.int8], folder: Path) -> Path:
    (folder / "sample.h").write_text(f"static const int8_t sample[] = {{{', '.join(map(str, sample.ravel()))}}};\n")
    script = folder / "link.ld"
    for path in (script, folder / "board.h"):
        template = jinja2.Template((_PORT / f"{path.name}.j2").read_text(), undefined=jinja2.StrictUndefined)
        path.write_text(template.render(board=_with_memory(board)))
    kept = [path for path in project.rglob("*.c") if path.relative_to(project).parts[0] not in ("app", "port")]
    sources = [*sorted(kept), _PORT / "startup.c", _PORT / "string.c", Path(__file__).with_name("qemu_main.c")]
    includes = [project / "network", project / "runtime/include", _PORT, folder]
    elf = folder / "counted.elf"
    flags = [*compiler.compile_flags, *(f"-I{path}" for path in includes)]
    command = [*compiler.command, *flags, *map(str, sources), "-T", str(script), *compiler.link_flags, "-o", str(elf)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    if done.returncode:
        raise TargetError(f"cannot link the network for QEMU:\n{done.stderr[-2000:]}")
    return elf


def _with_memory(board: Board) -> Board:
    assert board.flash is not None
    assert board.ram is not None
    flash = replace(board.flash, origin=0, bytes=_MEMORY_BYTES)
    return replace(board, flash=flash, ram=replace(board.ram, origin=0x20000000, bytes=_MEMORY_BYTES))
