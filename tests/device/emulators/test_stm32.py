"""STM32 boards: the port runs in the emulator, and the emulator refuses what the chip would not bear."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.device.emulators import firmware
from tests.device.emulators.registers import Chip, Step, poll, run
from tests.device.emulators.stm32_m33_steps import H5_FAULTS, H5_STEPS, U5_FAULTS, U5_STEPS
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS, sim
from tinyprune.device.emulators.cortex_m import FirmwareError
from tinyprune.firmware import toolchain
from tinyprune.measure import benchmark

KINDS = {(board.family, board.clock and board.clock.source): board.name for board in map(boards.load, boards.names())}
STM32 = [name for (family, _), name in KINDS.items() if family.startswith("stm32")]  # all: test_every_board.py


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
@pytest.mark.parametrize(
    "name", ["stm32f4-discovery", "nucleo-l4r5zi", "portenta-h7"]
)  # USART without ISR, LPUART, USART
def test_many_commands_at_once(name: str, tmp_path: Path) -> None:
    """More than the port keeps while it sends."""
    image = firmware.make(tmp_path, name, toolchain.find(boards.load(name)))
    with closing(sim.start(image, boards.load(name))) as link:
        link.read(1)
        link.write(b"name%" * 200)
        assert link.read(1) == b"m-name-dut-[tinyprune]\r\nm-ready\r\n" * 200


def invalidate(chip: Chip, sets: int) -> None:
    for line_set in range(sets):
        for way in range(4):
            chip.write(0xE000EF60, way << 30 | line_set << 5)


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
    ): "the PLL cannot make 480,000,000",
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
#: The G4's: the same but for the numbers, and port G has no supply of its own.
G4_STEPS: dict[str, Step] = {
    **{name: L4_STEPS[name] for name in ("PWR clock", "boost")},
    "HSE": lambda chip: chip.set(0x40021000, 1 << 16),
    "PLLCFGR": lambda chip: chip.write(0x4002100C, 1 << 24 | 85 << 8 | 5 << 4 | 3),
    "PLL": L4_STEPS["PLL"],
    "wait states": lambda chip: chip.write(0x40022000, 0x704),
    **{name: L4_STEPS[name] for name in ("switch", "full speed")},
    "GPIOA clock": lambda chip: chip.set(0x4002104C, 1),
    "TX function": lambda chip: chip.set(0x48000020, 12 << 8),
    "TX mode": lambda chip: chip.write(0x48000000, 0xABFFFFEF),
    "LPUART1 clock": L4_STEPS["LPUART1 clock"],
    "BRR": lambda chip: chip.write(0x4000800C, 377_778),
    **{name: L4_STEPS[name] for name in ("CR1", "send")},
}
G4_FAULTS: dict[tuple[str, Step | None], str] = {
    ("boost", None): "170,000,000 Hz without the boost mode",
    ("HSE", lambda chip: chip.set(0x40021000, 1 << 18 | 1 << 16)): "a clock is selected that is not ready",
    ("PLLCFGR", lambda chip: chip.write(0x4002100C, 1 << 24 | 20 << 8 | 5 << 4 | 3)): "the PLL cannot make 80,000,000",
    ("PLLCFGR", lambda chip: chip.write(0x4002100C, 1 << 24 | 86 << 8 | 5 << 4 | 3)): "more than the chip's 170 MHz",
    ("wait states", lambda chip: chip.write(0x40022000, 0x703)): "170,000,000 Hz with 3 flash wait states",
    ("switch", None): "steps above 80 MHz at once",
    ("full speed", None): "the core runs at 85,000,000 Hz, not at 170,000,000 Hz",
    ("full speed", lambda chip: chip.write(0x40021008, 0)): "a clock is selected that is not ready",  # no MSI
    ("BRR", lambda chip: chip.write(0x4000800C, 266_667)): "LPUART1 sends at 163200 baud",
}


#: The same of the STM32F7's; the F4's differ in the UART and have no over-drive.
F7_STEPS: dict[str, Step] = {
    "PWR clock": lambda chip: chip.set(0x40023840, 1 << 28),
    "HSE": lambda chip: chip.set(0x40023800, 1 << 18 | 1 << 16),
    "PLLCFGR": lambda chip: chip.write(0x40023804, 2 << 28 | 9 << 24 | 1 << 22 | 216 << 6 | 4),
    "PLL": lambda chip: chip.set(0x40023800, 1 << 24),
    "over-drive": lambda chip: chip.set(0x40007000, 1 << 16),
    "over-drive switch": lambda chip: chip.set(0x40007000, 1 << 17),
    "wait states": lambda chip: chip.write(0x40023C00, 7),
    "buses": lambda chip: chip.write(0x40023808, 4 << 13 | 5 << 10),
    "switch": lambda chip: chip.set(0x40023808, 2),
    "instruction cache": lambda chip: chip.write(0xE000EF50, 0),
    "data cache": lambda chip: invalidate(chip, 128),
    "caches": lambda chip: chip.set(0xE000ED14, 1 << 17 | 1 << 16),
    "DWT lock": lambda chip: chip.write(0xE0001FB0, 0xC5ACCE55),
    "cycle counter": lambda chip: chip.set(0xE0001000, 1),
    "GPIOD clock": lambda chip: chip.set(0x40023830, 1 << 3),
    "TX function": lambda chip: chip.set(0x40020C24, 7),
    "TX mode": lambda chip: chip.set(0x40020C00, 2 << 16),
    "USART3 clock": lambda chip: chip.set(0x40023840, 1 << 18),
    "BRR": lambda chip: chip.write(0x4000480C, 469),
    "CR1": lambda chip: chip.write(0x40004800, 1 << 3 | 1 << 2 | 1),
    "send": lambda chip: chip.write(0x40004828, ord("x")),
}
F7_FAULTS: dict[tuple[str, Step | None], str] = {
    ("PWR clock", None): "PWR is used while RCC_APB1ENR.PWREN is 0",
    ("HSE", None): "a clock is selected that is not ready",
    ("HSE", lambda chip: chip.set(0x40023800, 1 << 16)): "a clock is selected that is not ready",  # no crystal there
    ("PLL", None): "a clock is selected that is not ready",
    (
        "PLLCFGR",
        lambda chip: chip.write(0x40023804, 1 << 22 | 9 << 24 | 216 << 6 | 2),
    ): "the PLL cannot make",
    ("PLLCFGR", lambda chip: chip.write(0x40023804, 1 << 22 | 1 << 24 | 216 << 6 | 4)): "PLLQ must be 2 or more",
    (
        "PLLCFGR",
        lambda chip: chip.write(0x40023804, 1 << 22 | 9 << 24 | 200 << 6 | 4),
    ): "the core runs at 200",
    ("over-drive", None): "ODSWEN is set before PWR_CSR1.ODRDY",
    ("over-drive switch", None): "216,000,000 Hz without over-drive",
    ("wait states", None): "216,000,000 Hz with 0 flash wait states",
    ("wait states", lambda chip: chip.write(0x40023C00, 6)): "216,000,000 Hz with 6 flash wait states",
    ("buses", None): "APB1 at 216,000,000 Hz",
    ("buses", lambda chip: chip.write(0x40023808, 5 << 10)): "APB2 at 216,000,000 Hz",
    ("switch", None): "the core runs at 16,000,000 Hz, not at 216,000,000 Hz",
    ("instruction cache", None): "instruction cache is enabled without",
    ("data cache", lambda chip: invalidate(chip, 127)): "enabled with 508 of 512 lines invalidated",
    ("DWT lock", None): "the DWT is written while DWT_LAR locks it",
    ("GPIOD clock", None): "GPIOD is used while RCC gives it no clock",
    ("USART3 clock", None): "USART3 is used while RCC gives it no clock",
    ("BRR", lambda chip: chip.write(0x4000480C, 1875)): "USART3 sends at 28800 baud",
    ("send", lambda chip: chip.read(0x40004824)): "USART3 is used while PD9 does not serve it",
}
F4_STEPS: dict[str, Step] = {
    "HSE": lambda chip: chip.set(0x40023800, 1 << 16),
    "PLLCFGR": lambda chip: chip.write(0x40023804, 7 << 24 | 1 << 22 | 168 << 6 | 4),
    "PLL": lambda chip: chip.set(0x40023800, 1 << 24),
    "wait states": lambda chip: chip.write(0x40023C00, 0x705),
    "switch": lambda chip: chip.write(0x40023808, 4 << 13 | 5 << 10 | 2),
    "GPIOA clock": lambda chip: chip.set(0x40023830, 1),
    "TX": lambda chip: (chip.set(0x40020020, 7 << 8), chip.set(0x40020000, 2 << 4)),
    "USART2 clock": lambda chip: chip.set(0x40023840, 1 << 17),
    "BRR": lambda chip: chip.write(0x40004408, 365),
    "CR1": lambda chip: chip.write(0x4000440C, 1 << 13 | 1 << 3 | 1 << 2),
    "send": lambda chip: chip.write(0x40004404, ord("x")),
}
F4_FAULTS: dict[tuple[str, Step | None], str] = {
    ("HSE", lambda chip: chip.set(0x40023800, 1 << 18 | 1 << 16)): "a clock is selected that is not ready",
    (
        "PLLCFGR",
        lambda chip: chip.write(0x40023804, 7 << 24 | 1 << 22 | 180 << 6 | 4),
    ): "more than the chip's",
    ("wait states", lambda chip: chip.write(0x40023C00, 0x704)): "168,000,000 Hz with 4 flash wait states",
    ("CR1", lambda chip: chip.write(0x4000440C, 0xD)): "CR1 = 0xd, which is not 8N1",  # as the newer UART wants it
    ("BRR", lambda chip: chip.write(0x40004408, 1458)): "USART2 sends at 28807 baud",
}
#: The F4 as reset leaves its clocks.
RESET_STEPS: dict[str, Step] = {
    "TIM2 clock": lambda chip: chip.set(0x40023840, 1),
    "TIM2": lambda chip: chip.write(0x40000000, 1),
    "count": lambda chip: chip.read(0x40000024),
    "GPIOB clock": lambda chip: chip.set(0x40023830, 1 << 1),
    "TX": lambda chip: (chip.set(0x40020420, 7 << 24), chip.set(0x40020400, 2 << 12)),
    "USART1 clock": lambda chip: chip.set(0x40023844, 1 << 4),
    "BRR": lambda chip: chip.write(0x40011008, 139),
    "CR1": lambda chip: chip.write(0x4001100C, 1 << 13 | 1 << 3 | 1 << 2),
    "send": lambda chip: chip.write(0x40011004, ord("x")),
}
RESET_FAULTS: dict[tuple[str, Step | None], str] = {
    ("TIM2 clock", None): "TIM2 is used while RCC gives it no clock",
    ("TIM2", None): "TIM2_CNT is read while CR1 = 0x0: it does not count up",
    ("GPIOB clock", lambda chip: chip.set(0x40023800, 1 << 16)): "GPIOB is used while RCC gives it no clock",
    ("BRR", lambda chip: chip.write(0x40011008, 69)): "USART1 sends at 231884 baud",
    ("send", lambda chip: chip.set(0x40023808, 1)): "a clock is selected that is not ready",
}
H7_STEPS: dict[str, Step] = {
    "GPIOH clock": lambda chip: chip.set(0x580244E0, 1 << 7),
    "oscillator": lambda chip: (chip.write(0x58021C18, 1 << 1), chip.write(0x58021C00, 0xFFFFFFF7)),
    "HSI": lambda chip: chip.clear(0x58024410, 7),
    "PLLs off": lambda chip: chip.clear(0x58024400, 1 << 28 | 1 << 24),
    "HSE off": lambda chip: chip.clear(0x58024400, 1 << 16 | 3 << 3),
    "voltage": lambda chip: chip.set(0x58024818, 3 << 14),
    "latency": lambda chip: chip.write(0x52002000, 0x22),
    "HSE": lambda chip: chip.set(0x58024400, 1 << 18 | 1 << 16),
    "PLL input": lambda chip: chip.write(0x58024428, 5 << 4 | 2),
    "PLL range": lambda chip: chip.write(0x5802442C, 1 << 16 | 2 << 2),
    "PLL factor": lambda chip: chip.write(0x58024430, 1 << 9 | 159),
    "PLL": lambda chip: chip.set(0x58024400, 1 << 24),
    "D1": lambda chip: chip.write(0x58024418, 4 << 4 | 8),
    "D2": lambda chip: chip.write(0x5802441C, 4 << 8 | 4 << 4),
    "D3": lambda chip: chip.write(0x58024420, 4 << 4),
    "switch": lambda chip: chip.set(0x58024410, 3),
    "UART clock": lambda chip: chip.write(0x58024454, 0),
    "GPIOA clock": lambda chip: chip.set(0x580244E0, 1),
    "TX function": lambda chip: chip.set(0x58020024, 7 << 4),
    "TX mode": lambda chip: chip.clear(0x58020000, 1 << 18),
    "USART1 clock": lambda chip: chip.set(0x580244F0, 1 << 4),
    "BRR": lambda chip: chip.write(0x4001100C, 868),
    "CR1": lambda chip: chip.write(0x40011000, 1 << 3 | 1 << 2 | 1),
    "send": lambda chip: chip.write(0x40011028, ord("x")),
}
H7_FAULTS: dict[tuple[str, Step | None], str] = {
    ("GPIOH clock", None): "GPIOH is used while RCC gives it no clock",
    ("oscillator", None): "a clock is selected that is not ready",
    ("oscillator", lambda chip: chip.write(0x58021C18, 1 << 1)): "a clock is selected that is not ready",
    ("oscillator", lambda chip: chip.write(0x58021C00, 0xFFFFFFF7)): "a clock is selected that is not ready",
    ("HSI", None): "PLL1 is stopped while the core runs on it",
    ("PLLs off", None): "HSIDIV is changed while a PLL may run on HSI",
    ("HSE off", None): "HSEBYP is changed while HSE is on",
    (
        "HSE",
        lambda chip: chip.set(0x58024400, 1 << 26 | 1 << 18 | 1 << 16),
    ): "PLLCKSELR is written while a PLL runs",
    ("voltage", None): "400,000,000 Hz without voltage scale 1",
    ("latency", lambda chip: chip.write(0x52002000, 0x21)): "200,000,000 Hz with 1 flash wait states",
    ("latency", lambda chip: chip.write(0x52002000, 0x12)): "with 2 flash wait states, WRHIGHFREQ 1",
    ("PLL input", lambda chip: chip.write(0x58024428, 2)): "PLL1 has no input",
    ("PLL input", lambda chip: chip.write(0x58024428, 2 << 4 | 2)): "input of 12,500,000 Hz is not in the range",
    ("PLL factor", lambda chip: chip.write(0x58024430, 1 << 9 | 191)): "PLL1 cannot make 960,000,000 Hz",
    ("PLL factor", lambda chip: chip.write(0x58024430, 1 << 9 | 79)): "the core runs at 200,000,000 Hz",
    ("PLL factor", lambda chip: chip.write(0x58024430, 159)): "too fast",
    ("PLL", None): "a clock is selected that is not ready",
    ("D1", lambda chip: chip.write(0x58024418, 4 << 4)): "AHB at 400,000,000 Hz",
    ("D2", lambda chip: chip.write(0x5802441C, 4 << 8)): "APB at 200,000,000 Hz",
    ("D3", lambda chip: chip.write(0x58024420, 0)): "APB at 200,000,000 Hz",
    ("switch", None): "the core runs at 64,000,000 Hz, not at 400,000,000 Hz",
    ("UART clock", None): "gives USART1 another clock than its bus",
    ("GPIOA clock", None): "GPIOA is used while RCC gives it no clock",
    ("TX mode", None): "USART1 is used while PA9 does not serve it",
    ("BRR", lambda chip: chip.write(0x4001100C, 3472)): "USART1 sends at 28802 baud",
}
CHIPS = {
    "portenta-h7": (H7_STEPS, H7_FAULTS),
    "nucleo-l4r5zi": (L4_STEPS, L4_FAULTS),
    "nucleo-g474re": (G4_STEPS, G4_FAULTS),
    "nucleo-u575zi-q": (U5_STEPS, U5_FAULTS),
    "nucleo-h563zi": (H5_STEPS, H5_FAULTS),
    "nucleo-f767zi": (F7_STEPS, F7_FAULTS),
    "stm32f4-discovery": (F4_STEPS, F4_FAULTS),
    "netduinoplus2": (RESET_STEPS, RESET_FAULTS),
}
FAULTS = [(name, *fault, message) for name, (_, faults) in CHIPS.items() for fault, message in faults.items()]


@pytest.mark.parametrize("name", CHIPS)
def test_the_steps_are_enough(name: str) -> None:
    chip = Chip(name)
    run(chip, CHIPS[name][0])
    assert chip.mcu.from_firmware == b"x"


@pytest.mark.parametrize(("name", "without", "instead", "message"), FAULTS)
def test_without_one_step(name: str, without: str, instead: Step | None, message: str) -> None:
    steps = CHIPS[name][0]
    assert without in steps
    with pytest.raises(FirmwareError, match=message):
        run(Chip(name), steps, without, instead)


def test_the_caches_are_not_invalidated_while_they_are_on() -> None:
    chip = Chip("nucleo-f767zi")
    run(chip, F7_STEPS)
    with pytest.raises(FirmwareError, match="what it holds would be lost"):
        invalidate(chip, 1)
