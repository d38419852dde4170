"""`tinyprune prune --pattern auto`: which pattern to take on a board, and why; then the network is pruned to it.

model ─prune─▶ .tflite of each pattern ─lower, estimate, answer─▶ SweepReport, with the one to take. No compiler runs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader, reference, samples, sparsity
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.sparsity import DENSE
from tinyprune.device.boards import Board
from tinyprune.errors import DataError, DoesNotFit, ModelError, UsageError
from tinyprune.measure.sweep_report import SweepPoint, SweepReport, recommended, unbeaten
from tinyprune.progress import Progress
from tinyprune.tasks import check, prune, prune_request
from tinyprune.tasks.prune import PruneReport, PruneRequest
from tinyprune.tasks.sweep.inputs import FEWEST_JUDGES
from tinyprune.tasks.sweep.request import Limits
from tinyprune.tasks.sweep.trial import excess
from tinyprune.training import keras3, keras_model, quantize
from tinyprune.training import prune as pruning
from tinyprune.training.keras_model import classes_in
from tinyprune.training.prune import int8_model, kernels
from tinyprune.training.quiet import quiet_tensorflow

__all__ = ["AUTO", "Goal", "Limits", "recommendation", "run_prune"]

AUTO = "auto"
#: What is tried beside the network as it is.
PATTERNS = ("2:4", "2:4g2", "1:4")
#: Of the samples, every other one prunes, and the others judge: files may be sorted by class. At most so many.
PRUNING_SAMPLES, JUDGES = 512, 2048


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the network is to run, within what, and how many points of its answers pruning may cost."""

    board: Board | None = None
    limits: Limits = field(default_factory=Limits)
    most_lost_points: float | None = None  # None: the best within the limits is taken


@dataclass(frozen=True, slots=True, eq=False)
class _Judges:
    """Samples that do not prune, and their classes: those of the labels, or without these the dense network's."""

    inputs: Any
    classes: npt.NDArray[np.int64]


def run_prune(request: PruneRequest, goal: Goal, progress: Progress) -> PruneReport:
    """As `prune.run_prune`; with the pattern "auto", to the one that is recommended. Nothing is written where that is
    to leave the network as it is, or where none keeps to the limits."""
    if request.pattern != AUTO:
        if goal.limits != Limits() or goal.most_lost_points is not None:
            raise UsageError("--max-flash, --max-ram, --max-cycles, --max-ms and --max-loss go with --pattern auto")
        return prune.run_prune(request, progress)
    found = recommendation(request, goal, progress)
    pattern = DENSE if found.chosen is None else found.chosen.title
    if found.chosen is None or found.chosen.is_dense:
        source = str(request.model)
        return PruneReport(source=source, pattern=pattern, output=None, layers=(), model=None, recommendation=found)
    return replace(prune.run_prune(_given(request, pattern), progress), recommendation=found)


def _given(request: PruneRequest, pattern: str) -> PruneRequest:
    """The same for a pattern. Labels of an int8 file, which cannot be trained, only judge."""
    tuning = None if prune_request.in_place(request.model) else request.tuning
    return replace(request, pattern=pattern, tuning=tuning)


def recommendation(request: PruneRequest, goal: Goal, progress: Progress) -> SweepReport:
    """A point for the network as it is, and for each pattern that it takes. Raises UsageError without board or data."""
    if goal.board is None or request.data is None:
        raise UsageError("--pattern auto needs --board, and --data: real inputs, half of which judge")
    first = _given(request, PATTERNS[0])
    prune_request.check(first, prune_request.wanted_of(first))
    data = samples.load_array(request.data)
    if len(data) < 2 * FEWEST_JUDGES:
        called = samples.called(request.data)
        raise DataError(f"{called} has {len(data)} samples; --pattern auto needs {2 * FEWEST_JUDGES} or more")
    make = (_int8 if prune_request.in_place(request.model) else _float)(request, _spread(data[::2], PRUNING_SAMPLES))
    progress("judging the network as it is")
    name = str(request.model)
    networks = {DENSE: reader.read(make(DENSE), name)}
    judges = _judges(request, networks[DENSE], data)
    refused: list[ModelError] = []
    for pattern in PATTERNS:
        progress(f"trying {pattern}")
        try:
            networks[pattern] = reader.read(make(pattern), name)
        except ModelError as error:
            refused.append(error)
    if len(networks) == 1:
        raise refused[0]
    points = tuple(_points(networks, goal.board, goal.limits, judges))
    labelled = request.tuning is not None
    report = SweepReport(goal.board.name, labelled, points, len(judges.classes), agreement=not labelled, estimated=True)
    return recommended(report, goal.most_lost_points)


def _int8(request: PruneRequest, inputs: Any) -> Callable[[str], bytes]:
    """What makes the network of each pattern, of an int8 file."""
    path = Path(request.model)
    content = reader.read_bytes(path)

    def make(pattern: str) -> bytes:
        if pattern == DENSE:
            return content
        wanted = sparsity.parse(pattern)
        return int8_model.prune(content, str(path), wanted, inputs, lambda _stage: None, request.chosen).content

    return make


def _float(request: PruneRequest, inputs: Any) -> Callable[[str], bytes]:
    """The same of a float model, which is quantized on what pruned it."""
    model = keras_model.given(request.model, trust=request.trust, samples=inputs)
    model = keras3.rebuild(model) if keras3.is_keras_3(model) else model
    checked = keras_model.check_samples(model, inputs, "pruning")

    def make(pattern: str) -> bytes:
        if pattern == DENSE:
            return quantize.quantize(model, checked)
        wanted = sparsity.parse(pattern)
        method = request.method or pruning.best_method([wanted], checked)
        names = None if request.chosen is None else request.chosen.of(each.name for each in kernels.kernels_of(model))
        patterns = wanted if names is None else dict.fromkeys(names, wanted)
        with quiet_tensorflow():
            pruned = pruning.unmasked(pruning.prune(model, patterns, method, checked, reorder=request.reorder))
        return quantize.quantize(pruned, checked)

    return make


def _spread(values: Any, most: int) -> Any:
    """At most so many, evenly over all."""
    return values[:: -(-len(values) // most)]


def _judges(request: PruneRequest, dense: Graph, data: Any) -> _Judges:
    inputs = _spread(data[1::2], JUDGES)
    classes = classes_in(dense.outputs[0].shape) if len(dense.outputs) == 1 else None
    if classes is None:
        raise UsageError(
            f"{request.model} has not an output for each of several classes, by which --pattern auto judges: give the "
            "pattern, or try `tinyprune sweep`"
        )
    if request.tuning is None:
        return _Judges(inputs, _answers(dense, inputs))
    truth = samples.read_labels(request.tuning.labels, len(data), classes, str(request.model))
    return _Judges(inputs, _spread(truth[1::2], JUDGES))


def _answers(graph: Graph, inputs: Any) -> npt.NDArray[np.int64]:
    return graph.classes(reference.infer(graph, samples.read({"": inputs}, graph)))


def _points(networks: Mapping[str, Graph], board: Board, limits: Limits, judges: _Judges) -> Iterator[SweepPoint]:
    """Those that have kernels on the board. Raises ModelError where none has."""
    points = list[SweepPoint]()
    error: ModelError | DoesNotFit | None = None
    for number, (pattern, graph) in enumerate(networks.items()):
        try:
            found = check.estimated(graph, board)
        except (ModelError, DoesNotFit) as refusal:
            error = refusal
            continue
        if found.cycles is None:
            raise UsageError(f"the cycles of {board.name} are not modelled: take another board")
        used = {
            "flash_bytes": found.flash_bytes,
            "ram_bytes": found.ram_bytes + (board.ram.stack_bytes if board.ram else 0),
            "cycles": found.cycles,
            "ms": 1e3 * found.cycles / board.cpu.clock_hz,
        }
        within = max(excess(used, _of_board(limits, board)).values(), default=0) <= 0
        quality = float((_answers(graph, judges.inputs) == judges.classes).mean())
        patterns = {op.name: sparsity.discover(op.matrix) for op in graph.ops if op.matrix is not None}
        points.append(
            SweepPoint(
                number,
                "",
                patterns,
                quality,
                found.cycles,
                found.flash_bytes,
                int(used["ram_bytes"]),
                within,
                on_front=False,
                ms=used["ms"],
                label=pattern,
            )
        )
    if not points and error is not None:
        raise error
    front = unbeaten((point.number, point.quality, point.modelled_cycles) for point in points if point.within_limits)
    return (replace(point, on_front=point.number in front) for point in points)


def _of_board(limits: Limits, board: Board) -> Limits:
    """With the board's memory where no limit is given."""
    flash, ram = (None if memory is None else memory.bytes for memory in (board.flash, board.ram))
    return replace(limits, flash_bytes=limits.flash_bytes or flash, ram_bytes=limits.ram_bytes or ram)
