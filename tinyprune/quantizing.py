"""All of `tinyprune quantize`: Keras model and calibration samples → int8 .tflite, and what int8 costs each layer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyprune import output, samples
from tinyprune.errors import UsageError

if TYPE_CHECKING:
    from tinyprune.quantization_error import LayerError
    from tinyprune.quantize import RangeRule

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class QuantizeRequest:
    model: Path
    calibration: Path  # .npy of real inputs
    output: Path
    ranges: "RangeRule" = "least-error"


def run_quantize(request: QuantizeRequest, progress: Progress) -> "tuple[LayerError, ...]":
    """Raises TinypruneError of every kind; the output appears whole or not at all."""
    if request.output.suffix != ".tflite":
        raise UsageError(f"{request.output}: give -o a name ending in .tflite")
    if request.model.suffix == ".tflite":
        raise UsageError(f"{request.model} is quantized already: `tinyprune build --model` takes it as it is")
    calibration = samples.load_array(request.calibration)
    from tinyprune import quantization_error, quantize

    progress(f"loading {request.model}")
    model = quantize.load_keras(request.model)
    progress(f"quantizing to int8 with {len(calibration)} samples")
    content = quantize.quantize(model, calibration, request.ranges)
    progress("comparing each layer with float")
    errors = quantization_error.layer_errors(model, content, calibration)
    with output.replacing(request.output) as part:
        part.write_bytes(content)
    return errors
