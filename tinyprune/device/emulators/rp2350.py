"""RP2350: its addresses, and what its boot ROM wants of an image.

RP2350 Datasheet, 5.9 (image definitions), 8.5 (ticks). The ROM looks for a block in the first 4 KB, makes the flash
readable, and starts the image by the vector table at its beginning.
"""

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Mcu, write_only
from tinyprune.device.emulators.rp2 import Chip, Rp2

_SEARCHED_BYTES = 4096
_START, _END = (0xFFFFDED3).to_bytes(4, "little"), (0xAB123579).to_bytes(4, "little")
_IMAGE_TYPE, _LAST_ITEM = 0x10210142, 0x000001FF  # executable, secure, Arm, RP2350; behind one word of items
_CHIP = Chip(
    clocks=0x40010000,
    resets=0x40020000,
    io_bank0=0x40028000,
    pads_bank0=0x40038000,
    xosc=0x40048000,
    pll_sys=0x40050000,
    uarts={"UART0": 0x40070000, "UART1": 0x40078000},
    timer=0x400B0000,
    ticks=(0x40108018, 0x4010801C),
    reset_bits={"IO_BANK0": 6, "PADS_BANK0": 9, "PLL_SYS": 14, "TIMER": 23, "UART0": 26, "UART1": 27},
    pad_reset=0x116,
    core_max_hz=150_000_000,
)


def boot(_machine: Machine, flash: bytes) -> tuple[int, int]:
    """(stack pointer, program counter) of the image. Raises FirmwareError where the ROM would stay in USB boot."""
    head = flash[:_SEARCHED_BYTES]
    start = head.find(_START)
    if start < 0 or start % 4:
        raise FirmwareError("the boot ROM finds no image definition in the first 4 KB")
    words = [int.from_bytes(head[start + 4 * i : start + 4 * i + 4], "little") for i in range(5)]
    if words[1:4] != [_IMAGE_TYPE, _LAST_ITEM, 0] or words[4].to_bytes(4, "little") != _END:
        raise FirmwareError("the image definition is not the least one of an Arm program")
    return int.from_bytes(flash[:4], "little"), int.from_bytes(flash[4:8], "little")


def rp2350(machine: Machine, board: Board) -> Mcu:
    chip = Rp2(machine, board, _CHIP)

    def write_cycles(value: int) -> None:
        if chip.ticks.enabled:
            raise FirmwareError("TICKS.TIMER0_CYCLES is written while the ticks run")
        chip.ticks.cycles = value

    def write_control(value: int) -> None:
        chip.ticks.enabled = bool(value & 1)

    chip.registers |= {_CHIP.ticks[0]: write_only(write_control), _CHIP.ticks[1]: write_only(write_cycles)}
    return chip
