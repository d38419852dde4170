"""All of `tinyprune prune`: the user's Keras model ─prune─▶ (─train─▶) Keras model, and what became of each layer."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_args

from tinyprune import files
from tinyprune.compiler import samples, sparsity
from tinyprune.compiler.samples import Source
from tinyprune.digest import sha256
from tinyprune.errors import DataError, UsageError, first_line
from tinyprune.progress import Progress
from tinyprune.tasks import values
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


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Training after pruning, with labels."""

    labels: Source  # [samples] whole numbers, or values of the output's shape
    epochs: int = 10  # altogether
    steps: int = 1
    distillation: float = 0.0  # part of the dense network's answers in what is learned
    learning_rate: float = 1e-3
    batch_samples: int = 64
    seed: int = 0


def tuning(labels: Source | None, options: Mapping[str, Any]) -> Tuning | None:
    """The training that is asked for, if any; of the `options`, fields of Tuning, None are those that were not given.

    Raises UsageError for options of a training without labels.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if labels is not None:
        return Tuning(labels, **given)
    if given:
        said = ", ".join(f"--{name.removesuffix('_samples').replace('_', '-')}" for name in given)
        raise UsageError(f"{said}: only with --labels, for training after pruning")
    return None


@dataclass(frozen=True, slots=True, eq=False)
class PruneRequest:
    model: Path | Any  # a Keras model, or the file of one
    output: Path | None  # None: nothing is written
    pattern: str
    method: Method | None = None  # None: the best that the data allow
    data: Source | None = None  # inputs
    sparsity: float | None = None  # share of zeros, for patterns that do not say it
    reorder: bool = False  # channels, so that N:M loses less
    tuning: Tuning | None = None
    trust: bool = False  # the model's file may run code


@dataclass(frozen=True, slots=True, eq=False)
class PruneReport:
    """The pruned model, what became of each layer, and what pruning cost where there were labels."""

    output: Path | None
    layers: tuple[LayerReport, ...]
    held_out: Scores | None
    model: Any = field(repr=False)  # of tf_keras, as it is written: nothing holds the mask in further training

    def to_json(self) -> str:
        output = None if self.output is None else str(self.output)
        shown = {"output": output, "layers": [asdict(layer) for layer in self.layers]}
        return json.dumps(shown | ({} if self.held_out is None else {"held_out": asdict(self.held_out)}), indent=2)


def run_prune(request: PruneRequest, progress: Progress) -> PruneReport:
    """Raises TinypruneError of every kind; the output appears whole or not at all.

    A training that is stopped leaves its checkpoints beside the output, and the same request goes on from there.
    """
    wanted = _wanted(request)
    _check(request, wanted)
    data = None if request.data is None else samples.load_array(request.data)
    labels = None if request.tuning is None else samples.load_array(request.tuning.labels)
    if isinstance(request.model, Path):
        progress(f"loading {request.model}")
    model = keras_model.given(request.model, trust=request.trust)
    name = request.model if isinstance(request.model, Path) else f"model {model.name}"
    if keras3.is_keras_3(model):
        progress(f"{name} is of Keras 3: rebuilding it in tf_keras (Keras 2), as which it will be written")
        model = keras3.rebuild(model)
    _check_lambda(name, model, request.output)
    with quiet.quiet_tensorflow(), _runs_on(request.data):
        if request.tuning is None or request.output is None:
            pruned = _steps(request, wanted, data, progress)[0].prune(model)
            return PruneReport(request.output, pruned.layers, None, _finished(pruned, request.output))
        return _fine_tuned(request, request.tuning, request.output, model, wanted, data, labels, progress)


def _check_lambda(name: Path | str, model: Any, output: Path | None) -> None:
    keras = output is not None and output.suffix == ".keras"
    if keras and any(type(each).__name__ == "Lambda" for each in model._flatten_layers()):
        raise UsageError(
            f"{name} has a Lambda layer, and Keras loads no Python code from .keras files: give -o a name ending in .h5"
        )


@contextmanager
def _runs_on(data: Source | None) -> Iterator[None]:
    """What TensorFlow has to say of data that a model cannot be run on, such as symbols that it does not embed."""
    from tensorflow.errors import InvalidArgumentError

    try:
        yield
    except InvalidArgumentError as error:
        found = re.search(r"^(.+)\n\s*\[\[", str(error), re.MULTILINE)  # before it, and behind, is where
        name = "the data" if data is None else samples.called(data)
        raise DataError(f"the model cannot be run on {name}: {found[1] if found else first_line(error)}") from error


def _finished(pruned: PrunedModel, path: Path | None) -> Any:
    """The model without what held its mask; written, where there is a path."""
    model = prune.unmasked(pruned)
    if path is not None:
        with files.replacing(path) as part:
            model.save(part)
    return model


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
    _check_output(request)
    values.one_of("method", request.method, get_args(Method))
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
    values.at_least(1, epochs=request.tuning.epochs, steps=request.tuning.steps, batch=request.tuning.batch_samples)
    values.at_least(0, seed=request.tuning.seed)
    if request.tuning.steps > request.tuning.epochs:
        raise UsageError(f"--epochs {request.tuning.epochs} are too few for --steps {request.tuning.steps}")
    if request.tuning.steps > 1 and not isinstance(wanted, sparsity.NM | sparsity.Unstructured):
        raise UsageError(f"{request.pattern} is pruned at once: --steps goes with N:M and unstructured patterns")
    if not 0 < request.tuning.learning_rate < math.inf or not 0 <= request.tuning.distillation <= 1:
        raise UsageError("--learning-rate and --distillation are numbers, the latter from 0 to 1")


def _check_output(request: PruneRequest) -> None:
    output = request.output
    if output is None:
        if request.tuning is not None:
            raise UsageError("--labels go with -o: the checkpoints of the training lie beside the output")
        return
    if output.suffix not in SUFFIXES:
        raise UsageError(f"{output}: the pruned model is a Keras file; give -o a name ending in .keras or .h5")
    if isinstance(request.model, Path) and output.resolve() == request.model.resolve():
        raise UsageError(f"{output} is the model itself; give -o another name")
    if output.is_dir():
        raise UsageError(f"{output} is a folder; give -o another name")


def _fine_tuned(
    request: PruneRequest,
    tuning: Tuning,
    output: Path,
    model: Any,
    wanted: Wanted,
    data: Any,
    labels: Any,
    progress: Progress,
) -> PruneReport:
    """Saves the network too, before its checkpoints go."""
    task = fine_tuning.task(model, data, labels, tuning.distillation)
    steps = _steps(request, wanted, task.training.inputs[:SAMPLES], progress)
    recipe = Recipe(tuning.epochs, tuning.learning_rate, 0.0, tuning.batch_samples, tuning.seed)

    def show(step: Step, result: EpochResult) -> None:
        progress(
            f"{step.name}, epoch {result.epoch + 1}: loss {result.loss:.4f}, "
            f"{task.metric} {result.validation_score:.4f} on samples held out"
        )

    folder = output.with_name(f"{output.name}{UNFINISHED}")
    with unfinished.folder(folder, _told_apart_by(request, tuning, model, data, labels)):
        tuned = fine_tuning.fine_tune(
            model,
            steps,
            lambda number: task.epoch(tuning.seed, number),
            task.held_out,
            recipe,
            folder,
            show,
            task.loss,
            trust=request.trust or not isinstance(request.model, Path),
        )
        finished = _finished(tuned.pruned, output)
    dense = score(model, task.held_out)
    scores = Scores(len(task.held_out.inputs), task.metric, dense, tuned.before, tuned.after)
    return PruneReport(output, tuned.pruned.layers, scores, finished)


def _told_apart_by(request: PruneRequest, tuning: Tuning, model: Any, data: Any, labels: Any) -> dict[str, Any]:
    """All that a training depends on, as JSON."""
    contents = ("model", "data", "output", "labels", "tuning", "trust")
    options = [(one, each.name) for one in (request, tuning) for each in fields(one)]
    told = {name: getattr(one, name) for one, name in options if name not in contents}
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
