"""What the page of a sweep says."""

from collections.abc import Iterator

from tinyprune.measure.sweep_report import SweepPoint, SweepReport
from tinyprune.measure.verdict import Verdict
from tinyprune.pages import charts
from tinyprune.pages.page import Page, Section, Step, Table


def page(report: SweepReport) -> Page:
    return Page(
        title=f"Sweep for {report.board}",
        verdict=_verdict(report),
        facts=(),
        sections=tuple(_sections(report)),
        next_steps=tuple(_next_steps(report)),
    )


def _verdict(report: SweepReport) -> Verdict:
    inside = sum(point.within_limits for point in report.points)
    found = f"{len(report.points)} trials, {inside} within limits, {len(report.front)} that none beats"
    return Verdict(found, "good" if report.front else "bad")


def _sections(report: SweepReport) -> Iterator[Section]:
    quality = "right answers" if report.labelled else "signal to noise beside the dense network, dB"
    text = (
        "Each point is a trial. Point at one to see its patterns. The line is the front; hollow: outside of the limits."
    )
    dots = [
        charts.Dot(point.modelled_cycles, point.quality, _told(report, point), point.on_front, point.within_limits)
        for point in report.points
    ]
    if dots:
        yield Section("Quality and cycles", text, charts.front(dots, "cycles, modelled", quality))
    heads = ("file", "model", "patterns", "quality", "cycles", "flash B", "RAM B")
    rows = [
        (
            point.file or "",
            point.model,
            _patterns(point),
            report.told(point.quality),
            f"{point.modelled_cycles:,}",
            f"{point.flash_bytes:,}",
            f"{point.ram_bytes:,}",
        )
        for point in report.front
    ]
    yield Section("The front", "None of the trials beats these.", table=Table(heads, rows, words=3))


def _patterns(point: SweepPoint) -> str:
    return ", ".join(f"{layer} {pattern}" for layer, pattern in point.patterns.items())


def _told(report: SweepReport, point: SweepPoint) -> str:
    figures = f"{point.modelled_cycles:,} cycles, {report.told(point.quality)}"
    return f"trial {point.number}, {point.model}: {figures}; {_patterns(point)}"


def _next_steps(report: SweepReport) -> Iterator[Step]:
    if report.front:
        build = f"tinyprune build --board {report.board} --model OUT/FILE"
        yield Step("Take a file of the front, and make firmware of it.", build)
    else:
        yield Step("Nothing is within the limits: allow more cycles or memory, other patterns, or a smaller model.")
