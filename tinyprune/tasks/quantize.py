"""All of `tinyprune quantize`: Keras model and calibration samples → int8 .tflite, and what int8 costs each layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tinyprune import files
from tinyprune.compiler import samples
from tinyprune.errors import ModelError, UsageError
from tinyprune.progress import Progress
from tinyprune.training import keras_model, quantization_error, quantize
from tinyprune.training.quantization_error import LayerError
from tinyprune.training.quantize import RangeRule


@dataclass(frozen=True, slots=True)
class QuantizeRequest:
    model: Path
    calibration: Path  # .npy of real inputs
    output: Path
    ranges: RangeRule = "least-error"


class QuantizeReport(NamedTuple):
    layers: tuple[LayerError, ...]
    unknown: str
    """Why the layers' errors are not known: the int8 network is written all the same; empty where they are."""


def run_quantize(request: QuantizeRequest, progress: Progress) -> QuantizeReport:
    """Raises TinypruneError of every kind; the output appears whole or not at all."""
    if request.output.suffix != ".tflite":
        raise UsageError(f"{request.output}: give -o a name ending in .tflite")
    if request.model.suffix == ".tflite":
        raise UsageError(f"{request.model} is quantized already: `tinyprune build --model` takes it as it is")
    calibration = samples.load_array(request.calibration)
    progress(f"loading {request.model}")
    model = keras_model.load(request.model)
    progress(f"quantizing to int8 with {len(calibration)} samples")
    content = quantize.quantize(model, calibration, request.ranges)
    progress("comparing each layer with float")
    try:
        report = QuantizeReport(quantization_error.layer_errors(model, content, calibration), "")
    except ModelError as error:
        report = QuantizeReport((), str(error))
    with files.replacing(request.output) as part:
        part.write_bytes(content)
    return report
