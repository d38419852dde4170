"""What a sweep found, as data."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from tinyprune.compiler.sparsity import DENSE


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
    """The int8 network, of points on the front, and of the one to take."""
    ms: float | None = None
    """Of an inference on the board, modelled with its memory: the upper end."""
    is_narrower: bool = False
    """Whether channels of the model were removed."""
    label: str = ""
    """What to call it, such as its one pattern; empty: its number."""

    @property
    def title(self) -> str:
        return self.label or f"trial {self.number}"

    @property
    def is_dense(self) -> bool:
        return set(self.patterns.values()) <= {DENSE} and not self.is_narrower


@dataclass(frozen=True, slots=True)
class SweepReport:
    """`labelled`: whether quality is a share of right answers; `agreement`: or of answers as the dense network's.
    `estimated`: whether cycles and bytes are estimates, and no firmware was made."""

    board: str
    labelled: bool
    points: tuple[SweepPoint, ...]
    judged: int = 0  # samples that quality is of
    recommended: int | None = None  # number of the trial to take
    reason: str = ""  # why that one, or why none
    agreement: bool = False
    estimated: bool = False
    schema: str = "sweep-1"  # of this report: docs/reports.md

    @property
    def front(self) -> tuple[SweepPoint, ...]:
        """The trials that no other beats in quality and cycles, the fastest first."""
        return tuple(sorted((p for p in self.points if p.on_front), key=lambda point: point.modelled_cycles))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def told(self, quality: float) -> str:
        """A quality with its unit."""
        if self.labelled or self.agreement:
            return f"{quality:.2%} {'right' if self.labelled else 'as dense'}"
        return f"{quality:.1f} dB of dense"

    @property
    def chosen(self) -> SweepPoint | None:
        """The trial to take."""
        return next((point for point in self.points if point.number == self.recommended), None)


def unbeaten(tried: Iterable[tuple[int, float, float]]) -> set[int]:
    """Numbers of the networks (number, quality, cycles) than which none has as much quality for fewer cycles, or more
    for as many."""
    best: set[int] = set()
    highest = -math.inf
    for number, quality, _ in sorted(tried, key=lambda one: (one[2], -one[1], one[0])):
        if quality > highest:
            highest = quality
            best.add(number)
    return best


def recommended(report: SweepReport, most_lost_points: float | None = None) -> SweepReport:
    """The report with the trial to take: within the limits the fastest that loses so much at most beside dense, or
    without such a bound the best one."""
    kept = [point for point in report.points if point.within_limits]
    dense = max((point for point in report.points if point.is_dense), key=lambda point: point.quality, default=None)
    if not kept:
        return replace(report, reason=f"none of {len(report.points)} networks keeps to the limits")
    if most_lost_points is None:
        best = min(kept, key=lambda point: (-point.quality, point.modelled_cycles, point.flash_bytes))
        return _taken(report, best, dense, f"the best of {len(kept)} within the limits")
    if dense is None:
        return replace(report, reason="no dense network has been tried, beside which a loss could be told")
    good = [point for point in kept if 100 * (dense.quality - point.quality) <= most_lost_points + 1e-9]
    if not good:
        best = max(kept, key=lambda point: point.quality)
        lost = 100 * (dense.quality - best.quality)
        return replace(
            report,
            reason=f"none of {len(kept)} networks within the limits loses {most_lost_points:g} points at most; "
            f"{best.title} comes nearest with {lost:.2f}: fine-tune it (tinyprune prune --labels), or allow more",
        )
    fastest = min(good, key=lambda point: (point.modelled_cycles, -point.quality, point.flash_bytes))
    why = f"the fewest cycles of {len(good)} networks within the limits that lose {most_lost_points:g} points at most"
    return _taken(report, fastest, dense, why)


def _taken(report: SweepReport, point: SweepPoint, dense: SweepPoint | None, why: str) -> SweepReport:
    told = report.told(point.quality)
    if (report.labelled or report.agreement) and report.judged:
        error = 100 * math.sqrt(point.quality * (1 - point.quality) / report.judged)
        told += f" ± {error:.2f}"
    about = "about " if report.estimated else ""
    parts = [why, f"{about}{point.modelled_cycles:,} cycles", told, f"{about}{point.flash_bytes:,} B of flash"]
    if dense is not None and dense is not point:
        ratio = dense.modelled_cycles / point.modelled_cycles
        parts.append(f"dense: {report.told(dense.quality)}, {ratio:.2f} times the cycles")
    return replace(report, recommended=point.number, reason="; ".join(parts))
