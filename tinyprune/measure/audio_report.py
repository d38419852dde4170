"""What microphone firmware recognized in recordings, as data and as JSON."""

import json
from dataclasses import asdict, dataclass

from tinyprune.device.protocol import Clock
from tinyprune.firmware.audio import ear
from tinyprune.measure.hearing_rule import Point
from tinyprune.measure.streams import Tally


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: of a second at most its class, to the board and to the Python chain; of a longer one, or a stream,
    the word that was heard first, or "no word".
    """

    name: str
    seconds: float
    word: str | None
    right: bool | None
    """Whether the word was recognized, and in a longer recording nothing else; None where it is not known."""
    label: str
    score: float
    python_label: str | None
    words: tuple[ear.Heard, ...]
    """What the detector reported on the way."""


@dataclass(frozen=True, slots=True)
class AudioReport:
    board: str
    target: str
    model_sha256: str
    labels: tuple[str, ...]
    asked: int
    """Recordings that were to be heard; `recordings` are those that were."""
    recordings: tuple[Heard, ...]
    known: int
    """Recordings whose word is known, and what share of them was recognized."""
    accuracy_percent: float | None
    python_accuracy_percent: float | None
    compared: int
    """Recordings of one second at most, and how many of them are the same class to the Python chain."""
    agreeing: int
    clock: Clock
    frame_us: float | None
    features_us: float | None
    network_us: float | None
    complete: bool
    error: str | None
    """Why it ended before the last recording; what was heard up to there counts."""
    streams: tuple[Tally, ...]
    """Hits and false alarms by kind of sound, if they were asked for."""
    curve: tuple[Point, ...] = ()
    """The same with those words alone that were reported with at least that score."""
    schema: str = "audio-1"  # of this report: docs/reports.md

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)
