"""What int8 costs each layer, and how the int8 network answers, as data and as JSON."""

import json
import math
from dataclasses import asdict, dataclass

from tinyprune.measure.agreement import Agreement
from tinyprune.training.quantization_error import LayerError


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """As `LayerError` of training, with None for what JSON cannot say: ∞ where there is no difference."""

    name: str
    sqnr_db: float | None
    largest: float | None
    clipped: float | None

    @classmethod
    def of(cls, error: LayerError) -> "LayerFigures":
        return cls(error.name, *map(_finite, (error.sqnr_db, error.largest, error.clipped)))


def _finite(value: float) -> float | None:
    """None for what JSON cannot say."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class QuantizeFigures:
    """Of one `tinyprune quantize`."""

    source: str  # the model that was given
    output: str | None
    layers: tuple[LayerFigures, ...]
    unknown: str | None  # why the layers' errors are not known
    notes: tuple[str, ...] = ()
    agreement: Agreement | None = None  # with float and with labels
    schema: str = "quantize-1"  # of this report: docs/reports.md

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)
