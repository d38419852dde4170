"""Graph + Board → chains of layers: which kernels take each, in which layouts, what each costs and how much memory it
works with. `choose.py` chooses among them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import product
from math import ceil, inf

from tinyprune.compiler.constants import FLASH_PATHS, flash_cycles
from tinyprune.compiler.fold import obstacle
from tinyprune.compiler.graph import Activation, Graph, Op
from tinyprune.compiler.kernels import KERNELS, Constant, FiveWide, Kernel, Layout, Wiring
from tinyprune.compiler.kernels.five_wide import RELAYOUTS, Relayout, new_map, planes_bytes, row_bytes
from tinyprune.compiler.sparsity import DENSE, discover, takes
from tinyprune.device.boards import Board
from tinyprune.errors import ModelError

#: What a byte of constants is worth when optimizing for size. DS-CNN takes int8 weights for a seventh more time (20 to
#: 30 cycles a byte), person_detect 8,300 bytes for 150 cycles each. Beyond 300 small layers would take portable
#: kernels, which need more code than they save bytes of weights, and code is not counted here.
CYCLES_A_BYTE = 250
_ANYWHERE = Wiring(FiveWide(0, 2), FiveWide(0, 1))  # constants are the same wherever maps lie


@dataclass(frozen=True, slots=True)
class Taken:
    """A layer on a path: the layouts of the map that is there, that its kernel reads and writes, and that the next
    layer gets. Where two that follow on one another differ, the map is brought from the one into the other."""

    found: Layout
    kernel: Kernel
    writes: Layout
    handed_on: Layout


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
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

    def working_bytes(self, taken: Taken) -> int:
        """Of all that is in the arena while it runs that way, about: as if no two maps shared bytes."""
        found, read = (_maps_bytes(self.op.activations, layout) for layout in (taken.found, taken.kernel.reads))
        written, left = (_maps_bytes(self.op.outputs, layout) for layout in (taken.writes, taken.handed_on))
        needed = [read + written + taken.kernel.scratch_bytes(self.op)]
        if taken.found is not taken.kernel.reads:
            needed.append(found + read)
        if taken.writes is not taken.handed_on:
            needed.append(written + left)
        return self.beside + max(needed)

    def ways(self) -> Iterator[tuple[Taken, float]]:
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
                        yield Taken(source, kernel, writes, target), sum(cost or 0 for cost in costs)


@lru_cache(maxsize=1)
def layers_of(graph: Graph, board: Board) -> tuple[Layer, ...]:
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
            packed = cache(partial(constant_bytes, op))
            kernels = _expected(op, fitting(op, pattern, board), packed, board)
            if not kernels:
                obstacles.append(_refusal(op, board))
            ends = place == len(chain) - 1
            runs_on = not ends and place_of[chain[place + 1]] == place_of[op] + 1
            layers.append(Layer(op, pattern, kernels, packed, beside[op], place == 0, ends, runs_on))
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


def fitting(op: Op, pattern: str, board: Board) -> list[Kernel]:
    """All kernels that run an operator on a board, its weights of a pattern."""
    rows = [kernel for kernel in KERNELS if kernel.isa in board.isas and takes(kernel.pattern, pattern)]
    return [kernel for kernel in rows if kernel.runs(op)]


def constant_bytes(op: Op, kernel: Kernel) -> int:
    """Of an operator's constants in the format of a kernel."""
    calls = kernel.calls(op, _ANYWHERE)
    return sum(part.values.nbytes for call in calls for part in call if isinstance(part, Constant))


def _expected(op: Op, kernels: Sequence[Kernel], packed: Callable[[Kernel], int], board: Board) -> dict[Kernel, float]:
    """Each kernel's cycles, with what the board waits for a matrix in flash that is read again and again.

    Constants are packed to know, so only of kernels that could be the fastest of their layouts: slower ones wait too.
    """
    found = {kernel: kernel.cycles(op) for kernel in kernels}
    if op.matrix is None or not any(path in board.reads for path in FLASH_PATHS):
        return found
    pixels = op.outputs[0].count / len(op.matrix)
    best: dict[Layout, float] = {}
    for kernel in sorted(kernels, key=lambda kernel: found[kernel]):
        if found[kernel] < best.get(kernel.reads, inf):
            found[kernel] += flash_cycles(board, packed(kernel), ceil(pixels / kernel.pixels))
            best[kernel.reads] = min(found[kernel], best.get(kernel.reads, inf))
    return found


def _relayout_cycles(tensors: Sequence[Activation], source: Layout, target: Layout) -> float | None:
    """What bringing a map from one layout into another takes; None where that is not possible."""
    if source is target:
        return 0
    kernel = RELAYOUTS.get((source, target))
    if kernel is None or len(tensors) != 1:
        return None
    op = Relayout("", tensors[0], tensors[0])
    return kernel.cycles(op) if kernel.runs(op) else None
