"""All of `tinyprune train`: recordings → a network that hears the words in them, 2:4 and int8, as a zoo entry."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity import DENSE
from tinyprune.digest import sha256
from tinyprune.errors import UsageError
from tinyprune.firmware import audio
from tinyprune.measure import hearing_rule, held_out, standard_error
from tinyprune.measure.held_out import Passage
from tinyprune.measure.train_report import TrainReport
from tinyprune.progress import CountProgress, Progress
from tinyprune.sound.features import FRONT_ENDS, Float32
from tinyprune.tasks import values
from tinyprune.training import keywords, models, own_words, quiet, unfinished, zoo
from tinyprune.training.gather import Gathered, gather
from tinyprune.training.keras_model import Examples
from tinyprune.training.keyword_training import Course, Trainer
from tinyprune.training.keywords import FIRST_WORD, NOT_WORDS, Material
from tinyprune.training.own_words import Notes
from tinyprune.training.quantize import quantize_keywords
from tinyprune.training.train import int8_answers, score

PACKAGES = ("tensorflow", "tf_keras", "numpy")
RANGE_CLIPS = 1024
#: In points: an accuracy of words with a larger error is warned of.
UNCERTAIN = 4.0


@dataclass(frozen=True, slots=True)
class TrainRequest:
    folder: Path
    output: Path  # a folder, into which the entry goes
    words: tuple[str, ...] | None = None  # None: all folders
    size: models.Size = "S"
    negatives: Path | None = None
    speech_commands: Path | None = None
    epochs: int = 30  # dense; two thirds as many at 2:4
    seed: int = 0
    front_end: str | None = None  # what the network hears of a second; None: what its architecture does
    leave_out: tuple[str, ...] = ()  # kinds of sound that are measured with only
    architecture: models.Architecture = "ds-cnn"


def run_train(request: TrainRequest, progress: Progress, done: CountProgress | None = None) -> TrainReport:
    """Raises TinypruneError of every kind. Stopped, it goes on after the last finished epoch with the same request."""
    _check(request)
    notes = Notes()
    audio.check_names(list(own_words.folders_of(request.folder, request.words)), f"folders in {request.folder}")
    progress(f"reading {request.folder}")
    heard = gather(request.folder, request.words, request.negatives, request.speech_commands, notes, request.leave_out)
    course = Course(
        request.size,
        request.epochs,
        request.seed,
        front_end=request.front_end,
        architecture=request.architecture,
    )
    return train_on(course, request.output, heard, notes, progress, done)


def train_on(
    course: Course,
    output: Path,
    heard: Gathered,
    notes: Notes,
    progress: Progress,
    done: CountProgress | None = None,
) -> TrainReport:
    """The same from what has been gathered."""
    for said in (*notes.done, *notes.warnings):
        progress(said)
    place = output.with_name(f"{output.name}{unfinished.SUFFIX}")
    with quiet.quiet_tensorflow(), unfinished.folder(place, _told_apart_by(course, heard.training)):
        trainer = Trainer(course, heard, place, notes, progress, done)
        dense = trainer.dense()
        pruned, masks = trainer.two_of_four(dense)
        progress("quantizing to int8 and listening to what was held out")
        return _finish(course, output, heard, notes, dense, pruned, masks)


def _check(request: TrainRequest) -> None:
    values.at_least(2, epochs=request.epochs)
    values.at_least(0, seed=request.seed)
    values.one_of("size", request.size, get_args(models.Size))
    values.one_of("architecture", request.architecture, tuple(models.BUILDERS))
    if request.front_end is not None:
        values.one_of("front_end", request.front_end, tuple(FRONT_ENDS))
    if request.words is not None:
        if not request.words or len(set(request.words)) < len(request.words):
            raise UsageError("--words names no word, or one twice")
        reserved = [word for word in request.words if word.strip("_") in NOT_WORDS]
        if reserved:
            raise UsageError(f"--words {', '.join(reserved)}: silence and unknown words are in every network")
    if request.folder.resolve() in (request.output.resolve(), *request.output.resolve().parents):
        raise UsageError(f"{request.output} is in {request.folder}, where folders are words; give another -o")
    if request.output.exists() and not request.output.is_dir():
        raise UsageError(f"{request.output} is a file; -o is the folder that the network goes into")


def _told_apart_by(course: Course, heard: Material) -> dict[str, Any]:
    kept = [*heard.words.values(), *heard.unknown.values(), *heard.speech, *heard.backgrounds]
    sounds = [recording for kind in heard.sounds.values() for recording in kind]
    return {"words": list(heard.words)} | asdict(course) | {"recordings": sha256(*kept, *sounds)}


class _Network(NamedTuple):
    """One of the two, as int8, with what it made of what was held out."""

    entry: zoo.ZooEntry
    content: bytes
    model: Any
    classes: npt.NDArray[np.int64]
    """That the held-out clips were taken for."""


def _finish(
    course: Course,
    output: Path,
    heard: Gathered,
    notes: Notes,
    dense: Any,
    model: Any,
    masks: Sequence[str],
) -> TrainReport:
    labels, validation = heard.training.labels, keywords.validation(heard.held_out, course.hears)
    samples = keywords.plain(heard.training, RANGE_CLIPS, course.seed, course.hears)
    choosing, measuring = held_out.halves(heard.held_out, heard.training.sounds)
    before = _network(dense, course, heard, validation, samples, choosing)
    pruned = _network(model, course, heard, validation, samples, choosing, tuple(masks), before.entry)
    output.mkdir(parents=True, exist_ok=True)
    for each in (before, pruned):
        zoo.write(each.entry, each.model, each.content, output)
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (validation.targets, pruned.classes), 1)
    right = pruned.entry.accuracy.int8
    words_right = (pruned.classes == validation.targets)[validation.targets >= FIRST_WORD]
    words_error = 100 * standard_error.of_share(words_right, heard.groups)
    if words_error > UNCERTAIN:
        notes.warnings.append(
            f"{len(words_right)} clips of words are held out, by {len(set(heard.groups))} speakers or files: "
            f"{100 * words_right.mean():.0f} % of them says little of other people; record more speakers"
        )
    heard_out = held_out.looked(pruned.content, measuring)
    return TrainReport(
        output=output / f"{pruned.entry.name}.tflite",
        labels=labels,
        training_clips={word: len(of_word) for word, of_word in heard.training.words.items()},
        held_out_clips={word: len(of_word) for word, of_word in heard.held_out.words.items()},
        groups=len(set(heard.groups)),
        accuracy_percent=100 * right,
        error_points=100 * math.sqrt(right * (1 - right) / len(validation.targets)),
        words_percent=100 * float(words_right.mean()),
        words_error_points=words_error,
        float_accuracy_percent=100 * pruned.entry.accuracy.float32,
        dense_accuracy_percent=100 * before.entry.accuracy.int8,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        rule=pruned.entry.rule,
        streams=hearing_rule.tallies(heard_out, labels, pruned.entry.rule),
        front_end=course.hears.name,
        curve=hearing_rule.curve(heard_out, labels, pruned.entry.rule),
        notes=tuple(notes.done),
        warnings=tuple(notes.warnings),
    )


def _network(
    model: Any,
    course: Course,
    heard: Gathered,
    validation: Examples,
    samples: Float32,
    choosing: Sequence[Passage],
    masks: tuple[str, ...] = (),
    before: zoo.ZooEntry | None = None,
) -> _Network:
    """Quantized and measured; `before` is the entry of the dense network that it was pruned from."""
    labels = heard.training.labels
    ranges, content = quantize_keywords(model, course.size, samples, course.architecture)
    classes = int8_answers(content, validation.inputs).argmax(axis=1)
    right = float((classes == validation.targets).mean())
    measured = zoo.Accuracy(heard.data_set, heard.split, len(classes), score(model, validation), right)
    pattern, title = DENSE if before is None else "2:4", models.TITLES[course.architecture]
    entry = zoo.ZooEntry(
        name=_name(course, heard.family, pattern),
        description=f"{title} {course.size} for {', '.join(labels[FIRST_WORD:])}, {pattern}",
        architecture=course.architecture,
        size=course.size,
        task=heard.task,
        labels=labels,
        pattern=pattern,
        pruned_layers=masks,
        ranges=ranges,
        stages=course.stages[: 2 if before is None else 3],
        accuracy=measured,
        dense_accuracy=measured if before is None else before.accuracy,
        model_sha256=hashlib.sha256(content).hexdigest(),
        versions={package: version(package) for package in PACKAGES},
        rule=held_out.rule_for(content, labels, choosing),
        front_end=course.hears.name,
    )
    return _Network(entry, content, model, classes)


def _name(course: Course, family: str | None, pattern: str) -> str:
    """Such as `ds-cnn-s-2x4`, in a family `kws12-s-2x4` and `kws12-tc-resnet-s-2x4`; what it hears where that is not
    usual."""
    is_usual = family is not None and course.architecture == models.USUAL
    hears = None if course.hears == models.HEARS[course.architecture] else course.hears.name
    parts = (family, None if is_usual else course.architecture, course.size.lower(), hears, pattern.replace(":", "x"))
    return "-".join(filter(None, parts))
