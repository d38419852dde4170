"""Graph + Board → Program: which kernel runs each layer, how its weights are packed, where each tensor lies.

All decisions are made here, in `choose.py` and in `placement.py`; codegen only writes them down.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinyprune.compiler.candidates import constant_bytes as _bytes
from tinyprune.compiler.choose import Choice, Optimize, choose, working_bytes
from tinyprune.compiler.constants import Constants, place_constants
from tinyprune.compiler.fold import fold
from tinyprune.compiler.graph import Graph, State
from tinyprune.compiler.kernels import Call, Layout, Wiring
from tinyprune.compiler.lifetimes import operand_of, result_of
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.placement import Placement, place
from tinyprune.compiler.program import Program, Resident, Step
from tinyprune.compiler.sparsity import TWO_OF_FOUR, takes
from tinyprune.device.boards import Board
from tinyprune.errors import DoesNotFit

__all__ = [
    "Constants",
    "Optimize",
    "Room",
    "constant_bytes",
    "flash_advice",
    "lower",
    "smallest_arena",
    "smallest_constants",
]


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a network may take of flash for its constants and of RAM for its arena; None: all that there is."""

    constants: int | None = None
    arena: int | None = None


EVERYWHERE = Room()


def lower(
    graph: Graph,
    board: Board,
    optimize: Optimize = "speed",
    room: Room = EVERYWHERE,
    constants: Constants = "flash",
) -> Program:
    """Chooses kernels and layouts, and places every buffer. "speed" is the fastest network that the room takes, "size"
    the one of fewest constants, "ram" the fastest one of the smallest arena. `constants`: where those lie when it runs.

    Raises ModelError where no kernel can run a layer, DoesNotFit where constants or arena exceed the board's memory.
    """
    read = board if constants == "flash" else replace(board, reads={})
    return place_constants(replace(_lowered(fold(graph), read, optimize, room), graph=graph, board=board), constants)


def _lowered(graph: Graph, board: Board, optimize: Optimize, room: Room) -> Program:
    """The same of a graph with nothing left to fold; the program's own is as the file has it."""
    choices = choose(graph, board, optimize, room.constants)
    most = room.arena if board.ram is None or room.arena is not None else board.ram.bytes - board.ram.stack_bytes
    if optimize == "ram":
        choices = _within(_arena_bytes(graph, choices), graph, board, "speed", room) or choices
    elif most is not None and _arena_bytes(graph, choices) > most:
        choices = _within(most, graph, board, optimize, room) or choose(graph, board, "ram", room.constants)
    program = _program(graph, board, choices)
    _check_fits(program, optimize)
    return program


@dataclass(frozen=True, slots=True)
class SmallestArena:
    """What `--optimize ram` would give. `cycles_ratio`: by the figures that rank kernels, to those of the program."""

    arena_bytes: int
    cycles_ratio: float


def smallest_arena(program: Program) -> SmallestArena:
    """What less RAM would cost."""
    graph, board = fold(program.graph), program.board
    least = choose(graph, board, "ram")
    least = _within(_arena_bytes(graph, least), graph, board, "speed", EVERYWHERE) or least
    return SmallestArena(_arena_bytes(graph, least), _cycles_ratio(program, least))


@dataclass(frozen=True, slots=True)
class SmallestConstants:
    """What `--optimize size` would give. `cycles_ratio`: by the figures that rank kernels, to those of the program."""

    constant_bytes: int
    cycles_ratio: float


def smallest_constants(program: Program) -> SmallestConstants:
    """What less flash would cost."""
    least = choose(fold(program.graph), program.board, "size")
    size = sum(_bytes(choice.op, choice.kernel) for choice in least)
    return SmallestConstants(size, _cycles_ratio(program, least))


def _cycles_ratio(program: Program, choices: Sequence[Choice]) -> float:
    here = sum(step.kernel.cycles(step.op) for step in program.steps)
    there = sum(choice.kernel.cycles(choice.op) for choice in choices)
    return there / here if here else 1.0


def _within(arena_bytes: int, graph: Graph, board: Board, optimize: Optimize, room: Room) -> list[Choice] | None:
    """The best choices with such an arena or a smaller one: what layers may work with is lowered until then."""

    def attempt(most_working_bytes: int) -> list[Choice] | None:
        try:
            return choose(graph, board, optimize, room.constants, most_working_bytes)
        except DoesNotFit:
            return None

    def arena(most_working_bytes: int) -> int:
        choices = attempt(most_working_bytes)
        return _arena_bytes(graph, choices) if choices else 0  # below all limits with which there are some

    limits = working_bytes(graph, board)
    found = bisect_right(limits, arena_bytes, key=arena)
    return attempt(limits[found - 1]) if found else None


def _arena_bytes(graph: Graph, choices: Sequence[Choice]) -> int:
    return place(graph, choices).plan.arena_bytes


def _program(graph: Graph, board: Board, choices: Sequence[Choice]) -> Program:
    placement = place(graph, choices)
    steps = [_step(number, choice, placement) for number, choice in enumerate(choices)]
    at = placement.offsets
    return Program(
        graph,
        board,
        tuple(step for step in steps if step.calls),
        placement.plan,
        tuple(at[tensor.index] for tensor in graph.inputs),
        tuple(at[tensor.index] for tensor in graph.outputs),
        tuple(at[state] for state in graph.states),
        residents=tuple(_residents(graph, placement, [number for number, step in enumerate(steps) if step.calls])),
    )


def _residents(graph: Graph, placement: Placement, kept: Sequence[int]) -> Iterator[Resident]:
    """`kept`: the numbers of the choices that are steps of the program; others have nothing to do."""
    life, at = placement.life, placement.offsets
    names = {tensor.index: tensor.name for tensor in (*graph.inputs, *(name for _, name in graph.views))}
    for choice in life.choices:
        for count, tensor in enumerate(choice.op.outputs):
            names[tensor.index] = f"result{f' {count + 1}' if count else ''} of {choice.op.name}"

    def steps(begin: int, end: int) -> tuple[int, int]:
        first = min(bisect_left(kept, begin), max(0, len(kept) - 1))
        return first, max(first, bisect_right(kept, end) - 1)

    for value, size in life.size.items():
        span = steps(life.birth[value], life.death[value])
        if isinstance(value, State):
            yield Resident(value.name, "variable", at[value], size, *span)
        else:
            yield Resident(names[value], "tensor", at[value], size, *span)
    for number, choice in enumerate(life.choices):
        if buffer := life.scratch.get(("scratch", number)):
            offset, span = at["scratch", number], steps(buffer.first, buffer.last)
            yield Resident(f"scratch of {choice.op.name}", "scratch", offset, buffer.size_bytes, *span)


def _step(number: int, choice: Choice, placement: Placement) -> Step:
    op, at, wiring = choice.op, placement.offsets, placement.wirings[number]
    sources = [operand_of(choice, place_) for place_ in range(len(op.inputs))]
    return Step(
        op=op,
        kernel=choice.kernel,
        pattern=choice.pattern,
        calls=_calls(choice, wiring, placement),
        output_layout=choice.output_layout,
        input_offsets=tuple(0 if source is None else at[source] for source in sources),
        output_offsets=tuple(at[tensor.index] for tensor in op.outputs),
        state_offsets=tuple(at[state] for state in op.states),
        scratch_offset=at.get(("scratch", number), 0),
        scratch_bytes=choice.kernel.scratch_bytes(op),
        rows=op.outputs[0].shape[0] if Layout.ROW in (choice.output_layout, choice.kernel.reads) else 0,
        reason=choice.reason,
    )


def _calls(choice: Choice, wiring: Wiring, placement: Placement) -> tuple[Call, ...]:
    """Without the moves whose bytes are in place already."""
    calls = choice.kernel.calls(choice.op, wiring)
    if not choice.kernel.moves:
        return calls
    return tuple(
        call
        for call, move in zip(calls, choice.op.moves or (), strict=True)
        if not placement.is_in_place(move, operand_of(choice, move.source), result_of(choice, move.target))
    )


def _check_fits(program: Program, optimize: Optimize) -> None:
    """Refuses, before anything is compiled, what can never fit: the code comes on top of these bytes."""
    board = program.board
    constants = constant_bytes(program)
    if board.flash and constants > board.flash.bytes:
        raise DoesNotFit(
            f"the model does not fit {board.name}: its weights need {constants:,} bytes of flash, "
            f"the board has {board.flash.bytes:,} ({constants - board.flash.bytes:,} too many); "
            + flash_advice(program, optimize)
        )
    ram_bytes = board.ram.bytes - board.ram.stack_bytes if board.ram else None
    if ram_bytes is not None and program.arena.arena_bytes > ram_bytes:
        raise DoesNotFit(
            f"the model does not fit {board.name}: its arena needs {program.arena.arena_bytes:,} bytes of RAM, "
            f"the board has {ram_bytes:,} beside the stack ({program.arena.arena_bytes - ram_bytes:,} too many)"
            + _largest_maps(program)
        )


def _largest_maps(program: Program) -> str:
    if not program.steps:
        return ""
    largest = max(program.steps, key=lambda step: step.working_bytes)
    before = sum(tensor.size_bytes for tensor in largest.op.activations)
    behind = sum(tensor.size_bytes for tensor in largest.op.outputs)
    return (
        f'. The largest maps are those of layer "{largest.op.name}" ({before:,} → {behind:,} bytes): '
        "use fewer channels there, or a smaller input"
    )


def constant_bytes(program: Program) -> int:
    """Weights, biases and requantization of all layers."""
    return sum(step.constant_bytes for step in program.steps)


def flash_advice(program: Program, optimize: Optimize) -> str:
    """What would need less flash, and how much less."""
    here, ways = constant_bytes(program), []
    if optimize == "speed":
        small = smallest_constants(program).constant_bytes
        if small < here:
            ways.append(f"with --optimize size the constants need {here - small:,} bytes less")
    dense = [step for step in program.steps if step.op.matrix is not None and not takes(TWO_OF_FOUR, step.pattern)]
    saved = sum(step.op.weights.nbytes * 3 // 8 for step in dense if isinstance(step.op, Weighted))
    if saved:
        ways.append(
            f"pruned {TWO_OF_FOUR} and with --optimize size, the weights that are dense now take {saved:,} bytes less"
        )
    return "; ".join([*ways, "a model with fewer channels needs less"])
