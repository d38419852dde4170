"""Instructions and modelled cycles of each layer, from the sequence of basic blocks that unicorn executed.

A block hook stores where each block starts; counts, taken branches and cycles follow from the program's bytes
afterwards, many blocks at a time. Generated code has one function `tp_layer_<NN>_<name>` a layer, called by
`tp_network_run`: what runs from a layer's entry up to the return into `tp_network_run` belongs to it. Instructions that
an IT block skips count: they take their turn in the pipeline, and a board's instruction counter counts them as well.

Functions of the audio front end run outside the network; of WATCHED ones, all calls are summed up alike.

Unicorn also ends a block where the core does not notice: at the end of a 4 KiB page, and when it has become long. Such
pieces are joined before they are costed, so that cycles do not depend on where the linker put the code.
"""

import re
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

import capstone
import numpy as np
import numpy.typing as npt
import unicorn
from unicorn import arm_const

from tinyprune.device import cost, pipeline
from tinyprune.device.boards import Board
from tinyprune.device.emulators.board_meter import BoardMeter
from tinyprune.device.emulators.profile import BlockProfile, FunctionProfile, LayerProfile, Profile, Span
from tinyprune.device.emulators.program import Function, Program
from tinyprune.errors import TargetError

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

_LAYER = re.compile(r"tp_layer_(\d+)_(\w+)(\.\w+)*")  # compilers append .constprop.0 and the like
_SIZE_BITS, _SIZE_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_CHUNK_BLOCKS = 500_000  # kept before they are summed up
_OUTSIDE = -1
#: Functions that are told of beside the network, where the firmware has them.
WATCHED = frozenset({"tp_audio_frame", "tp_audio_features"})


class Profiler:
    def __init__(self, uc: Any, program: Program, board: Board) -> None:
        self._uc = uc
        self._program = program
        self._core = board.cpu.core
        self._table = cost.CYCLE_TABLES[self._core]
        self._network = _function(program, "tp_network_run")
        layers = _layers(program)
        self._names = [name for _, name in sorted({(number, name) for number, name, _ in layers})]
        self._between = len(self._names)  # owner of tp_network_run's own instructions
        self._blocks = array("Q")  # address << 32 | size, in order of execution; the last one is still running
        self._costs: dict[int, cost.BlockCost] = {}
        self._late: dict[int, bool] = {}  # by address of a branch's target
        self._disassembler = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._cycles = 0
        self._owner = _OUTSIDE
        self._return_address = 0
        self._tally = _Tally(self._between + 1)
        self._meter = BoardMeter(uc, board, self._blocks, self._between + 1)
        self._last: _Tally | None = None
        self._waited: list[Span] = []  # of each owner in that one
        self._watching: Function | None = None  # None: the owner is part of the network
        self._calls: Counter[str] = Counter()
        self._spent: dict[str, Counts] = {}  # (instructions, cycles)
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._block_hook())
        self._hook_entry(self._network.start, self._enter_network)
        for number, _, address in layers:
            self._hook_entry(address, lambda owner=number: self._enter_layer(owner))
        for function in program.functions:
            if function.name in WATCHED:
                self._hook_entry(function.start, lambda watched=function: self._enter_watched(watched))

    @property
    def models_cycles(self) -> bool:
        """Whether there is a table of the core; without one, instructions are counted and no cycles told."""
        return self._table is not None

    def cycles(self) -> int:
        """Modelled cycles since reset, up to the block that is running; 0 without a table."""
        self._sum_up()
        return self._cycles

    def result(self, stack_bytes: int) -> Profile:
        self._sum_up()
        if self._last is None:
            raise TargetError("no inference has run to its end yet: nothing to profile")
        board = self._board_cycles(self._last)
        rows = [(int(instructions), self._told(int(cycles))) for instructions, cycles in self._last.sums]
        spans: Sequence[Span | None] = board or [None] * len(rows)
        layers = tuple(
            LayerProfile(name, *row, spent) for name, row, spent in zip(self._names, rows, spans, strict=False)
        )
        instructions, cycles = (int(total) for total in self._last.sums.sum(axis=0))
        of_board = sum(board[1:], board[0]) if board else None
        blocks = tuple(self._block(*item) for item in sorted(self._last.visits.items()))
        model, functions = self._cost_model(), tuple(self._function(name) for name in sorted(self._spent))
        return Profile(layers, instructions, self._told(cycles), stack_bytes, blocks, model, of_board, functions)

    def _board_cycles(self, tally: "_Tally") -> list[Span] | None:
        """Of each owner: the pipeline's cycles, block by block, and what it waited for memory."""
        if self._table is None and self._core != pipeline.DUAL_ISSUE:
            return None
        core = tally.late.copy()
        for (owner, key), visits in tally.visits.items():
            block = self._disassemble(key >> 32, key & 0xFFFFFFFF)
            spent = pipeline.block_cost(block, self._core, key >> 32, self._meter.from_flash)
            taken = tally.taken[owner, key]
            core[owner] += (visits - taken) * spent.cycles + taken * spent.taken_cycles
        return [Span(cycles, cycles) + waited for cycles, waited in zip(core.tolist(), self._waited, strict=True)]

    def _function(self, name: str) -> FunctionProfile:
        instructions, cycles = (int(total) for total in self._spent[name])
        return FunctionProfile(name, self._calls[name], instructions, self._told(cycles))

    def _told(self, cycles: int) -> int | None:
        return cycles if self.models_cycles else None

    def _cost_model(self) -> str:
        if self._table is None:
            return cost.NOT_MODELLED
        return f"{self._table.source}, memory without wait states"

    def _block(self, where: tuple[int, int], visits: int) -> BlockProfile:
        assert self._last is not None
        owner, key = where
        layer = None if owner == self._between else self._names[owner]
        code = tuple(self._disassemble(key >> 32, key & 0xFFFFFFFF))
        return BlockProfile(layer, self._program.function_at(key >> 32), code, visits, self._last.taken[where])

    def _block_hook(self) -> Any:
        blocks, append = self._blocks, self._blocks.append

        def hook(_uc: Any, address: int, size: int, _data: object) -> None:
            append(address << 32 | size)
            if len(blocks) >= _CHUNK_BLOCKS:
                self._sum_up()

        return hook

    def _hook_entry(self, address: int, action: Any) -> None:
        self._uc.hook_add(unicorn.UC_HOOK_CODE, lambda *_: action(), begin=address, end=address)

    def _enter_network(self) -> None:
        self._enter(None)

    def _enter_watched(self, function: Function) -> None:
        self._enter(function)

    def _enter(self, watched: Function | None) -> None:
        self._sum_up()
        self._watching = watched
        self._tally = _Tally(self._between + 1)
        self._meter.clear()
        self._return_address = self._uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1
        self._owner = self._between

    def _enter_layer(self, owner: int) -> None:
        if self._owner != _OUTSIDE and self._watching is None:
            self._sum_up()
            self._owner = owner

    def _sum_up(self) -> None:
        """Books all blocks but the last one with the pieces that it continues: what follows is not known yet."""
        blocks = np.array(self._blocks, np.uint64)
        keys, pieces = self._joined(blocks)
        if keys.size < 2:
            return
        del self._blocks[:-pieces]
        self._book_reads(blocks[:-pieces])
        end = 0
        if self._owner != _OUTSIDE:
            returns = np.flatnonzero(keys >> _SIZE_BITS == self._return_address)
            end = int(returns[0]) if returns.size else keys.size - 1
            self._book_network(keys[: end + 1])
            if returns.size:
                self._leave()
        self._cycles += int(self._count(*_visits(keys[end:]))[:, 1].sum())

    def _book_reads(self, blocks: Keys) -> None:
        returns = np.flatnonzero(blocks >> _SIZE_BITS == self._return_address)
        end = 0 if self._owner == _OUTSIDE else int(returns[0]) if returns.size else blocks.size
        self._meter.book(blocks[:end], self._owner)
        self._meter.book(blocks[end:], None)

    def _leave(self) -> None:
        self._owner = _OUTSIDE
        if self._watching is None:
            self._last = self._tally
            self._waited = [self._meter.waited(owner) for owner in range(self._between + 1)]
            return
        name = self._watching.name
        self._calls[name] += 1
        self._spent[name] = self._spent.get(name, 0) + self._tally.sums.sum(axis=0)

    def _book_network(self, keys: Keys) -> None:
        blocks, visits, taken = _visits(keys)
        counts = self._count(blocks, visits, taken)
        addresses = blocks >> _SIZE_BITS
        between = (addresses >= self._network.start) & (addresses < self._network.end)
        owners = np.where(between, self._between, self._owner)
        self._tally.add(owners, blocks, counts, visits, taken)
        self._tally.late[self._owner] += self._late_targets(keys)
        self._cycles += int(counts[:, 1].sum())

    def _late_targets(self, keys: Keys) -> int:
        """How many of these are branched to and begin late."""
        addresses, sizes = keys >> _SIZE_BITS, keys & _SIZE_MASK
        reached, visits = np.unique(addresses[1:][addresses[1:] != addresses[:-1] + sizes[:-1]], return_counts=True)
        late = [self._begins_late(int(address)) for address in reached]
        return int(visits[np.array(late, bool)].sum())

    def _begins_late(self, address: int) -> bool:
        if address not in self._late:
            code = bytes(self._uc.mem_read(address, 2))
            self._late[address] = pipeline.is_late_target(code, address, self._core)
        return self._late[address]

    def _joined(self, keys: Keys) -> tuple[Keys, int]:
        """The blocks with those pieces made one that follow each other without a branch; how many the last one has."""
        if keys.size < 2:
            return keys, keys.size
        unique, index = np.unique(keys, return_inverse=True)
        straight = np.array([self._falls_through(int(key)) for key in unique])[index[:-1]]
        addresses, sizes = keys >> _SIZE_BITS, keys & _SIZE_MASK
        continues = straight & (addresses[1:] == addresses[:-1] + sizes[:-1])
        starts = np.flatnonzero(np.concatenate([[True], ~continues]))
        return addresses[starts] << _SIZE_BITS | np.add.reduceat(sizes, starts), int(keys.size - starts[-1])

    def _falls_through(self, key: int) -> bool:
        """Whether a block does not end in a branch, taken or not."""
        return not self._cost(key).may_branch

    def _count(self, blocks: Keys, visits: Counts, taken: Counts) -> Counts:
        """Sums `[blocks, (instructions, cycles)]`."""
        costs = [self._cost(int(key)) for key in blocks]
        table = np.array([(c.instructions, c.cycles, c.taken_cycles) for c in costs], np.int64).reshape(-1, 3)
        cycles = (visits - taken) * table[:, 1] + taken * table[:, 2]
        return np.stack([visits * table[:, 0], cycles], axis=1)

    def _cost(self, key: int) -> cost.BlockCost:
        if key not in self._costs:
            block = self._disassemble(key >> 32, key & 0xFFFFFFFF)
            self._costs[key] = cost.block_cost(block, self._table)
        return self._costs[key]

    def _disassemble(self, address: int, size: int) -> list[cost.Instruction]:
        rows = self._disassembler.disasm_lite(bytes(self._uc.mem_read(address, size)), address)
        block = [cost.Instruction(mnemonic, operands, bytes_) for _, bytes_, mnemonic, operands in rows]
        if sum(instruction.bytes for instruction in block) != size:
            raise TargetError(f"cannot disassemble the code at 0x{address:08x} in {self._program.function_at(address)}")
        return block


class _Tally:
    """One inference: `sums` `[owners, (instructions, cycles)]`, `late` `[owners]` branches to where the core waits
    for the second half of an instruction, and of each (owner, block) its visits."""

    def __init__(self, owners: int) -> None:
        self.sums = np.zeros((owners, 2), np.int64)
        self.late = np.zeros(owners, np.int64)
        self.visits: Counter[tuple[int, int]] = Counter()
        self.taken: Counter[tuple[int, int]] = Counter()

    def add(self, owners: Counts, blocks: Keys, counts: Counts, visits: Counts, taken: Counts) -> None:
        np.add.at(self.sums, owners, counts)
        places = list(zip(owners.tolist(), blocks.tolist(), strict=True))
        self.visits.update(dict(zip(places, visits.tolist(), strict=True)))
        self.taken.update(dict(zip(places, taken.tolist(), strict=True)))


def _visits(keys: Keys) -> tuple[Keys, Counts, Counts]:
    """The different blocks of a sequence of executed ones, how often each ran and how often it branched, `[blocks]`.

    The last of the sequence only tells whether the one before it branched.
    """
    blocks, index = np.unique(keys[:-1], return_inverse=True)
    following = ((blocks >> _SIZE_BITS) + (blocks & _SIZE_MASK))[index]
    branched = keys[1:] >> _SIZE_BITS != following
    visits = np.bincount(index, minlength=blocks.size)
    return blocks, visits, np.bincount(index[branched], minlength=blocks.size)


def _function(program: Program, name: str) -> Function:
    for function in program.functions:
        if function.name == name:
            return function
    raise TargetError(f"the firmware has no function {name}: there is nothing to profile")


def _layers(program: Program) -> list[tuple[int, str, int]]:
    """(number, name, address) of each layer function. Their numbers count from 0."""
    found = [(_LAYER.fullmatch(function.name), function.start) for function in program.functions]
    layers = sorted((int(match[1]), match[2], address) for match, address in found if match)
    if {number for number, _, _ in layers} != set(range(len({number for number, _, _ in layers}))):
        raise TargetError("the firmware's layer functions tp_layer_<NN>_<name> are not numbered 0, 1, 2, …")
    return layers
