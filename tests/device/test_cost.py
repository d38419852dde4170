"""Modelled cycles of known sequences; the pairs of loads and stores are the examples of the Cortex-M4 TRM, 3.3.2."""

import pytest

from tinyprune.device import boards, cost
from tinyprune.device.cost import CORTEX_M0PLUS, CORTEX_M3, CORTEX_M4, BlockCost, Instruction, block_cost
from tinyprune.errors import TargetError


def block(text: str) -> list[Instruction]:
    """One instruction a line; ".w" ones have four bytes."""
    lines = [line.strip().partition(" ") for line in text.split(";")]
    return [Instruction(name, operands, 4 if name.endswith(".w") else 2) for name, _, operands in lines]


def cycles(text: str, table: cost.CycleTable = CORTEX_M4) -> int:
    found = block_cost(block(text), table)
    assert found.cycles == found.taken_cycles
    return found.cycles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ldr r0, [r1]", 2),
        ("ldr r0, [r1]; ldr r1, [r2]", 3),
        ("ldr r0, [r1, r2]; str r0, [r3, #20]", 3),
        ("ldr r0, [r1, r5]; ldr r1, [r2]; ldr r2, [r3, #4]", 4),
        ("ldrb r0, [r1]; adds r0, #1; ldrsh.w r1, [r2]", 5),
        ("str r0, [r1]", 1),
        ("ldr r0, [r1, r2]; str r1, [r3, r2]", 3),
        ("strb r0, [r1]; ldrh r2, [r3]", 3),
        ("str r0, [r1, r2]", 2),
        ("str r0, [r1, r2]; str r0, [r1, r2]", 4),
        ("str r0, [r1], #4; str r0, [r1, #4]!", 2),
        ("str r0, [r1]; ldr r2, [r3]; ldr r4, [r5]", 1 + 2 + 1),
        ("ldr r0, [r1]; ldr r2, [r0]", 4),
        ("ldr r0, [r1]; ldr r10, [r2, r0, lsl #2]", 4),
        ("ldr r1, [r2]; ldr r0, [r10, #4]", 3),
        ("ldr r1, [r2]; ldrb r0, [r3], #1; ldrb r3, [r0]", 2 + 1 + 2),
        ("ldrex r0, [r1]; strex r2, r0, [r1]", 3),
        ("strex r2, r3, [r1]", 2),
        ("ldm r0!, {r1, r2, r3}", 4),
        ("stmdb.w sp!, {r4, r5, lr}", 4),
        ("push {r4, lr}; pop {r4, r5}", 6),
        ("ldr r0, [r1]; ldm r2, {r3}; ldr r4, [r5]", 2 + 2 + 2),
        ("ldrd r0, r1, [r2]; strd r0, r1, [r3]", 6),
        ("mul r0, r1, r2; mla r0, r1, r2, r3; smlad r0, r1, r2, r3; smlal r0, r1, r2, r3; umull r0, r1, r2, r3", 5),
        ("sdiv r0, r1, r2; udiv r0, r1, r2", 24),
        ("sxtb16 r0, r1, ror #8; pkhbt r0, r1, r2, lsl #16; smmulr r0, r1, r2; ssat r0, #8, r1", 4),
        ("ite eq; addeq r0, #1; ldrne r0, [r1]", 1 + 1 + 2),
        ("vmul.f32 s0, s1, s2; vldr s0, [r0]; vdiv.f32 s0, s1, s2", 1 + 2 + 14),
        ("vpush {d8, d9}; vldmia r0!, {s0-s2}", 5 + 4),
        ("vldr d0, [r0]; vstr d0, [r0]; vstr s0, [r0]", 3 + 3 + 2),
        ("msr msp, r0; isb sy; cpsid i; dmb ish", 2 + 3 + 2 + 1),
    ],
)
def test_straight_line(text: str, expected: int) -> None:
    assert cycles(text) == expected


@pytest.mark.parametrize(
    ("text", "not_taken", "taken"),
    [
        ("b #0x100", 1, 3),
        ("subs r0, #1; bne.w #0x100", 2, 4),
        ("bls #0x100", 1, 3),
        ("cbz r0, #0x100", 1, 3),
        ("bl #0x100", 1, 3),
        ("blx r3", 1, 3),
        ("bx lr", 1, 3),
        ("bxeq lr", 1, 3),
        ("tbb [pc, r0]", 1, 6),
        ("pop {r4, pc}", 3, 5),
        ("ldr pc, [sp], #4", 2, 5),
        ("mov pc, lr", 1, 3),
    ],
)
def test_branches(text: str, not_taken: int, taken: int) -> None:
    instructions = block(text)
    assert block_cost(instructions, CORTEX_M4) == BlockCost(len(instructions), not_taken, taken, may_branch=True)


@pytest.mark.parametrize(
    "name", ["movs", "lsls", "muls", "adcs", "bics", "addseq.w", "subhs", "uxtb.w", "teq", "smlals"]
)
def test_names_with_flags_conditions_and_widths(name: str) -> None:
    assert cycles(f"{name} r0, r0, r0") == 1


def test_stores_and_comparisons_of_pc_are_no_branches() -> None:
    assert cycles("push {r0, r1}") == 3
    assert cycles("cmp pc, r0") == 1
    assert cycles("add r0, pc, #4") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ldr r0, [r1]; ldr r1, [r2]", 4),
        ("str r0, [r1]", 2),
        ("muls r0, r1, r0; adds r0, r1", 2),
        ("push {r4, lr}", 3),
        ("mrs r0, primask", 3),
    ],
)
def test_cortex_m0plus(text: str, expected: int) -> None:
    assert cycles(text, CORTEX_M0PLUS) == expected


@pytest.mark.parametrize(
    ("text", "on_m3", "on_m4"),
    [
        ("mul r0, r1, r2; mla r0, r1, r2, r3; mls r0, r1, r2, r3", 5, 3),
        ("smull r0, r1, r2, r3; umlal r0, r1, r2, r3", 12, 2),
        ("ldr r0, [r1]; ldr r2, [r3]; str r0, [r4]", 2 + 1 + 1, 2 + 1 + 1),
        ("udiv r0, r1, r2; ubfx r0, r0, #3, #4", 13, 13),
    ],
)
def test_cortex_m3_differs_in_multiplication(text: str, on_m3: int, on_m4: int) -> None:
    assert (cycles(text, CORTEX_M3), cycles(text)) == (on_m3, on_m4)


@pytest.mark.parametrize(
    "text", ["smlad r0, r1, r2, r3", "sxtb16 r0, r1", "umaal r0, r1, r2, r3", "vadd.f32 s0, s1, s2"]
)
def test_cortex_m3_refuses_what_it_lacks(text: str) -> None:
    with pytest.raises(TargetError, match="no cycle count is known"):
        block_cost(block(text), CORTEX_M3)


def test_without_a_table_nothing_but_instructions_and_branches() -> None:
    assert block_cost(block("vadd.f64 d0, d1, d2; adds r0, #1"), None) == BlockCost(2, 0, 0)
    for text in ("b #8", "bls #8", "bl #8", "bx lr", "cbnz r0, #8", "pop {r4, pc}", "ldr pc, [r0]", "tbb [pc, r0]"):
        assert block_cost(block(text), None) == BlockCost(1, 0, 0, may_branch=True), text
    for text in ("bics r0, r1", "push {r4, lr}", "ldr r0, [pc, #4]", "bfi r0, r1, #2, #3", "cmp pc, r0", "lsls r0, r1"):
        assert not block_cost(block(text), None).may_branch, text


def test_cortex_m0plus_branches() -> None:
    taken = {"b #8": 2, "bne #8": 2, "bx lr": 2, "blx r0": 2, "bl #8": 3, "pop {r4, pc}": 3 + 2}
    for text, expected in taken.items():
        assert block_cost(block(text), CORTEX_M0PLUS).taken_cycles == expected, text


@pytest.mark.parametrize(
    "text",
    ["smlad r0, r1, r2, r3", "sdiv r0, r1, r2", "ldrd r0, r1, [r2]", "cbz r0, #8", "clz r0, r1", "vldr s0, [r0]"],
)
def test_cortex_m0plus_refuses_what_it_lacks(text: str) -> None:
    with pytest.raises(TargetError, match=f'no cycle count is known for the instruction "{text.split()[0]}"'):
        block_cost(block(text), CORTEX_M0PLUS)


@pytest.mark.parametrize("name", ["vld1.32", "frobnicate", "s", "eq", "", "udf"])
def test_unknown_instructions_are_refused(name: str) -> None:
    with pytest.raises(TargetError, match=r"no cycle count is known for the instruction .*add it to .*cost.py"):
        block_cost([Instruction(name, "r0", 2)], CORTEX_M4)


def test_an_empty_block_is_free() -> None:
    assert block_cost([], CORTEX_M4) == BlockCost(0, 0, 0)


def test_every_core_is_listed() -> None:
    assert set(cost.CYCLE_TABLES) == set(boards.CORES) - {"host"}
    assert cost.CYCLE_TABLES["cortex-m7"] is None
    m33 = cost.CYCLE_TABLES["cortex-m33"]
    assert m33 is not None
    assert m33.source == "Arm Cortex-M4 TRM DDI 0439D, taken branch 1 + 2, as the Cortex-M33 has no published table"
