"""What came of a training on recordings, as data and as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tinyprune.measure.hearing_rule import Point
from tinyprune.measure.streams import Tally
from tinyprune.sound.detector import Rule


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What came of it, measured with the int8 network on what was held out."""

    output: Path
    """The .tflite; beside it the entry's .json, and the float weights as .npz."""
    labels: tuple[str, ...]
    training_clips: dict[str, int]
    held_out_clips: dict[str, int]
    groups: int
    """Speakers, or files where nothing tells them, that are held out."""
    accuracy_percent: float
    error_points: float
    """Standard error of the accuracy, as if clips were independent."""
    words_percent: float
    """Of the clips of words alone; silence is easier."""
    words_error_points: float
    """Standard error of that, larger where some speakers are understood and others are not."""
    float_accuracy_percent: float
    dense_accuracy_percent: float
    """Of the network before pruning, int8 as well."""
    confusion: tuple[tuple[int, ...], ...]
    """For each label the held-out clips that were taken for each label."""
    rule: Rule
    """When a word counts as heard; chosen on half of what was held out where that is much, else the default."""
    streams: tuple[Tally, ...]
    """Hits and false alarms in streams of what was held out, or of the other half, by kind."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    front_end: str = "mfcc10"
    """What the network hears of a second: a name in `sound/features.py`."""
    curve: tuple[Point, ...] = ()
    """The same streams by the same rule with other thresholds."""
    schema: str = "train-1"  # of this report: docs/reports.md

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"output": str(self.output)}, indent=2)
