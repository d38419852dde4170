"""Modelled cycles of Cortex-M instructions, a straight-line block at a time.

Sources: Arm Cortex-M4 Technical Reference Manual (DDI 0439D), 3.3.1 instructions, 3.3.2 load/store timings, 7.2.3 FPU
instruction set; Arm Cortex-M3 Technical Reference Manual (DDI 0337I), 3.3.1 and 3.3.2; Arm Cortex-M0+ Technical
Reference Manual (DDI 0484C), 3.3. The Cortex-M33 is modelled as a Cortex-M4, since Arm publishes no table for it; the
Cortex-M7 issues two instructions at a time, for which a table would be wrong: it has none.

Rules for the M4: P, the refill after a taken branch, is 2 (of 1 to 3); a single load takes 2 cycles, 1 directly
behind another single load unless that one loads its address; a store takes 1, with a register offset 2 but directly
behind a load 1; nothing is faster behind a store; a division takes its worst case, 12; conditional instructions that an
IT block skips cost as if executed. The M3's rules are the same, with slower multiplications: long ones end early by an
amount that depends on the values, and take their worst case here. Memory answers at once: these are cycles with ideal
memory, which compare between boards and tools. What a board adds is in pipeline.py and emulators/held.py. Modelled
nowhere: stalls of unaligned accesses and of floating-point results that are used at once; a full write buffer.
All of this is a model: never call its result a measurement.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tinyprune.errors import TargetError


class Instruction(NamedTuple):
    """As disassembled by capstone: ("ldr.w", "r0, [r1, #4]", 4)."""

    mnemonic: str
    operands: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BlockCost:
    """`cycles` when execution goes on behind the block, `taken_cycles` when its last instruction branches elsewhere."""

    instructions: int
    cycles: int
    taken_cycles: int
    may_branch: bool = False


@dataclass(frozen=True, slots=True)
class CycleTable:
    """One core's table. `fixed`: mnemonics whose time depends on nothing."""

    source: str
    fixed: Mapping[str, int]
    loads: frozenset[str]
    load: int
    stores: frozenset[str]
    store: int
    store_indexed: int  # to an address with a register offset
    pipelined: int  # a load, or an indexed store, behind a load
    branches: Mapping[str, int]  # taken; not taken takes 1
    load_pc: int  # added when a load writes the program counter
    pop_pc: int  # the same for a load of multiple registers


_CONDITIONS = ("eq", "ne", "hs", "cs", "lo", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
_IF_THEN = re.compile(r"it[te]{0,3}")
_REGISTER = re.compile(r"\b(?:r\d+|sb|sl|fp|ip|sp|lr|pc)\b")


def _each(cycles: int, mnemonics: str) -> dict[str, int]:
    return dict.fromkeys(mnemonics.split(), cycles)


def _names(mnemonics: str) -> frozenset[str]:
    return frozenset(mnemonics.split())


_MULTIPLE = _names("ldm ldmia ldmdb stm stmia stmdb push pop vldmia vldmdb vstmia vstmdb vpush vpop")
_DOUBLE = _names("ldrd strd")
_FLOAT = _names("vldr vstr")
_LOADS = _names("ldr ldrb ldrh ldrsb ldrsh ldrt ldrbt ldrht ldrsbt ldrsht ldrex strex")  # strex returns its success
_STORES = _names("str strb strh strt strbt strht")
_ARMV6M = (
    "mov mvn add adc adr sub sbc rsb cmp cmn and eor orr bic tst lsl lsr asr ror mul "
    "sxtb sxth uxtb uxth rev rev16 revsh nop"
)
_PARALLEL = " ".join(
    prefix + operation
    for prefix in ("s", "u", "q", "uq", "sh", "uh")
    for operation in ("add8", "add16", "sub8", "sub16", "asx", "sax")
)
_HALFWORD_MULTIPLY = " ".join(name + a + b for name in ("smul", "smla", "smlal") for a in "bt" for b in "bt")

_FIXED_ARMV7M = {
    **_each(1, _ARMV6M),
    **_each(1, "movw movt addw subw orn teq rrx rbit clz ubfx sbfx bfi bfc clrex sev yield it ssat usat"),
    **_each(12, "sdiv udiv"),  # 2 to 12
    **_each(2, "cpsid cpsie mrs msr"),  # 1 or 2
    **_each(1, "wfe wfi dsb dmb"),  # and what it waits for
    **_each(3, "isb"),  # 1 + P at least
}
_BRANCHES_ARMV7M = _each(3, "b bl bx blx cbz cbnz") | _each(6, "tbb tbh")  # 3.3.2: at least 6

CORTEX_M4 = CycleTable(
    source="Arm Cortex-M4 TRM DDI 0439D, taken branch 1 + 2",
    fixed={
        **_FIXED_ARMV7M,
        **_each(1, "mla mls smull umull smlal umlal umaal ssat16 usat16"),
        # DSP extension
        **_each(1, "pkhbt pkhtb sxtab sxtab16 sxtah sxtb16 uxtab uxtab16 uxtah uxtb16 sel usad8 usada8"),
        **_each(1, _PARALLEL),
        **_each(1, _HALFWORD_MULTIPLY),
        **_each(1, "qadd qsub qdadd qdsub smlad smladx smlsd smlsdx smlald smlaldx smlsld smlsldx"),
        **_each(1, "smuad smuadx smusd smusdx"),
        **_each(1, "smmul smmulr smmla smmlar smmls smmlsr smulwb smulwt smlawb smlawt"),
        # FPU
        **_each(1, "vabs vadd vsub vmul vnmul vneg vcmp vcmpe vcvt vcvtr vcvtb vcvtt vmrs vmsr"),
        **_each(2, "vmov"),  # to or from core registers, else 1
        **_each(3, "vmla vmls vnmla vnmls vfma vfms vfnma vfnms"),
        **_each(14, "vdiv vsqrt"),
    },
    loads=_LOADS,
    load=2,
    stores=_STORES,
    store=1,
    store_indexed=2,
    pipelined=1,
    branches=_BRANCHES_ARMV7M,
    load_pc=3,  # 3.3.2: at least 5 with the load
    pop_pc=2,
)

CORTEX_M3 = replace(
    CORTEX_M4,
    source="Arm Cortex-M3 TRM DDI 0337I, taken branch 1 + 2, long multiplications at their slowest",
    fixed={
        **_FIXED_ARMV7M,
        **_each(2, "mla mls"),
        **_each(5, "smull umull"),  # 3 to 5
        **_each(7, "smlal umlal"),  # 4 to 7
    },
)

CORTEX_M0PLUS = CycleTable(
    source="Arm Cortex-M0+ TRM DDI 0484C, single-cycle multiplier",
    fixed={
        **_each(1, _ARMV6M),
        **_each(1, "cpsid cpsie sev yield"),
        **_each(2, "wfe wfi"),
        **_each(3, "mrs msr isb dsb dmb"),
    },
    loads=_LOADS,
    load=2,
    stores=_STORES,
    store=2,
    store_indexed=2,
    pipelined=2,
    branches=_each(2, "b bx blx") | _each(3, "bl"),
    load_pc=2,
    pop_pc=2,
)

#: Core → its table; None where none is known.
CYCLE_TABLES: dict[str, CycleTable | None] = {
    "cortex-m0": None,  # nothing here asks: sim, which counts instructions, has no chip with this core
    "cortex-m0plus": CORTEX_M0PLUS,
    "cortex-m3": CORTEX_M3,
    "cortex-m4": CORTEX_M4,
    "cortex-m7": None,
    "cortex-m33": replace(CORTEX_M4, source=f"{CORTEX_M4.source}, as the Cortex-M33 has no published table"),
    "cortex-m55": replace(CORTEX_M4, source=f"{CORTEX_M4.source}, as the Cortex-M55 has no published table"),
}
#: What takes the place of a table's source where there is none.
NOT_MODELLED = "cycles with ideal memory are not modelled: this core can issue two instructions at once (dual issue)"


def block_cost(block: Sequence[Instruction], table: CycleTable | None) -> BlockCost:
    """The cost of instructions that run one after the other, of which only the last may branch; without a table all
    cycles are 0.

    Raises TargetError for an instruction that the table does not hold: a guess would pass for a model.
    """
    branches = bool(block) and may_branch(block[-1])
    if table is None:
        return BlockCost(len(block), 0, 0, branches)
    each, branch = split(block, table)
    cycles = sum(each)
    return BlockCost(len(block), cycles, cycles + branch, branches)


def may_branch(instruction: Instruction) -> bool:
    """Whether execution may go on elsewhere."""
    name = instruction.mnemonic.split(".")[0]
    unconditional = name[:-2] if name.endswith(_CONDITIONS) else name
    return bool({name, unconditional} & _BRANCHES_ARMV7M.keys()) or _writes_pc(instruction)


def kind(instruction: Instruction) -> str:
    """ "load" or "store" of one register, "loads" or "stores" of several, "" of the core's own work."""
    name = instruction.mnemonic.split(".")[0]
    if name in _MULTIPLE | _DOUBLE:
        return "loads" if name.startswith(("ldm", "ldrd", "pop")) else "stores" if not name.startswith("v") else ""
    unconditional = name[:-2] if name.endswith(_CONDITIONS) and name not in _LOADS | _STORES else name
    return "load" if unconditional in _LOADS else "store" if unconditional in _STORES else ""


def address_registers(instruction: Instruction) -> list[str]:
    """Those that an address is made of, the base first."""
    if instruction.mnemonic.startswith(("push", "pop")):
        return ["sp"]
    operands = instruction.operands
    if "[" not in operands:
        return _REGISTER.findall(operands.partition(",")[0])
    return _REGISTER.findall(operands[operands.find("[") : operands.find("]")])


def split(block: Sequence[Instruction], table: CycleTable) -> tuple[list[int], int]:
    """(cycles of each instruction, cycles that the last one adds if it branches)."""
    each, branch, loaded = [], 0, ""
    for instruction in block:
        own, branch, loaded = _cost(instruction, table, loaded)
        each.append(own)
    return each, branch


def _cost(instruction: Instruction, table: CycleTable, loaded: str) -> tuple[int, int, str]:
    """(cycles, cycles added if it branches, register it loads if it is a single load); `loaded`: of the one before."""
    name = _base_name(instruction.mnemonic, table)
    if name in table.branches:
        return 1, table.branches[name] - 1, ""
    if name in _MULTIPLE:
        return 1 + listed_words(instruction.operands), table.pop_pc * _writes_pc(instruction), ""
    if name in _DOUBLE:
        return 3, 0, ""
    if name in _FLOAT:
        return 3 if instruction.operands.startswith("d") else 2, 0, ""
    if name in table.loads | table.stores:
        return _single(instruction, table, name in table.loads, loaded)
    return table.fixed[name], (table.branches["bx"] - 1) * _writes_pc(instruction), ""


def _single(instruction: Instruction, table: CycleTable, is_load: bool, loaded: str) -> tuple[int, int, str]:
    """As _cost, of a load or store of one register."""
    register, registers = instruction.operands.partition(",")[0], address_registers(instruction)
    is_pipelined = loaded != "" and loaded not in registers
    if is_load:
        cycles = table.pipelined if is_pipelined else table.load
        return cycles, table.load_pc * _writes_pc(instruction), register
    if len(registers) == 1:
        return table.store, 0, ""
    return table.pipelined if is_pipelined else table.store_indexed, 0, ""


def _base_name(mnemonic: str, table: CycleTable) -> str:
    """The table's name of "addseq.w": without width, data type, condition and flag-setting s."""
    name = mnemonic.split(".")[0]
    if _IF_THEN.fullmatch(name):
        name = "it"
    shorter = [name]
    if name.endswith(_CONDITIONS):
        shorter.append(name[:-2])
    shorter += [candidate[:-1] for candidate in shorter if candidate.endswith("s")]
    for candidate in shorter:
        if _known(candidate, table):
            return candidate
    raise TargetError(
        f'no cycle count is known for the instruction "{mnemonic}"; add it to tinyprune/device/cost.py with its source'
    )


def _known(name: str, table: CycleTable) -> bool:
    armv7m = name in _DOUBLE | _FLOAT and "clz" in table.fixed
    return name in table.fixed or name in table.branches or name in table.loads | table.stores | _MULTIPLE or armv7m


def listed_words(operands: str) -> int:
    """The words in a register list: "r0!, {r1, r2}" has 2, "{d8}" has 2, "{s0-s3}" has 4."""
    words = 0
    for part in operands[operands.index("{") + 1 : operands.index("}")].split(","):
        first, _, last = part.strip().partition("-")
        count = int(last[1:]) - int(first[1:]) + 1 if last else 1
        words += count * (2 if first.startswith("d") else 1)
    return words


def _writes_pc(instruction: Instruction) -> bool:
    if instruction.mnemonic.startswith(("pop", "ldm")):
        return "pc" in instruction.operands
    compares = instruction.mnemonic.startswith(("cmp", "cmn", "tst", "teq", "push", "stm"))
    return instruction.operands.split(",")[0].strip() == "pc" and not compares
