"""All of `tinyprune quantize`: float network and calibration samples → int8 .tflite, and what int8 costs each layer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from tinyprune import files
from tinyprune.compiler import samples
from tinyprune.compiler.samples import Source
from tinyprune.errors import UsageError
from tinyprune.measure.agreement import Agreement
from tinyprune.measure.quantize_report import LayerFigures, QuantizeFigures
from tinyprune.progress import Progress
from tinyprune.tasks import check, values
from tinyprune.tasks.quantized import quantized
from tinyprune.training import keras_model, quantization_error
from tinyprune.training.quantization_error import LayerError
from tinyprune.training.quantize import RangeRule


@dataclass(frozen=True, slots=True, eq=False)
class QuantizeRequest:
    model: Path | Any  # a Keras model, the file of one, or a float .tflite
    calibration: Source  # real inputs
    output: Path | None  # None: nothing is written
    ranges: RangeRule = "least-error"
    labels: Source | None = None  # [samples], the classes of the calibration samples
    trust: bool = False  # the model's file may run code


@dataclass(frozen=True, slots=True, eq=False)
class QuantizeReport:
    """The int8 network, and what int8 costs each of its operators."""

    output: Path | None
    layers: tuple[LayerError, ...]
    unknown: str | None  # why the layers' errors are not known: there is an int8 network all the same
    tflite: bytes = field(repr=False)
    notes: tuple[str, ...] = ()  # what the user should know, such as what `build` will say, or odd samples
    agreement: Agreement | None = None  # with float and with labels; None for a network that tells no classes apart

    source: str = ""  # the model that was given

    @property
    def figures(self) -> QuantizeFigures:
        """As JSON and pages have them."""
        layers = tuple(map(LayerFigures.of, self.layers))
        output = None if self.output is None else str(self.output)
        return QuantizeFigures(self.source, output, layers, self.unknown, self.notes, self.agreement)

    def to_json(self) -> str:
        return self.figures.to_json()


def run_quantize(request: QuantizeRequest, progress: Progress) -> QuantizeReport:
    """Raises TinypruneError of every kind; the output appears whole or not at all."""
    values.one_of("ranges", request.ranges, get_args(RangeRule))
    if request.output is not None and request.output.suffix != ".tflite":
        raise UsageError(f"{request.output}: give -o a name ending in .tflite")
    if request.output is not None and isinstance(request.model, Path):
        values.another_file(request.output, request.model)
    calibration = samples.load_array(request.calibration)
    if isinstance(request.model, Path):
        progress(f"loading {request.model}")
    model = keras_model.given(request.model, trust=request.trust, samples=calibration)
    found = quantized(model, calibration, request.labels, request.ranges, progress)
    refusal = check.refusal(found.content, "the int8 network")
    if request.output is not None:
        with files.replacing(request.output) as part:
            part.write_bytes(found.content)
    told = found.notes or quantization_error.oddities(found.layers)
    notes = (*([refusal] if refusal else []), *told)
    source = str(request.model) if isinstance(request.model, Path) else f"model {model.name}"
    return QuantizeReport(request.output, found.layers, found.unknown, found.content, notes, found.agreement, source)
