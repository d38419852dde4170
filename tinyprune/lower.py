"""Graph + Board → Program: which kernel runs each layer, how its weights are packed, where each map lies in the arena.

All decisions are made here; `codegen.py` only writes them down.
"""

from collections.abc import Sequence

from tinyprune import kernels, memory
from tinyprune.boards import Board
from tinyprune.errors import DoesNotFit, ModelError
from tinyprune.graph import Activation, Graph, Op, Reshape, Weighted, matrix
from tinyprune.kernels import KERNELS, Kernel
from tinyprune.program import Program, Step
from tinyprune.sparsity import DENSE, TWO_OF_FOUR, discover


def lower(graph: Graph, board: Board) -> Program:
    """Chooses kernels and places every buffer.

    Raises ModelError where no kernel can run a layer, DoesNotFit where constants or arena exceed the board's memory.
    """
    ops = [op for op in graph.ops if not isinstance(op, Reshape)]
    chosen = [choose(op, board) for op in ops]
    home = _homes(graph)
    buffers = _buffers(graph, ops, [kernel for kernel, _, _ in chosen], home)
    plan = memory.plan(buffers)

    def at(activation: Activation) -> int:
        return plan.offsets[_map_name(home[activation.index])]

    steps = tuple(
        Step(
            op=op,
            kernel=kernel,
            pattern=pattern,
            parameters=kernels.parameters(op),
            weights=kernel.pack(op) if kernel.pack else None,
            channels=kernels.channels(op) if isinstance(op, Weighted) else None,
            input_offset=at(op.input),
            output_offset=at(op.output),
            scratch_offset=plan.offsets.get(_scratch_name(number), 0),
            reason=reason,
        )
        for number, (op, (kernel, pattern, reason)) in enumerate(zip(ops, chosen, strict=True))
    )
    program = Program(graph, board, steps, plan, at(graph.input), at(graph.output))
    _check_fits(program)
    return program


def choose(op: Op, board: Board) -> tuple[Kernel, str, str]:
    """The kernel for one layer, the pattern its weights follow, and why that kernel.

    Raises ModelError where no row of the table takes the layer.
    """
    rows = matrix(op)
    pattern = DENSE if rows is None else discover(rows)
    fitting = [k for k in KERNELS if isinstance(op, k.ops) and k.isa in board.isas and k.pattern in (pattern, DENSE)]
    for kernel in fitting:
        if kernel.accepts(op):
            passed = fitting[: fitting.index(kernel)]
            return kernel, pattern, _reason(kernel, pattern, passed)
    shapes = f"{list(op.input.shape)} → {list(op.output.shape)}"
    kind = type(op).__name__
    raise ModelError(f'layer "{op.name}" ({kind}, {shapes}) is larger than any kernel for {board.name} takes')


def _reason(kernel: Kernel, pattern: str, passed: list[Kernel]) -> str:
    found = f"weights are {pattern}" if kernel.pattern == pattern else f"weights are {pattern}, run dense"
    return found + "".join(f"; {other.name} does not take this shape or rounding" for other in passed)


def _homes(graph: Graph) -> dict[int, int]:
    """Activation → the one whose memory it shares: a reshape moves nothing."""
    home = {graph.input.index: graph.input.index}
    for op in graph.ops:
        home[op.output.index] = home[op.input.index] if isinstance(op, Reshape) else op.output.index
    return home


def _map_name(index: int) -> str:
    return f"map {index}"


def _scratch_name(step: int) -> str:
    return f"scratch of step {step}"


def _buffers(graph: Graph, ops: Sequence[Op], chosen: list[Kernel], home: dict[int, int]) -> list[memory.Buffer]:
    first = {home[graph.input.index]: 0}
    last = {home[graph.input.index]: 0}
    size = {home[graph.input.index]: graph.input.size_bytes}
    for number, op in enumerate(ops):
        last[home[op.input.index]] = number
        target = home[op.output.index]
        first[target] = last[target] = number
        size[target] = op.output.size_bytes
    last[home[graph.output.index]] = len(ops)
    maps = [memory.Buffer(_map_name(i), size[i], first[i], last[i]) for i in first]
    scratch = [
        memory.Buffer(_scratch_name(number), kernel.scratch_bytes(op), number, number)
        for number, (op, kernel) in enumerate(zip(ops, chosen, strict=True))
        if kernel.scratch_bytes(op)
    ]
    return maps + scratch


def _check_fits(program: Program) -> None:
    """Refuses, before anything is compiled, what can never fit: the code comes on top of these bytes."""
    board = program.board
    constants = sum(step.constant_bytes for step in program.steps)
    if board.flash and constants > board.flash.bytes:
        raise DoesNotFit(
            f"the model does not fit {board.name}: its weights need {constants:,} bytes of flash, "
            f"the board has {board.flash.bytes:,} ({constants - board.flash.bytes:,} too many). "
            + _flash_advice(program, board.flash.bytes)
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


def _flash_advice(program: Program, flash_bytes: int) -> str:
    saved = 0
    for step in program.steps:
        rows = matrix(step.op)
        if rows is not None and step.pattern == DENSE:
            saved += step.weights_bytes - step.weights_bytes * 5 // 8
    if not saved:
        return "Use a model with fewer channels"
    pruned = sum(step.constant_bytes for step in program.steps) - saved
    verdict = "which fits" if pruned <= flash_bytes else "which is still too large: use fewer channels as well"
    return f"Pruned {TWO_OF_FOUR} it would need about {pruned:,} bytes, {verdict}"
