"""What a core's pipeline adds, on a few instructions a rule; pipeline.py names their source."""

import pytest

from tinyprune.device import pipeline
from tinyprune.device.cost import Instruction

START = 0x1000


def added(text: str, core: str = "cortex-m4", address: int = START, from_flash: tuple[int, ...] = ()) -> int:
    """One instruction a line, of two bytes, or four with ".w". `from_flash`: which of them read it, by number."""
    lines = [line.strip().partition(" ") for line in text.split(";")]
    block = [Instruction(name, operands, 4 if name.endswith(".w") else 2) for name, _, operands in lines]
    starts = [address + sum(one.bytes for one in block[:number]) for number in range(len(block))]
    table = pipeline.cost.CYCLE_TABLES[core]
    ideal = pipeline.cost.block_cost(block, table)
    found = pipeline.block_cost(block, core, address, {starts[number] for number in from_flash})
    assert found.taken_cycles - ideal.taken_cycles == found.cycles - ideal.cycles
    return found.cycles - ideal.cycles


@pytest.mark.parametrize(
    ("text", "from_flash", "expected"),
    [
        # loads of different memories do not overlap
        ("ldr r0, [r1]; ldr r2, [r3]", (), 0),
        ("ldr r0, [r1]; ldr r2, [r3]", (0, 1), 0),
        ("ldr r0, [r1]; ldr r2, [r3]", (1,), 1),
        ("ldr r0, [r1]; ldr r2, [r3]; ldr r4, [r5]", (1,), 2),
        ("ldr r0, [r1]; adds r0, #1; ldr r2, [r3]", (2,), 0),  # a pair only back to back
        # nor a long encoding at an odd halfword
        ("ldr r0, [r1]; ldr.w r2, [r3]", (), 1),
        ("nop; ldr r0, [r1]; ldr.w r2, [r3]", (), 0),
        ("ldr r0, [r1]; ldr.w r2, [r3]", (1,), 1),  # one cycle, however many reasons
        # nor behind a base that moves
        ("ldr r0, [r1], #4; ldr r2, [r1], #4", (), 1),
        ("ldr r0, [r1], #4; ldr r2, [r3], #4", (), 0),
        ("ldr r0, [r1, #4]!; ldr r2, [r1, #8]", (), 1),
        ("ldr r0, [r1]; ldr r2, [r1], #4", (), 0),
        # a store behind a load of the same memory costs nothing, of another one its cycle
        ("ldr r0, [r1]; str r0, [r2, #4]", (), -1),
        ("ldr r0, [r1]; str r0, [r2], #4", (), -1),
        ("ldr r0, [r1]; str r0, [r2, #4]", (0,), 0),
        ("ldr r0, [r1]; str r0, [r2, r3]", (), 0),  # its two cycles are one in the table already
        ("str r0, [r1], #4; str r2, [r1], #4", (), 1),
        ("str r0, [r1], #4; str r2, [r3], #4", (), 0),
        ("str r0, [r1, #4]; str r2, [r1, #8]", (), 0),
        # a load behind a store waits
        ("str r0, [r1]; ldr r2, [r3]", (), 1),
        ("str r0, [r1]; ldm r2, {r3, r4}", (), 1),
        ("str r0, [r1]; adds r0, #1; ldr r2, [r3]", (), 0),
        ("ldr r0, [r1]; str r0, [r2]; ldr r3, [r4]", (), 0),  # hides, and makes the next one wait
        # an address that the instruction before computed
        ("adds r1, #4; ldr r0, [r1]", (), 1),
        ("adds r1, #4; ldr r0, [r2, r1]", (), 1),
        ("adds r1, #4; str r1, [r2]", (), 0),
        ("adds r1, #4; ldm r1, {r2, r3}", (), 1),
        ("subs r1, #4; movs r0, #1; ldr r0, [r1]", (), 0),
        ("cmp r1, #4; ldr r0, [r1]", (), 0),
        ("smull r2, r1, r3, r4; ldr r0, [r1]", (), 1),
        ("sub sp, #8; pop {r1}", (), 1),
        ("ldr r1, [r2]; ldr r0, [r1]", (), 0),  # in the table
    ],
)
def test_cortex_m4(text: str, from_flash: tuple[int, ...], expected: int) -> None:
    assert added(text, from_flash=from_flash) == expected


@pytest.mark.parametrize(
    ("text", "on_m3", "on_m4"),
    [
        ("ldr r0, [r1]; ldr r2, [r3], #4", 1, 0),  # "only first load in a chain can be pre or post indexed mode"
        ("ldr r0, [r1], #4; ldr r2, [r3]", 0, 0),
        ("ldr r0, [r1]; str r0, [r2], #4", 0, -1),  # "when preceding instruction is not a load"
        ("ldr r0, [r1]; str r0, [r2]", -1, -1),
    ],
)
def test_cortex_m3_differs_where_a_base_moves(text: str, on_m3: int, on_m4: int) -> None:
    assert (added(text, "cortex-m3"), added(text)) == (on_m3, on_m4)


def test_other_cores_have_other_rules() -> None:
    assert added("str r0, [r1]; ldr r2, [r3]; ldr r4, [r5]", "cortex-m0plus", from_flash=(2,)) == 0


@pytest.mark.parametrize(
    ("code", "address", "expected"),
    [
        ("dff80400", 0x1002, True),  # ldr.w r0, [pc, #4]
        ("dff80400", 0x1000, False),
        ("0148", 0x1002, False),  # ldr r0, [pc, #4]
        ("00f0", 0x1002, True),  # the first half of bl
        ("00e0", 0x1002, False),  # b, which has 16 bits
    ],
)
def test_a_branch_to_a_long_instruction_across_words_is_late(code: str, address: int, expected: bool) -> None:
    assert pipeline.is_late_target(bytes.fromhex(code), address, "cortex-m4") == expected
    assert not pipeline.is_late_target(bytes.fromhex(code), address, "cortex-m0plus")
