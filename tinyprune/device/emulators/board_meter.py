"""The board's cycles of an inference: those of its pipeline, and what it waits for memory (pipeline.py, held.py).

Unicorn calls a hook for each read of data from flash, and from RAM where the board file says that RAM is slow. Which
instructions read flash is asked at the first visits of each block only: asking takes as long as all the rest.
"""

from array import array
from typing import Any

import numpy as np
import numpy.typing as npt
import unicorn
from unicorn import arm_const

from tinyprune.device.boards import Board, Memory, Reads
from tinyprune.device.emulators.held import Addresses, Held
from tinyprune.device.emulators.profile import Span

Keys = npt.NDArray[np.uint64]

_SIZE_BITS, _SIZE_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_ASKED_READS = 64  # of each block
_ALL_READS = 1 << 62
_IT_STATE = 0x0600FC00  # of XPSR: Armv7-M Architecture Reference Manual, B1.4.2


class BoardMeter:
    """Counts the misses of each path to memory. `blocks`: address << 32 | size of each, the last one is running."""

    def __init__(self, uc: Any, board: Board, blocks: "array[int]", owners: int) -> None:
        assert board.flash is not None
        assert board.ram is not None
        self.from_flash: set[int] = set()  # addresses of instructions that read flash
        self._flash = board.flash
        self._paths = [_Path(name, reads, owners) for name, reads in board.reads.items()]
        self._at, self._read = array("Q"), array("Q")
        slow = [board.flash, board.ram] if "ram" in board.reads else [board.flash]
        for memory in slow:
            hook = self._hook(uc, blocks, memory is board.flash)
            uc.hook_add(unicorn.UC_HOOK_MEM_READ, hook, begin=memory.origin, end=memory.end - 1)

    def clear(self) -> None:
        """For another inference: it begins with nothing near the core, so that all of them take the same."""
        for path in self._paths:
            path.clear()

    def book(self, blocks: Keys, owner: int | None) -> None:
        """That these have run, with the reads in them; None: outside of what is measured."""
        count = int(np.searchsorted(np.frombuffer(self._at, np.uint64), blocks.size, side="right"))
        if owner is not None and blocks.size:
            at, read = (np.array(kept[:count], np.int64) for kept in (self._at, self._read))
            streams = _Streams(blocks, at, read, self._flash)
            for path in self._paths:
                path.book(streams, owner)
        rest = np.array(self._at[count:], np.uint64) - np.uint64(blocks.size)
        self._at[:], self._read[:] = array("Q", rest.tobytes()), self._read[count:]

    def waited(self, owner: int) -> Span:
        low, high = (sum(path.cycles(owner, end) for path in self._paths) for end in (0, 1))
        return Span(low, high)

    def _hook(self, uc: Any, blocks: "array[int]", is_flash: bool) -> Any:
        at, read = self._at.append, self._read.append
        left: dict[int, int] = {}  # block → how many of its reads are looked at

        def hook(_uc: Any, _access: int, address: int, _size: int, _value: int, _data: object) -> None:
            at(len(blocks))
            read(address)
            block = blocks[-1]
            more = left.get(block, -1)
            if more < 0:
                more = left[block] = _ALL_READS if _may_skip(uc, block) else _ASKED_READS if is_flash else 0
            if more:
                left[block] = more - 1
                if is_flash:
                    self.from_flash.add(uc.reg_read(arm_const.UC_ARM_REG_PC))
                if more > _ASKED_READS:
                    _mend(uc)

        return hook


def _may_skip(uc: Any, block: int) -> bool:
    """Whether the block may hold an IT instruction: 0xBF and what is not 0 (Armv7-M Architecture Reference Manual,
    A7.7.38)."""
    address, size = block >> 32, block & 0xFFFFFFFF
    code = np.frombuffer(bytes(uc.mem_read(address, size)), np.uint16)
    return bool(((code & 0xFF00 == 0xBF00) & (code & 0xF != 0)).any())


def _mend(uc: Any) -> None:
    """Before unicorn (2.1) calls a hook of a read in an IT block, it writes down how far the IT block is, and never
    takes it back: the block behind this one would be executed under its conditions."""
    status = uc.reg_read(arm_const.UC_ARM_REG_XPSR)
    if status & _IT_STATE:
        uc.reg_write(arm_const.UC_ARM_REG_XPSR, status & ~_IT_STATE)


class _Path:
    """One way to memory, by its name in a board file. `misses` `[owners, (fewest, most)]`."""

    def __init__(self, name: str, reads: Reads, owners: int) -> None:
        self._name, self._reads = name, reads
        self.misses = np.zeros((owners, 2), np.int64)
        same = reads.line_bytes[0] == reads.line_bytes[1] and reads.cache_bytes[0] == reads.cache_bytes[1]
        self._ends = (0,) if same else (0, 1)
        self.clear()

    def clear(self) -> None:
        self.misses[:] = 0
        self._held = [Held(self._reads, end) for end in self._ends]

    def book(self, streams: "_Streams", owner: int) -> None:
        self.misses[owner] += [held.misses(streams.named(self._name, held)) for held in self._held]

    def cycles(self, owner: int, end: int) -> int:
        return int(self.misses[owner, end]) * self._reads.miss_cycles[end]


class _Streams:
    """What a piece of the program read, by kind: `code`, `data`, `flash` (both of them), `ram`."""

    def __init__(self, blocks: Keys, at: Addresses, read: Addresses, flash: Memory) -> None:
        self._starts, self._sizes = ((part.astype(np.int64)) for part in (blocks >> _SIZE_BITS, blocks & _SIZE_MASK))
        self._in_flash = self._inside(self._starts, flash)
        data = self._inside(read, flash)
        self._data, self._data_at, self._ram = read[data], at[data] - 1, read[~data]

    def named(self, name: str, held: Held) -> Addresses:
        if name == "ram":
            return self._ram
        if name == "data":
            return self._data
        which = np.flatnonzero(self._in_flash)
        if name == "code":
            # a loop of one block that is held whole is read once
            again = (np.diff(self._starts[which], prepend=-1) == 0) & (self._sizes[which] <= held.cache_bytes // 2)
            return _lines(self._starts, self._sizes, which[~again], held.line_bytes)[0]
        code, place = _lines(self._starts, self._sizes, which, held.line_bytes)
        order = np.argsort(np.concatenate([place, self._data_at]), kind="stable")
        return np.concatenate([code, self._data])[order]

    @staticmethod
    def _inside(addresses: Addresses, memory: Memory) -> npt.NDArray[np.bool_]:
        return (addresses >= memory.origin) & (addresses < memory.end)


def _lines(starts: Addresses, sizes: Addresses, which: Addresses, line_bytes: int) -> tuple[Addresses, Addresses]:
    """An address in each line that these blocks touch, in their order, and the block that it belongs to."""
    first = starts[which] // line_bytes
    counts = (starts[which] + sizes[which] - 1) // line_bytes - first + 1
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return (np.repeat(first, counts) + within) * line_bytes, np.repeat(which, counts)
