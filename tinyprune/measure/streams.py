"""Words in a stream of sound: what the detector hears in it, how many of the words that are said, and what else."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinyprune import files
from tinyprune.compiler import oracle, reader, samples
from tinyprune.compiler.graph import Activation, Graph, Int8
from tinyprune.errors import DataError, UsageError
from tinyprune.sound import features
from tinyprune.sound.detector import LOWEST_SCORE, Rule, detect, is_word
from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ, STRIDE_SAMPLES
from tinyprune.sound.recordings import Int16

#: A word counts as hit if it is heard so long after its end at the latest: the network looks at the last second.
LATE_S = 1.5
_CHUNK_LOOKS = 512
HEADING = ["file", "start_s", "end_s", "word"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word, and when it is said."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Detected:
    word: str
    time_s: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What was heard in all recordings of a kind."""

    kind: str
    seconds: float
    said: int
    hits: int
    false_alarms: int
    """Words that were heard and not said."""
    false_alarms_an_hour: float


def _tally(kind: str, seconds: float, said: int, hits: int, false_alarms: int) -> Tally:
    return Tally(kind, seconds, said, hits, false_alarms, 3600 * false_alarms / seconds if seconds else 0.0)


def tally(kind: str, seconds: float, said: Sequence[Spoken], heard: Sequence[Detected]) -> Tally:
    """Each word said is hit by the first time that it is heard from its start on; all else that is heard is false."""
    left = list(heard)
    hits = 0
    for spoken in said:
        fitting = (
            each for each in left if each.word == spoken.word and spoken.start_s <= each.time_s <= spoken.end_s + LATE_S
        )
        hit = next(fitting, None)
        if hit is not None:
            left.remove(hit)
            hits += 1
    return _tally(kind, seconds, len(said), hits, len(left))


def together(tallies: Sequence[Tally]) -> tuple[Tally, ...]:
    """Those of one kind as one, kinds by name."""
    kinds = sorted({each.kind for each in tallies})
    return tuple(_sum(kind, [each for each in tallies if each.kind == kind]) for kind in kinds)


def _sum(kind: str, tallies: Sequence[Tally]) -> Tally:
    said, hits, alarms = (sum(getattr(t, name) for t in tallies) for name in ("said", "hits", "false_alarms"))
    return _tally(kind, sum(t.seconds for t in tallies), said, hits, alarms)


def read_events(path: Path, labels: Sequence[str]) -> dict[str, list[Spoken]]:
    """What is said in each file: lines of `file,start_s,end_s,word`, with or without a heading.

    Raises UsageError where there is no such file, DataError about all lines that are wrong.
    """
    words = [label for label in labels if is_word(label)]
    try:
        with files.check_regular(path).open(newline="", encoding="utf-8") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if row]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as lines of file,start_s,end_s,word: {error}") from None
    said: dict[str, list[Spoken]] = {}
    wrong = []
    for number, row in rows[1:] if rows and [each.strip() for each in rows[0][1]] == HEADING else rows:
        spoken = _spoken(row, words)
        if spoken is None:
            wrong.append(number)
        else:
            said.setdefault(row[0].strip(), []).append(spoken)
    if wrong or not said:
        where = f"line {', '.join(map(str, wrong[:5]))}" if wrong else "it is empty"
        raise DataError(f"{path}: {where}: file,start_s,end_s,word are needed; words are {', '.join(words)}")
    return said


def _spoken(row: Sequence[str], words: Sequence[str]) -> Spoken | None:
    try:
        _, start, end, word = (each.strip() for each in row)
        spoken = Spoken(word, float(start), float(end))
    except ValueError:
        return None
    return spoken if word in words and 0 <= spoken.start_s <= spoken.end_s < math.inf else None


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What a network answered in a stream, whatever the rule makes of it."""

    scores: Int8
    """`[looks, classes]`"""
    hops: tuple[int, ...]
    """Of 20 ms, before each look."""
    largest: tuple[int, ...]
    """The largest sample of each second that was looked at, at least 0."""
    every_hops: int
    scale: float
    zero_point: int


def listen(content: bytes, labels: Sequence[str], pcm: Int16, rule: Rule) -> list[Detected]:
    """What firmware with this int8 .tflite hears in `[samples]` at 16 kHz, by the Python chain."""
    return heard(look(content, pcm, rule.every_hops), labels, rule)


def look(content: bytes, pcm: Int16, every_hops: int) -> Looks:
    """The int8 .tflite's answers to `[samples]` at 16 kHz, from the first whole second on."""
    graph = reader.read(content)
    source, target = graph.ends("a stream")
    windows = sliding_window_view(np.pad(pcm, (0, max(0, CLIP_SAMPLES - len(pcm)))), CLIP_SAMPLES)
    windows = windows[: max(0, len(pcm) - CLIP_SAMPLES + 1) : every_hops * STRIDE_SAMPLES]
    parts = [windows[start : start + _CHUNK_LOOKS] for start in range(0, len(windows), _CHUNK_LOOKS)]
    scores = [_scores(content, graph, part, source) for part in parts]
    none = np.zeros((0, target.size_bytes), np.int8)
    hops = tuple(CLIP_SAMPLES // STRIDE_SAMPLES + number * every_hops for number in range(len(windows)))
    largest = tuple(windows.max(axis=1, initial=0).tolist())
    return Looks(np.concatenate([none, *scores]), hops, largest, every_hops, float(target.scale), target.zero_point)


def heard(looks: Looks, labels: Sequence[str], rule: Rule) -> list[Detected]:
    """What the rule, which must look as often, makes of the answers."""
    quiet = np.array(looks.largest)[:, np.newaxis] < rule.quiet_below
    scores = np.where(quiet, np.int8(LOWEST_SCORE), looks.scores)
    found = detect(scores, looks.hops, labels, rule, rule.threshold_sum(looks.scale, looks.zero_point))
    return [Detected(labels[number], hop * STRIDE_SAMPLES / SAMPLE_RATE_HZ) for hop, number in found]


def _scores(content: bytes, graph: Graph, windows: Int16, source: Activation) -> Int8:
    heard = features.front_end_for(source.shape).of(windows)
    inputs = samples.quantize(heard.reshape(len(heard), *source.shape), source, "a stream")
    return oracle.expected(content, graph, inputs)[0]


def joined(clips: Sequence[tuple[str, Int16]], pauses: Int16, pause_s: float) -> tuple[Int16, list[Spoken]]:
    """Clips one after the other with a pause before, between and after; `pauses` `[samples]` is what is heard then."""
    parts: list[Int16] = []
    said: list[Spoken] = []
    at, pause = 0, int(pause_s * SAMPLE_RATE_HZ)
    for number, (word, pcm) in enumerate([*clips, ("", pauses[:0])]):
        offset = number * pause % max(1, len(pauses) - pause)
        parts += [pauses[offset : offset + pause], pcm]
        at += pause
        said.append(Spoken(word, at / SAMPLE_RATE_HZ, (at + len(pcm)) / SAMPLE_RATE_HZ))
        at += len(pcm)
    return np.concatenate(parts), [each for each in said if each.word]
