"""All of `tinyprune prune`: the user's Keras model ─prune─▶ (─train─▶) Keras model, and what became of each layer."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tinyprune import files
from tinyprune.compiler import samples, sparsity
from tinyprune.digest import sha256
from tinyprune.errors import DataError, UsageError, first_line
from tinyprune.progress import Progress
from tinyprune.training import fine_tuning, keras3, keras_model, prune, quiet, unfinished
from tinyprune.training.fine_tuning import Scores, Step
from tinyprune.training.prune import LayerReport, Method, PrunedModel, filters, sensitivity
from tinyprune.training.train import EpochResult, Recipe, score

#: Files that a pruned model can be written as.
SUFFIXES = (".keras", ".h5", ".hdf5")
#: Before the per cent of channels to remove.
CHANNELS = "channels-"
#: Training samples that pruning itself sees.
SAMPLES = 512
#: Behind the name of the output: the folder of an unfinished training.
UNFINISHED = ".training"


class Channels(NamedTuple):
    """Filters that go from each layer."""

    share: float


class Scan(NamedTuple):
    """A threshold for each layer, by how sensitive it is."""

    sparsity: float
    """Of all prunable weights together."""


Wanted: TypeAlias = sparsity.Pattern | Channels | Scan


@dataclass(frozen=True, slots=True)
class Tuning:
    """Training after pruning, with labels."""

    labels: Path  # .npy, [samples] whole numbers, or values of the output's shape
    epochs: int = 10  # altogether
    steps: int = 1
    distillation: float = 0.0  # part of the dense network's answers in what is learned
    learning_rate: float = 1e-3
    batch_samples: int = 64
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PruneRequest:
    model: Path
    output: Path
    pattern: str
    method: Method | None = None  # None: the best that the data allow
    data: Path | None = None  # .npy, inputs
    sparsity: float | None = None  # share of zeros, for patterns that do not say it
    reorder: bool = False  # channels, so that N:M loses less
    tuning: Tuning | None = None


class PruneReport(NamedTuple):
    layers: tuple[LayerReport, ...]
    scores: Scores | None
    """Where there were labels."""


def run_prune(request: PruneRequest, progress: Progress) -> PruneReport:
    """Raises TinypruneError of every kind; the output appears whole or not at all.

    A training that is stopped leaves its checkpoints beside the output, and the same request goes on from there.
    """
    wanted = _wanted(request)
    _check(request, wanted)
    data = None if request.data is None else samples.load_array(request.data)
    labels = None if request.tuning is None else samples.load_array(request.tuning.labels)
    progress(f"loading {request.model}")
    model = keras_model.load(request.model)
    if keras3.is_keras_3(model):
        progress(f"{request.model} is of Keras 3: rebuilding it in tf_keras (Keras 2), as which it will be written")
        model = keras3.rebuild(model)
    if request.output.suffix == ".keras" and any(type(each).__name__ == "Lambda" for each in model._flatten_layers()):
        raise UsageError(
            f"{request.model} has a Lambda layer, and Keras loads no Python code from .keras files: give -o a name "
            "ending in .h5"
        )
    with quiet.quiet_tensorflow(), _runs_on(request.data):
        if request.tuning is None:
            pruned, scores = _steps(request, wanted, data, progress)[0].prune(model), None
            _save(pruned, request.output)
        else:
            pruned, scores = _fine_tuned(request, request.tuning, model, wanted, data, labels, progress)
    return PruneReport(pruned.layers, scores)


@contextmanager
def _runs_on(data: Path | None) -> Iterator[None]:
    """What TensorFlow has to say of data that a model cannot be run on, such as symbols that it does not embed."""
    from tensorflow.errors import InvalidArgumentError

    try:
        yield
    except InvalidArgumentError as error:
        found = re.search(r"^(.+)\n\s*\[\[", str(error), re.MULTILINE)  # before it, and behind, is where
        raise DataError(f"the model cannot be run on {data}: {found[1] if found else first_line(error)}") from error


def _save(pruned: PrunedModel, path: Path) -> None:
    with files.replacing(path) as part:
        prune.unmasked(pruned).save(part)


def _wanted(request: PruneRequest) -> Wanted:
    text, share = request.pattern, request.sparsity
    if text == "threshold":
        if share is None or request.data is None:
            raise UsageError(
                "--pattern threshold needs --sparsity, a share of zeros such as 0.75, and --data, samples on which the "
                "sensitivity of each layer is scanned; or give one threshold for all, as in threshold-0.8"
            )
        return Scan(share)
    if text == "unstructured" and share is None:
        raise UsageError("--pattern unstructured needs --sparsity, a share of zeros such as 0.75")
    if text != "unstructured" and share is not None:
        raise UsageError(f"--sparsity goes with --pattern unstructured; {text} says itself how many weights stay")
    if found := re.fullmatch(rf"{CHANNELS}(\d+(?:\.\d+)?)", text):
        return Channels(float(found[1]) / 100)
    if text.startswith(CHANNELS):
        raise UsageError(f"unknown pattern {text!r}: give {CHANNELS}50 (per cent of the channels)")
    try:
        return sparsity.parse(text) if share is None else sparsity.Unstructured(share)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check(request: PruneRequest, wanted: Wanted) -> None:
    if request.output.suffix not in SUFFIXES:
        raise UsageError(f"{request.output}: the pruned model is a Keras file; give -o a name ending in .keras or .h5")
    if request.output.resolve() == request.model.resolve():
        raise UsageError(f"{request.output} is the model itself; give -o another name")
    if request.output.is_dir():
        raise UsageError(f"{request.output} is a folder; give -o another name")
    data_alone = request.data is not None and request.tuning is None
    if isinstance(wanted, Channels) and (request.method or data_alone or request.reorder):
        raise UsageError(
            f"{request.pattern} removes filters by their norm: --method, --reorder, and --data without --labels go "
            "with other patterns"
        )
    if request.reorder and not isinstance(wanted, sparsity.NM):
        raise UsageError("--reorder goes with N:M patterns such as 2:4; others do not depend on the order of channels")
    if request.method in ("reconstruct", "match") and isinstance(wanted, Scan | sparsity.Threshold):
        raise UsageError(f"{request.pattern} is a rule about magnitudes: leave out --method {request.method}")
    by_magnitude = request.method == "magnitude" and not isinstance(wanted, Scan)
    if data_alone and (by_magnitude or isinstance(wanted, sparsity.Threshold)):
        raise UsageError("here magnitudes of weights alone decide: leave out --data")
    if request.tuning is None:
        return
    if request.data is None:
        raise UsageError("--labels go with --data, the inputs that they belong to")
    if request.tuning.steps > request.tuning.epochs:
        raise UsageError(f"--epochs {request.tuning.epochs} are too few for --steps {request.tuning.steps}")
    if request.tuning.steps > 1 and not isinstance(wanted, sparsity.NM | sparsity.Unstructured):
        raise UsageError(f"{request.pattern} is pruned at once: --steps goes with N:M and unstructured patterns")
    if not math.isfinite(request.tuning.learning_rate) or not 0 <= request.tuning.distillation <= 1:
        raise UsageError("--learning-rate and --distillation are numbers, the latter from 0 to 1")


def _fine_tuned(
    request: PruneRequest,
    tuning: Tuning,
    model: Any,
    wanted: Wanted,
    data: Any,
    labels: Any,
    progress: Progress,
) -> tuple[PrunedModel, Scores]:
    """Saves the network too, before its checkpoints go."""
    task = fine_tuning.task(model, data, labels, tuning.distillation)
    steps = _steps(request, wanted, task.training.inputs[:SAMPLES], progress)
    recipe = Recipe(tuning.epochs, tuning.learning_rate, 0.0, tuning.batch_samples, tuning.seed)

    def show(step: Step, result: EpochResult) -> None:
        progress(
            f"{step.name}, epoch {result.epoch + 1}: loss {result.loss:.4f}, "
            f"{task.metric} {result.validation_score:.4f} on samples held out"
        )

    folder = request.output.with_name(f"{request.output.name}{UNFINISHED}")
    with unfinished.folder(folder, _told_apart_by(request, model, data, labels)):
        tuned = fine_tuning.fine_tune(
            model, steps, lambda number: task.epoch(tuning.seed, number), task.held_out, recipe, folder, show, task.loss
        )
        _save(tuned.pruned, request.output)
    dense = score(model, task.held_out)
    scores = Scores(len(task.held_out.inputs), task.metric, dense, tuned.before, tuned.after)
    return tuned.pruned, scores


def _told_apart_by(request: PruneRequest, model: Any, data: Any, labels: Any) -> dict[str, Any]:
    """All that a training depends on, as JSON."""
    paths = ("model", "data", "output", "labels", "tuning")
    options = asdict(request) | asdict(request)["tuning"]
    told = {name: value for name, value in options.items() if name not in paths}
    return told | {"model, data or labels": sha256(model.to_json(), *model.get_weights(), data, labels)}


def _steps(request: PruneRequest, wanted: Wanted, data: Any, progress: Progress) -> list[Step]:
    """What is done to the model: one pruning, or several, which training comes between."""

    def shrink(share: float, model: Any) -> PrunedModel:
        progress(f"removing {100 * share:g} % of the channels")
        smaller, layers = filters.shrink(model, share)
        return PrunedModel(smaller, {}, layers)

    def scan(share: float, model: Any) -> PrunedModel:
        progress("scanning how sensitive each layer is")
        thresholds = sensitivity.patterns(model, data, share)
        progress(f"pruning to {request.pattern} by magnitude")
        return prune.prune(model, thresholds)

    def prune_to(pattern: sparsity.Pattern, reorder: bool, model: Any) -> PrunedModel:
        method = request.method or prune.best_method([pattern], data)
        progress(f"pruning to {pattern.name} by {method}")
        return prune.prune(model, pattern, method, data, reorder=reorder)

    if isinstance(wanted, Channels):
        return [Step(request.pattern, partial(shrink, wanted.share))]
    if isinstance(wanted, Scan):
        return [Step(request.pattern, partial(scan, wanted.sparsity))]
    patterns = prune.schedule(wanted, 1 if request.tuning is None else request.tuning.steps)
    return [
        Step(each.name, partial(prune_to, each, request.reorder and number == 0))
        for number, each in enumerate(patterns)
    ]
