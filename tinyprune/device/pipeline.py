"""What the pipelines of Cortex-M3 and M4 add to the tables of cost.py, which know each instruction and its memory only.

Measured by the author of github.com/jnk0le/random on an STM32F407 (M4) and an STM32F103 (M3): "pipeline cycle
test/doc/cortex_m3m4.md". Each rule below stands there. "Paired" is a load right behind another one, which takes 1 cycle
instead of 2 because they overlap; it takes 2 again where anything of the following keeps them from that.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise

from tinyprune.device import cost, dual_issue
from tinyprune.device.cost import BlockCost, CycleTable, Instruction

#: The core that has no table, but a model of its own.
DUAL_ISSUE = "cortex-m7"
#: Cores that these rules are of.
RULES = ("cortex-m3", "cortex-m4")
_LONG_MULTIPLY = ("smull", "umull", "smlal", "umlal", "umaal", "smlsld")
_WITHOUT_RESULT = ("cmp", "cmn", "tst", "teq", "it", "nop", "vcmp")


def block_cost(block: Sequence[Instruction], core: str, address: int, from_flash: Collection[int]) -> BlockCost:
    """As cost.block_cost, with what the core's pipeline adds. Raises TargetError as it does.

    `from_flash`: the addresses of instructions that read flash. All others read and write RAM.
    """
    if core == DUAL_ISSUE:
        return dual_issue.block_cost(block, address)
    table = cost.CYCLE_TABLES[core]
    found = cost.block_cost(block, table)
    if table is None or core not in RULES:
        return found
    more = added_cycles(block, table, address, from_flash)
    return replace(found, cycles=found.cycles + more, taken_cycles=found.taken_cycles + more)


def added_cycles(block: Sequence[Instruction], table: CycleTable, address: int, from_flash: Collection[int]) -> int:
    """Cycles that the table does not have, of a block at `address`; below 0 where stores hide behind loads."""
    each, _ = cost.split(block, table)
    total, start = 0, address
    for (before, this), cycles in zip(pairwise(block), each[1:], strict=True):
        start, earlier = start + before.bytes, start
        kinds = (cost.kind(before), cost.kind(this))
        if kinds == ("load", "load") and cycles == table.pipelined:
            # "only when targeting the same memory block"; "32bit opcode loads […] not […] at word aligned boundaries"
            other_memory = (earlier in from_flash) != (start in from_flash)
            odd = this.bytes == 4 and start % 4 == 2
            total += other_memory or odd or _base_follows(before, this, table)
        elif kinds == ("load", "store"):
            # "immediate offset […] store placed after load, removes the stall", "when targeting the same memory block"
            total -= earlier not in from_flash and _hides(this, table)
        elif kinds == ("store", "store"):
            total += _writes_back(before) and _writes_back(this) and _base(before) == _base(this)  # "cannot be chained"
        elif kinds[0] == "store" and kinds[1] in ("load", "loads"):
            total += 1  # "stores cannot be pipelined with following load instructions"
        elif kinds[0] == "" and kinds[1] and _results(before) & set(cost.address_registers(this)):
            total += 1  # "base address and offset must be available 1 cycle earlier than normally"
    return total


def is_late_target(code: bytes, address: int, core: str) -> bool:
    """Whether a branch to this code takes a cycle more: its first instruction has 32 bits and lies across two words.

    The refill takes 1 to 3 cycles "depending on the alignment and width of the target instruction" (Cortex-M4 TRM DDI
    0439D, 3.3.1); the table's 2 are those of the better case.
    """
    return core in RULES and address % 4 == 2 and code[1] >> 3 in (0x1D, 0x1E, 0x1F)


def _base_follows(before: Instruction, this: Instruction, table: CycleTable) -> bool:
    """ "post and pre indexed loads cannot be chained back to back on same register base address"; on a Cortex-M3 "only
    first load in a chain can be pre or post indexed"."""
    if table is cost.CORTEX_M3 and _writes_back(this):
        return True
    return _writes_back(before) and _base(before) in cost.address_registers(this)


def _hides(store: Instruction, table: CycleTable) -> bool:
    """An index costs its cycle; on a Cortex-M3 a base that moves does."""
    if len(cost.address_registers(store)) > 1:
        return False
    return not (table is cost.CORTEX_M3 and _writes_back(store))


def _writes_back(instruction: Instruction) -> bool:
    return "!" in instruction.operands or "], " in instruction.operands


def _base(instruction: Instruction) -> str:
    return cost.address_registers(instruction)[0]


def _results(instruction: Instruction) -> set[str]:
    """The registers that an instruction of the core computes."""
    if instruction.mnemonic.startswith(_WITHOUT_RESULT):
        return set()
    operands = [operand.strip() for operand in instruction.operands.split(",")]
    return set(operands[: 2 if instruction.mnemonic.startswith(_LONG_MULTIPLY) else 1])
