"""What a benchmark found, as data, JSON and CSV; `show.py` makes text of it.

Times never lose their kind: measured on hardware, modelled by a cycle table, virtual in an emulator that counts
instructions, or of an unknown clock.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune import __version__
from tinyprune.device.boards import Board
from tinyprune.device.emulators import Span, instructions_a_us
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock
from tinyprune.measure.benchmark import Int8, Outcome, told

#: With a table of confusions in the report.
_MOST_CLASSES = 100


@dataclass(frozen=True, slots=True)
class Spread:
    """Over the inputs of one run."""

    min: int
    median: int
    max: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one inference, over the inputs of one run, by the device's own clock."""

    clock: Clock
    min_us: float
    median_us: float
    max_us: float
    inferences_a_second: float  # of the mean


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    label: str
    samples: int
    correct: int


@dataclass(frozen=True, slots=True)
class BenchAccuracy:
    """Of the answers against the labels of the samples that ran."""

    folder: str
    samples: int
    correct: int
    percent: float
    classes: tuple[ClassAccuracy, ...]
    labels: tuple[str, ...] = ()  # of the network's outputs
    confusion: tuple[tuple[int, ...], ...] = ()  # of each label the samples that were taken for each


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One run. `error` tells why it ended before its last input; what was done up to there counts."""

    tinyprune: str
    when: str  # UTC
    board: str
    target: str  # "emulator sim", "port /dev/ttyACM0"
    emulator: str | None
    device: str
    network: str
    model_sha256: str
    compiler: str
    flash_bytes: int
    ram_bytes: int
    inputs: int
    runs: int
    warmup: int
    inferences: int  # timed ones that were done
    latency: Latency | None
    instructions: Spread | None
    modelled_cycles: Spread | None
    modelled_ms: float | None  # of the median
    cost_model: str | None
    bit_exact: bool
    inputs_compared: int
    inputs_equal: int
    reference: str
    accuracy: BenchAccuracy | None
    repeated: int
    restarts: int
    reconnections: int
    complete: bool
    error: str | None
    board_cycles: Span | None = None  # of the medians, modelled on the board's memory as well
    board_ms: Span | None = None
    schema: str = "bench-1"  # of this report: docs/reports.md

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(asdict(self), indent=indent)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the samples are: `labels` `[outputs]`, `classes` `[inputs]`, indices into them."""

    folder: str
    labels: tuple[str, ...]
    classes: npt.NDArray[np.int64]


#: `[samples, output_bytes]` → `[samples]`, the class of each.
Classes: TypeAlias = Callable[[Int8], npt.NDArray[np.int64]]


def largest(outputs: Int8) -> npt.NDArray[np.int64]:
    """The class of the largest score."""
    return np.asarray(np.argmax(outputs, axis=1), np.int64)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the firmware ran."""

    text: str
    emulator: str | None


def bench_report(
    board: Board,
    target: Target,
    image: FirmwareImage,
    outcome: Outcome,
    expected: Int8,
    judge: str,
    *,
    runs: int = 1,
    warmup: int = 0,
    truth: Truth | None = None,
    classes: Classes = largest,
) -> BenchReport:
    """Sums up a run. `expected` `[inputs, output_bytes]` has the answers of `judge` to all of its inputs; `classes`
    tells from outputs which class they stand for."""
    done = outcome.inferences
    profiles = [inference.profile for inference in done if inference.profile is not None]
    cycles = _spread([profile.modelled_cycles for profile in profiles if profile.modelled_cycles is not None])
    board_cycles = _medians([profile.board_cycles for profile in profiles if profile.board_cycles is not None])
    equal = sum(np.array_equal(i.output, want) for i, want in zip(done, expected, strict=False))
    return BenchReport(
        tinyprune=__version__,
        when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        board=board.name,
        target=target.text,
        emulator=target.emulator,
        device=outcome.device,
        network=outcome.network,
        model_sha256=image.model_sha256,
        compiler=image.compiler,
        flash_bytes=image.flash_bytes,
        ram_bytes=image.ram_bytes,
        inputs=len(expected),
        runs=runs,
        warmup=warmup,
        inferences=runs * len(done),
        latency=_latency(outcome.clock, [i.time_us for i in done if i.time_us is not None]),
        instructions=_spread(_instructions(outcome, target.emulator, board)),
        modelled_cycles=cycles,
        modelled_ms=1e3 * cycles.median / board.cpu.clock_hz if cycles else None,
        cost_model=profiles[0].cost_model if profiles else None,
        board_cycles=board_cycles,
        board_ms=board_cycles and board_cycles.ms(board.cpu.clock_hz),
        bit_exact=equal == len(done) > 0,
        inputs_compared=len(done),
        inputs_equal=equal,
        reference=judge,
        accuracy=_accuracy(classes(outcome.outputs), truth) if truth and done else None,
        repeated=outcome.repeated,
        restarts=outcome.restarts,
        reconnections=outcome.reconnections,
        complete=outcome.failure is None,
        error=told(outcome.failure),
    )


def _spread(values: list[int]) -> Spread | None:
    return Spread(min(values), int(np.median(values)), max(values)) if values else None


def _medians(spans: list[Span]) -> Span | None:
    if not spans:
        return None
    return Span(float(np.median([span.low for span in spans])), float(np.median([span.high for span in spans])))


def _instructions(outcome: Outcome, emulator: str | None, board: Board) -> list[int]:
    """Of each inference: as counted, or as virtual time tells them, in which the app's own are included."""
    rate = instructions_a_us(emulator, board)
    if outcome.clock == "virtual" and rate:
        return [round(rate * i.time_us) for i in outcome.inferences if i.time_us]
    return [inference.profile.instructions for inference in outcome.inferences if inference.profile is not None]


def _latency(clock: Clock, times_us: list[float]) -> Latency | None:
    if not times_us or max(times_us) <= 0:
        return None
    per_second = 1e6 * len(times_us) / sum(times_us)
    return Latency(clock, min(times_us), float(np.median(times_us)), max(times_us), per_second)


def _accuracy(answers: npt.NDArray[np.int64], truth: Truth) -> BenchAccuracy:
    wanted = truth.classes[: len(answers)]
    right = answers == wanted
    classes = [
        ClassAccuracy(label, int((wanted == index).sum()), int(right[wanted == index].sum()))
        for index, label in enumerate(truth.labels)
        if (wanted == index).any()
    ]
    return BenchAccuracy(
        truth.folder,
        len(right),
        int(right.sum()),
        100.0 * float(right.mean()),
        tuple(classes),
        truth.labels,
        _confusion(wanted, answers, len(truth.labels)),
    )


def _confusion(
    wanted: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Empty for more classes than anybody would look at."""
    if classes > _MOST_CLASSES:
        return ()
    counts = np.zeros((classes, classes), np.int64)
    known = (answers >= 0) & (answers < classes)  # a network that looks for the class itself may answer anything
    np.add.at(counts, (wanted[known], answers[known]), 1)
    return tuple(map(tuple, counts.tolist()))


def to_csv(
    outcome: Outcome, expected: Int8, names: Sequence[str], truth: Truth | None, classes: Classes = largest
) -> str:
    """A line an input: what it was, what came out, how long it took by which clock."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["input", "label", "answer", "equal", "time_us", "clock", "instructions", "modelled_cycles", "output"]
    )
    for number, (name, inference) in enumerate(zip(names, outcome.inferences, strict=False)):
        answer = int(classes(inference.output[None])[0])
        profile = inference.profile
        table.writerow(
            [
                name,
                truth.labels[truth.classes[number]] if truth else "",
                truth.labels[answer] if truth and 0 <= answer < len(truth.labels) else answer,
                int(np.array_equal(inference.output, expected[number])),
                "" if inference.time_us is None else f"{inference.time_us:.3f}",
                outcome.clock,
                profile.instructions if profile else "",
                profile.modelled_cycles if profile else "",
                inference.output.tobytes().hex(),
            ]
        )
    return text.getvalue()
