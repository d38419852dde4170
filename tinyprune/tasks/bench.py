"""All of `tinyprune bench`: a finished build, what is at the other end of the line, inputs, and what came out."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tinyprune import files
from tinyprune.compiler import oracle, reader, samples
from tinyprune.compiler.graph import Activation, Graph, Int8
from tinyprune.compiler.samples import Named
from tinyprune.device import emulators, ports, serial_port
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError, UsageError, WrongModel
from tinyprune.firmware import output
from tinyprune.measure import benchmark, history, labelled
from tinyprune.measure.bench_report import BenchReport, Target, Truth, bench_report, to_csv
from tinyprune.measure.benchmark import Open
from tinyprune.measure.history import Change
from tinyprune.progress import CountProgress, Progress
from tinyprune.tasks import line, values
from tinyprune.training import speech_commands, zoo

_WIRING = "; is this build's firmware on the board (`tinyprune flash`), is its TX on the adapter's RX and vice versa?"


@dataclass(frozen=True, slots=True, eq=False)
class BenchRequest:
    board: Board
    output: Path  # of a finished build
    emulator: str | None = None  # None: the board's first, unless there is a port
    port: str | None = None  # "auto": found by USB id
    serial_number: str | None = None  # of the board or its probe, where "auto" finds several
    hardware: bool = False  # the user vouches for a board behind a port that may be anything
    inputs: tuple[str, ...] | Named = ()  # "x.npy", or "NAME=x.npy" for each input of the network; none: generated
    count: int = 8  # of those
    samples: Path | None = None  # of known classes, for accuracy
    labels: tuple[str, ...] | None = None  # of the outputs, in order; None: the zoo's, or the folders' names
    split: speech_commands.Split | None = None
    limit: int | None = None  # of the samples
    runs: int = 1
    warmup: int = 1
    clock: bool = True  # false: nothing is timed or counted where that is faster
    csv: Path | None = None
    history: Path | None = None
    compare: Path | None = None
    tolerance_percent: float = 2.0
    accuracy_tolerance_points: float = 0.5


@dataclass(frozen=True, slots=True)
class Bench:
    """What `bench` shows. `changes` since --compare, None without it; `left_out`: folders that are no label."""

    report: BenchReport
    changes: tuple[Change, ...] | None = None
    left_out: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The report, with `changes` if there was something to compare with."""
        if self.changes is None:
            return self.report.to_json()
        changes = [asdict(change) for change in self.changes]
        return json.dumps({**asdict(self.report), "changes": changes}, indent=2)

    @property
    def regressions(self) -> list[Change]:
        return [change for change in self.changes or () if change.worse]


@dataclass(frozen=True, slots=True)
class _Inputs:
    values: Int8
    names: Sequence[str]
    truth: Truth | None = None
    left_out: tuple[str, ...] = ()


def run_bench(request: BenchRequest, progress: Progress, done: CountProgress | None = None) -> Bench:
    """Runs the inputs, writes what shall be kept. A run that broke off is reported as far as it came.

    Raises TinypruneError where nothing ran at all, or a file cannot be written.
    """
    _check(request)
    board = request.board
    image, model = output.load(request.output, board)
    old = _old(request)
    target, open_line, metered = _target(request, image)
    graph = reader.read(model, str(request.output / output.MODEL))
    model_id = image.model_sha256[: benchmark.MODEL_ID_CHARACTERS]
    progress(f"connecting to {target.text}")
    with _greeted(open_line, model_id, board.name, _WIRING if request.port else "") as open_again:
        progress("reading the inputs")
        inputs = _inputs(request, graph)
        progress(f"asking the reference for {len(inputs.values)} outputs")
        repeats = request.runs if graph.states else 1  # of which the last one counts
        expected, judge = oracle.expected(model, graph, np.repeat(inputs.values, repeats, axis=0))
        expected = expected[repeats - 1 :: repeats]
        progress(f"inferring {len(inputs.values)} inputs on {board.name}, {target.text}")
        plan = benchmark.Plan(
            inputs.values,
            model_id,
            expected,
            runs=request.runs,
            warmup=request.warmup,
            metered=metered,
            board=board.name,
            stateful=bool(graph.states),
        )
        outcome = benchmark.measure(open_again, plan, done)
    times = {"runs": request.runs, "warmup": request.warmup}
    report = bench_report(
        board, target, image, outcome, expected, judge, truth=inputs.truth, classes=graph.classes, **times
    )
    if request.csv is not None:
        _write(request.csv, to_csv(outcome, expected, inputs.names, inputs.truth, graph.classes))
    if request.history is not None:
        history.append(request.history, report)
    return Bench(report, _changes(request, old, report), inputs.left_out)


@contextmanager
def _greeted(open_line: Open, model_id: str, board: str, advice: str) -> Iterator[Open]:
    """Opens the line and asks for this very firmware, before anything slow starts; then opens it as this line first."""
    with closing(open_line()) as link:
        try:
            benchmark.greet(Device(link), model_id, board)
        except WrongModel:
            raise
        except TargetError as error:
            raise TargetError(f"{error}{advice}") from None
        waiting = [link]
        yield lambda: waiting.pop() if waiting else open_line()


def _check(request: BenchRequest) -> None:
    """Refuses what contradicts itself before anything slow starts."""
    line.check(request.port, request.emulator, hardware=request.hardware)
    values.at_least(1, count=request.count, runs=request.runs, limit=request.limit)
    values.at_least(0, warmup=request.warmup, tolerance=request.tolerance_percent)
    values.at_least(0, accuracy_tolerance=request.accuracy_tolerance_points)
    values.one_of("split", request.split, get_args(speech_commands.Split))
    if request.inputs and request.samples is not None:
        raise UsageError("--inputs and --samples exclude each other; samples have classes")
    needs_samples = {"--class-names": request.labels, "--split": request.split, "--limit": request.limit}
    for option, value in needs_samples.items():
        if value is not None and request.samples is None:
            raise UsageError(f"{option} goes with --samples")
    if request.split is not None and request.limit is not None:
        raise UsageError("--limit does not go with --split, which is all of its clips")
    if request.serial_number is not None and request.port != ports.AUTO:
        raise UsageError("--serial-number goes with --port auto")
    if request.samples is not None and not request.samples.exists():
        raise UsageError(f"{request.samples}: no such file or folder")
    samples.check_paths(request.inputs)
    for path in (request.csv, request.history):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}")
        if path is not None and path.is_dir():
            raise UsageError(f"{path} is a folder; a file is needed")
    if request.history is not None:
        history.check(request.history)


def _target(request: BenchRequest, image: FirmwareImage) -> tuple[Target, Open, bool]:
    """Where the firmware runs: its name, how to reach it, whether it counts instructions."""
    board, port = request.board, request.port
    if port == ports.AUTO:
        port = ports.serial_port(board, serial_number=request.serial_number)
    if port is not None:
        return Target(f"port {port}", None), lambda: serial_port.start(port, hardware=request.hardware), False
    name = emulators.named(board, request.emulator)
    metered = request.clock and name in emulators.METERED
    return Target(f"emulator {name}", name), lambda: emulators.EMULATORS[name](image, board, profile=metered), metered


def _inputs(request: BenchRequest, graph: Graph) -> _Inputs:
    if request.samples is not None:
        source, target = graph.ends("--samples")
        found = _samples(request, request.samples, source, target)
        return _Inputs(found.inputs, found.names, found.truth, found.left_out)
    made = samples.read(request.inputs, graph) if request.inputs else samples.make(graph, request.count)
    return _Inputs(made, [str(number) for number in range(len(made))])


def _samples(request: BenchRequest, folder: Path, tensor: Activation, target: Activation) -> labelled.Labelled:
    labels = request.labels or _zoo_labels(request.output)
    outputs = target.count
    if target.dtype == "int32":  # a class, not a score for each
        if target.count > 1 or labels is None:
            raise UsageError(
                "--samples needs --class-names and one class for each input: the network answers with numbers"
            )
        outputs = len(labels)
    if request.split is not None:
        return labelled.read_split(folder, request.split, tensor, labels)
    return labelled.read(folder, tensor, outputs, labels, request.limit)


def _zoo_labels(folder: Path) -> tuple[str, ...] | None:
    """Of the zoo's network, if the build in `folder` is of one."""
    try:
        name = json.loads(files.content(folder / output.REPORT))["model"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return zoo.load(name).labels if name in zoo.list_entries() else None


def _old(request: BenchRequest) -> dict[str, Any] | None:
    """What --compare names; read before anything runs, and before the history grows."""
    if request.compare is None:
        return None
    name = None if request.port is not None else request.emulator or request.board.emulators[0]
    return history.read(request.compare, request.board.name, name)


def _changes(request: BenchRequest, old: dict[str, Any] | None, report: BenchReport) -> tuple[Change, ...] | None:
    if old is None or not report.complete:
        return None
    return tuple(history.compare(old, report, request.tolerance_percent, request.accuracy_tolerance_points))


def _write(path: Path, text: str) -> None:
    try:
        with files.whole(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot write: {error.strerror}") from None
