"""Cycles of a Cortex-M7, which starts two instructions at a time: a straight-line block after the other.

From measurements that the author of github.com/jnk0le/random made on an STM32H743 ("pipeline cycle
test/doc/cortex_m7.md"), whose rules are named below. Each block begins with all registers ready. A conditional branch
back is taken to be predicted as taken, and costs a misprediction where it is not; others are taken to be predicted.
Not modelled: banks of the TCM and the data cache, the alignment of code, the early ALU's forwarding, unaligned
accesses, the store buffer. No published run of open code was found to hold it against: its error is not known.
"""

import re
from collections.abc import Sequence

from tinyprune.device import cost
from tinyprune.device.cost import BlockCost, Instruction

_MISPREDICTED = 7  # "misprediction penalty from 8 to 6 cycles"
_DIVISION = 12  # Cortex-M7 TRM DDI 0489F names no number: as the Cortex-M4's worst case
_MULTIPLY = ("mul", "mla", "mls", "smul", "smla", "smls", "smua", "smus", "smm", "umul", "umla", "umaal")
#: "bitfield and DSP instructions except multiplication […] cannot dual issue wrt each other".
_BITFIELD = (
    "uxt", "sxt", "ubfx", "sbfx", "bfi", "bfc", "pkh", "clz", "rev", "rbit", "qadd", "qsub", "ssat", "usat", "sel",
    "sadd", "ssub", "uadd", "usub", "shadd", "uhadd", "sasx", "ssax",
)  # fmt: skip
_SHIFTED = re.compile(r", (?:lsl|lsr|asr|ror|rrx)\b")
_REGISTER = re.compile(r"\b(?:r\d+|sb|sl|fp|ip|sp|lr|pc|[sd]\d+)\b")
_NO_RESULT = ("cmp", "cmn", "tst", "teq", "str", "stm", "push", "it", "nop", "vstr", "vcmp")
#: Of two operands, the first is only written.
_COPIES = ("mov", "mvn")


def block_cost(block: Sequence[Instruction], address: int) -> BlockCost:
    """As cost.block_cost, for this core and a block that lies at `address`."""
    branches = bool(block) and cost.may_branch(block[-1])
    cycles = _issued(block)
    own = address + sum(instruction.bytes for instruction in block[:-1])
    back = branches and _is_loop(block[-1], own)
    return BlockCost(len(block), cycles + _MISPREDICTED * back, cycles + (not back and branches), branches)


def _issued(block: Sequence[Instruction]) -> int:
    """Cycles until the last one has started."""
    ready: dict[str, int] = {}
    now, older = 0, ""  # the cycle that is being filled, and what its first instruction is; "": the second was taken
    for instruction in block:
        kind = _kind(instruction)
        start = max((ready.get(register, 0) for register in _sources(instruction, kind)), default=0)
        if not (older and start <= now and _pairs(older, kind)):
            now = max(now + 1, start)
            older = kind
        else:
            older = ""
        now += _length(instruction, kind) - 1
        for register in _results(instruction, kind):
            ready[register] = now + _latency(instruction, kind)
    return now


def _kind(instruction: Instruction) -> str:
    name = instruction.mnemonic
    access = cost.kind(instruction)
    if access or name.startswith(("vldm", "vstm", "vpush", "vpop")):
        return access or "loads"
    if name.startswith(_MULTIPLY):
        return "multiply"
    if name.startswith(("sdiv", "udiv")):
        return "divide"
    if name.startswith(_BITFIELD):
        return "bitfield"
    if name.startswith("v"):
        return "float"
    return "shifted" if _SHIFTED.search(instruction.operands) else "plain"


def _pairs(older: str, younger: str) -> bool:
    """Whether two independent instructions start in the same cycle."""
    if {older, younger} & {"loads", "stores", "divide"}:
        return False  # "cannot dual issue with preceeding or folowing instructions"
    if older == younger:
        return older in ("plain", "load")  # "two loads […] can be dual issued"; banks are taken to differ
    if {older, younger} == {"multiply", "store"}:
        return False  # "can't dual issue with stores"
    return younger != "bitfield" or older == "multiply"  # "must be placed in older op"; smlad pairs in any slot


def _length(instruction: Instruction, kind: str) -> int:
    """Cycles that an instruction takes by itself."""
    if kind == "divide":
        return _DIVISION
    if kind not in ("loads", "stores"):
        return 1
    listed = cost.listed_words(instruction.operands) if "{" in instruction.operands else 2
    return -(-listed // 2)  # "ceil(regnum/2) cycles"


def _latency(instruction: Instruction, kind: str) -> int:
    """Cycles from an instruction's start to that of one that uses its result."""
    if kind == "load":  # "word loads can be consumed by late ALU in next cycle", others "1 extra cycle"
        return 1 if _stem(instruction) == "ldr" else 2
    return {"multiply": 2, "float": 3}.get(kind, 1)  # "1 additional cycle of result latency"


def _sources(instruction: Instruction, kind: str) -> list[str]:
    """The registers that must be ready when it starts: a store's value may come in the same cycle, and a
    multiplication's accumulator a cycle later."""
    registers = _REGISTER.findall(instruction.operands)
    if kind in ("load", "loads", "store", "stores"):
        return cost.address_registers(instruction)
    if kind == "multiply":
        return registers[1:3]
    adds = instruction.operands.count(",") == 1 and not instruction.mnemonic.startswith(_COPIES)
    return registers if adds or _has_no_result(instruction) else registers[1:]


def _results(instruction: Instruction, kind: str) -> list[str]:
    if _has_no_result(instruction):
        return []
    registers = _REGISTER.findall(instruction.operands.partition("[")[0])
    return registers if kind == "loads" else registers[:1]


def _has_no_result(instruction: Instruction) -> bool:
    return instruction.mnemonic.startswith(_NO_RESULT) or cost.may_branch(instruction)


def _stem(instruction: Instruction) -> str:
    return instruction.mnemonic.split(".")[0]


def _is_loop(branch: Instruction, address: int) -> bool:
    """A conditional branch back."""
    stem, target = _stem(branch), branch.operands.rpartition("#")[2]
    conditional = stem.startswith("b") and len(stem) == 3 and stem != "blx"
    return conditional and target.startswith("0x") and int(target, 16) < address
