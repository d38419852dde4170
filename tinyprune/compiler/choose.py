"""Graph + Board → Choices: which kernel runs each layer, and in which layout each map is handed on.

Kernels and layouts are chosen together: along a chain of layers each of which has one reader, by shortest path from the
layout that one kernel writes to the layout that the next one reads. Where chains begin and end, at forks and joins,
maps are interleaved; a map may be brought into another layout anywhere, for the cycles that this costs. Where the
constants are too large for the flash, the fastest on the Pareto front of cycles and bytes that are not. Where maps and
scratch are too large for the RAM, lower.py lowers `most_working_bytes`, which no layer may need more than.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import count, product
from typing import Literal, TypeAlias

from tinyprune.compiler.fold import obstacle
from tinyprune.compiler.graph import Activation, Graph, Op
from tinyprune.compiler.kernels import KERNELS, Constant, FiveWide, Kernel, Layout, Wiring
from tinyprune.compiler.kernels.five_wide import RELAYOUTS, Relayout, new_map, planes_bytes, row_bytes
from tinyprune.compiler.sparsity import ANY, DENSE, discover, takes
from tinyprune.device.boards import Board
from tinyprune.errors import DoesNotFit, ModelError

Optimize: TypeAlias = Literal["speed", "size", "ram"]

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
class _Taken:
    """A layer on a path: the layouts of the map that is there, that its kernel reads and writes, and that the next
    layer gets. Where two that follow on one another differ, the map is brought from the one into the other."""

    found: Layout
    kernel: Kernel
    writes: Layout
    handed_on: Layout


@dataclass(frozen=True, slots=True)
class _Path:
    """A way to a layout: what it costs, and what is taken on it."""

    cost: float
    constant_bytes: int
    taken: tuple[_Taken, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    op: Op
    pattern: str
    kernels: dict[Kernel, float]
    """Those that take it, with the cycles expected of each."""
    packed: Callable[[Kernel], int]
    beside: int
    """Bytes of what else is needed while it runs, beside its own maps: interleaved, as everything between chains is."""
    begins: bool
    """Whether a chain begins here: its maps are interleaved."""
    ends: bool
    runs_on: bool
    """Whether the next layer of its chain is the next one to run: they may share a loop."""

    def constant_bytes(self, kernel: Kernel) -> int:
        """Of its constants in the format of a kernel: packed to know, once."""
        return self.packed(kernel)

    def cost_for_size(self, kernel: Kernel) -> float:
        return self.kernels[kernel] + CYCLES_A_BYTE * self.constant_bytes(kernel)

    def working_bytes(self, taken: _Taken) -> int:
        """Of all that is in the arena while it runs that way, about: as if no two maps shared bytes."""
        found, read = (_maps_bytes(self.op.activations, layout) for layout in (taken.found, taken.kernel.reads))
        written, left = (_maps_bytes(self.op.outputs, layout) for layout in (taken.writes, taken.handed_on))
        needed = [read + written + taken.kernel.scratch_bytes(self.op)]
        if taken.found is not taken.kernel.reads:
            needed.append(found + read)
        if taken.writes is not taken.handed_on:
            needed.append(written + left)
        return self.beside + max(needed)

    def ways(self) -> Iterator[tuple[_Taken, float]]:
        """Every kernel with the layouts around it, and the cycles of bringing maps from one into another."""
        for kernel in self.kernels:
            sources = (Layout.INTERLEAVED,) if self.begins else (kernel.reads,)
            for source, writes in product(sources, kernel.writes):
                if writes is Layout.ROW and not self.runs_on:
                    continue
                anything = dict.fromkeys((writes, Layout.INTERLEAVED, Layout.FIVE_WIDE))
                for target in (Layout.INTERLEAVED,) if self.ends else anything:
                    costs = [
                        _relayout_cycles(tensors, before, behind)
                        for tensors, before, behind in (
                            (self.op.activations, source, kernel.reads), (self.op.outputs, writes, target)
                        )
                    ]  # fmt: skip
                    if None not in costs:
                        yield _Taken(source, kernel, writes, target), sum(cost or 0 for cost in costs)


def choose(
    graph: Graph,
    board: Board,
    optimize: Optimize = "speed",
    room_bytes: int | None = None,
    most_working_bytes: int | None = None,
) -> list[Choice]:
    """The cheapest kernels, in order of execution, that pass maps on in layouts both sides understand; where a map is
    brought into another layout, that is a choice of its own.

    For speed only cycles count, unless the constants need more than the room: then these are the fastest that it takes,
    from the Pareto front of cycles and bytes, or else the smallest. For RAM only maps and scratch count. No layer gets
    a kernel that works with more than `most_working_bytes`, as `working_bytes` counts them. Raises ModelError where no
    row of the table takes a layer, DoesNotFit where none does with so few working bytes.
    """
    layers = _layers(graph, board)
    most = float("inf") if most_working_bytes is None else most_working_bytes
    if optimize == "ram":
        (smallest,) = _front(layers, lambda layer, taken: (layer.working_bytes(taken), 0), most)
        return _choices(graph, layers, smallest, "least RAM of")
    if optimize == "size":
        (smallest,) = _front(layers, lambda layer, taken: (layer.cost_for_size(taken.kernel), 0), most)
        return _choices(graph, layers, smallest, "smallest of")
    (fastest,) = _front(layers, lambda layer, taken: (layer.kernels[taken.kernel], 0), most)
    room = board.flash.bytes if room_bytes is None and board.flash else room_bytes
    needed = sum(layer.constant_bytes(one.kernel) for layer, one in zip(layers, fastest.taken, strict=True))
    if room is None or needed <= room:
        return _choices(graph, layers, fastest, "fastest of")
    front = _front(layers, lambda layer, taken: (layer.kernels[taken.kernel], layer.constant_bytes(taken.kernel)), most)
    fitting = [path for path in front if path.constant_bytes <= room]
    return _choices(graph, layers, (fitting or front[:1])[-1], "fastest that the flash has room for, of")


def working_bytes(graph: Graph, board: Board) -> list[int]:
    """What layers can work with, in rising order, from what each needs at least: values for `most_working_bytes`."""
    needed = [{layer.working_bytes(taken) for taken, _ in layer.ways()} for layer in _layers(graph, board)]
    least = max(map(min, needed), default=0)
    return sorted({some for several in needed for some in several if some >= least})


def _front(
    layers: Sequence[_Layer], weigh: Callable[[_Layer, _Taken], tuple[float, int]], most_working_bytes: float
) -> list[_Path]:
    """Through all chains, the paths that none beats in cost and bytes, as `weigh` counts them.

    Raises DoesNotFit where each of them has a layer that works with too much.
    """
    paths = {Layout.INTERLEAVED: [_Path(0, 0, ())]}
    for layer in layers:
        found: dict[Layout, list[_Path]] = {}
        for taken, extra in layer.ways():
            if layer.working_bytes(taken) > most_working_bytes:
                continue
            cost, size = weigh(layer, taken)
            found.setdefault(taken.handed_on, []).extend(
                _Path(before.cost + cost + extra, before.constant_bytes + size, (*before.taken, taken))
                for before in paths.get(taken.found, ())
            )
        paths = {layout: _unbeaten(several) for layout, several in found.items() if several}
    if not paths:
        raise DoesNotFit(f"no kernels work with {most_working_bytes:,.0f} bytes or less")
    return paths[Layout.INTERLEAVED]


def _unbeaten(paths: Sequence[_Path]) -> list[_Path]:
    """The Pareto front, by rising bytes and falling cost; of a long one both ends and every n-th path between."""
    front: list[_Path] = []
    for path in sorted(paths, key=lambda path: (path.constant_bytes, path.cost)):
        if not front or path.cost < front[-1].cost:
            front.append(path)
    return front if len(front) <= MOST_PATHS else [*front[: -1 : len(front) // MOST_PATHS + 1], front[-1]]


def _relayout_cycles(tensors: Sequence[Activation], source: Layout, target: Layout) -> float | None:
    """What bringing a map from one layout into another takes; None where that is not possible."""
    if source is target:
        return 0
    kernel = RELAYOUTS.get((source, target))
    if kernel is None or len(tensors) != 1:
        return None
    op = Relayout("", tensors[0], tensors[0])
    return kernel.cycles(op) if kernel.accepts(op) else None


def _choices(graph: Graph, layers: Sequence[_Layer], path: _Path, goal: str) -> list[Choice]:
    """In order of execution, with what brings maps into other layouts before and behind the layers that want it."""
    numbers = count(-1, -1)
    found: dict[Op, list[Choice]] = {}
    for layer, taken in zip(layers, path.taken, strict=True):
        around: list[Choice] = []
        op = layer.op
        if taken.found is not taken.kernel.reads:
            around.append(_relayout(op.activations[0], taken.found, taken.kernel.reads, next(numbers)))
            op = replace(op, input=around[0].op.outputs[0])  # type: ignore[call-arg]
        after: list[Choice] = []
        if taken.writes is not taken.handed_on:
            before = replace(op.outputs[0], index=next(numbers), name=f"{op.outputs[0].name} in another layout")
            op = replace(op, output=before)  # type: ignore[call-arg]
            after.append(_relayout(before, taken.writes, taken.handed_on, layer.op.outputs[0]))
        own = Choice(op, taken.kernel, taken.writes, layer.pattern, _reason(layer, taken.kernel, goal))
        found[layer.op] = [*around, own, *after]
    return [choice for op in graph.ops if op in found for choice in found[op]]


def _relayout(source: Activation, before: Layout, behind: Layout, target: "Activation | int") -> Choice:
    kernel = RELAYOUTS[before, behind]
    name = f"relayout_{source.index if source.index >= 0 else f'x{-source.index}'}"
    if isinstance(target, int):
        target = replace(source, index=target, name=f"{source.name} in another layout")
    reason = f"brings the map from {before.value} to {behind.value}, which pays for itself"
    return Choice(Relayout(name, source, target), kernel, behind, DENSE, reason)


@lru_cache(maxsize=1)
def _layers(graph: Graph, board: Board) -> tuple[_Layer, ...]:
    """Chain by chain, in the order in which chains begin."""
    ops = [op for op in graph.ops if not op.is_view]
    following = _followers(graph, ops)
    place_of = {op: place for place, op in enumerate(ops)}
    beside = _beside(graph)
    obstacles, layers = [], []
    for chain in _chains(ops, following):
        for place, op in enumerate(chain):
            pattern = DENSE if op.matrix is None else discover(op.matrix)
            reason = obstacle(op)
            if reason is not None:
                obstacles.append(reason)
                continue
            kernels = {kernel: kernel.cycles(op) for kernel in _fitting(op, pattern, board)}
            if not kernels:
                obstacles.append(_refusal(op, board))
            ends = place == len(chain) - 1
            runs_on = not ends and place_of[chain[place + 1]] == place_of[op] + 1
            packed = cache(partial(constant_bytes, op))
            layers.append(_Layer(op, pattern, kernels, packed, beside[op], place == 0, ends, runs_on))
    if obstacles:
        raise ModelError("\n".join(obstacles))
    return tuple(layers)


def _beside(graph: Graph) -> dict[Op, int]:
    """Operator → bytes of the tensors and variables that are needed while it runs and are not its own."""
    stored = {tensor.index: tensor.index for tensor in graph.inputs}  # the tensor whose bytes they are
    size = {tensor.index: tensor.size_bytes for tensor in graph.inputs}
    death: dict[int, int] = {}
    for number, op in enumerate(graph.ops):
        for tensor in op.activations:
            death[stored[tensor.index]] = number
        for tensor in op.outputs:
            stored[tensor.index] = stored[op.activations[0].index] if op.is_view else tensor.index
            size.setdefault(stored[tensor.index], tensor.size_bytes)
            death.setdefault(stored[tensor.index], number)
    death |= {stored[tensor.index]: len(graph.ops) for tensor in graph.outputs}
    dying: dict[int, list[int]] = {}
    for index, number in death.items():
        dying.setdefault(number, []).append(index)
    alive = sum(state.size_bytes for state in graph.states) + sum(size[tensor.index] for tensor in graph.inputs)
    found, begun = {}, {tensor.index for tensor in graph.inputs}
    for number, op in enumerate(graph.ops):
        own = {stored[tensor.index] for tensor in (*op.activations, *op.outputs)}
        alive += sum(size[index] for index in own - begun)
        begun |= own
        found[op] = alive - sum(size[index] for index in own)
        alive -= sum(size[index] for index in dying.get(number, ()))
    return found


def _maps_bytes(tensors: Sequence[Activation], layout: Layout) -> int:
    if layout is Layout.INTERLEAVED:
        return sum(tensor.size_bytes for tensor in tensors)
    if layout is Layout.ROW:
        return sum(row_bytes(tensor.shape[2]) for tensor in tensors)
    return sum(planes_bytes(new_map(tensor.shape[0]), tensor.shape[2]) for tensor in tensors)


def _refusal(op: Op, board: Board) -> str:
    before, behind = (" and ".join(str(list(tensor.shape)) for tensor in some) for some in (op.inputs, op.outputs))
    shapes = f"{before} → {behind}"
    return f'layer "{op.name}" ({type(op).__name__}, {shapes}) is larger than any kernel for {board.name} takes'


def _followers(graph: Graph, ops: Sequence[Op]) -> dict[Op, Op]:
    """Operator → the only reader of its only result, where that has no other operand that is computed."""
    readers: dict[int, list[Op]] = {}
    for op in graph.ops:
        for tensor in op.activations:
            readers.setdefault(tensor.index, []).append(op)
    ends = {tensor.index for tensor in graph.outputs}
    found = {}
    for op in ops:
        if len(op.outputs) != 1 or op.outputs[0].index in ends:
            continue
        several = readers.get(op.outputs[0].index, [])
        if len(several) == 1 and not several[0].is_view and len(several[0].activations) == 1:
            found[op] = several[0]
    return found


def _chains(ops: Sequence[Op], following: dict[Op, Op]) -> list[list[Op]]:
    behind = set(following.values())
    chains = []
    for op in ops:
        if op not in behind:
            chain = [op]
            while chain[-1] in following:
                chain.append(following[chain[-1]])
            chains.append(chain)
    return chains


def _fitting(op: Op, pattern: str, board: Board) -> list[Kernel]:
    rows = [k for k in KERNELS if isinstance(op, k.ops) and k.isa in board.isas and takes(k.pattern, pattern)]
    return [kernel for kernel in rows if kernel.accepts(op)]


def constant_bytes(op: Op, kernel: Kernel) -> int:
    """Of an operator's constants in the format of a kernel."""
    calls = kernel.calls(op, _ANYWHERE)
    return sum(part.values.nbytes for call in calls for part in call if isinstance(part, Constant))


def _reason(layer: _Layer, kernel: Kernel, goal: str) -> str:
    found = f"weights are {layer.pattern}"
    if kernel.pattern not in (layer.pattern, ANY):
        found += f", run {kernel.pattern}"
    others = [other for other in layer.kernels if other.writes[0] is not Layout.ROW or other is kernel]
    if len(others) < 2:
        return f"{found}; the only kernel that takes them"
    return f"{found}; {goal} {len(others)} kernels, about {layer.kernels[kernel]:,.0f} cycles expected"
