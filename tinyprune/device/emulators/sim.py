"""The built-in emulator: real firmware on QEMU's Cortex-M core (unicorn), talking through its MCU's UART registers.

Instructions are executed exactly; time is not: without `profile` the cycle counter stands still, with it the counter
shows the cycles of cost.py, so that what the firmware measures is *modelled* time. Of a core whose cycles are not
modelled, a profile counts instructions only. Waiting for input takes no time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import unicorn
from unicorn import arm_const

from tinyprune.device.boards import Board, Memory
from tinyprune.device.emulators import nrf52, program, rp2040, rp2350
from tinyprune.device.emulators.cortex_m import FirmwareError, Interrupts, Machine, Mcu, Register, core_registers
from tinyprune.device.emulators.mps2 import Mps2
from tinyprune.device.emulators.nrf52 import Nrf52, nrf53, nrf54l
from tinyprune.device.emulators.profile import Profile
from tinyprune.device.emulators.profiler import Profiler
from tinyprune.device.emulators.stm32f import stm32f4, stm32f7
from tinyprune.device.emulators.stm32h7 import stm32h7
from tinyprune.device.emulators.stm32lg import stm32g4, stm32l4
from tinyprune.device.emulators.stm32m33 import stm32h5, stm32u5
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock
from tinyprune.errors import TargetError

#: MCU family (a key of FAMILIES) → its peripherals.
MCUS: dict[str, Callable[[Machine, Board], Mcu]] = {
    "mps2": Mps2,
    "nrf52": Nrf52,
    "nrf53": nrf53,
    "nrf54l": nrf54l,
    "rp2040": rp2040.rp2040,
    "rp2350": rp2350.rp2350,
    "stm32f4": stm32f4,
    "stm32f7": stm32f7,
    "stm32g4": stm32g4,
    "stm32h5": stm32h5,
    "stm32h7": stm32h7,
    "stm32l4": stm32l4,
    "stm32u5": stm32u5,
}

#: Family → how its boot ROM enters a program: (stack pointer, program counter). Others start at the vector table.
BOOT_ROMS: dict[str, Callable[[Machine, bytes], tuple[int, int]]] = {"rp2040": rp2040.boot, "rp2350": rp2350.boot}

#: unicorn has no Cortex-M0+; the M0 executes the same Armv6-M instructions. Nor has it an M55: the M33 executes our
#: code for it (toolchain.py).
_CORES = {
    "cortex-m0plus": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
    "cortex-m55": arm_const.UC_CPU_ARM_CORTEX_M33,
}
#: Registers that Armv6-M has not.
_MASKS = (arm_const.UC_ARM_REG_BASEPRI, arm_const.UC_ARM_REG_FAULTMASK)
_PAGE = 4096
_NOWHERE = 0xFFFFFFFF
_PAINT = 0xA5
_WFI = b"\x30\xbf"
_BASEPRI = 0x20  # as a bootloader may leave it: Zephyr and mbed mask interrupts by it
#: What one write() may take of this computer's time before the firmware counts as hung: minutes on the board. (A limit
#: on instructions would have unicorn count each one, which takes as long as executing it.)
PATIENCE_S = 300.0
_HANGS = "it hangs, or was asked for too much: try `infer` with fewer inferences"
_LOOK_S = 1.0  # how often to look whether it is over
_INVALID_ACCESS = (
    unicorn.UC_HOOK_MEM_READ_INVALID | unicorn.UC_HOOK_MEM_WRITE_INVALID | unicorn.UC_HOOK_MEM_FETCH_INVALID
)
_ACCESS_NAMES = {
    unicorn.UC_MEM_READ_UNMAPPED: "read",
    unicorn.UC_MEM_READ_PROT: "read",
    unicorn.UC_MEM_WRITE_UNMAPPED: "wrote",
    unicorn.UC_MEM_WRITE_PROT: "wrote",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jumped to",
    unicorn.UC_MEM_FETCH_PROT: "jumped to",
}


@dataclass(frozen=True, slots=True)
class _Access:
    verb: str
    address: int


def start(image: FirmwareImage, board: Board, *, profile: bool = False, patience_s: float = PATIENCE_S) -> "SimLink":
    """Boots the firmware until it waits for its first byte.

    Raises TargetError when there is no model of the board, or the firmware does what the hardware would not survive.
    """
    if board.family not in MCUS or board.cpu.core not in _CORES or board.flash is None or board.ram is None:
        raise TargetError(f"the emulator sim has no model of {board.name} ({board.family}, {board.cpu.core})")
    program.check(image.elf, board)
    return SimLink(program.load(image.elf), board, board.flash, board.ram, profile, patience_s)


class SimLink:
    """A Link to the emulated serial port. All of the firmware's work is done within write()."""

    def __init__(
        self, loaded: program.Program, board: Board, flash: Memory, ram: Memory, profile: bool, patience_s: float
    ) -> None:
        self._program, self._board = loaded, board
        self._ram = ram
        self._patience_s = patience_s
        self._waiting = False
        self._access: _Access | None = None
        self._error: BaseException | None = None
        self._ended = ""  # why nothing runs any more
        self._uc = unicorn.Uc(
            unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS, _CORES[board.cpu.core]
        )
        self._map_memory(flash)
        self._masks = () if board.cpu.core == "cortex-m0plus" else _MASKS
        self._interrupts = Interrupts()
        self._mcu = MCUS[board.family](self, board)
        self._boot = BOOT_ROMS.get(board.family, _vector_table)
        self._map_registers({**core_registers(self, self._interrupts), **self._mcu.registers})
        self._uc.hook_add(_INVALID_ACCESS, self._note_access)
        self._profiler = Profiler(self._uc, loaded, board) if profile else None
        self._reset(flash)
        self._run()

    # Link

    def write(self, data: bytes) -> None:
        if self._ended:
            raise TargetError(self._ended)
        self._mcu.to_firmware.extend(data)
        while self._mcu.to_firmware:
            self._run()

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002 (the firmware has already run as far as it can)
        data = bytes(self._mcu.from_firmware)
        self._mcu.from_firmware.clear()
        if not data and self._ended:
            raise TargetError(self._ended)
        return data

    def close(self) -> None:
        self._ended = self._ended or "the emulator is closed"

    # HasMicrophone

    def hear(self, samples: Sequence[int]) -> None:
        pdm = getattr(self._mcu, "pdm", None)
        if self._ended:
            raise TargetError(self._ended)
        if pdm is None or not pdm.listens:
            raise TargetError(
                "this firmware does not listen to a microphone: build it with --audio for a board with one"
            )
        pdm.sound.extend(samples)
        while pdm.fill():
            self._run()

    @property
    def lit(self) -> bool:
        """Whether the light that shows a word is on."""
        microphone = self._board.microphone
        return microphone is not None and nrf52.pin_select(microphone.light) in getattr(self._mcu, "high", ())

    # HasMemory

    def write_memory(self, symbol: str, data: bytes) -> None:
        address = self._variable(symbol, len(data))
        self._uc.mem_write(address, data)

    def read_memory(self, symbol: str, offset: int, size: int) -> bytes:
        address = self._variable(symbol, offset + size)
        return bytes(self._uc.mem_read(address + offset, size))

    # What it saw

    @property
    def clock(self) -> Clock:
        return "modelled" if self._profiler and self._profiler.models_cycles else "stopped"

    @property
    def stack_bytes(self) -> int:
        """The deepest stack since reset, found by what is left of the paint."""
        bottom, top = self._program.symbol("__stack_bottom"), self._program.symbol("__stack_top")
        unused = self._uc.mem_read(bottom, top - bottom)
        return top - bottom - (len(unused) - len(unused.lstrip(bytes([_PAINT]))))

    def profile(self) -> Profile:
        """Of the last complete inference. Raises TargetError if there was none or it was not asked for."""
        if self._profiler is None:
            raise TargetError("this emulator was started without profiling")
        return self._profiler.result(self.stack_bytes)

    # Machine, for the peripherals

    def read_ram(self, address: int, size: int) -> bytes:
        self._require_ram(address, size)
        return bytes(self._uc.mem_read(address, size))

    def write_ram(self, address: int, data: bytes) -> None:
        self._require_ram(address, len(data))
        self._uc.mem_write(address, data)

    def wait_for_input(self) -> None:
        self._waiting = True
        self._uc.emu_stop()

    def cycles(self) -> int:
        return self._profiler.cycles() if self._profiler else 0

    # Inside

    def _variable(self, symbol: str, size: int) -> int:
        """Its address."""
        address = self._program.symbol(symbol)
        if not self._is_ram(address, size):
            raise TargetError(f"the firmware's {symbol} has no {size:,} bytes in RAM")
        return address

    def _is_ram(self, address: int, size: int) -> bool:
        return self._ram.origin <= address <= address + size <= self._ram.end

    def _require_ram(self, address: int, size: int) -> None:
        if not self._is_ram(address, size):
            raise FirmwareError(f"DMA at 0x{address:08x}, outside RAM")

    def _map_memory(self, flash: Memory) -> None:
        for memory, permissions in (
            (flash, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC),
            (self._ram, unicorn.UC_PROT_ALL),
        ):
            self._uc.mem_map(memory.origin, -(-memory.bytes // _PAGE) * _PAGE, permissions)
        for address, data in self._program.segments:
            self._uc.mem_write(address, data)

    def _map_registers(self, registers: dict[int, Register]) -> None:
        """Exceptions wait for the end of the run: unicorn cannot pass them on from a read."""

        def read(_uc: Any, offset: int, size: int, page: int) -> int:
            try:
                return _readable(registers, page + offset, size)() & 0xFFFFFFFF
            except BaseException as error:
                self._stop_with(error)
                return 0

        def write(_uc: Any, offset: int, size: int, value: int, page: int) -> None:
            try:
                _writable(registers, page + offset, size)(value)
            except BaseException as error:
                self._stop_with(error)

        for page in {address // _PAGE * _PAGE for address in registers}:
            self._uc.mmio_map(page, _PAGE, read, page, write, page)

    def _stop_with(self, error: BaseException) -> None:
        self._error = self._error or error
        self._uc.emu_stop()

    def _note_access(self, _uc: Any, access: int, address: int, _size: int, _value: int, _data: object) -> bool:
        self._access = _Access(_ACCESS_NAMES[access], address)
        return False

    def _reset(self, flash: Memory) -> None:
        """As the bootloader or the boot ROM."""
        bottom, top = self._program.symbol("__stack_bottom"), self._program.symbol("__stack_top")
        self._uc.mem_write(bottom, bytes([_PAINT]) * (top - bottom))
        try:
            stack, entry = self._boot(self, bytes(self._uc.mem_read(flash.origin, _PAGE)))
        except FirmwareError as error:
            raise TargetError(f"the firmware does not start: {error}") from None
        if self._masks:
            self._uc.reg_write(arm_const.UC_ARM_REG_BASEPRI, _BASEPRI)
        self._uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self._uc.reg_write(arm_const.UC_ARM_REG_PC, entry)

    def _run(self) -> None:
        self._waiting = False
        pc = self._uc.reg_read(arm_const.UC_ARM_REG_PC)
        try:
            with _patience(self._patience_s, self._stop_with):
                self._uc.emu_start(pc | 1, _NOWHERE)
            if self._error:
                raise self._error
        except FirmwareError as error:
            self._fail(f"the firmware is wrong: {error}")
        except unicorn.UcError as error:
            self._fail(self._fault(error))
        except BaseException:
            self._ended = "the emulator was interrupted"
            raise
        if not self._waiting and not self._sleeps():
            self._fail("the firmware ended without waiting for input")

    def _sleeps(self) -> bool:
        """Whether the core waits for an interrupt: unicorn stops behind a WFI."""
        pc = self._uc.reg_read(arm_const.UC_ARM_REG_PC)
        if bytes(self._uc.mem_read(pc - 2, 2)) != _WFI:
            return False
        if not self._interrupts.any_enabled():
            self._fail("the firmware sleeps (WFI), and no interrupt is enabled that could wake it")
        if any(self._uc.reg_read(register) for register in self._masks):
            self._fail(
                "the firmware sleeps (WFI) with BASEPRI or FAULTMASK set, which may keep interrupts from waking it"
            )
        return True

    def _fail(self, reason: str) -> None:
        pc = self._uc.reg_read(arm_const.UC_ARM_REG_PC)
        self._ended = f"{reason} (in {self._program.function_at(pc)}, at 0x{pc:08x})"
        raise TargetError(self._ended) from None

    def _fault(self, error: unicorn.UcError) -> str:
        if self._access is None:
            return f"the firmware faulted: {error}"
        below_stack = self._ram.origin - (1 << 16) <= self._access.address < self._ram.origin
        hint = f": the stack of {self._ram.stack_bytes:,} bytes overflowed" if below_stack else ""
        return f"the firmware {self._access.verb} 0x{self._access.address:08x}, where nothing may be{hint}"


@contextmanager
def _patience(limit_s: float, stop: Callable[[BaseException], None]) -> Iterator[None]:
    """Ends the emulation when it has taken `limit_s` of this process's computing time: other processes do not count."""
    over = threading.Event()
    end_s = time.process_time() + limit_s

    def watch() -> None:
        while not over.wait(min(_LOOK_S, limit_s)):
            if time.process_time() >= end_s:
                stop(FirmwareError(f"it does not wait for input within {limit_s:g} s of computing: {_HANGS}"))
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _vector_table(_machine: Machine, flash: bytes) -> tuple[int, int]:
    return int.from_bytes(flash[:4], "little"), int.from_bytes(flash[4:8], "little")


def _readable(registers: dict[int, Register], address: int, size: int) -> Callable[[], int]:
    register = registers.get(address)
    if register is None or register.read is None or size != 4:
        raise FirmwareError(f"reads {8 * size} bits at 0x{address:08x}, where the MCU's model has no register")
    return register.read


def _writable(registers: dict[int, Register], address: int, size: int) -> Callable[[int], None]:
    register = registers.get(address)
    if register is None or register.write is None or size != 4:
        raise FirmwareError(f"writes {8 * size} bits at 0x{address:08x}, where the MCU's model has no register")
    return register.write
