"""A network for keywords: dense, then with what it took for words, then 2:4 with the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinyprune import files
from tinyprune.progress import CountProgress, Progress
from tinyprune.sound.features import FRONT_ENDS, FrontEnd
from tinyprune.training import fine_tuning, keywords, warm_start, zoo
from tinyprune.training.fine_tuning import Step
from tinyprune.training.gather import Gathered
from tinyprune.training.keras_model import Examples
from tinyprune.training.models import HEARS, Architecture, Size
from tinyprune.training.own_words import Notes
from tinyprune.training.prune import prune, verify
from tinyprune.training.train import EpochResult, Recipe, score, train

WEIGHT_DECAY = 0.05
#: Without a word: of the clips of an epoch, and of one of the last quarter, which when dense begins with mining.
NEGATIVES, CLOSING, CLOSING_PART = 0.45, 0.28, 4
#: In points: what is more is told.
MEMORIZED, UNSETTLED = 12.0, 10.0


@dataclass(frozen=True, slots=True)
class Course:
    """How it is learned; the defaults are for few recordings and a network that knows other words."""

    size: Size = "S"
    epochs: int = 30
    """Dense; two thirds as many follow at 2:4."""
    seed: int = 0
    learning_rate: float = 1.5e-3
    fresh_learning_rate: float = 3e-3
    """Of a network that begins with nothing."""
    batch_clips: int = 64
    versions: int | None = None
    """So many epochs are prepared, and heard again and again in another order; None: each is new."""
    front_end: str | None = None
    """What the network hears of a second: a name in `sound/features.py`; None: what its architecture does."""
    evenly: bool = False
    """Whether it answers in the end as if all classes had been heard equally often: for clips of which as many are of
    each class, not for streams, whose rule says how sure it must be."""
    architecture: Architecture = "ds-cnn"

    @property
    def hears(self) -> FrontEnd:
        return HEARS[self.architecture] if self.front_end is None else FRONT_ENDS[self.front_end]

    @property
    def is_warm(self) -> bool:
        """Whether it begins with a network that knows other words."""
        return warm_start.known(self.size, self.hears, self.architecture) is not None

    @property
    def closing_epochs(self) -> int:
        return max(1, self.epochs // CLOSING_PART)

    @property
    def later_epochs(self) -> int:
        return max(1, self.epochs * 2 // 3)

    @property
    def recipes(self) -> tuple[Recipe, Recipe, Recipe]:
        """Dense, dense with fewer clips without a word, 2:4."""
        begin = self.learning_rate if self.is_warm else self.fresh_learning_rate
        stages = (
            (self.epochs - self.closing_epochs, begin),
            (self.closing_epochs, self.learning_rate / 2),
            (self.later_epochs, self.learning_rate),
        )
        first, closing, later = (
            Recipe(epochs, rate, WEIGHT_DECAY, self.batch_clips, 3 * self.seed + number)
            for number, (epochs, rate) in enumerate(stages)
        )
        return first, closing, later

    @property
    def stages(self) -> tuple[zoo.Stage, ...]:
        """What an entry of the zoo says of them."""
        names = ("dense", "dense, closing", "2:4 fine-tuning")
        return tuple(
            zoo.Stage(name, r.epochs, r.learning_rate, r.weight_decay, r.batch_samples, r.seed)
            for name, r in zip(names, self.recipes, strict=True)
        )


class Trainer:
    """The trainings, and what they say on the way; checkpoints, and epochs that come again, are in `place`."""

    def __init__(
        self,
        course: Course,
        heard: Gathered,
        place: Path,
        notes: Notes,
        progress: Progress,
        done: CountProgress | None = None,
    ) -> None:
        self.course, self.heard, self.place = course, heard, place
        self.notes, self.progress, self.done = notes, progress, done
        self.validation = keywords.validation(heard.held_out, course.hears)
        self.hard = keywords.NOTHING_HARD

    def dense(self) -> Any:
        first, closing, _ = self.course.recipes
        course = self.course
        labels = self.heard.training.labels
        model = warm_start.start(course.size, labels, course.seed, course.hears, course.architecture)
        if not course.is_warm:
            self.notes.done.append(
                f"the zoo has no float weights of {course.architecture}, size {course.size}, for {course.hears.name}: "
                "training from nothing"
            )
        self._train(model, first, "dense", 0)
        self.progress("looking for sounds that are taken for words")
        self.hard = keywords.mine(model, self.heard.training, course.seed, course.hears)
        last = self._train(model, closing, "closing", first.epochs)
        self._warn(model, closing, last)
        self._even(model)
        return model

    def two_of_four(self, dense: Any) -> tuple[Any, Sequence[str]]:
        """The pruned network, and which layers are."""
        recipe = self.course.recipes[2]
        tuned = fine_tuning.fine_tune(
            dense,
            [Step("2:4", prune)],
            partial(self.epoch, recipe, "2:4"),
            self.validation,
            recipe,
            self.place,
            lambda step, result: self._show(step.name, self.course.epochs, result),
        )
        self._even(tuned.pruned.model)
        verify(tuned.pruned.model, tuned.pruned.masks)
        return tuned.pruned.model, tuple(tuned.pruned.masks)

    def _even(self, model: Any) -> None:
        if self.course.evenly:
            keywords.expect_evenly(model, CLOSING, len(self.heard.training.words))

    def epoch(self, recipe: Recipe, stage: str, number: int) -> Examples:
        is_closing = stage == "closing" or (stage == "2:4" and number >= recipe.epochs - recipe.epochs // CLOSING_PART)
        share = CLOSING if is_closing else NEGATIVES
        if self.course.versions is None:
            heard_as = self.course.hears
            return keywords.epoch_clips(self.heard.training, share, recipe.seed, number, self.hard, heard_as)
        clips = self._kept(number % self.course.versions, is_mined=stage != "dense")
        return keywords.fewer(clips, share, np.random.default_rng([recipe.seed, number, 1]))

    def _kept(self, version: int, *, is_mined: bool) -> Examples:
        path = self.place / ("heard-mined" if is_mined else "heard-dense") / f"{version}.npz"
        if not path.is_file():
            seed = self.course.recipes[is_mined].seed
            heard_as = self.course.hears
            clips = keywords.epoch_clips(self.heard.training, NEGATIVES, seed, version, self.hard, heard_as)
            path.parent.mkdir(parents=True, exist_ok=True)
            with files.whole(path) as part, part.open("wb") as file:
                np.savez(file, inputs=clips.inputs, targets=clips.targets)
        with np.load(path, allow_pickle=False) as archive:
            return Examples(archive["inputs"], archive["targets"])

    def _train(self, model: Any, recipe: Recipe, stage: str, before: int) -> EpochResult:
        history = train(
            model,
            partial(self.epoch, recipe, stage),
            self.validation,
            recipe,
            self.place / stage,
            partial(self._show, stage, before),
        )
        return history[-1]

    def _show(self, stage: str, before: int, result: EpochResult) -> None:
        self.progress(
            f"{stage}, epoch {result.epoch + 1}: loss {result.loss:.3f}, accuracy {result.accuracy:.1%}, "
            f"held out {result.validation_score:.1%}"
        )
        if self.done is not None:
            self.done(before + result.epoch + 1, self.course.epochs + self.course.later_epochs)

    def _warn(self, model: Any, recipe: Recipe, last: EpochResult) -> None:
        """A network that knows its training clips only, or whose batch statistics are not those of its weights."""
        known = score(model, self.epoch(recipe, "closing", last.epoch))
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
