"""All of `tinyprune audio`: recordings streamed to firmware that hears, on a board or in an emulator.

What the board recognizes is compared with the Python chain: features.py and TFLite Micro on the same seconds.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from tinyprune import features
from tinyprune.compiler import oracle, reader, samples
from tinyprune.compiler.graph import Graph
from tinyprune.device import emulators, ports, serial_port
from tinyprune.device.boards import Board
from tinyprune.device.emulators import Emulator
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock, Device
from tinyprune.errors import TargetError, UsageError
from tinyprune.firmware import output
from tinyprune.firmware.audio import ear
from tinyprune.measure import benchmark
from tinyprune.progress import CountProgress, Progress
from tinyprune.recordings import Recording, one_second, read
from tinyprune.tasks import line, values
from tinyprune.training import speech_commands


@dataclass(frozen=True, slots=True)
class AudioRequest:
    board: Board
    output: Path  # of a finished build
    recordings: tuple[Path, ...]  # files and folders
    emulator: str | None = None  # None: the board's first, unless there is a port
    port: str | None = None
    hardware: bool = False  # the user vouches for a board behind a port that may be anything
    split: speech_commands.Split | None = None  # of Speech Commands in the one folder given
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: the class of its last second by the board, and by the Python chain where it is one second."""

    name: str
    seconds: float
    word: str | None
    label: str
    score: float
    python_label: str | None
    words: tuple[ear.Heard, ...]
    """What the detector reported on the way."""


@dataclass(frozen=True, slots=True)
class AudioReport:
    board: str
    target: str
    model_sha256: str
    labels: tuple[str, ...]
    asked: int
    """Recordings that were to be heard; `recordings` are those that were."""
    recordings: tuple[Heard, ...]
    known: int
    """Recordings whose word is known, and what share of them was recognized."""
    accuracy_percent: float | None
    python_accuracy_percent: float | None
    compared: int
    """Recordings of one second at most, and how many of them are the same class to the Python chain."""
    agreeing: int
    clock: Clock
    frame_us: float | None
    features_us: float | None
    network_us: float | None
    complete: bool
    error: str | None
    """Why it ended before the last recording; what was heard up to there counts."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def run_audio(request: AudioRequest, progress: Progress, done: CountProgress | None = None) -> AudioReport:
    """What was heard, as far as it came where it broke off; Ctrl-C leaves out the comparison with Python.

    Raises TinypruneError or KeyboardInterrupt where nothing was heard at all, UsageError about a missing recording
    before anything starts.
    """
    line.check(request.port, request.emulator, hardware=request.hardware)
    values.at_least(1, limit=request.limit)
    values.one_of("split", request.split, get_args(speech_commands.Split))
    for path in request.recordings:
        if not path.exists():
            raise UsageError(f"{path}: no such file")
    image, model = output.load(request.output, request.board)
    graph = reader.read(model, str(request.output / output.MODEL))
    target, link = _open(request, image)
    with closing(link):
        device = Device(link)
        benchmark.greet(device, image.model_sha256[: benchmark.MODEL_ID_CHARACTERS], request.board.name)
        labels = ear.labels(device)
        progress("reading the recordings")
        recordings = _recordings(request, labels)
        progress(f"{request.board.name}, {target}, listens to {len(recordings)} recordings")
        clips, failure = _hear(device, recordings, done)
        clock = link.clock
    heard = recordings[: len(clips)]
    expected: list[str | None] = [None] * len(heard)
    if not isinstance(failure, KeyboardInterrupt):
        progress("asking the Python chain about the same seconds")
        try:
            expected = _python_labels(model, graph, heard, labels)
        except KeyboardInterrupt as pressed:
            failure = pressed
    found = list(zip(heard, clips, expected, strict=True))
    return _report(request, target, image, labels, len(recordings), found, clock, failure)


def _hear(
    device: Device, recordings: Sequence[Recording], done: CountProgress | None
) -> tuple[list[ear.Clip], benchmark.Failure | None]:
    """What the device heard, and what ended that before the last recording; raised where it heard nothing."""
    clips: list[ear.Clip] = []
    try:
        for recording in recordings:
            clips.append(ear.hear(device, recording.pcm))
            if done is not None:
                done(len(clips), len(recordings))
    except (TargetError, KeyboardInterrupt) as failure:
        if not clips:
            raise
        return clips, failure
    return clips, None


def _open(request: AudioRequest, image: FirmwareImage) -> tuple[str, Emulator]:
    if request.port is not None:
        port = ports.serial_port(request.board, request.port)
        return f"port {port}", serial_port.start(port, hardware=request.hardware)
    name = emulators.named(request.board, request.emulator)
    return f"emulator {name}", emulators.EMULATORS[name](image, request.board)


def _recordings(request: AudioRequest, labels: Sequence[str]) -> list[Recording]:
    if request.split is None:
        return read(request.recordings, labels, request.limit)
    if len(request.recordings) != 1 or tuple(labels) != speech_commands.LABELS:
        raise UsageError(
            "--split goes with one folder of Speech Commands and a network of the labels "
            + ", ".join(speech_commands.LABELS)
        )
    pcm, classes = speech_commands.evaluation_pcm(speech_commands.load(request.recordings[0], request.split))
    count = len(pcm) if request.limit is None else min(request.limit, len(pcm))
    chosen = [int(i) for i in np.linspace(0, len(pcm) - 1, count)]
    return [Recording(f"{request.split} {i}", pcm[i], labels[classes[i]]) for i in chosen]


def _python_labels(
    model: bytes, graph: Graph, recordings: Sequence[Recording], labels: Sequence[str]
) -> list[str | None]:
    """None for recordings of more than a second."""
    short = [i for i, recording in enumerate(recordings) if len(recording.pcm) <= features.CLIP_SAMPLES]
    answers: list[str | None] = [None] * len(recordings)
    if short:
        source, _ = graph.ends("audio")
        heard = features.mfcc(features.normalize(np.stack([one_second(recordings[i].pcm) for i in short])))
        inputs = samples.quantize(heard.reshape(len(short), *source.shape), source, "the recordings")
        classes = oracle.expected(model, graph, inputs)[0].argmax(axis=1)
        for i, number in zip(short, classes, strict=True):
            answers[i] = labels[int(number)]
    return answers


def _report(
    request: AudioRequest,
    target: str,
    image: FirmwareImage,
    labels: tuple[str, ...],
    asked: int,
    heard: list[tuple[Recording, ear.Clip, str | None]],
    clock: Clock,
    failure: benchmark.Failure | None,
) -> AudioReport:
    rows = tuple(
        Heard(rec.name, len(rec.pcm) / features.SAMPLE_RATE_HZ, rec.word, clip.label, clip.score, python, clip.heard)
        for rec, clip, python in heard
    )
    known = [row for row in rows if row.word is not None]
    compared = [row for row in rows if row.python_label is not None]
    both = [row for row in known if row.python_label is not None]
    clips = [clip for _, clip, _ in heard]
    told = clock != "stopped"
    return AudioReport(
        board=request.board.name,
        target=target,
        model_sha256=image.model_sha256,
        labels=labels,
        asked=asked,
        recordings=rows,
        known=len(known),
        accuracy_percent=_percent([row.label == row.word for row in known]),
        python_accuracy_percent=_percent([row.python_label == row.word for row in both]) if both == known else None,
        compared=len(compared),
        agreeing=sum(row.label == row.python_label for row in compared),
        clock=clock,
        frame_us=_mean([clip.frames for clip in clips]) if told else None,
        features_us=_mean([clip.features for clip in clips]) if told else None,
        network_us=_mean([clip.network for clip in clips]) if told else None,
        complete=failure is None,
        error=benchmark.told(failure),
    )


def _percent(right: Sequence[bool]) -> float | None:
    return 100 * sum(right) / len(right) if right else None


def _mean(spent: Sequence[ear.Spent]) -> float | None:
    times = sum(each.times for each in spent)
    return sum(each.time_us for each in spent) / times if times else None
