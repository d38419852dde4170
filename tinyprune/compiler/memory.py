"""The arena planner: where each buffer lies, so that buffers alive at the same time never overlap.

Greedy best offset (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", arXiv:2001.03288),
from several orders of the buffers: by size, by time, and what two searches find: over swaps of two neighbours, and by
placing first what stood at the top of the arena.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

ALIGNMENT = 16
#: Comparisons of two buffers that each search may spend: a large network gets fewer tries, never a longer wait.
_COMPARISONS = 2_000_000
_MOST_PROMOTED = 300


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that must stay untouched from step `first` to step `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: "Buffer") -> bool:
        return self.first <= other.last and other.first <= self.last


#: (offset, end, buffer)
_Placed: TypeAlias = tuple[int, int, Buffer]


@dataclass(frozen=True, slots=True)
class Plan:
    offsets: dict[str, int]  # buffer name → byte offset in the arena, a multiple of ALIGNMENT
    arena_bytes: int
    lower_bound_bytes: int  # no plan of these buffers needs less


def plan(buffers: Sequence[Buffer], *, search: bool = True) -> Plan:
    """Places every buffer; names are unique, sizes are rounded up to ALIGNMENT. Equal buffers give equal plans. Without
    the `search` it is quicker, and may need more."""
    bound = lower_bound(buffers)
    orders = [
        sorted(buffers, key=lambda item: (-item.size_bytes, item.first)),
        sorted(buffers, key=lambda item: (item.first, -item.size_bytes)),
        sorted(buffers, key=lambda item: (item.first - item.last, -item.size_bytes)),
    ]
    best = min((_place(order) for order in orders), key=_end)
    for attempt in (_promote, _improve) if search and buffers else ():
        for order in orders:
            if _end(best) == bound:
                break
            best = min(best, attempt(order), key=_end)
    offsets = {buffer.name: offset for offset, _, buffer in best}
    return Plan(offsets, _end(best), bound)


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The largest sum of buffers that are alive at one step."""
    steps = {buffer.first for buffer in buffers}
    return max((sum(aligned(b.size_bytes) for b in buffers if b.first <= step <= b.last) for step in steps), default=0)


def aligned(size_bytes: int) -> int:
    """Rounded up to ALIGNMENT."""
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def _place(order: Sequence[Buffer]) -> list[_Placed]:
    """Each buffer in turn at the lowest offset where it meets nobody."""
    placed: list[_Placed] = []
    for buffer in order:
        size, offset = aligned(buffer.size_bytes), 0
        for start, end, other in placed:
            if not buffer.meets(other):
                continue
            if start >= offset + size:
                break
            offset = max(offset, end)
        insort(placed, (offset, offset + size, buffer), key=itemgetter(0))
    return placed


def _promote(order: Sequence[Buffer]) -> list[_Placed]:
    """The best of orders in which the buffer that ended last the time before comes first."""
    placed = best = _place(order)
    for _ in range(min(_tries(order), _MOST_PROMOTED)):
        top = max(placed, key=itemgetter(1))[2]
        if top is order[0]:
            break
        order = [top, *(buffer for buffer in order if buffer is not top)]
        placed = _place(order)
        best = min(best, placed, key=_end)
    return best


def _tries(order: Sequence[Buffer]) -> int:
    return _COMPARISONS // max(1, len(order) ** 2)


def _improve(order: Sequence[Buffer]) -> list[_Placed]:
    """Swaps neighbours in the order as long as that makes the arena smaller and tries are left."""
    order, best = list(order), _place(order)
    tries, improved = _tries(order), True
    while improved and tries > 0:
        improved = False
        for i in range(len(order) - 1):
            tries -= 1
            candidate = [*order[:i], order[i + 1], order[i], *order[i + 2 :]]
            placed = _place(candidate)
            if _end(placed) < _end(best):
                order, best, improved = candidate, placed, True
    return best


def _end(placed: Sequence[_Placed]) -> int:
    return max((end for _, end, _ in placed), default=0)
