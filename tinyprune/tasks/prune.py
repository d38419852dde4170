"""All of `tinyprune prune`: the user's Keras model or float .tflite ─prune─▶ (─train─▶) the same, or int8 .tflite
─prune─▶ .tflite, and what became of each layer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from tinyprune import files
from tinyprune.compiler import reader, samples, sparsity
from tinyprune.compiler.samples import Source
from tinyprune.digest import sha256
from tinyprune.errors import DataError, ModelError, UsageError, first_line
from tinyprune.measure.prune_report import PruneFigures
from tinyprune.progress import Progress
from tinyprune.tasks import check as build_check
from tinyprune.tasks import int8_model as int8_model_task
from tinyprune.tasks.int8_model import FILE_SUFFIX
from tinyprune.tasks.prune_request import (
    Channels,
    PruneRequest,
    Scan,
    Tuning,
    Wanted,
    check,
    chosen,
    in_place,
    tuning,
    wanted_of,
)
from tinyprune.training import calibration, fine_tuning, keras3, keras_model, prune, quantize, quiet, unfinished
from tinyprune.training.fine_tuning import Scores, Step
from tinyprune.training.prune import LayerReport, PrunedModel, filters, int8_model, kernels, sensitivity
from tinyprune.training.train import EpochResult, Recipe, score

__all__ = ["PruneReport", "PruneRequest", "chosen", "run_prune", "tuning"]

#: Training samples that pruning itself sees.
SAMPLES = 512
#: Said where nothing makes up for the weights that go.
BY_MAGNITUDE = (
    "without --data the largest weights stay as they are, which can cost most of the accuracy (a DS-CNN at 2:4: 93.7 → "
    "31.7 %): add --data x.npy, a few hundred real inputs without labels, or train the pruned network on"
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PruneReport(PruneFigures):
    """The figures, and the pruned model itself."""

    model: Any = field(repr=False)
    """Of tf_keras: nothing holds the mask in further training. Of an int8 .tflite the bytes of one."""


def run_prune(request: PruneRequest, progress: Progress) -> PruneReport:
    """Raises TinypruneError of every kind; the output appears whole or not at all.

    A training that is stopped leaves its checkpoints beside the output, and the same request goes on from there.
    """
    wanted = wanted_of(request)
    check(request, wanted)
    notes: tuple[str, ...] = (BY_MAGNITUDE,) if _is_bare(request, wanted) else ()
    if isinstance(request.model, Path) and in_place(request.model):
        return _pruned_file(request, request.model, wanted, notes, progress)
    data = None if request.data is None else samples.load_array(request.data)
    labels = None if request.tuning is None else samples.load_array(request.tuning.labels)
    if isinstance(request.model, Path):
        progress(f"loading {request.model}")
    model = keras_model.given(request.model, trust=request.trust, samples=data)
    name = request.model if isinstance(request.model, Path) else f"model {model.name}"
    if keras3.is_keras_3(model):
        progress(f"{name} is of Keras 3: rebuilding it in tf_keras (Keras 2), as which it will be written")
        model = keras3.rebuild(model)
    _check_lambda(name, model, request.output)
    if data is not None:
        notes += _what_build_says(model, str(name), progress)
        notes += calibration.oddities(model, keras_model.check_samples(model, data, "pruning"))
    with quiet.quiet_tensorflow(), _runs_on(request.data):
        if request.tuning is None or request.output is None:
            pruned = _steps(request, wanted, data, progress)[0].prune(model)
            return _report(request, pruned.layers, _finished(pruned, request.output), notes)
        return _fine_tuned(request, request.tuning, request.output, model, wanted, data, labels, progress, notes)


def _report(
    request: PruneRequest,
    layers: tuple[LayerReport, ...],
    model: Any,
    notes: tuple[str, ...],
    held_out: Scores | None = None,
) -> PruneReport:
    source = str(request.model) if isinstance(request.model, Path) else f"model {request.model.name}"
    return PruneReport(
        source=source,
        pattern=request.pattern,
        output=request.output,
        layers=layers,
        held_out=held_out,
        notes=notes,
        model=model,
    )


def _is_bare(request: PruneRequest, wanted: Wanted) -> bool:
    """Whether weights go with nothing to make up for them, though the user has not asked for that."""
    adjustable = isinstance(wanted, sparsity.NM | sparsity.Unstructured)
    return adjustable and request.data is None and request.tuning is None and request.method is None


def _what_build_says(model: Any, name: str, progress: Progress) -> tuple[str, ...]:
    """Told at once, not after the work: a note if the network will not run."""
    progress("checking that the network runs on boards")
    try:
        refusal = build_check.refusal(int8_model_task.blindly(model), name)
    except ModelError as error:
        refusal = f"`tinyprune build` and `quantize` will refuse this network: {error}"
    if refusal:
        progress(f"warning: {refusal}")
    return (refusal,) if refusal else ()


def _pruned_file(
    request: PruneRequest, path: Path, wanted: Wanted, notes: tuple[str, ...], progress: Progress
) -> PruneReport:
    assert not isinstance(wanted, Channels | Scan)
    progress(f"reading {path}")
    content, layers = int8_model.prune(
        reader.read_bytes(path), str(path), wanted, request.data, progress, request.chosen
    )
    if request.output is not None:
        with files.replacing(request.output) as part:
            part.write_bytes(content)
    return _report(request, layers, content, notes)


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
            if path.suffix == FILE_SUFFIX:
                part.write_bytes(quantize.convert_float(model))
            else:
                model.save(part)
    return model


def _fine_tuned(
    request: PruneRequest,
    tuning: Tuning,
    output: Path,
    model: Any,
    wanted: Wanted,
    data: Any,
    labels: Any,
    progress: Progress,
    notes: tuple[str, ...],
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

    folder = output.with_name(f"{output.name}{unfinished.SUFFIX}")
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
    return _report(request, tuned.pruned.layers, finished, notes, scores)


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
        if request.chosen is None:
            return prune.prune(model, pattern, method, data, reorder=reorder)
        names = request.chosen.of(kernel.name for kernel in kernels.kernels_of(model))
        return prune.prune(model, dict.fromkeys(names, pattern), method, data, reorder=reorder)

    if isinstance(wanted, Channels):
        return [Step(request.pattern, partial(shrink, wanted.share))]
    if isinstance(wanted, Scan):
        return [Step(request.pattern, partial(scan, wanted.sparsity))]
    patterns = prune.schedule(wanted, 1 if request.tuning is None else request.tuning.steps)
    return [
        Step(each.name, partial(prune_to, each, request.reorder and number == 0))
        for number, each in enumerate(patterns)
    ]
