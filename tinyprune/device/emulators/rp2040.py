"""RP2040: its addresses, the boot ROM's way into the second stage, and the SSI that makes the flash readable.

RP2040 Datasheet, 2.8.1 (boot sequence), 4.10 (SSI). The ROM copies the first 256 bytes of flash to the end of SRAM,
checks their CRC-32 and jumps there.
"""

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Mcu, Register, write_only
from tinyprune.device.emulators.rp2 import Chip, Rp2

_SSI = 0x18000000
_SECOND_STAGE_BYTES = 256
_SRAM_END = 0x20042000
_SSI_READS = {0x00: 31 << 16 | 3 << 8, 0x04: 0, 0xF4: 0x03 << 24 | 2 << 8 | 6 << 2}  # CTRLR0, CTRLR1, SPI_CTRLR0
_CHIP = Chip(
    clocks=0x40008000,
    resets=0x4000C000,
    io_bank0=0x40014000,
    pads_bank0=0x4001C000,
    xosc=0x40024000,
    pll_sys=0x40028000,
    uarts={"UART0": 0x40034000, "UART1": 0x40038000},
    timer=0x40054000,
    ticks=(0x4005802C,),
    reset_bits={"IO_BANK0": 5, "PADS_BANK0": 8, "PLL_SYS": 12, "TIMER": 21, "UART0": 22, "UART1": 23},
    pad_reset=0x56,
    core_max_hz=133_000_000,
)


def crc32(data: bytes) -> int:
    """As the boot ROM computes it: polynomial 0x04C11DB7, highest bit first, begins with all ones, nothing inverted."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value


def boot(machine: Machine, flash: bytes) -> tuple[int, int]:
    """(stack pointer, program counter) with which the ROM enters the second stage.

    Raises FirmwareError where the ROM would stay in USB boot.
    """
    stage = flash[:_SECOND_STAGE_BYTES]
    found, told = crc32(stage[:-4]), int.from_bytes(stage[-4:], "little")
    if found != told:
        raise FirmwareError(f"the boot ROM refuses a second stage whose CRC is 0x{found:08x}, not 0x{told:08x}")
    machine.write_ram(_SRAM_END - _SECOND_STAGE_BYTES, stage)
    return _SRAM_END - _SECOND_STAGE_BYTES, _SRAM_END - _SECOND_STAGE_BYTES | 1


class Ssi:
    """Set up once, while it is off, for reads of one word by the command 03h; the cache asks for nothing else."""

    def __init__(self) -> None:
        self.readable = False
        self._enabled = True  # the boot ROM read the second stage with it
        self._values: dict[int, int] = {}

    def registers(self) -> dict[int, Register]:
        settings = {
            _SSI + offset: write_only(lambda value, offset=offset: self._set_up(offset, value))  # type: ignore[misc]
            for offset in (0x00, 0x04, 0x14, 0xF4)
        }
        return {**settings, _SSI + 0x08: write_only(self._enable)}

    def _set_up(self, offset: int, value: int) -> None:
        if self._enabled:
            raise FirmwareError("the SSI is set up while SSI.SSIENR is 1")
        self._values[offset] = value

    def _enable(self, value: int) -> None:
        self._enabled = bool(value)
        divider = self._values.get(0x14, 0)  # BAUDR: even, and at most 50 MHz at the highest clk_sys
        right = all(self._values.get(offset) == wanted for offset, wanted in _SSI_READS.items())
        self.readable = self._enabled and right and divider >= 4 and divider % 2 == 0


def rp2040(machine: Machine, board: Board) -> Mcu:
    chip, ssi = Rp2(machine, board, _CHIP), Ssi()
    start_crystal = chip.registers[_CHIP.xosc].write
    assert start_crystal is not None

    def write_crystal(value: int) -> None:
        if not ssi.readable:
            raise FirmwareError("code runs from flash that the second stage has not made readable")
        start_crystal(value)

    def write_tick(value: int) -> None:
        chip.ticks.cycles, chip.ticks.enabled = value & 0x1FF, bool(value >> 9 & 1)

    chip.registers |= ssi.registers()
    chip.registers[_CHIP.xosc] = write_only(write_crystal)
    chip.registers[_CHIP.ticks[0]] = write_only(write_tick)
    return chip
