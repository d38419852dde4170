"""STM32 boards: the port runs in the emulator, and the emulator refuses what the chip would not bear."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.emulated import firmware
from tinyprune import benchmark, boards, toolchain
from tinyprune.boards import Board
from tinyprune.emulators import EMULATORS, sim
from tinyprune.emulators.cortex_m import FirmwareError, Mcu

STM32 = [name for name in boards.names() if boards.load(name).family.startswith("stm32")]


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("name", STM32)
def test_a_board_infers_and_tells_the_time(name: str, compiler: str, tmp_path: Path) -> None:
    board = boards.load(name)
    image = firmware.make(tmp_path, name, toolchain.find(board, compiler))
    inputs = np.random.default_rng(2).integers(-128, 128, (3, firmware.INPUT_BYTES), dtype=np.int8)
    outputs = benchmark.outputs(EMULATORS["sim"], image, board, inputs)
    np.testing.assert_array_equal(outputs, [firmware.expected_output(row.tobytes()) for row in inputs])


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("name", STM32)
def test_many_commands_at_once(name: str, tmp_path: Path) -> None:
    """More than the port keeps while it sends."""
    image = firmware.make(tmp_path, name, toolchain.find(boards.load(name)))
    with closing(sim.start(image, boards.load(name))) as link:
        link.read(1)
        link.write(b"name%" * 200)
        assert link.read(1) == b"m-name-dut-[tinyprune]\r\nm-ready\r\n" * 200


class Chip:
    """The peripherals of a board without a core: a test writes registers itself."""

    def __init__(self, name: str) -> None:
        self.board: Board = boards.load(name)
        self.mcu: Mcu = sim.MCUS[self.board.family](self, self.board)
        self.waits = 0

    def read(self, address: int) -> int:
        read = self.mcu.registers[address].read
        assert read is not None
        return read()

    def write(self, address: int, value: int) -> None:
        write = self.mcu.registers[address].write
        assert write is not None
        write(value)

    def set(self, address: int, bits: int) -> None:
        self.write(address, self.read(address) | bits)

    def clear(self, address: int, bits: int) -> None:
        self.write(address, self.read(address) & ~bits)

    # Machine

    def wait_for_input(self) -> None:
        self.waits += 1

    def cycles(self) -> int:
        return 0

    def read_ram(self, address: int, size: int) -> bytes:
        raise AssertionError((address, size))

    def write_ram(self, address: int, data: bytes) -> None:
        raise AssertionError((address, data))


Step = Callable[[Chip], None]


def poll(chip: Chip, status: int) -> None:
    """Long enough to count as waiting for input."""
    for _ in range(10):
        chip.read(status)


def run(chip: Chip, steps: dict[str, Step], without: str = "", instead: Step | None = None) -> None:
    for name, step in steps.items():
        if name != without:
            step(chip)
        elif instead:
            instead(chip)


#: What the STM32L4's port does, step by step, and a byte sent.
L4_STEPS: dict[str, Step] = {
    "PWR clock": lambda chip: chip.set(0x40021058, 1 << 28),
    "VDDIO2": lambda chip: chip.set(0x40007004, 1 << 9),
    "boost": lambda chip: chip.clear(0x40007080, 1 << 8),
    "HSI16": lambda chip: chip.set(0x40021000, 1 << 8),
    "PLLCFGR": lambda chip: chip.write(0x4002100C, 1 << 24 | 30 << 8 | 1 << 4 | 2),
    "PLL": lambda chip: chip.set(0x40021000, 1 << 24),
    "wait states": lambda chip: chip.write(0x40022000, 0x705),
    "switch": lambda chip: chip.write(0x40021008, 8 << 4 | 3),
    "full speed": lambda chip: chip.write(0x40021008, 3),
    "GPIOG clock": lambda chip: chip.set(0x4002104C, 1 << 6),
    "TX function": lambda chip: chip.set(0x48001820, 8 << 28),
    "TX mode": lambda chip: chip.write(0x48001800, 0xFFFFBFFF),
    "LPUART1 clock": lambda chip: chip.set(0x4002105C, 1),
    "BRR": lambda chip: chip.write(0x4000800C, 266_667),
    "CR1": lambda chip: chip.write(0x40008000, 1 << 3 | 1 << 2 | 1),
    "send": lambda chip: chip.write(0x40008028, ord("x")),
}
#: Step left out, what is done in its place → message.
L4_FAULTS: dict[tuple[str, Step | None], str] = {
    ("PWR clock", None): "PWR is used while RCC_APB1ENR1.PWREN is 0",
    ("VDDIO2", None): "PG7 is used while it has no supply",
    ("boost", None): "120,000,000 Hz without the boost mode",
    ("HSI16", None): "a clock is selected that is not ready",
    ("PLL", None): "a clock is selected that is not ready",
    (
        "PLLCFGR",
        lambda chip: chip.write(0x4002100C, 1 << 24 | 60 << 8 | 1 << 4 | 2),
    ): "the PLL cannot make 480,000,000 Hz",
    ("PLLCFGR", lambda chip: chip.write(0x4002100C, 1 << 24 | 25 << 8 | 1 << 4 | 2)): "the core runs at 100,000,000 Hz",
    ("wait states", None): "Hz with 0 flash wait states",
    ("wait states", lambda chip: chip.write(0x40022000, 0x704)): "120,000,000 Hz with 4 flash wait states",
    ("switch", None): "steps above 80 MHz at once",
    ("full speed", None): "the core runs at 60,000,000 Hz, not at 120,000,000 Hz",
    ("full speed", lambda chip: chip.write(0x4002100C, 0)): "RCC_PLLCFGR is written while the PLL runs",
    ("GPIOG clock", None): "GPIOG is used while RCC gives it no clock",
    ("TX function", None): "LPUART1 is used while PG7 does not serve it",
    ("TX mode", None): "LPUART1 is used while PG7 does not serve it",
    ("LPUART1 clock", None): "LPUART1 is used while RCC gives it no clock",
    ("BRR", lambda chip: chip.write(0x4000800C, 120_000_000 // 115_200)): "at 29510086 baud, not 115200",
    ("CR1", None): "CR1 = 0x0, which is not 8N1",
    ("CR1", lambda chip: chip.write(0x40008000, 0x40D)): "CR1 = 0x40d, which is not 8N1",
    ("send", lambda chip: chip.write(0x4000800C, 1)): "BRR is written while the UART is on",
    ("send", lambda chip: poll(chip, 0x4000801C)): "LPUART1 is used while PG8 does not serve it",
}


def test_the_l4s_steps_are_enough() -> None:
    chip = Chip("nucleo-l4r5zi")
    run(chip, L4_STEPS)
    assert chip.mcu.from_firmware == b"x"


@pytest.mark.parametrize("fault", L4_FAULTS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(L4_FAULTS)])
def test_the_l4_without_one_step(fault: tuple[str, Step | None]) -> None:
    with pytest.raises(FirmwareError, match=L4_FAULTS[fault]):
        run(Chip("nucleo-l4r5zi"), L4_STEPS, *fault)
