"""What a sweep found, as data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """A finished trial."""

    number: int
    model: str
    patterns: Mapping[str, str]
    """Of each prunable layer; "dense" where it can take none that was asked for."""
    quality: float
    """Share of right answers where there are labels, else the signal-to-noise ratio beside the dense network in dB."""
    modelled_cycles: int
    flash_bytes: int
    ram_bytes: int
    within_limits: bool
    on_front: bool
    file: str | None = None
    """The int8 network, of points on the front."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """`labelled`: whether quality is a share of right answers."""

    board: str
    labelled: bool
    points: tuple[SweepPoint, ...]
    schema: str = "sweep-1"  # of this report: docs/reports.md

    @property
    def front(self) -> tuple[SweepPoint, ...]:
        """The trials that no other beats in quality and cycles, the fastest first."""
        return tuple(sorted((p for p in self.points if p.on_front), key=lambda point: point.modelled_cycles))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def told(self, quality: float) -> str:
        """A quality with its unit."""
        return f"{quality:.2%} right" if self.labelled else f"{quality:.1f} dB of dense"
