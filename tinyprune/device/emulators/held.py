"""The lines that are held near a core, before a memory that is slower than itself.

A read buffer is one line; an instruction cache, an accelerator's data cache and the cache before a serial flash are
many. What is held costs nothing. What is not is a miss, and is held from then on, in the place of the line of its set
that was used least recently.
"""

import numpy as np
import numpy.typing as npt

from tinyprune.device.boards import Reads

Addresses = npt.NDArray[np.int64]


class Held:
    """The lines that are held while a program runs. `end`: of the pairs of numbers, 0 or 1."""

    def __init__(self, reads: Reads, end: int) -> None:
        self.line_bytes = reads.line_bytes[end]
        self.cache_bytes = reads.cache_bytes[end]
        lines = self.cache_bytes // self.line_bytes
        self._ways = reads.ways or lines
        self._prefetch = reads.prefetch
        self._sets: list[dict[int, None]] = [{} for _ in range(lines // self._ways)]  # used least recently first
        self._before = -2

    def misses(self, addresses: Addresses) -> int:
        """Of reads at these, one after the other, in the state that earlier reads have left."""
        if not addresses.size:
            return 0
        lines = addresses // self.line_bytes
        steps = np.diff(lines, prepend=self._before)
        self._before = int(lines[-1])
        lines, steps = lines[steps != 0], steps[steps != 0]
        if self._ways == len(self._sets) == 1:  # a read buffer: each other line is a miss
            return int(lines.size - np.count_nonzero((steps == 1) & self._prefetch))
        which = self._telling(lines)
        ahead = (steps[which] == 1) & self._prefetch
        return sum(self._fetches(*read) for read in zip(lines[which].tolist(), ahead.tolist(), strict=True))

    def _telling(self, lines: Addresses) -> Addresses:
        """Which reads must be followed one by one. Where no set is asked for more lines than it holds, a line stays
        from its first read to its last one: these two tell all."""
        unique, first, place = np.unique(lines, return_index=True, return_inverse=True)
        sets = unique % len(self._sets)
        follow = (np.bincount(sets, minlength=len(self._sets)) > self._ways)[sets][place]
        follow[first] = True
        follow[lines.size - 1 - np.unique(lines[::-1], return_index=True)[1]] = True
        return np.flatnonzero(follow)

    def _fetches(self, line: int, ahead: bool) -> bool:
        """Whether the core waits for it; `ahead`: it has been fetched already."""
        held = self._sets[line % len(self._sets)]
        is_held = line in held
        if is_held:
            del held[line]  # put behind the others again
        elif len(held) == self._ways:
            del held[next(iter(held))]
        held[line] = None
        return not (is_held or ahead)
