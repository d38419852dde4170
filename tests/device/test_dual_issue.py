"""Which instructions a Cortex-M7 starts together; dual_issue.py names the source of each rule."""

import pytest

from tinyprune.device import dual_issue
from tinyprune.device.cost import Instruction

START = 0x1000


def cost(text: str) -> dual_issue.BlockCost:
    lines = [line.strip().partition(" ") for line in text.split(";")]
    return dual_issue.block_cost([Instruction(name, operands, 2) for name, _, operands in lines], START)


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("adds r0, #1; adds r1, #1; adds r2, #1; adds r3, #1", 2),
        ("adds r0, #1; adds r0, #1; adds r0, #1", 3),  # each waits for the one before
        ("mov r0, r1; mov r0, r2", 1),
        ("smlad r0, r1, r2, r0; smlad r3, r1, r2, r3", 2),  # no two multiplications
        ("smlad r0, r1, r2, r0; adds r4, #1", 1),
        ("smlad r0, r1, r2, r0; str r4, [r5]", 2),
        ("ldr r0, [r1]; ldr r2, [r3]", 1),
        ("str r0, [r1]; str r2, [r3]", 2),
        ("ldr r0, [r1]; str r0, [r2]", 1),  # a store takes what is loaded in the same cycle
        ("ldr r0, [r1]; adds r2, r0, #1", 2),
        ("ldrsb r0, [r1]; adds r2, r0, #1", 3),
        ("mul r0, r1, r2; adds r3, r0, #1", 3),
        ("sxtb16 r0, r1; sxtb16 r2, r3", 2),
        ("sxtb16 r0, r1; adds r4, #1", 1),
        ("adds r4, #1; sxtb16 r0, r1", 2),  # "must be placed in older op"
        ("add r0, r1, r2, lsl #2; add r3, r4, r5, lsl #2", 2),
        ("ldm r0, {r1, r2, r3, r4}", 2),
        ("ldm r0, {r1, r2, r3}; adds r5, #1", 3),
        ("bic r0, r1, r2; adds r3, r0, #1", 2),
        ("sdiv r0, r1, r2", 12),
    ],
)
def test_straight_line(text: str, cycles: int) -> None:
    assert cost(text) == dual_issue.BlockCost(text.count(";") + 1, cycles, cycles)


def test_a_loop_is_predicted_until_it_ends() -> None:
    loop = cost("subs r0, #1; bne #0xff0")
    assert loop.may_branch
    assert loop.cycles - loop.taken_cycles == 7
    forward = cost("cmp r0, #1; bne #0x2000")
    assert forward.taken_cycles - forward.cycles == 1
    assert cost("bx lr").may_branch


def test_nothing_takes_no_time() -> None:
    assert dual_issue.block_cost([], START) == dual_issue.BlockCost(0, 0, 0)
