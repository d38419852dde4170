"""What `tinyprune prune` is asked for, and whether its parts go together."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_args

from tinyprune.compiler import sparsity
from tinyprune.compiler.samples import Source
from tinyprune.errors import UsageError
from tinyprune.tasks import values
from tinyprune.tasks.int8_model import FILE_SUFFIX, KERAS_SUFFIXES, TORCH_SUFFIX, is_float
from tinyprune.training.prune import Method
from tinyprune.training.prune.chosen import Chosen

#: Before the per cent of channels to remove.
CHANNELS = "channels-"


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


def chosen(layers: Sequence[str] | None, others_than: Sequence[str] | None) -> Chosen | None:
    """The layers that are asked for: some, or all but some."""
    if layers and others_than:
        raise UsageError("give --layers or --except, not both")
    names = layers or others_than
    return Chosen(tuple(names), others=bool(others_than)) if names else None


@dataclass(frozen=True, slots=True, eq=False)
class PruneRequest:
    model: Path | Any  # a Keras model, or the file of one; or a .tflite, float or int8
    output: Path | None  # None: nothing is written
    pattern: str
    method: Method | None = None  # None: the best that the data allow
    data: Source | None = None  # inputs
    sparsity: float | None = None  # share of zeros, for patterns that do not say it
    reorder: bool = False  # channels, so that N:M loses less
    tuning: Tuning | None = None
    trust: bool = False  # the model's file may run code
    chosen: Chosen | None = None  # layers; None: all that can be


def in_place(model: Path | Any) -> bool:
    """Whether it is the path of an int8 .tflite, whose weights are overwritten."""
    return isinstance(model, Path) and model.suffix == FILE_SUFFIX and not is_float(model)


def wanted_of(request: PruneRequest) -> Wanted:
    """Raises UsageError for a pattern that is unknown, or that other options do not go with."""
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
    if text.startswith(CHANNELS):
        return channels(text)
    try:
        return sparsity.parse(text) if share is None else sparsity.Unstructured(share)
    except ValueError as error:
        raise UsageError(str(error)) from None


def channels(text: str) -> Channels:
    """Of channels-50 and the like. Raises UsageError for others that begin so."""
    if found := re.fullmatch(rf"{CHANNELS}(\d+(?:\.\d+)?)", text):
        return Channels(float(found[1]) / 100)
    raise UsageError(f"unknown pattern {text!r}: give {CHANNELS}50 (per cent of the channels)")


def check(request: PruneRequest, wanted: Wanted) -> None:
    """Raises UsageError where the parts do not go together."""
    if in_place(request.model):
        _check_file(request, wanted)
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
    if request.chosen is not None and isinstance(wanted, Channels | Scan):
        raise UsageError(f"{request.pattern} is a pattern of all layers together: leave out --layers and --except")
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


def _check_file(request: PruneRequest, wanted: Wanted) -> None:
    """What can be done to an int8 .tflite: weights go, and those that stay are adjusted."""
    given = {
        "--labels": request.tuning is not None,
        "--method match": request.method == "match",
        "--reorder": request.reorder,
        f"--pattern {request.pattern}": isinstance(wanted, Channels | Scan),
    }
    wrong = [option for option, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)}: only with a Keras model or a float .tflite, which can be trained and rebuilt; of an "
            "int8 .tflite, weights go by --method reconstruct (with --data) or magnitude"
        )
    if request.method == "reconstruct" and request.data is None:
        raise UsageError("--method reconstruct needs --data x.npy, real inputs of the model, no labels")


def _check_output(request: PruneRequest) -> None:
    output = request.output
    if output is None:
        if request.tuning is not None:
            raise UsageError("--labels go with -o: the checkpoints of the training lie beside the output")
        return
    is_file = isinstance(request.model, Path) and request.model.suffix in (FILE_SUFFIX, TORCH_SUFFIX)
    if in_place(request.model):
        if output.suffix != FILE_SUFFIX:
            raise UsageError(f"{output}: a pruned int8 .tflite is a .tflite; give -o a name ending in {FILE_SUFFIX}")
    elif output.suffix not in (*KERAS_SUFFIXES, *((FILE_SUFFIX,) if is_file else ())):
        also = f", or in {FILE_SUFFIX}" if is_file else ""
        raise UsageError(f"{output}: the pruned model is a Keras file; give -o a name ending in .keras or .h5{also}")
    if isinstance(request.model, Path):
        values.another_file(output, request.model)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; give -o another name")
