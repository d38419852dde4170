"""Moves: what operators that only pass bytes on do, as data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod


@dataclass(frozen=True, slots=True)
class Move:
    """Bytes that an operator passes on as they are: runs of `size` bytes in nested loops, the outermost first.

    They come from operand number `source` (STATE: from the only variable) and go to result number `target` (STATE: to
    the variable). Made by `moved`, which joins loops that follow on one another: a move without `counts` is one run.
    """

    source: int
    target: int
    size: int
    counts: tuple[int, ...] = ()  # turns of each loop
    source_strides: tuple[int, ...] = ()  # bytes from one turn to the next
    target_strides: tuple[int, ...] = ()
    source_offset: int = 0  # byte where the first run begins
    target_offset: int = 0

    @property
    def size_bytes(self) -> int:
        return self.size * prod(self.counts)

    def times(self, size: int) -> "Move":
        """The same of values that have `size` bytes each, where one byte stood for each."""
        return Move(
            self.source,
            self.target,
            self.size * size,
            self.counts,
            tuple(step * size for step in self.source_strides),
            tuple(step * size for step in self.target_strides),
            self.source_offset * size,
            self.target_offset * size,
        )


#: In the place of an operand's or result's number.
STATE = -1
#: Nested loops of a move that kernels take.
MOST_LOOPS = 4


def moved(
    source: int,
    target: int,
    shape: Sequence[int],
    source_strides: Sequence[int],
    target_strides: Sequence[int],
    offsets: tuple[int, int] = (0, 0),
) -> Move:
    """The move of a block of this `shape` between places of such strides, both in values of one byte."""
    size, loops = 1, list[tuple[int, int, int]]()
    for count, here, there in reversed(list(zip(shape, source_strides, target_strides, strict=True))):
        if count == 1:
            continue
        if not loops and here == there == size:
            size *= count
        elif loops and (here, there) == (loops[-1][0] * loops[-1][1], loops[-1][0] * loops[-1][2]):
            loops[-1] = (loops[-1][0] * count, *loops[-1][1:])
        else:
            loops.append((count, here, there))
    counts, heres, theres = zip(*reversed(loops), strict=True) if loops else ((), (), ())
    return Move(source, target, size, counts, heres, theres, *offsets)


def moves_of(
    shape: Sequence[int],
    source_strides: Sequence[int],
    target_strides: Sequence[int],
    offsets: tuple[int, int] = (0, 0),
) -> tuple[Move, ...]:
    """The same from the first operand to the first result, in as many moves as it takes with MOST_LOOPS loops each."""
    whole = moved(0, 0, shape, source_strides, target_strides, offsets)
    return tuple(_unrolled(whole))


def _unrolled(move: Move) -> Iterator[Move]:
    """Without the outermost loop while there are too many."""
    if len(move.counts) <= MOST_LOOPS:
        yield move
        return
    for turn in range(move.counts[0]):
        yield from _unrolled(
            replace(
                move,
                counts=move.counts[1:],
                source_strides=move.source_strides[1:],
                target_strides=move.target_strides[1:],
                source_offset=move.source_offset + turn * move.source_strides[0],
                target_offset=move.target_offset + turn * move.target_strides[0],
            )
        )


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Values from one index of each axis to the next."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
