"""Calls the C kernels with NumPy arrays: on this PC under sanitizers, and on a Cortex-M4 in an emulator.

All arguments of a kernel are pointers, so a call is a name and arrays, which are changed in place; read-only arrays
must come back as they were. Either way every buffer is exactly as long as its array and ends where memory may not be
touched.
"""

import fcntl
import os
import re
import select
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
    UC_CPU_ARM_CORTEX_M4,
)

from tinyprune.compiler.kernels import KERNELS, Layout, five_wide
from tinyprune.device import boards
from tinyprune.firmware.toolchain import COMPILERS, Compiler

Array = npt.NDArray[Any]

HERE = Path(__file__).parent
TEMPLATES = HERE.parents[2] / "firmware_templates"
RUNTIME = TEMPLATES / "runtime"
HEADERS = "".join(path.read_text() for path in sorted((RUNTIME / "include").glob("tp_kernels*.h")))
SOURCES = [*sorted((RUNTIME / "src").glob("*.c")), HERE / "arithmetic.c", HERE / "sums.c"]


def _pointers(name: str) -> int:
    """How many arguments a kernel has, by its declaration."""
    declared = re.search(rf"void {name}\(([^)]*)\);", HEADERS)
    assert declared is not None, f"{name} is declared nowhere"
    return declared[1].count(",") + 1


#: Function → how many pointers it takes.
FUNCTIONS = {
    kernel.name: _pointers(kernel.name)
    for kernel in (*KERNELS, *five_wide.RELAYOUTS.values())
    if Layout.ROW not in (kernel.reads, *kernel.writes)
} | {
    "test_rows_dense_pairs": 6,
    "test_rows_dense8_pairs8": 6,
    "test_rows_dense_taps": 6,
    "test_rows_dense_sp14": 6,
    "test_rows_dense_exact": 6,
    "test_rows_dense_duos": 6,
    "test_rows_dense_duos_exact": 6,
    "test_rows_dense_twins": 6,
    "test_requantize": 5,
    "test_requantize_fast": 6,
    "test_doubling_high_mul": 4,
    "test_put_several": 6,
    "test_dsp": 4,
    "test_in_place_l2_normalization": 2,
    "test_in_place_log_softmax": 2,
    "test_in_place_lookup": 3,
    "test_in_place_softmax": 3,
    "test_in_place_softmax_table": 3,
    "test_in_place_softmax_twice": 2,
    "test_add_bytes": 2,
    "test_never_returns": 1,
}

INCLUDES = [f"-I{RUNTIME / 'include'}"]
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
ZIG = [sys.executable, "-m", "ziglang", "cc"]


TIMEOUT_S = 20


class Library(Protocol):
    def call(self, name: str, arrays: Sequence[Array]) -> None: ...


def compile_c(command: list[str], output: Path) -> None:
    done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder for all processes of this run of pytest, which the first of them fills."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = root / name, root / f"{name}.done"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder


def host_compiler(folder: Path) -> list[str]:
    """gcc or clang with both sanitizers; zig with traps on undefined behaviour where their run-time library is
    missing."""
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    sanitizers = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    for name in ("gcc", "clang"):
        command = [name, *sanitizers]
        if (
            shutil.which(name)
            and not subprocess.run([*command, probe, "-o", folder / "probe"], capture_output=True).returncode
        ):
            return command
    return [*ZIG, "-O1", "-g", "-fsanitize=undefined", "-fsanitize-trap=undefined"]


class Host:
    """The kernels in a process of their own, fed through pipes; it is started again after a sanitizer has ended it."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "runner"
        self._process = self._start()

    @staticmethod
    def compile(folder: Path, compiler: list[str] | None = None) -> None:
        _write_table(folder / "table.h")
        sources = [str(path) for path in (*SOURCES, HERE / "runner.c")]
        command = [*(compiler or host_compiler(folder)), *WARNINGS, *INCLUDES, f"-I{folder}", *sources]
        compile_c(command, folder / "runner")

    def _start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen([self._program], stdin=pipe, stdout=pipe, stderr=pipe)

    def call(self, name: str, arrays: Sequence[Array]) -> None:
        message = struct.pack("<ii", list(FUNCTIONS).index(name), len(arrays))
        message += b"".join(struct.pack("<i", array.nbytes) + array.tobytes() for array in arrays)
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        with suppress(BrokenPipeError):
            requests.write(message)
            requests.flush()
        if not select.select([replies], [], [], TIMEOUT_S)[0]:  # the function has not returned
            self._process.kill()
        content = replies.read(sum(array.nbytes for array in arrays))
        if self._process.poll() is not None or len(content) < sum(array.nbytes for array in arrays):
            code = self._process.wait(timeout=TIMEOUT_S)
            assert self._process.stderr is not None
            errors = self._process.stderr.read().decode(errors="replace")
            for pipe in (requests, replies, self._process.stderr):
                with suppress(BrokenPipeError):
                    pipe.close()
            self._process = self._start()
            raise AssertionError(f"{name} ended the process with {code}, or took more than {TIMEOUT_S} s:\n{errors}")
        for array in arrays:
            _write_back(name, array, content[: array.nbytes])
            content = content[array.nbytes :]

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


def _write_back(name: str, array: Array, content: bytes) -> None:
    after = np.frombuffer(content, array.dtype).reshape(array.shape)
    if array.flags.writeable:
        array[...] = after
    else:
        assert np.array_equal(array, after), f"{name} wrote to a constant buffer"


def _write_table(path: Path) -> None:
    """The C table by which runner.c finds the functions."""
    lines = ['#include "tp_kernels_dsp.h"', '#include "tp_kernels_s16.h"']
    for name, count in FUNCTIONS.items():
        if name.startswith("test_"):
            lines.append(f"void {name}({', '.join(['void *'] * count)});")
        arguments = ", ".join(f"b[{i}]" for i in range(count))
        lines.append(f"static void call_{name}(void *const *b) {{ {name}({arguments}); }}")
    calls = ", ".join(f"call_{name}" for name in FUNCTIONS)
    path.write_text("\n".join([*lines, f"static void (*const table[])(void *const *) = {{{calls}}};", ""]))


#: Core → what unicorn calls it.
ARM_CPUS = {"cortex-m4": UC_CPU_ARM_CORTEX_M4, "cortex-m0plus": UC_CPU_ARM_CORTEX_M0}


class Arm:
    """The kernels as Cortex-M4 or M0+ code in unicorn. Buffers end where their slot ends, and behind a slot nothing is
    mapped."""

    CODE, CODE_BYTES = 0x0001_0000, 0x0010_0000
    SLOTS, SLOT_BYTES, SLOT_STEP = 0x2000_0000, 0x0008_0000, 0x0010_0000
    STACK_TOP, STACK_BYTES = 0x3001_0000, 0x0001_0000
    RETURN = CODE + CODE_BYTES - 16
    REGISTERS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)

    @classmethod
    def compile(cls, folder: Path, compiler: Compiler) -> None:
        port = TEMPLATES / "ports" / "cortex_m"
        sources = [str(path) for path in (*SOURCES, port / "string.c")]
        script = folder / "kernels.ld"
        keep = "KEEP(*(.text*)) *(.rodata*)"
        script.write_text(f"SECTIONS {{ . = {cls.CODE:#x}; .text : {{ {keep} }} /DISCARD/ : {{ *(.ARM.*) }} }}")
        entry = ["-T", str(script), "-Wl,-e,test_dsp"]
        flags = [*compiler.compile_flags, *INCLUDES, f"-I{port}", *sources, *entry, *compiler.link_flags]
        compile_c([*compiler.command, *flags], folder / "kernels.elf")

    def __init__(self, folder: Path, cpu: int = UC_CPU_ARM_CORTEX_M4) -> None:
        self.elf = folder / "kernels.elf"
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(cpu)
        self.uc.mem_map(self.CODE, self.CODE_BYTES)
        self.uc.mem_map(self.STACK_TOP - self.STACK_BYTES, self.STACK_BYTES)
        for slot in range(12):
            self.uc.mem_map(self.SLOTS + slot * self.SLOT_STEP, self.SLOT_BYTES)
        self.symbols = self._load()

    def _load(self) -> dict[str, int]:
        with self.elf.open("rb") as file:
            elf = ELFFile(file)
            for segment in elf.iter_segments("PT_LOAD"):
                end = segment["p_vaddr"] + segment["p_memsz"]
                assert self.CODE <= segment["p_vaddr"] < end < self.RETURN or not segment["p_filesz"]
                self.uc.mem_write(segment["p_vaddr"], segment.data())
            table = elf.get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}

    def call(self, name: str, arrays: Sequence[Array]) -> None:
        addresses = []
        for slot, array in enumerate(arrays):
            assert array.nbytes <= self.SLOT_BYTES
            end = self.SLOTS + slot * self.SLOT_STEP + self.SLOT_BYTES
            addresses.append(end - array.nbytes)
            self.uc.mem_write(addresses[-1], array.tobytes())
        stack_pointer = self.STACK_TOP - 64
        for register, address in zip(self.REGISTERS, addresses, strict=False):
            self.uc.reg_write(register, address)
        self.uc.mem_write(stack_pointer, struct.pack(f"<{len(addresses[4:])}I", *addresses[4:]))
        self.uc.reg_write(UC_ARM_REG_SP, stack_pointer)
        self.uc.reg_write(UC_ARM_REG_LR, self.RETURN | 1)
        self.uc.emu_start(self.symbols[name] | 1, self.RETURN, timeout=TIMEOUT_S * 1_000_000)
        returned = self.uc.reg_read(UC_ARM_REG_PC) == self.RETURN and self.uc.reg_read(UC_ARM_REG_SP) == stack_pointer
        assert returned, f"{name} did not return within {TIMEOUT_S} s, or left the stack pointer elsewhere"
        for address, array in zip(addresses, arrays, strict=True):
            _write_back(name, array, bytes(self.uc.mem_read(address, array.nbytes)))

    def close(self) -> None:
        pass


#: Core, by what a back end begins with.
CORES = {"arm": "cortex-m4", "m0": "cortex-m0plus"}


def start(backend: str, factory: pytest.TempPathFactory) -> Host | Arm:
    """The back end "host", or a core and a compiler for it such as "arm-gcc"."""
    where, _, name = backend.partition("-")
    if where == "host":
        return Host(once(factory, "kernels-host", Host.compile))
    board, core = boards.load("nano33"), CORES[where]
    fpu = board.cpu.fpu and core != CORES["m0"]
    compiler = COMPILERS[name](replace(board, cpu=replace(board.cpu, core=core, fpu=fpu)))
    if compiler is None:
        pytest.skip(f"the compiler {name} for Arm is not installed")
    return Arm(once(factory, f"kernels-{backend}", partial(Arm.compile, compiler=compiler)), ARM_CPUS[core])
