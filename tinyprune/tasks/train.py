"""All of `tinyprune train`: recordings → a DS-CNN that hears the words in them, 2:4 and int8, as a zoo entry."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tinyprune.digest import sha256
from tinyprune.errors import UsageError
from tinyprune.features import SAMPLE_RATE_HZ
from tinyprune.firmware import audio
from tinyprune.firmware.audio.detector import Rule
from tinyprune.measure import streams
from tinyprune.measure.streams import Tally
from tinyprune.progress import CountProgress, Progress
from tinyprune.tasks import values
from tinyprune.training import (
    augmentation,
    fine_tuning,
    keywords,
    models,
    own_words,
    quiet,
    unfinished,
    warm_start,
    zoo,
)
from tinyprune.training.fine_tuning import Step
from tinyprune.training.gather import Gathered, gather
from tinyprune.training.keras_model import Examples
from tinyprune.training.keywords import FIRST_WORD, NOT_WORDS, Material, Mix
from tinyprune.training.own_words import Notes
from tinyprune.training.prune import prune, verify
from tinyprune.training.quantize import quantize_ds_cnn
from tinyprune.training.train import EpochResult, Recipe, int8_answers, score, train

PACKAGES = ("tensorflow", "tf_keras", "numpy")
LEARNING_RATE, FRESH_LEARNING_RATE, WEIGHT_DECAY, BATCH_CLIPS = 1.5e-3, 3e-3, 0.05, 64
#: Without a word: of the clips of an epoch, and of one of the last quarter.
NEGATIVES, CLOSING = 0.45, 0.28
RANGE_CLIPS = 1024
#: Of a stream of held-out clips: what is between them, and how many there are at most.
PAUSE_S, STREAM_CLIPS = 1.5, 400
#: The name of the stream of held-out words among kinds of sound.
WORDS = "words"
#: In points: what is more is told.
MEMORIZED, UNSETTLED = 12.0, 10.0


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


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What came of it, measured with the int8 network on what was held out."""

    output: Path
    """The .tflite; beside it the entry's .json, and the float weights as .npz."""
    labels: tuple[str, ...]
    training_clips: dict[str, int]
    held_out_clips: dict[str, int]
    groups: int
    """Speakers, or files where nothing tells them, that are held out."""
    accuracy_percent: float
    error_points: float
    """Standard error of the accuracy, as if clips were independent."""
    float_accuracy_percent: float
    dense_accuracy_percent: float
    """Of the network before pruning, int8 as well."""
    confusion: tuple[tuple[int, ...], ...]
    """For each label the held-out clips that were taken for each label."""
    streams: tuple[Tally, ...]
    """Hits and false alarms in streams of what was held out, by kind."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"output": str(self.output)}, indent=2)


def run_train(request: TrainRequest, progress: Progress, done: CountProgress | None = None) -> TrainReport:
    """Raises TinypruneError of every kind. Stopped, it goes on after the last finished epoch with the same request."""
    _check(request)
    notes = Notes()
    audio.check_names(list(own_words.folders_of(request.folder, request.words)), f"folders in {request.folder}")
    progress(f"reading {request.folder}")
    heard = gather(request.folder, request.words, request.negatives, request.speech_commands, notes)
    return train_on(request, heard, notes, progress, done)


def train_on(
    request: TrainRequest, heard: Gathered, notes: Notes, progress: Progress, done: CountProgress | None = None
) -> TrainReport:
    """The same from what has been gathered."""
    for said in (*notes.done, *notes.warnings):
        progress(said)
    place = request.output.with_name(f"{request.output.name}{unfinished.SUFFIX}")
    with quiet.quiet_tensorflow(), unfinished.folder(place, _told_apart_by(request, heard.training)):
        trainer = _Trainer(request, heard, notes, progress, done)
        dense = trainer.dense(place)
        pruned, masks = trainer.two_of_four(dense, place)
        progress("quantizing to int8 and listening to what was held out")
        return _finish(request, heard, notes, dense, pruned, masks)


def _check(request: TrainRequest) -> None:
    values.at_least(2, epochs=request.epochs)
    values.at_least(0, seed=request.seed)
    values.one_of("size", request.size, get_args(models.Size))
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


def _told_apart_by(request: TrainRequest, heard: Material) -> dict[str, Any]:
    kept = [*heard.words.values(), *heard.unknown.values(), *heard.speech, *heard.backgrounds]
    sounds = [recording for kind in heard.sounds.values() for recording in kind]
    options = {"words": list(heard.words), "size": request.size, "epochs": request.epochs, "seed": request.seed}
    return options | {"recordings": sha256(*kept, *sounds)}


class _Trainer:
    """The two trainings, and what they say on the way."""

    def __init__(
        self, request: TrainRequest, heard: Gathered, notes: Notes, progress: Progress, done: CountProgress | None
    ) -> None:
        self.request, self.heard, self.notes, self.progress, self.done = request, heard, notes, progress, done
        self.later_epochs = max(1, request.epochs * 2 // 3)
        self.validation = keywords.validation(heard.held_out)
        self.hard = keywords.NOTHING_HARD

    def dense(self, place: Path) -> Any:
        is_warm = warm_start.is_warm(self.request.size)
        model = warm_start.start(self.request.size, self.heard.training.labels, self.request.seed)
        if not is_warm:
            self.notes.done.append(f"the zoo has no float weights of size {self.request.size}: training from nothing")
        recipe = self.recipe(self.request.epochs, LEARNING_RATE if is_warm else FRESH_LEARNING_RATE, 0)
        history = train(
            model, partial(self.epoch, recipe), self.validation, recipe, place / "dense", partial(self.show, "dense", 0)
        )
        self._warn(model, recipe, history[-1])
        return model

    def two_of_four(self, dense: Any, place: Path) -> tuple[Any, Sequence[str]]:
        self.progress("looking for sounds that are taken for words")
        self.hard = keywords.mine(dense, self.heard.training, self.request.seed)
        recipe = self.recipe(self.later_epochs, LEARNING_RATE, 1)
        tuned = fine_tuning.fine_tune(
            dense,
            [Step("2:4", prune)],
            partial(self.epoch, recipe),
            self.validation,
            recipe,
            place,
            lambda step, result: self.show(step.name, self.request.epochs, result),
        )
        verify(tuned.pruned.model, tuned.pruned.masks)
        return tuned.pruned.model, tuple(tuned.pruned.masks)

    def recipe(self, epochs: int, learning_rate: float, stage: int) -> Recipe:
        return Recipe(epochs, learning_rate, WEIGHT_DECAY, BATCH_CLIPS, 2 * self.request.seed + stage)

    def epoch(self, recipe: Recipe, number: int) -> Examples:
        mix = Mix(NEGATIVES, CLOSING, recipe.epochs // 4)
        return keywords.epoch_clips(
            self.heard.training, mix.share(number, recipe.epochs), recipe.seed, number, self.hard
        )

    def show(self, name: str, before: int, result: EpochResult) -> None:
        self.progress(
            f"{name}, epoch {result.epoch + 1}: loss {result.loss:.3f}, accuracy {result.accuracy:.1%}, "
            f"held out {result.validation_score:.1%}"
        )
        if self.done is not None:
            self.done(before + result.epoch + 1, self.request.epochs + self.later_epochs)

    def _warn(self, model: Any, recipe: Recipe, last: EpochResult) -> None:
        """A network that knows its training clips only, or whose batch statistics are not those of its weights."""
        known = score(model, self.epoch(recipe, last.epoch))
        if last.accuracy is not None and 100 * (last.accuracy - known) > UNSETTLED:
            self.notes.warnings.append(
                f"batch statistics have not settled: {last.accuracy:.1%} while it trained, {known:.1%} on the same "
                f"clips afterwards; give more --epochs"
            )
        elif 100 * (known - last.validation_score) > MEMORIZED:
            self.notes.warnings.append(
                f"the network knows its training clips ({known:.1%}) much better than those held out "
                f"({last.validation_score:.1%}): record more speakers, rooms and takes"
            )


def _finish(
    request: TrainRequest,
    heard: Gathered,
    notes: Notes,
    dense: Any,
    model: Any,
    masks: Sequence[str],
) -> TrainReport:
    labels, validation = heard.training.labels, keywords.validation(heard.held_out)
    samples = keywords.plain(heard.training, RANGE_CLIPS, request.seed)
    ranges, content = quantize_ds_cnn(model, request.size, samples)
    answers = int8_answers(content, validation.inputs).argmax(axis=1)
    dense_content = quantize_ds_cnn(dense, request.size, samples)[1]
    dense_right = float((int8_answers(dense_content, validation.inputs).argmax(axis=1) == validation.targets).mean())
    right = float((answers == validation.targets).mean())
    name = f"ds-cnn-{request.size.lower()}-2x4"
    clips = len(validation.targets)
    measured = zoo.Accuracy(heard.data_set, heard.split, clips, score(model, validation), right)
    before = zoo.Accuracy(heard.data_set, heard.split, clips, score(dense, validation), dense_right)
    entry = zoo.ZooEntry(
        name=name,
        description=f"DS-CNN {request.size} for {', '.join(labels[FIRST_WORD:])}, 2:4",
        architecture="ds-cnn",
        size=request.size,
        task=heard.task,
        labels=labels,
        pattern="2:4",
        pruned_layers=tuple(masks),
        ranges=ranges,
        stages=_stages(request),
        accuracy=measured,
        dense_accuracy=before,
        model_sha256=hashlib.sha256(content).hexdigest(),
        versions={package: version(package) for package in PACKAGES},
    )
    request.output.mkdir(parents=True, exist_ok=True)
    zoo.write(entry, model, content, request.output)
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (validation.targets, answers), 1)
    return TrainReport(
        output=request.output / f"{name}.tflite",
        labels=labels,
        training_clips={word: len(of_word) for word, of_word in heard.training.words.items()},
        held_out_clips={word: len(of_word) for word, of_word in heard.held_out.words.items()},
        groups=heard.groups,
        accuracy_percent=100 * right,
        error_points=100 * math.sqrt(right * (1 - right) / clips),
        float_accuracy_percent=100 * measured.float32,
        dense_accuracy_percent=100 * dense_right,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        streams=listened(content, labels, heard.held_out),
        notes=tuple(notes.done),
        warnings=tuple(notes.warnings),
    )


def _stages(request: TrainRequest) -> tuple[zoo.Stage, ...]:
    later = max(1, request.epochs * 2 // 3)
    begin = LEARNING_RATE if warm_start.is_warm(request.size) else FRESH_LEARNING_RATE
    dense = zoo.Stage("dense", request.epochs, begin, WEIGHT_DECAY, BATCH_CLIPS, 2 * request.seed)
    return dense, replace(dense, name="2:4 fine-tuning", epochs=later, learning_rate=LEARNING_RATE, seed=dense.seed + 1)


def listened(content: bytes, labels: Sequence[str], held_out: Material) -> tuple[Tally, ...]:
    """The words one after the other with noise between them, then sounds of each kind, speech, and other words."""
    rule, rng = Rule(), np.random.default_rng(0)
    room = augmentation.to_int16(augmentation.noise(1, rng, 10 * SAMPLE_RATE_HZ)[0][None] * 20)[0]
    words = [(word, pcm) for word, clips in held_out.words.items() for pcm in clips]
    others = [("", pcm) for clips in held_out.unknown.values() for pcm in clips]
    found = []
    for kind, clips in ((WORDS, words), ("unknown words", others)):
        if clips:
            chosen = rng.permutation(len(clips))[:STREAM_CLIPS]
            stream, said = streams.joined([clips[i] for i in chosen], room, PAUSE_S)
            heard = streams.listen(content, labels, stream, rule)
            found.append(streams.tally(kind, len(stream) / SAMPLE_RATE_HZ, said, heard))
    kinds = {**held_out.sounds, **({"speech": held_out.speech} if held_out.speech else {})}
    for kind, recordings in kinds.items():
        tallies = [
            streams.tally(kind, len(each) / SAMPLE_RATE_HZ, (), streams.listen(content, labels, each, rule))
            for each in recordings
        ]
        found += streams.together(tallies)
    return tuple(found)
