"""Registers of the Cortex-M core that the firmware touches. Armv7-M Architecture Reference Manual DDI 0403E, B3, C1.

Any access to a register that is not listed is an error: firmware that works here must not depend on luck elsewhere.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol


class Register(NamedTuple):
    """What happens on a 32-bit access; None: the register cannot be read, or written."""

    read: Callable[[], int] | None
    write: Callable[[int], None] | None


class Machine(Protocol):
    """What peripherals see of the emulated machine."""

    def read_ram(self, address: int, size: int) -> bytes: ...

    def write_ram(self, address: int, data: bytes) -> None: ...

    def wait_for_input(self) -> None:
        """Stops the machine until the PC sends a byte; then the access that asked is repeated.

        Ports that sleep until a byte wakes them (WFI) need not call it.
        """

    def cycles(self) -> int:
        """Modelled cycles since reset; 0 when the machine does not model time."""


class Mcu(Protocol):
    """What the machine sees of a chip's peripherals."""

    to_firmware: deque[int]
    from_firmware: bytearray
    registers: dict[int, Register]


class FirmwareError(Exception):
    """The firmware did what the hardware does not do; becomes a TargetError that names the place."""


def stored(value: int = 0) -> Register:
    """A register that reads as it was written and does nothing else."""
    cell = [value]

    def write(new: int) -> None:
        cell[0] = new

    return Register(lambda: cell[0], write)


def write_only(action: Callable[[int], None]) -> Register:
    return Register(None, action)


def ignored() -> Register:
    """A write-only register whose effect nothing here can see."""
    return write_only(lambda _value: None)


class CycleCounter:
    """DWT.CYCCNT: counts while DEMCR.TRCENA and DWT_CTRL.CYCCNTENA are set."""

    def __init__(self, cycles: Callable[[], int]) -> None:
        self._cycles = cycles
        self._start = 0
        self._demcr = stored()
        self._control = stored()

    def registers(self) -> dict[int, Register]:
        return {
            0xE0001000: self._control,
            0xE0001004: Register(self._read, self._write),
            0xE000EDFC: self._demcr,
        }

    def _read(self) -> int:
        assert self._demcr.read is not None
        assert self._control.read is not None
        if not self._demcr.read() & 1 << 24:
            raise FirmwareError("DWT_CYCCNT is read while DEMCR.TRCENA is 0")
        return self._cycles() - self._start if self._control.read() & 1 else 0

    def _write(self, value: int) -> None:
        self._start = self._cycles() - value


class Interrupts:
    """Which ones the NVIC lets through: one of them must be, to end a WFI. None is ever taken: PRIMASK is set."""

    def __init__(self) -> None:
        self._enabled = [0] * 8

    def any_enabled(self) -> bool:
        return any(self._enabled)

    def registers(self) -> dict[int, Register]:
        return {
            **{0xE000E100 + 4 * i: write_only(lambda bits, i=i: self._set(i, bits)) for i in range(8)},  # type: ignore[misc]
            **{0xE000E180 + 4 * i: write_only(lambda bits, i=i: self._clear(i, bits)) for i in range(8)},  # type: ignore[misc]
            **{0xE000E280 + 4 * i: ignored() for i in range(8)},  # NVIC_ICPR
        }

    def _set(self, i: int, bits: int) -> None:
        self._enabled[i] |= bits

    def _clear(self, i: int, bits: int) -> None:
        self._enabled[i] &= ~bits


def core_registers(machine: Machine, interrupts: Interrupts) -> dict[int, Register]:
    """Address → register of the system control space and the DWT."""
    return {
        **CycleCounter(machine.cycles).registers(),
        0xE000E004: Register(lambda: 7, None),  # ICTR: 256 interrupts
        0xE000E010: stored(),  # SYST_CSR
        **interrupts.registers(),
        0xE000ED08: stored(),  # VTOR
        0xE000ED88: stored(),  # CPACR
        0xE000ED94: stored(),  # MPU_CTRL
    }
