"""The board's meter on a few instructions: it must not change what runs."""

import struct
from dataclasses import replace

import pytest
import unicorn
from unicorn import arm_const

from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import profiler
from tinyprune.device.emulators.program import Function, Program

pytestmark = pytest.mark.emulator
BOARD = boards.load("portenta-h7")  # whose RAM is watched as well
FLASH, RAM = 0x0804_0000, 0x2400_0000
#: cmp r2, #0; ite ne; ldrne r0, [r1]; moveq r0, #0; b to the next; adds r3, #1; adds r3, #1; bx lr
CODE = struct.pack("<8H", 0x2A00, 0xBF14, 0x6808, 0x2000, 0xE7FF, 0x3301, 0x3301, 0x4770)
RUN = FLASH + 0x100
#: push {lr}; bl to the layer; pop {pc}
CALL = struct.pack("<4H", 0xB500, 0xF7FF, 0xFF7D, 0xBD00)
RETURN = FLASH + 0x200


@pytest.mark.parametrize("source", [FLASH + 0x300, RAM + 0x40])
@pytest.mark.parametrize("condition", [0, 1])
@pytest.mark.parametrize("board", [BOARD, replace(BOARD, reads={})], ids=["RAM watched", "flash only"])
def test_what_follows_a_conditional_load_runs(board: Board, source: int, condition: int) -> None:
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS, arm_const.UC_CPU_ARM_CORTEX_M7)
    uc.mem_map(FLASH, 0x1000)
    uc.mem_map(RAM, 0x1000)
    for address, data in ((FLASH, CODE), (RUN, CALL), (RETURN, struct.pack("<2H", 0xBF00, 0xBF00)), (source, b"\7")):
        uc.mem_write(address, data)
    functions = (Function("tp_network_run", RUN, RUN + 8), Function("tp_layer_00_x", FLASH, FLASH + len(CODE)))
    found = profiler.Profiler(uc, Program((), {}, functions), board)
    for register, value in (
        (arm_const.UC_ARM_REG_SP, RAM + 0x800),
        (arm_const.UC_ARM_REG_LR, RETURN | 1),
        (arm_const.UC_ARM_REG_R1, source),
        (arm_const.UC_ARM_REG_R2, condition),
        (arm_const.UC_ARM_REG_R3, 5),
    ):
        uc.reg_write(register, value)
    uc.emu_start(RUN | 1, RETURN + 2)
    assert uc.reg_read(arm_const.UC_ARM_REG_R3) == 7
    assert uc.reg_read(arm_const.UC_ARM_REG_R0) == (7 if condition else 0)
    assert found.result(0).layers[0].instructions == 8
