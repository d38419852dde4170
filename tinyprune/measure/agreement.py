"""How an int8 network answers, class by class: beside the float network it was made of, and beside labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reference, samples
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.samples import Source
from tinyprune.errors import UsageError
from tinyprune.training.keras_model import classes_in

Numbers = npt.NDArray[np.int64]

#: From how many samples on a network that gives them all one class is odd.
_FEWEST_SAMPLES = 16
#: The part of the samples on which int8 and float must agree, or it is told.
_LEAST = 0.9


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """Of one class: by the samples' labels, or without these by the float network's answers. What is not known, for
    want of labels or of a float network, is None."""

    number: int
    samples: int
    agree: int | None  # that float and int8 take for the same class
    float_correct: int | None
    int8_correct: int | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of all samples, as for each of the `classes` that occur."""

    samples: int
    agree: int | None
    float_correct: int | None
    int8_correct: int | None
    classes: tuple[ClassAgreement, ...]


def read_labels(source: Source, count: int, classes: int | None, model: str) -> Numbers:
    """The class `[count]` of each sample. Raises DataError for other labels, UsageError for a model without classes,
    which messages call `model`."""
    if classes is None:
        raise UsageError(f"{model} has not an output for each of several classes: leave out --labels")
    return samples.read_labels(source, count, classes, model)


def of_int8(graph: Graph, inputs: Source, labels: Source, model: str) -> Agreement:
    """Of an int8 network with labels. Raises as `read_labels`, and for inputs that do not belong to it."""
    rows = samples.read({"": inputs}, graph)
    classes = classes_in(graph.outputs[0].shape) if len(graph.outputs) == 1 else None
    truth = read_labels(labels, len(rows), classes, model)
    return compare(None, graph.classes(reference.infer(graph, rows)), truth)


def compare(real: Numbers | None, stored: Numbers, truth: Numbers | None) -> Agreement:
    """All `[samples]`: what the float and the int8 network take them for, and their labels; not both None."""
    by = real if truth is None else truth
    assert by is not None
    rows = tuple(
        ClassAgreement(number, *_counts(real, stored, truth, by == number)) for number in np.unique(by).tolist()
    )
    return Agreement(*_counts(real, stored, truth, np.ones(len(stored), bool)), rows)


def _counts(
    real: Numbers | None, stored: Numbers, truth: Numbers | None, which: npt.NDArray[np.bool_]
) -> tuple[int, int | None, int | None, int | None]:
    """How many samples, and on how many of them two agree: float and int8, float and truth, int8 and truth."""

    def equal(one: Numbers | None, other: Numbers | None) -> int | None:
        return None if one is None or other is None else int((one == other)[which].sum())

    return int(which.sum()), equal(real, stored), equal(real, truth), equal(stored, truth)


def oddities(real: Numbers, stored: Numbers) -> Iterator[str]:
    """A sentence for what cannot be right about the answers to calibration samples, `[samples]` each."""
    if len(real) >= _FEWEST_SAMPLES and (real == real[0]).all():
        yield (
            f"the float network gives all {len(real)} samples the same class, {real[0]}: if its outputs are classes, "
            "real inputs of every class are needed, scaled as in training"
        )
    elif len(real) >= _FEWEST_SAMPLES and (stored == stored[0]).all():
        yield (
            f"the int8 network gives all {len(real)} samples the same class, {stored[0]}, the float network does not: "
            "its answer no longer depends on the input"
        )
    elif (real == stored).mean() < _LEAST:
        yield (
            f"int8 and float agree on {(real == stored).mean():.0%} of the samples only: look at the errors by layer "
            "(tinyprune quantize), give more samples, or train with int8 simulated (docs/pruning.md)"
        )
