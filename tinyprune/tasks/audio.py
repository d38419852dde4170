"""All of `tinyprune audio`: recordings streamed to firmware that hears, on a board or in an emulator.

What the board recognizes is compared with the Python chain: features.py and TFLite Micro on the same seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, get_args

import numpy as np

from tinyprune.compiler import oracle, reader, samples
from tinyprune.compiler.graph import Graph
from tinyprune.device import emulators, ports, serial_port
from tinyprune.device.boards import Board
from tinyprune.device.emulators import Emulator
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock, Device
from tinyprune.errors import DataError, TargetError, UsageError
from tinyprune.firmware import output
from tinyprune.firmware.audio import ear
from tinyprune.measure import benchmark, streams
from tinyprune.measure.audio_report import AudioReport, Heard
from tinyprune.measure.hearing_rule import THRESHOLDS, Point
from tinyprune.measure.streams import Spoken, Tally
from tinyprune.progress import CountProgress, Progress
from tinyprune.sound import features
from tinyprune.sound.detector import is_word
from tinyprune.sound.recordings import Recording, one_second, read, read_streams, spread
from tinyprune.tasks import line, values
from tinyprune.training import speech_commands

Ear: TypeAlias = Callable[[ear.Int16], ear.Clip]
Said: TypeAlias = Mapping[str, Sequence[Spoken]]
"""What is said in each recording, by its name."""

NO_WORD = ear.NO_WORD


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
    stream: bool = False  # hits and false alarms by kind of sound, in recordings of any kind
    events: Path | None = None  # what is said when in them
    microphone: bool = False  # the emulated chip's own hears them, not the serial line


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
    if request.events is not None and not request.stream:
        raise UsageError("--events goes with --stream: they are words in streams")
    if request.microphone and request.port is not None:
        raise UsageError(
            "--microphone goes with an emulator: a board's own microphone hears by itself (tinyprune monitor)"
        )
    if request.stream and request.split is not None:
        raise UsageError("--stream and --split exclude each other: the clips of Speech Commands are no streams")
    image, model = output.load(request.output, request.board)
    graph = reader.read(model, str(request.output / output.MODEL))
    target, link = _open(request, image)
    with closing(link):
        device = Device(link)
        benchmark.greet(device, image.model_sha256[: benchmark.MODEL_ID_CHARACTERS], request.board.name)
        labels = ear.labels(device)
        progress("reading the recordings")
        recordings = _recordings(request, labels)
        said = _said(request.events, recordings, labels) if request.stream else None
        progress(f"{request.board.name}, {target}, listens to {len(recordings)} recordings")
        hear = (
            partial(ear.hear_live, device, _microphone(request, link))
            if request.microphone
            else partial(ear.hear, device)
        )
        clips, failure = _hear(hear, recordings, done, said, at_length=request.microphone)
        clock = link.clock
    heard = recordings[: len(clips)]
    expected: list[str | None] = [None] * len(heard)
    if not request.stream and not request.microphone and not isinstance(failure, KeyboardInterrupt):
        progress("asking the Python chain about the same seconds")
        try:
            expected = _python_labels(model, graph, heard, labels)
        except KeyboardInterrupt as pressed:
            failure = pressed
    found = list(zip(heard, clips, expected, strict=True))
    report = _report(request, target, image, labels, len(recordings), found, clock, failure)
    return report if said is None else replace(report, streams=_tallies(found, said), curve=_curve(found, said))


def _microphone(request: AudioRequest, link: Emulator) -> emulators.HasMicrophone:
    if request.board.microphone is None or not isinstance(link, emulators.HasMicrophone):
        raise UsageError(f"--microphone: {request.board.name} has none in an emulator; nano33sense has, in sim")
    return link


def _hear(
    hear: Ear, recordings: Sequence[Recording], done: CountProgress | None, said: Said | None, *, at_length: bool
) -> tuple[list[ear.Clip], benchmark.Failure | None]:
    """What the device heard, and what ended that before the last recording; raised where it heard nothing."""
    clips: list[ear.Clip] = []
    try:
        for recording in recordings:
            is_clip = len(recording.pcm) <= features.CLIP_SAMPLES and said is None and not at_length
            is_spoken = said is None or bool(said[recording.name])
            clips.append(hear(recording.pcm) if is_clip else _hear_long(hear, recording, is_spoken))
            if done is not None:
                done(len(clips), len(recordings))
    except (TargetError, KeyboardInterrupt) as failure:
        if not clips:
            raise
        return clips, failure
    return clips, None


def _hear_long(hear: Ear, recording: Recording, is_spoken: bool) -> ear.Clip:
    """With a second of silence before, so that there are looks as long as it lasts, and one after what is spoken: the
    detector sees a word on its way through the last second.
    """
    silence = np.zeros(features.CLIP_SAMPLES, np.int16)
    clip = hear(np.concatenate([silence, recording.pcm, silence if is_spoken else silence[:0]]))
    before_s = features.CLIP_SAMPLES / features.SAMPLE_RATE_HZ
    words = tuple(replace(word, time_s=max(0.0, word.time_s - before_s)) for word in clip.heard)
    first = (words[0].label, words[0].score) if words else (NO_WORD, 0.0)
    return replace(clip, label=first[0], score=first[1], heard=words)


def _said(path: Path | None, recordings: Sequence[Recording], labels: Sequence[str]) -> Said:
    """Without a file of events, a recording in a folder named as a word says it once."""
    if path is not None:
        return _events(path, recordings, labels)
    return {each.name: _once(each) for each in recordings}


def _once(recording: Recording) -> list[Spoken]:
    if recording.word is None or not is_word(recording.word):
        return []
    return [Spoken(recording.word, 0.0, len(recording.pcm) / features.SAMPLE_RATE_HZ)]


def _events(path: Path, recordings: Sequence[Recording], labels: Sequence[str]) -> Said:
    """What is said in each recording; the file may name the ends of paths."""
    said = streams.read_events(path, labels)
    found: dict[str, list[Spoken]] = {recording.name: [] for recording in recordings}
    lost = []
    for file, spoken in said.items():
        names = [name for name in found if Path(name).parts[-len(Path(file).parts) :] == Path(file).parts]
        if len(names) == 1:
            found[names[0]] += spoken
        else:
            lost.append(f"{file} ({'several' if names else 'none'})")
    if lost:
        raise DataError(f"{path} names recordings that are not one of those given: {', '.join(lost[:5])}")
    return found


def _curve(heard: Sequence[tuple[Recording, ear.Clip, str | None]], said: Said) -> tuple[Point, ...]:
    """Of words with higher scores alone, from the lowest that was reported on."""
    lowest = min((word.score for _, clip, _ in heard for word in clip.heard), default=1.0)
    return tuple(Point(t, _tallies(heard, said, t)) for t in THRESHOLDS if t >= lowest)


def _tallies(
    heard: Sequence[tuple[Recording, ear.Clip, str | None]], said: Said, least_score: float = 0.0
) -> tuple[Tally, ...]:
    """By kind."""
    tallies = []
    for recording, clip, _ in heard:
        seconds = len(recording.pcm) / features.SAMPLE_RATE_HZ
        detected = [streams.Detected(word.label, word.time_s) for word in clip.heard if word.score >= least_score]
        tallies.append(streams.tally(recording.kind, seconds, said[recording.name], detected))
    return streams.together(tallies)


def _open(request: AudioRequest, image: FirmwareImage) -> tuple[str, Emulator]:
    if request.port is not None:
        port = ports.serial_port(request.board, request.port)
        return f"port {port}", serial_port.start(port, hardware=request.hardware)
    name = emulators.named(request.board, request.emulator)
    return f"emulator {name}", emulators.EMULATORS[name](image, request.board)


def _recordings(request: AudioRequest, labels: Sequence[str]) -> list[Recording]:
    if request.stream:
        return spread(read_streams(request.recordings, labels), request.limit)
    if request.split is None:
        return read(request.recordings, labels, request.limit)
    task = speech_commands.task_of(labels)
    if len(request.recordings) != 1:
        raise UsageError("--split goes with one folder of Speech Commands")
    clips = speech_commands.load(request.recordings[0], request.split, task.left_out)
    pcm, classes = speech_commands.evaluation_pcm(clips, task=task)
    chosen = spread(range(len(pcm)), request.limit)
    return [Recording(f"{request.split} {i}", pcm[i], labels[classes[i]]) for i in chosen]


def _python_labels(
    model: bytes, graph: Graph, recordings: Sequence[Recording], labels: Sequence[str]
) -> list[str | None]:
    """None for recordings of more than a second."""
    short = [i for i, recording in enumerate(recordings) if len(recording.pcm) <= features.CLIP_SAMPLES]
    answers: list[str | None] = [None] * len(recordings)
    if short:
        source, _ = graph.ends("audio")
        heard = features.front_end_for(source.shape).of(np.stack([one_second(recordings[i].pcm) for i in short]))
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
    rows = tuple(_row(rec, clip, python, stream=request.stream) for rec, clip, python in heard)
    known = [row for row in rows if row.right is not None]
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
        accuracy_percent=_percent([bool(row.right) for row in known]),
        python_accuracy_percent=_percent([row.python_label == row.word for row in both]) if both == known else None,
        compared=len(compared),
        agreeing=sum(row.label == row.python_label for row in compared),
        clock=clock,
        frame_us=_mean([clip.frames for clip in clips]) if told else None,
        features_us=_mean([clip.features for clip in clips]) if told else None,
        network_us=_mean([clip.network for clip in clips]) if told else None,
        complete=failure is None,
        error=benchmark.told(failure),
        streams=(),
    )


def _row(recording: Recording, clip: ear.Clip, python: str | None, *, stream: bool) -> Heard:
    """What is said in a stream its tally knows."""
    word, is_clip = recording.word, len(recording.pcm) <= features.CLIP_SAMPLES
    heard = {each.label for each in clip.heard}
    in_long = None if word is None else heard == ({word} if is_word(word) else set())
    right = None if stream or word is None else clip.label == word if is_clip else in_long
    seconds = len(recording.pcm) / features.SAMPLE_RATE_HZ
    return Heard(recording.name, seconds, word, right, clip.label, clip.score, python, clip.heard)


def _percent(right: Sequence[bool]) -> float | None:
    return 100 * sum(right) / len(right) if right else None


def _mean(spent: Sequence[ear.Spent]) -> float | None:
    times = sum(each.times for each in spent)
    return sum(each.time_us for each in spent) / times if times else None
