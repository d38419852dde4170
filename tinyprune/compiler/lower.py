"""Graph + Board → Program: which kernel runs each layer, how its weights are packed, where each map lies in the arena.

All decisions are made here; `codegen.py` only writes them down. Kernels and layouts are chosen together: a shortest
path through the layers, from the layout that one kernel writes to the layout that the next one reads; where its
constants are too large for the flash, the fastest on the Pareto front of cycles and bytes that are not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal, TypeAlias

from tinyprune.compiler import memory
from tinyprune.compiler.graph import Activation, Graph, Op, Reshape, Weighted, matrix
from tinyprune.compiler.kernels import KERNELS, Constant, FiveWide, Kernel, Layout, Wiring
from tinyprune.compiler.kernels.five_wide import new_map, next_map, planes_bytes, row_bytes
from tinyprune.compiler.program import Program, Step
from tinyprune.compiler.sparsity import ANY, DENSE, TWO_OF_FOUR, discover, takes
from tinyprune.device.boards import Board
from tinyprune.errors import DoesNotFit, ModelError

Optimize: TypeAlias = Literal["speed", "size"]

#: What a byte of constants is worth when optimizing for size. At 500, DS-CNN takes int8 weights for a seventh more time
#: (20 to 30 cycles a byte) and refuses the portable kernels, which would save S 7 % and M 28 % of its bytes for five
#: times the time.
CYCLES_A_BYTE = 500
#: Of the paths on a Pareto front, how many are followed at most; how near they come to the best grows with it.
MOST_PATHS = 256
_ANYWHERE = Wiring(FiveWide(0, 2), FiveWide(0, 1))  # constants are the same wherever maps lie


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What one layer will run, and why."""

    op: Op
    kernel: Kernel
    output_layout: Layout
    pattern: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Path:
    """A way to a layout: what it costs, and its kernels with the layouts they write."""

    cost: float
    constant_bytes: int
    kernels: tuple[tuple[Kernel, Layout], ...]


def lower(graph: Graph, board: Board, optimize: Optimize = "speed", room_bytes: int | None = None) -> Program:
    """Chooses kernels and layouts, and places every buffer. "speed" is the fastest network whose constants take
    `room_bytes` of flash or less; None: all that the board has.

    Raises ModelError where no kernel can run a layer, DoesNotFit where constants or arena exceed the board's memory.
    """
    program = _program(graph, board, choose(graph, board, optimize, room_bytes))
    _check_fits(program, optimize)
    return program


def _program(graph: Graph, board: Board, choices: Sequence[Choice]) -> Program:
    home, wirings = _wire(graph, choices)
    buffers = _buffers(graph, choices, home, wirings)
    plan = memory.plan(buffers)

    def at(activation: Activation) -> int:
        return plan.offsets[_map_name(home[activation.index])]

    steps = tuple(
        Step(
            op=choice.op,
            kernel=choice.kernel,
            pattern=choice.pattern,
            arguments=choice.kernel.arguments(choice.op, wiring),
            output_layout=choice.output_layout,
            input_offset=at(choice.op.input),
            output_offset=at(choice.op.output),
            scratch_offset=plan.offsets.get(_scratch_name(number), 0),
            scratch_bytes=choice.kernel.scratch_bytes(choice.op),
            rows=choice.op.output.shape[0] if Layout.ROW in (choice.output_layout, choice.kernel.reads) else 0,
            reason=choice.reason,
        )
        for number, (choice, wiring) in enumerate(zip(choices, wirings, strict=True))
    )
    return Program(graph, board, steps, plan, at(graph.input), at(graph.output))


def choose(graph: Graph, board: Board, optimize: Optimize = "speed", room_bytes: int | None = None) -> list[Choice]:
    """The cheapest kernels, layer by layer, that pass maps on in layouts both sides understand.

    For speed only cycles count, unless the constants need more than the room: then these are the fastest that it takes,
    from the Pareto front of cycles and bytes, or else the smallest. Raises ModelError where no row of the table takes a
    layer.
    """
    layers = _layers(graph, board)
    if optimize == "size":
        (smallest,) = _front(layers, lambda layer, kernel: (layer.cost_for_size(kernel), 0))
        return _choices(layers, smallest, "smallest of")
    (fastest,) = _front(layers, lambda layer, kernel: (layer.kernels[kernel], 0))
    choices = _choices(layers, fastest, "fastest of")
    room = board.flash.bytes if room_bytes is None and board.flash else room_bytes
    needed = [layer.constant_bytes(choice.kernel) for layer, choice in zip(layers, choices, strict=True)]
    if room is None or sum(needed) <= room:
        return choices
    front = _front(layers, lambda layer, kernel: (layer.kernels[kernel], layer.constant_bytes(kernel)))
    fitting = [path for path in front if path.constant_bytes <= room]
    return _choices(layers, (fitting or front[:1])[-1], "fastest that the flash has room for, of")


def _front(layers: Sequence["_Layer"], weigh: Callable[["_Layer", Kernel], tuple[float, int]]) -> list[_Path]:
    """Through all layers, the paths that none beats in cost and bytes, as `weigh` counts them."""
    paths = {Layout.INTERLEAVED: [_Path(0, 0, ())]}
    for layer in layers:
        found: dict[Layout, list[_Path]] = {}
        for kernel in layer.kernels:
            cost, size = weigh(layer, kernel)
            for layout in kernel.writes:
                if layout is Layout.INTERLEAVED or layer.is_handed_on:
                    found.setdefault(layout, []).extend(
                        _Path(before.cost + cost, before.constant_bytes + size, (*before.kernels, (kernel, layout)))
                        for before in paths.get(kernel.reads, ())
                    )
        paths = {layout: _unbeaten(several) for layout, several in found.items()}
    return paths[Layout.INTERLEAVED]


def _unbeaten(paths: Sequence[_Path]) -> list[_Path]:
    """The Pareto front, by rising bytes and falling cost; of a long one both ends and every n-th path between."""
    front: list[_Path] = []
    for path in sorted(paths, key=lambda path: (path.constant_bytes, path.cost)):
        if not front or path.cost < front[-1].cost:
            front.append(path)
    return front if len(front) <= MOST_PATHS else [*front[: -1 : len(front) // MOST_PATHS + 1], front[-1]]


def _choices(layers: Sequence["_Layer"], path: _Path, goal: str) -> list[Choice]:
    return [
        Choice(layer.op, kernel, layout, layer.pattern, _reason(layer, kernel, goal))
        for layer, (kernel, layout) in zip(layers, path.kernels, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    op: Op
    pattern: str
    kernels: dict[Kernel, float]
    """Those that take it, with the cycles expected of each."""
    packed: Callable[[Kernel], int]
    is_handed_on: bool

    def constant_bytes(self, kernel: Kernel) -> int:
        """Of its constants in the format of a kernel: packed to know, once."""
        return self.packed(kernel)

    def cost_for_size(self, kernel: Kernel) -> float:
        return self.kernels[kernel] + CYCLES_A_BYTE * self.constant_bytes(kernel)


def _layers(graph: Graph, board: Board) -> list[_Layer]:
    ops = [op for op in graph.ops if not isinstance(op, Reshape)]
    layers = []
    for op, handed_on in zip(ops, _handed_on(graph, ops), strict=True):
        pattern = _pattern(op)
        kernels = {kernel: kernel.cycles(op) for kernel in _fitting(op, pattern, board)}
        if not kernels:
            shapes = f"{list(op.input.shape)} → {list(op.output.shape)}"
            raise ModelError(
                f'layer "{op.name}" ({type(op).__name__}, {shapes}) is larger than any kernel for {board.name} takes'
            )
        layers.append(_Layer(op, pattern, kernels, cache(partial(_bytes, op)), handed_on))
    return layers


def _pattern(op: Op) -> str:
    rows = matrix(op)
    return DENSE if rows is None else discover(rows)


def _handed_on(graph: Graph, ops: Sequence[Op]) -> list[bool]:
    """Whether a layer's output goes to the next one and nowhere else: only then may it have a layout of its own."""
    readers = [op.input.index for op in graph.ops]
    following = [*(op.input.index for op in ops[1:]), None]
    return [
        op.output.index == after and readers.count(op.output.index) == 1 and op.output.index != graph.output.index
        for op, after in zip(ops, following, strict=True)
    ]


def _fitting(op: Op, pattern: str, board: Board) -> list[Kernel]:
    rows = [k for k in KERNELS if isinstance(op, k.ops) and k.isa in board.isas and takes(k.pattern, pattern)]
    return [kernel for kernel in rows if kernel.accepts(op)]


def _bytes(op: Op, kernel: Kernel) -> int:
    return sum(part.values.nbytes for part in kernel.arguments(op, _ANYWHERE) if isinstance(part, Constant))


def _reason(layer: _Layer, kernel: Kernel, goal: str) -> str:
    found = f"weights are {layer.pattern}"
    if kernel.pattern not in (layer.pattern, ANY):
        found += f", run {kernel.pattern}"
    others = [other for other in layer.kernels if other.writes[0] is not Layout.ROW or other is kernel]
    if len(others) < 2:
        return f"{found}; the only kernel that takes them"
    return f"{found}; {goal} {len(others)} kernels, about {layer.kernels[kernel]:,.0f} cycles expected"


def _wire(graph: Graph, choices: Sequence[Choice]) -> tuple[dict[int, int], list[Wiring]]:
    """Which map shares whose memory, and where each five-wide one begins.

    A reshape moves nothing; a pair of layers in one loop works in place.
    """
    home = {graph.input.index: graph.input.index} | {op.output.index: op.output.index for op in graph.ops}
    where: FiveWide | None = None
    wirings: list[Wiring] = []
    for choice in choices:
        op, before = choice.op, where
        if choice.output_layout is Layout.FIVE_WIDE and choice.kernel.reads is Layout.INTERLEAVED:
            where = new_map(op.output.shape[0])
        elif choice.output_layout is Layout.ROW:
            assert where is not None
            where, pair_input = next_map(where), op.input.index
        elif choice.output_layout is Layout.INTERLEAVED:
            where = None
        if choice.kernel.reads is Layout.ROW:
            wirings.append(wirings[-1])
            home[op.output.index] = home[pair_input]
        else:
            wirings.append(Wiring(before, where))
    for op in graph.ops:
        if isinstance(op, Reshape):
            home[op.output.index] = home[op.input.index]
    return home, wirings


def _map_name(index: int) -> str:
    return f"map {index}"


def _scratch_name(step: int) -> str:
    return f"scratch of step {step}"


def _buffers(
    graph: Graph, choices: Sequence[Choice], home: dict[int, int], wirings: Sequence[Wiring]
) -> list[memory.Buffer]:
    """One for each map that has memory of its own, and one for each scratch. The layers of a loop run at the same
    time."""
    start = home[graph.input.index]
    first, last, size = {start: 0}, {start: 0}, {start: graph.input.size_bytes}
    scratch = []
    for number, (choice, wiring) in enumerate(zip(choices, wirings, strict=True)):
        op, target = choice.op, home[choice.op.output.index]
        begin = number - 1 if choice.kernel.reads is Layout.ROW else number
        end = number + 1 if choice.output_layout is Layout.ROW else number
        source = home[op.input.index]
        last[source] = max(last[source], end)
        first.setdefault(target, begin)
        last[target] = max(last.get(target, 0), end)
        size[target] = max(size.get(target, 0), _map_bytes(choice, wiring))
        if choice.kernel.scratch_bytes(op):
            scratch.append(memory.Buffer(_scratch_name(number), choice.kernel.scratch_bytes(op), begin, end))
    last[home[graph.output.index]] = len(choices)
    return [memory.Buffer(_map_name(i), size[i], first[i], last[i]) for i in first] + scratch


def _map_bytes(choice: Choice, wiring: Wiring) -> int:
    output = choice.op.output
    if choice.output_layout is Layout.FIVE_WIDE:
        assert wiring.output is not None
        return planes_bytes(wiring.output, output.shape[2])
    return row_bytes(output.shape[2]) if choice.output_layout is Layout.ROW else output.size_bytes


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
        largest = max(program.steps, key=lambda step: step.working_bytes)
        raise DoesNotFit(
            f"the model does not fit {board.name}: its arena needs {program.arena.arena_bytes:,} bytes of RAM, "
            f"the board has {ram_bytes:,} beside the stack ({program.arena.arena_bytes - ram_bytes:,} too many). "
            f'The largest maps are those of layer "{largest.op.name}" ({largest.op.input.size_bytes:,} → '
            f"{largest.op.output.size_bytes:,} bytes): use fewer channels there, or a smaller input"
        )


def constant_bytes(program: Program) -> int:
    """Weights, biases and requantization of all layers."""
    return sum(step.constant_bytes for step in program.steps)


def flash_advice(program: Program, optimize: Optimize) -> str:
    """What would need less flash, and how much less."""
    here, ways = constant_bytes(program), []
    if optimize == "speed":
        small = sum(_bytes(choice.op, choice.kernel) for choice in choose(program.graph, program.board, "size"))
        if small < here:
            ways.append(f"with --optimize size the constants need {here - small:,} bytes less")
    dense = [step for step in program.steps if matrix(step.op) is not None and not takes(TWO_OF_FOUR, step.pattern)]
    saved = sum(step.op.weights.nbytes * 3 // 8 for step in dense if isinstance(step.op, Weighted))
    if saved:
        ways.append(
            f"pruned {TWO_OF_FOUR} and with --optimize size, the weights that are dense now take {saved:,} bytes less"
        )
    return "; ".join([*ways, "a model with fewer channels needs less"])
