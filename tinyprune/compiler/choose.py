"""Graph + Board → Choices: which kernel runs each layer, and in which layout each map is handed on.

Kernels and layouts are chosen together: along a chain of layers each of which has one reader, by shortest path from the
layout that one kernel writes to the layout that the next one reads. Where chains begin and end, at forks and joins,
maps are interleaved; a map may be brought into another layout anywhere, for the cycles that this costs. Where the
constants are too large for the flash, the fastest on the Pareto front of cycles and bytes that are not. Where maps and
scratch are too large for the RAM, lower.py lowers `most_working_bytes`, which no layer may need more than.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, TypeAlias

from tinyprune.compiler.candidates import Layer, Taken, layers_of
from tinyprune.compiler.graph import Activation, Graph, Op
from tinyprune.compiler.kernels import Kernel, Layout
from tinyprune.compiler.kernels.five_wide import RELAYOUTS, Relayout
from tinyprune.compiler.sparsity import ANY, DENSE
from tinyprune.device.boards import Board
from tinyprune.errors import DoesNotFit

Optimize: TypeAlias = Literal["speed", "size", "ram"]

#: Of the paths on a Pareto front, how many are followed at most; how near they come to the best grows with it.
MOST_PATHS = 256


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
    """A way to a layout: what it costs, and what is taken on it."""

    cost: float
    constant_bytes: int
    taken: tuple[Taken, ...]


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
    layers = layers_of(graph, board)
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
    needed = [{layer.working_bytes(taken) for taken, _ in layer.ways()} for layer in layers_of(graph, board)]
    least = max(map(min, needed), default=0)
    return sorted({some for several in needed for some in several if some >= least})


def _front(
    layers: Sequence[Layer], weigh: Callable[[Layer, Taken], tuple[float, int]], most_working_bytes: float
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


def _choices(graph: Graph, layers: Sequence[Layer], path: _Path, goal: str) -> list[Choice]:
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


def _reason(layer: Layer, kernel: Kernel, goal: str) -> str:
    found = f"weights are {layer.pattern}"
    if kernel.pattern not in (layer.pattern, ANY):
        found += f", run {kernel.pattern}"
    others = [other for other in layer.kernels if other.writes[0] is not Layout.ROW or other is kernel]
    if len(others) < 2:
        return f"{found}; the only kernel that takes them"
    return f"{found}; {goal} {len(others)} kernels, about {layer.kernels[kernel]:,.0f} cycles expected"
