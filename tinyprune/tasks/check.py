"""All of `tinyprune check`: does a network run, what would it take, what would pruning bring. Nothing is compiled.

model ─(quantize)─▶ .tflite ─read─▶ Graph ─lower─▶ Program ─estimate─▶ CheckReport
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinyprune.compiler import lower, reader
from tinyprune.compiler.corner import corner
from tinyprune.compiler.graph import Graph, Op
from tinyprune.compiler.lower import Room
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.program import Program, Resident, Step
from tinyprune.compiler.samples import Source
from tinyprune.compiler.sparsity import NM, TWO_OF_FOUR, discover, takes
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.errors import DoesNotFit, ModelError, Obstacle
from tinyprune.measure.check_report import BoardCheck, CheckReport, LayerCheck
from tinyprune.measure.estimate import Estimate, dense_ratio, estimate, step_cycles
from tinyprune.progress import Progress
from tinyprune.tasks import int8_model
from tinyprune.tasks.runtimes import FLASH_RESERVE

#: Whose layers are shown where no board is asked for.
REFERENCE_BOARD = "nano33"
_PATTERN = NM(2, 4)
_MADE_UP = "quantized with made-up inputs: operators, memory and cycles are told, what int8 costs in accuracy is not"


@dataclass(frozen=True, slots=True, eq=False)
class CheckRequest:
    model: Path
    board: Board | None = None  # None: all that the project knows
    calibration: Source | None = None  # for Keras models; None: made-up inputs will do
    trust: bool = False  # the model's file may run code


def run_check(request: CheckRequest, progress: Progress) -> CheckReport:
    """A network that does not run is a report, no error. Raises UsageError, and DataError for the calibration."""
    int8_model.check_paths(request.model, request.calibration)
    name = int8_model.called(request.model)
    try:
        model = int8_model.make_blindly(request.model, request.calibration, progress, trust=request.trust)
        progress("reading the model")
        graph = reader.read(model.data, model.origin)
    except ModelError as error:
        return _refused(name, error)
    asked = [request.board] if request.board else [boards.load(each) for each in boards.names()]
    shown = request.board or boards.load(REFERENCE_BOARD)
    progress("choosing kernels, as the network is and as it would be pruned 2:4")
    blind = int8_model.is_blind(request.model, request.calibration)
    return _checked(name, (*graph.notes, *model.notes, *([_MADE_UP] if blind else [])), _Pair(graph), asked, shown)


def refusal(data: bytes, name: str) -> str:
    """What `build` would say of an int8 .tflite that it cannot run on any board; empty if there is nothing to say."""
    try:
        reader.read(data, name)
    except ModelError as error:
        return f"`tinyprune build` will refuse this network: {error}"
    return ""


def estimated(graph: Graph, board: Board) -> Estimate:
    """What a network would take on a board as `build` would make it. Raises as `lower.lower` does."""
    return estimate(_Pair(graph).lowered(graph, board))


def _refused(name: str, error: ModelError) -> CheckReport:
    obstacles = error.obstacles or (Obstacle("", None, "", str(error)),)
    return CheckReport(name, None, runs=False, message=str(error), obstacles=obstacles)


class _Pair:
    """A network as it is, and with every layer pruned 2:4 that can be; lowered for boards."""

    def __init__(self, graph: Graph) -> None:
        self.dense = graph
        self.pruned = replace(graph, ops=tuple(_pruned(op) for op in graph.ops))
        self._roomy: dict[tuple[int, tuple[str, ...]], Program] = {}

    def lowered(self, graph: Graph, board: Board) -> Program:
        """As `build` would lower it: the fastest kernels, or those that the flash has room for. Boards of the same
        instructions share what none of their memories limits. Raises as `lower.lower` does."""
        key = id(graph), board.isas
        if key not in self._roomy:
            self._roomy[key] = lower.lower(graph, replace(board, flash=None, ram=None))
        program = replace(self._roomy[key], board=board)
        if not _has_room(program, board):
            program = lower.lower(graph, board)
        excess = _excess(estimate(program), board)
        if not excess:
            return program
        room = Room(constants=lower.constant_bytes(program) - excess)
        smaller = lower.lower(graph, board, "speed", room)
        return smaller if lower.constant_bytes(smaller) <= (room.constants or 0) else program


def _has_room(program: Program, board: Board) -> bool:
    flash = board.flash is None or lower.constant_bytes(program) <= board.flash.bytes
    return flash and (board.ram is None or program.arena.arena_bytes <= board.ram.bytes - board.ram.stack_bytes)


def _excess(found: Estimate, board: Board) -> int:
    """What the network takes of the flash that `build` keeps free for the user's code."""
    if board.flash is None:
        return 0
    return max(0, found.flash_bytes - (board.flash.bytes - min(FLASH_RESERVE, board.flash.bytes // 16)))


def _pruned(op: Op) -> Op:
    if _obstacle(op) or op.matrix is None or not isinstance(op, Weighted):
        return op
    mask = _PATTERN.mask(op.matrix.astype(float))
    return replace(op, weights=(op.matrix * mask).astype(op.weights.dtype).reshape(op.weights.shape))


def _obstacle(op: Op) -> str:
    """Why a layer cannot be pruned 2:4, or need not be; empty if it can."""
    if not isinstance(op, Weighted):
        return "no weights"
    if op.matrix is None:
        return "few taps a channel" if isinstance(op, DepthwiseConv2D) else f"{type(op).__name__} is not supported"
    if takes(TWO_OF_FOUR, discover(op.matrix)):
        return f"is {discover(op.matrix)} already"
    return _PATTERN.refusal(*op.matrix.shape)


def _checked(name: str, notes: tuple[str, ...], pair: _Pair, asked: Sequence[Board], shown: Board) -> CheckReport:
    found = tuple(_on_board(pair, board) for board in asked)
    runs = any(each.runs for each in found)
    graph = pair.dense
    layers, residents = _layers(pair, shown)
    return CheckReport(
        model=name,
        model_sha256=graph.model_sha256,
        runs=runs,
        message="" if runs else "\n".join(dict.fromkeys(each.reason for each in found)),
        notes=notes,
        macs=sum(op.macs for op in graph.ops),
        boards=found,
        layers=layers,
        layers_on=shown.name,
        arena_map=residents,
    )


def _on_board(pair: _Pair, board: Board) -> BoardCheck:
    flash, ram = (memory.bytes if memory else None for memory in (board.flash, board.ram))
    try:
        now = estimate(pair.lowered(pair.dense, board))
    except (ModelError, DoesNotFit) as error:
        runs = isinstance(error, DoesNotFit)
        return BoardCheck(board.name, runs, False, str(error), flash_bytes_available=flash, ram_bytes_available=ram)
    try:
        then: Estimate | None = estimate(pair.lowered(pair.pruned, board))
    except (ModelError, DoesNotFit):
        then = None
    reason = _too_large(now, board)
    return BoardCheck(
        board=board.name,
        runs=True,
        fits=not reason,
        reason=reason,
        flash_bytes=now.flash_bytes,
        flash_bytes_available=flash,
        ram_bytes=now.ram_bytes,
        ram_bytes_available=ram,
        arena_bytes=now.arena_bytes,
        cycles=now.cycles,
        ms=None if now.cycles is None else 1e3 * now.cycles / board.cpu.clock_hz,
        flash_bytes_2_4=None if then is None else then.flash_bytes,
        cycles_2_4=None if then is None else then.cycles,
    )


def _too_large(found: Estimate, board: Board) -> str:
    if board.flash and found.flash_bytes > board.flash.bytes:
        return f"about {found.flash_bytes:,} bytes of flash are needed, {board.flash.bytes:,} are there"
    if board.ram and found.ram_bytes + board.ram.stack_bytes > board.ram.bytes:
        needed = f"about {found.ram_bytes:,} bytes of RAM and {board.ram.stack_bytes:,} for the stack are needed"
        return f"{needed}, {board.ram.bytes:,} are there"
    return ""


def _layers(pair: _Pair, board: Board) -> tuple[tuple[LayerCheck, ...], tuple[Resident, ...]]:
    """With what lies in the arena; nothing where the network does not run on the board."""
    try:
        program, pruned = (pair.lowered(graph, board) for graph in (pair.dense, pair.pruned))
    except (ModelError, DoesNotFit):
        return (), ()
    then = {step.op.name: step for step in pruned.steps}
    return tuple(_layer(program, step, then.get(step.op.name)) for step in program.steps), program.residents


def _layer(program: Program, step: Step, then: Step | None) -> LayerCheck:
    reason = _obstacle(step.op)
    gains = then is not None and not reason
    cycles, ratio = step_cycles(program, step), dense_ratio(program, step)
    return LayerCheck(
        name=step.op.name,
        op=type(step.op).__name__,
        shape=step.op.outputs[0].shape if step.op.outputs else step.op.inputs[0].shape,
        pattern=step.pattern,
        macs=step.op.macs,
        kernel=step.kernel.name,
        constant_bytes=step.constant_bytes,
        cycles=cycles,
        prunable=not reason,
        reason=reason,
        constant_bytes_2_4=then.constant_bytes if gains and then else None,
        cycles_2_4=step_cycles(program, then) if gains and then else None,
        cycles_dense=None if cycles is None or ratio is None else round(cycles * ratio),
        weights_corner=corner(step.op),
    )
