"""A float network of Keras becomes int8, with all that can be said about the samples that it was calibrated on."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader, reference, samples
from tinyprune.compiler.samples import Source
from tinyprune.errors import ModelError
from tinyprune.measure import agreement
from tinyprune.measure.agreement import Agreement, Numbers
from tinyprune.progress import Progress
from tinyprune.training import calibration, keras_model, quantization_error, quantize
from tinyprune.training.quantization_error import LayerError
from tinyprune.training.quantize import RangeRule

#: How many samples are compared where there are no labels: a mean over classes needs no more.
_COMPARED = 256
_BATCH_SAMPLES = 64


class Quantized(NamedTuple):
    content: bytes
    """The .tflite."""
    notes: tuple[str, ...]
    agreement: Agreement | None
    """None for a network that tells no classes apart."""
    layers: tuple[LayerError, ...]
    """What int8 costs each operator."""
    unknown: str | None
    """Why that is not known, where it is not."""


def quantized(
    model: Any, inputs: npt.NDArray[Any], labels: Source | None, ranges: RangeRule, progress: Progress
) -> Quantized:
    """`inputs` `[samples, *input shape]`, `labels` `[samples]` their classes.

    Raises ModelError, and DataError or UsageError for samples and labels that do not belong to the model.
    """
    classes, name = keras_model.classes_of(model), f"model {model.name}"
    truth = None if labels is None else agreement.read_labels(labels, len(inputs), classes, name)
    progress(f"quantizing to int8 with {len(inputs)} samples")
    content = quantize.quantize(model, inputs, ranges)
    checked = keras_model.check_samples(model, inputs, "calibration")
    notes = calibration.oddities(model, checked)
    progress("comparing the answers with those of float")
    compared = checked if truth is not None else checked[:: -(-len(checked) // _COMPARED)]
    found = _answers(model, content, compared, truth is not None)
    progress("comparing each layer with float")
    errors = _errors(model, content, inputs)
    if found is None:
        return Quantized(content, notes, None, *errors)
    return Quantized(content, notes or tuple(agreement.oddities(*found)), agreement.compare(*found, truth), *errors)


def _errors(model: Any, content: bytes, inputs: npt.NDArray[Any]) -> tuple[tuple[LayerError, ...], str | None]:
    """Of each layer, or none and why."""
    try:
        return quantization_error.layer_errors(model, content, inputs), None
    except ModelError as error:
        return (), str(error)


def _answers(
    model: Any, content: bytes, inputs: npt.NDArray[np.float32], is_labelled: bool
) -> tuple[Numbers, Numbers] | None:
    """The classes `[samples]` that the float and the int8 network give; None where there are none to compare. As many
    outputs as inputs are no classes."""
    try:
        graph = reader.read(content)
    except ModelError:  # nothing here runs it, which is told elsewhere
        return None
    classes = keras_model.classes_of(model)
    if classes is None or not (is_labelled or classes < inputs[0].size) or len(graph.inputs) != 1 or graph.states:
        return None
    batches = np.array_split(inputs, -(-len(inputs) // _BATCH_SAMPLES))
    real = [np.asarray(model(batch, training=False)).reshape(len(batch), -1).argmax(axis=1) for batch in batches]
    rows = samples.quantize(inputs.reshape(len(inputs), *graph.inputs[0].shape), graph.inputs[0], "calibration")
    stored = [graph.classes(reference.infer(graph, batch)) for batch in np.array_split(rows, len(batches))]
    return np.concatenate(real).astype(np.int64), np.concatenate(stored)
