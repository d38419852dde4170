"""Which layers read their constants from RAM, where start-up code copies them; all others read flash, which costs time.

By whole layers: those first that read a byte of theirs most often in an inference.
"""

from dataclasses import replace
from typing import Literal, TypeAlias

from tinyprune.compiler.program import Program, Step
from tinyprune.device.boards import Board

Constants: TypeAlias = Literal["flash", "ram", "auto"]

#: "auto" leaves the user's own code this share of the RAM.
RAM_RESERVE = 1 / 4
#: How constants in flash are read: keys of a board's `reads`.
FLASH_PATHS = ("data", "flash")


def place_constants(program: Program, where: Constants) -> Program:
    """With the layers whose constants go to RAM. "ram": all that fit beside arena and stack. "auto": the same within
    the reserve, and only where the board waits longer for constants in flash than for what lies in RAM."""
    board = program.board
    if where == "flash" or board.flash is None or board.ram is None or (where == "auto" and not waits_for_flash(board)):
        return program
    kept = ram_reserve(board) if where == "auto" else 0
    room = board.ram.bytes - board.ram.stack_bytes - program.arena.arena_bytes - kept
    return _within(program, range(len(program.steps)), room)


def with_fewer(program: Program, excess_bytes: int) -> Program:
    """With so many bytes less in RAM at least, or none there."""
    return _within(program, program.ram_steps, program.ram_constant_bytes - excess_bytes)


def ram_reserve(board: Board) -> int:
    """Bytes that "auto" leaves free."""
    return int(board.ram.bytes * RAM_RESERVE) if board.ram else 0


def waits_for_flash(board: Board) -> bool:
    """Whether the core waits longer for a constant in flash than for one in RAM, by the board file."""
    paths = [board.reads[kind].miss_cycles for kind in FLASH_PATHS if kind in board.reads]
    ram = board.reads["ram"].miss_cycles if "ram" in board.reads else (0, 0)
    return any(flash > beside for path in paths for flash, beside in zip(path, ram, strict=True))


def flash_cycles(board: Board, constant_bytes: int, times: int) -> float:
    """About what the core waits for constants in flash that it reads so many times, in the middle of the board's range:
    once where they stay near the core, else each time."""
    total = 0.0
    for reads in (board.reads[kind] for kind in FLASH_PATHS if kind in board.reads):
        for miss, line, held in zip(reads.miss_cycles, reads.line_bytes, reads.cache_bytes, strict=True):
            total += miss * constant_bytes / line * (1 if constant_bytes <= held else times) / 2
    return total


def _within(program: Program, steps: "range | frozenset[int]", room: int) -> Program:
    having = [number for number in steps if program.steps[number].constant_bytes]
    taken = set[int]()
    for number in sorted(having, key=lambda number: (-_reads_a_byte(program.steps[number]), number)):
        needed = program.steps[number].constant_bytes
        if needed <= room:
            taken.add(number)
            room -= needed
    return replace(program, ram_steps=frozenset(taken))


def _reads_a_byte(step: Step) -> float:
    """About, in an inference: kernels read each weight once for some outputs."""
    return step.op.macs / step.constant_bytes
