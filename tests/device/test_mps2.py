"""The emulated MPS2 refuses what the hardware would answer with silence."""

import pytest

from tinyprune.device import boards
from tinyprune.device.emulators.cortex_m import FirmwareError, Register
from tinyprune.device.emulators.mps2 import Mps2

UART, TIMER = 0x40004000, 0x40000000


class Machine:
    """Counts as it is told."""

    now = 0

    def cycles(self) -> int:
        return self.now

    def read_ram(self, address: int, size: int) -> bytes:
        raise AssertionError((address, size))

    def write_ram(self, address: int, data: bytes) -> None:
        raise AssertionError((address, data))

    def wait_for_input(self) -> None:
        raise AssertionError


def write(mcu: Mps2, address: int, value: int) -> None:
    register: Register = mcu.registers[address]
    assert register.write is not None
    register.write(value)


def read(mcu: Mps2, address: int) -> int:
    register: Register = mcu.registers[address]
    assert register.read is not None
    return register.read()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def mcu(machine: Machine) -> Mps2:
    return Mps2(machine, boards.load("mps2-an385"))


def test_a_byte_each_way(mcu: Mps2) -> None:
    write(mcu, UART + 0x10, 25_000_000 // 115200)
    write(mcu, UART + 0x8, 3)
    write(mcu, UART, ord("x"))
    assert mcu.from_firmware == b"x"
    assert read(mcu, UART + 0x4) == 0
    mcu.to_firmware.extend(b"y")
    assert read(mcu, UART + 0x4) == 2
    assert read(mcu, UART) == ord("y")


def test_a_uart_that_is_not_set_up(mcu: Mps2) -> None:
    with pytest.raises(FirmwareError, match=r"UART0 sends a byte while UART0\.CTRL does not enable it"):
        write(mcu, UART, 1)
    write(mcu, UART + 0x8, 3)
    with pytest.raises(FirmwareError, match=r"sends a byte with BAUDDIV 0, not 217 \(115200\)"):
        write(mcu, UART, 1)
    write(mcu, UART + 0x10, 217)
    with pytest.raises(FirmwareError, match=r"DATA is read while UART0\.STATE has no byte"):
        read(mcu, UART)


def test_the_timer_counts_down(mcu: Mps2, machine: Machine) -> None:
    with pytest.raises(FirmwareError, match=r"VALUE is read while TIMER0\.CTRL is off"):
        read(mcu, TIMER + 0x4)
    machine.now = 1000
    write(mcu, TIMER + 0x4, 0xFFFFFFFF)
    write(mcu, TIMER, 1)
    machine.now = 1300
    assert read(mcu, TIMER + 0x4) == 0xFFFFFFFF - 300


def test_the_m33s_are_the_secure_aliases(machine: Machine) -> None:
    registers = Mps2(machine, boards.load("mps2-an505")).registers
    assert 0x50200000 in registers
    assert 0x50000004 in registers
    assert UART not in registers
