"""The lines near a core: by hand, and against the plainest simulation of the same rules."""

import numpy as np
import pytest

from tinyprune.device.boards import Reads
from tinyprune.device.emulators.held import Held


def held(cache_bytes: int, line_bytes: int = 16, ways: int = 0, prefetch: bool = False) -> Held:
    pairs = ((1, 1), (line_bytes, line_bytes), (cache_bytes, cache_bytes))
    return Held(Reads(*pairs, ways=ways, prefetch=prefetch), 0)


def misses(lines: Held, *addresses: int) -> int:
    return lines.misses(np.array(addresses, np.int64))


def test_a_read_buffer_holds_one_line() -> None:
    buffer = held(16)
    assert misses(buffer, 0, 4, 12, 16, 20, 0) == 3
    assert misses(buffer, 8, 15) == 0  # as the reads before left it
    assert misses(buffer) == 0


def test_what_was_used_least_recently_goes() -> None:
    cache = held(32)
    assert misses(cache, 0, 16, 0, 32, 0, 16) == 4  # 32 takes the place of 16, not of 0
    assert misses(held(32, ways=1), 0, 32, 0, 32, 16) == 5  # one way: both want the same place


def test_the_next_line_comes_by_itself() -> None:
    assert misses(held(64, prefetch=True), 0, 16, 32, 48, 64, 0) == 2
    assert misses(held(64), 0, 16, 32, 48, 64, 0) == 6
    assert misses(held(16, prefetch=True), 0, 16, 48) == 2


@pytest.mark.parametrize("ways", [0, 1, 2, 4])
@pytest.mark.parametrize("prefetch", [False, True])
@pytest.mark.parametrize("spread", [100, 400, 3000])
def test_equals_one_read_after_the_other(ways: int, prefetch: bool, spread: int) -> None:
    """Loops over a few places and reads at random, in pieces."""
    generator = np.random.default_rng(ways + spread)
    loops = [np.tile(generator.integers(0, spread, 7), 20) for _ in range(10)]
    reads = [np.concatenate([loop, generator.integers(0, spread, 50)]) for loop in loops]
    fast, slow = held(256, 8, ways, prefetch), _Plain(256 // 8, ways or 256 // 8, prefetch)
    for piece in reads:
        assert fast.misses(piece) == sum(slow.misses(int(address) // 8) for address in piece)


class _Plain:
    def __init__(self, lines: int, ways: int, prefetch: bool) -> None:
        self._sets: list[list[int]] = [[] for _ in range(lines // ways)]
        self._ways, self._prefetch, self._before = ways, prefetch, -2

    def misses(self, line: int) -> bool:
        used = self._sets[line % len(self._sets)]
        miss = line not in used and not (self._prefetch and line == self._before + 1)
        used[:] = [one for one in used if one != line][-(self._ways - 1) :] if self._ways > 1 else []
        used.append(line)
        self._before = line
        return miss
