"""The profiler on a few instructions, placed where unicorn cuts them differently."""

import struct
from dataclasses import replace

import pytest
import unicorn
from unicorn import arm_const

from tinyprune.device import boards
from tinyprune.device.emulators import profiler
from tinyprune.device.emulators.program import Function, Program

pytestmark = pytest.mark.emulator
BASE, RAM, RETURN = 0x10000, 0x20000000, 0x10040
RUN = 0x10080
LDR, NOP, BX_LR, PUSH_LR, POP_PC = 0x6808, 0xBF00, 0x4770, 0xB500, 0xBD00  # ldr r0, [r1]
LOADS = 12
BOARD = replace(boards.load("nano33"), reads={})


def call(source: int, target: int) -> bytes:
    """The instruction bl, Armv7-M Architecture Reference Manual A7.7.18."""
    offset = target - source - 4
    low = 0xD000 | (1 << 13) | (1 << 11) | offset >> 1 & 0x7FF
    return struct.pack("<HH", 0xF000 | (offset >> 25 & 1) << 10 | offset >> 12 & 0x3FF, low)


def profiled(layer: int, halfwords: list[int]) -> tuple[int, int, list[int]]:
    """(instructions, cycles) of one layer whose code lies at `layer`, and the sizes of the blocks that unicorn made."""
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS, arm_const.UC_CPU_ARM_CORTEX_M4)
    uc.mem_map(BASE, 0x10000)
    uc.mem_map(RAM, 0x1000)
    code = struct.pack(f"<{len(halfwords)}H", *halfwords)
    run = struct.pack("<H", PUSH_LR) + call(RUN + 2, layer) + struct.pack("<H", POP_PC)
    for address, data in ((RUN, run), (layer, code), (RETURN, struct.pack("<2H", NOP, BX_LR))):
        uc.mem_write(address, data)
    functions = (Function("tp_network_run", RUN, RUN + len(run)), Function("tp_layer_00_x", layer, layer + len(code)))
    found = profiler.Profiler(uc, Program((), {}, functions), BOARD)
    sizes: list[int] = []
    uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda _uc, at, size, _data: sizes.append(size) if at >= layer else None)
    for register, value in ((arm_const.UC_ARM_REG_SP, RAM + 0x800), (arm_const.UC_ARM_REG_R1, RAM)):
        uc.reg_write(register, value)
    uc.reg_write(arm_const.UC_ARM_REG_LR, RETURN | 1)
    uc.emu_start(RUN | 1, RETURN + 2)
    only = found.result(0).layers[0]
    assert only.board_cycles is not None
    assert only.board_cycles.low == only.board_cycles.high == only.modelled_cycles  # short loads of RAM alone
    return only.instructions, only.modelled_cycles, sizes


@pytest.mark.parametrize("before_page_end", [2, 4, 10, 22, 24])
def test_cycles_do_not_depend_on_the_address(before_page_end: int) -> None:
    halfwords = [LDR] * LOADS + [BX_LR]
    *expected, whole = profiled(0x12000, halfwords)
    *found, cut = profiled(0x13000 - before_page_end, halfwords)
    assert whole == [2 * LOADS + 2]
    assert cut == [before_page_end, 2 * LOADS + 2 - before_page_end]
    assert found == expected == [LOADS + 1, 2 + (LOADS - 1) + 3]


def test_a_load_behind_a_branch_is_not_pipelined() -> None:
    """A branch that is not taken ends a block in earnest, although the next one follows."""
    compare, not_equal = 0x4280, 0xD1FF  # cmp r0, r0; bne to the instruction behind
    assert profiled(0x12000, [compare, not_equal, LDR, LDR, BX_LR])[:2] == (5, 1 + 1 + 2 + 1 + 3)
    assert profiled(0x12000, [LDR, compare, LDR, BX_LR])[:2] == (4, 2 + 1 + 2 + 3)


def test_long_straight_code_is_one_block() -> None:
    halfwords = [LDR] * 2400 + [BX_LR]
    instructions, cycles, sizes = profiled(0x12000, halfwords)
    assert len(sizes) > 2
    assert (instructions, cycles) == (2401, 1 + 2400 + 3)


def test_cut_code_at_the_end_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    halfwords = [LDR] * 2400 + [BX_LR]
    expected = profiled(0x12000, halfwords)
    for blocks in (2, 3, 4, 5):
        monkeypatch.setattr("tinyprune.device.emulators.profiler._CHUNK_BLOCKS", blocks)
        assert profiled(0x12000, halfwords) == expected
