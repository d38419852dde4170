"""What the page of a sweep says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.sweep_report import SweepPoint, SweepReport
from tinyprune.pages import charts
from tinyprune.pages.page import Page, Section, Step, Table


def page(report: SweepReport) -> Page:
    return Page(
        title=f"Sweep for {report.board}",
        verdict=verdict.of_sweep(report),
        facts=tuple(_facts(report)),
        sections=tuple(sections(report)),
        next_steps=tuple(_next_steps(report)),
    )


def _facts(report: SweepReport) -> Iterator[tuple[str, str]]:
    inside = sum(point.within_limits for point in report.points)
    yield "trials", f"{len(report.points)}, {inside} within limits, {len(report.front)} on the Pareto front"
    if report.judged:
        yield "judged on", f"{report.judged:,} samples"
    if (point := report.chosen) is not None:
        yield "to take", f"trial {point.number}, {point.model}"
        yield "its patterns", _patterns(point)
        yield "its flash", f"{point.flash_bytes:,} B"
        yield "its RAM, with the stack", f"{point.ram_bytes:,} B"
        if point.ms is not None:
            yield "its inference on the board, modelled", f"{point.ms:.2f} ms at most"


def sections(report: SweepReport) -> Iterator[Section]:
    """The trials as a picture and as a table, also for the page of a network that is pruned as recommended."""
    quality = "signal to noise beside the dense network, dB"
    if report.labelled or report.agreement:
        quality = "right answers" if report.labelled else "answers as the dense network's"
    text = (
        "Each point is a trial. Point at one to see its patterns. The line is the Pareto front; hollow points are "
        "outside of the limits; the ring is the network to take."
    )
    dots = [
        charts.Dot(
            point.modelled_cycles,
            point.quality,
            _told(report, point),
            point.on_front,
            point.within_limits,
            point is report.chosen,
        )
        for point in report.points
    ]
    if dots:
        yield Section(
            "Quality and cycles",
            text,
            charts.front(dots, "cycles, estimated" if report.estimated else "cycles, modelled", quality),
        )
    heads = ("file", "model", "patterns", "quality", "cycles", "flash B", "RAM B", "")
    rows = [
        (
            point.file or point.label,
            point.model,
            _patterns(point),
            report.told(point.quality),
            f"{point.modelled_cycles:,}",
            f"{point.flash_bytes:,}",
            f"{point.ram_bytes:,}",
            "take it" if point is report.chosen else "",
        )
        for point in report.front
    ]
    yield Section("The front", "None of the trials beats these.", table=Table(heads, rows, words=3))


def _patterns(point: SweepPoint) -> str:
    return ", ".join(f"{layer} {pattern}" for layer, pattern in point.patterns.items())


def _told(report: SweepReport, point: SweepPoint) -> str:
    figures = f"{point.modelled_cycles:,} cycles, {report.told(point.quality)}"
    return f"{', '.join(filter(None, (point.title, point.model)))}: {figures}; {_patterns(point)}"


def _next_steps(report: SweepReport) -> Iterator[Step]:
    if report.front:
        file = report.chosen.file if report.chosen and report.chosen.file else "OUT/FILE"
        build = f"tinyprune build --board {report.board} --model {file}"
        yield Step("Make firmware of it.", build)
        yield Step(
            "Fine-tune the model with these patterns: training wins back a part of what is lost (docs/pruning.md)."
        )
    else:
        yield Step("Nothing is within the limits: allow more cycles or memory, other patterns, or a smaller model.")
