"""The emulated nRF5340 and nRF54L15 want the chip set up as Nordic's manual says, before the first byte."""

from dataclasses import replace

import pytest

from tinyprune.device import boards
from tinyprune.device.emulators.cortex_m import FirmwareError
from tinyprune.device.emulators.nrf52 import Nrf52, nrf53, nrf54l

BOARD = boards.load("nrf5340dk")
CLOCK, UARTE = 0x50005000, 0x50008000
TX, RX = 20, 22


class Machine:
    def cycles(self) -> int:
        return 0

    def read_ram(self, address: int, size: int) -> bytes:
        return f"{address:x}"[:size].encode()

    def write_ram(self, address: int, data: bytes) -> None:
        raise AssertionError((address, data))

    def wait_for_input(self) -> None:
        raise AssertionError


def write(mcu: Nrf52, address: int, value: int) -> None:
    action = mcu.registers[address].write
    assert action is not None
    action(value)


def read(mcu: Nrf52, address: int) -> int:
    action = mcu.registers[address].read
    assert action is not None
    return action()


def set_up(mcu: Nrf52, divider: int, left_out: int | None = None) -> None:
    """Everything that the port does, but for one register."""
    steps = {read(mcu, 0x00FF0300 + 8 * i): read(mcu, 0x00FF0304 + 8 * i) for i in range(2)}
    steps |= {0x50006544: 0x50FA50FA, 0x5000654C: 0x50FA50FA, CLOCK + 0x558: divider, 0x50001500: 1, CLOCK: 1}
    steps |= {UARTE + 0x50C: TX, UARTE + 0x514: RX, UARTE + 0x524: 0x01D60000, UARTE + 0x500: 8}
    steps |= {UARTE + 0x544: 0x20000000, UARTE + 0x548: 4}
    for address, value in steps.items():
        if address != left_out:
            write(mcu, address, value)


@pytest.mark.parametrize(("clock_hz", "divider"), [(128_000_000, 0), (64_000_000, 1)])
def test_it_sends(clock_hz: int, divider: int) -> None:
    mcu = nrf53(Machine(), replace(BOARD, cpu=replace(BOARD.cpu, clock_hz=clock_hz)))
    set_up(mcu, divider)
    write(mcu, UARTE + 0x008, 1)
    assert mcu.from_firmware == b"2000"


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (0x5000470C, r"FICR\.TRIMCNF is not copied \(0x5000470c\)"),
        (0x5000654C, "the debug port stays closed"),
        (CLOCK + 0x558, r"CLOCK\.HFCLKCTRL does not make 128 MHz"),
        (0x50001500, "the cache is off"),
        (CLOCK, "before the crystal oscillator runs"),
        (UARTE + 0x500, r"while UARTE0\.ENABLE is not 8"),
        (UARTE + 0x50C, "on another pin than the board's serial port"),
    ],
)
def test_what_is_left_out_is_told(left_out: int, message: str) -> None:
    mcu = nrf53(Machine(), BOARD)
    set_up(mcu, 0, left_out)
    with pytest.raises(FirmwareError, match=message):
        write(mcu, UARTE + 0x008, 1)


CLOCK_54, UARTE_54, TAMPC, TX_54 = 0x5010E000, 0x500C6000, 0x500DC000, 1 << 5 | 4
SIGNALS = (0x500, 0x508, 0x510, 0x518, 0x700)


def set_up_54(mcu: Nrf52, left_out: int | None = None) -> None:
    """Everything that the port does, but for one register."""
    steps = [(0x50120800, 1), (0x5005340C, 1), (0xE0082404, 1), (CLOCK_54, 1)]
    steps += [(read(mcu, 0x00FFC400 + 8 * i), read(mcu, 0x00FFC404 + 8 * i)) for i in range(2)]
    steps += [(TAMPC + signal, value) for signal in SIGNALS for value in (0x50FA00F0, 0x50FA0001)]
    steps += [(UARTE_54 + 0x604, TX_54), (UARTE_54 + 0x524, 0x01D60000), (UARTE_54 + 0x500, 8)]
    steps += [(UARTE_54 + 0x73C, 0x20000000), (UARTE_54 + 0x740, 4)]
    for address, value in steps:
        if address != left_out:
            write(mcu, address, value)


def test_the_nrf54l15_sends() -> None:
    mcu = nrf54l(Machine(), boards.load("nrf54l15dk"))
    set_up_54(mcu)
    write(mcu, UARTE_54 + 0x050, 1)
    assert mcu.from_firmware == b"2000"


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (0x50004704, r"FICR\.TRIMCNF is not copied"),
        (0x50120800, r"OSCILLATORS\.PLL\.FREQ does not make 128 MHz"),
        (0x5005340C, "erratum 37 is not minded"),
        (TAMPC + 0x700, "TAMPC does not let it open"),
        (0xE0082404, "the cache is off"),
        (CLOCK_54, "before the crystal oscillator runs"),
        (UARTE_54 + 0x500, r"while UARTE20\.ENABLE is not 8"),
        (UARTE_54 + 0x604, "on another pin than the board's serial port"),
    ],
)
def test_what_is_left_out_on_the_nrf54l15_is_told(left_out: int, message: str) -> None:
    mcu = nrf54l(Machine(), boards.load("nrf54l15dk"))
    set_up_54(mcu, left_out)
    with pytest.raises(FirmwareError, match=message):
        write(mcu, UARTE_54 + 0x050, 1)


@pytest.mark.parametrize(("value", "message"), [(1, "without its key"), (0x50FA0001, "while it is protected")])
def test_the_debug_port_of_the_nrf54l15_opens_by_two_writes(value: int, message: str) -> None:
    with pytest.raises(FirmwareError, match=message):
        write(nrf54l(Machine(), boards.load("nrf54l15dk")), TAMPC + 0x500, value)
