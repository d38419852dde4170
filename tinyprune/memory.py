"""The arena planner: where each buffer lies, so that buffers alive at the same time never overlap.

Greedy by size with best offset (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference",
arXiv:2001.03288). The lower bound is the largest sum of buffers alive at one step; the plan says how far it is from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that must stay untouched from step `first` to step `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: "Buffer") -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Plan:
    offsets: dict[str, int]  # buffer name → byte offset in the arena, a multiple of ALIGNMENT
    arena_bytes: int
    lower_bound_bytes: int


def plan(buffers: Sequence[Buffer]) -> Plan:
    """Places every buffer; names are unique, sizes are rounded up to ALIGNMENT."""
    placed: list[tuple[int, int, Buffer]] = []  # (offset, end, buffer)
    for buffer in sorted(buffers, key=lambda item: (-item.size_bytes, item.first)):
        size = _aligned(buffer.size_bytes)
        offset = 0
        for start, end, other in sorted(placed, key=lambda item: item[0]):
            if not buffer.meets(other):
                continue
            if start >= offset + size:
                break
            offset = max(offset, end)
        placed.append((offset, offset + size, buffer))
    return Plan(
        offsets={buffer.name: offset for offset, _, buffer in placed},
        arena_bytes=max((end for _, end, _ in placed), default=0),
        lower_bound_bytes=_lower_bound(buffers),
    )


def _lower_bound(buffers: Sequence[Buffer]) -> int:
    steps = {buffer.first for buffer in buffers}
    return max((sum(_aligned(b.size_bytes) for b in buffers if b.first <= step <= b.last) for step in steps), default=0)


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT
