"""What pruning did with each layer, and what it cost, as data and as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tinyprune.measure.sweep_report import SweepReport
from tinyprune.training.fine_tuning import Scores
from tinyprune.training.prune import LayerReport


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PruneFigures:
    """Of one `tinyprune prune`; `held_out` are the scores on samples that training did not see, if it had labels."""

    source: str = ""  # the model that was given
    pattern: str = ""
    output: Path | None
    layers: tuple[LayerReport, ...]
    held_out: Scores | None = None
    notes: tuple[str, ...] = ()  # what the user should know, a sentence each
    recommendation: SweepReport | None = None  # with --pattern auto: what was tried, and why this pattern
    schema: str = "prune-1"  # of this report: docs/reports.md

    def to_json(self) -> str:
        shown = {
            "source": self.source,
            "pattern": self.pattern,
            "output": None if self.output is None else str(self.output),
            "layers": [asdict(layer) for layer in self.layers],
            "notes": self.notes,
            "schema": self.schema,
        }
        more = {"held_out": self.held_out, "recommendation": self.recommendation}
        return json.dumps(shown | {name: asdict(found) for name, found in more.items() if found is not None}, indent=2)
