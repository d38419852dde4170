"""What the page of a benchmark says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.bench_report import BenchAccuracy, BenchReport
from tinyprune.pages import charts
from tinyprune.pages.charts import Bar
from tinyprune.pages.page import Page, Section, Table
from tinyprune.pages.parts import confusion_section


def page(report: BenchReport) -> Page:
    return Page(
        title=f"{report.network} on {report.board}: benchmark",
        verdict=verdict.of_bench(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
    )


def _facts(report: BenchReport) -> Iterator[tuple[str, str]]:
    yield "where it ran", report.target
    yield "when", report.when
    if report.latency:
        yield f"time of an inference, clock: {report.latency.clock}", f"{report.latency.median_us / 1e3:,.3f} ms"
    if report.board_ms:
        yield "time on the board, modelled", verdict.span_ms(report.board_ms)
    if report.modelled_cycles:
        yield "cycles with ideal memory, modelled", f"{report.modelled_cycles.median:,}"
    if report.accuracy:
        yield "accuracy", f"{report.accuracy.percent:.2f} % of {report.accuracy.samples:,} samples"
    yield "flash", f"{report.flash_bytes:,} B"
    yield "RAM, without the stack", f"{report.ram_bytes:,} B"
    yield "compiler", report.compiler


def _sections(report: BenchReport) -> Iterator[Section]:
    spreads = {"cycles, modelled": report.modelled_cycles, "instructions": report.instructions}
    rows = [
        (name, *(f"{value:,}" for value in (each.min, each.median, each.max))) for name, each in spreads.items() if each
    ]
    if latency := report.latency:
        times = (f"{value:,.1f}" for value in (latency.min_us, latency.median_us, latency.max_us))
        rows.insert(0, (f"time in µs, clock: {latency.clock}", *times))
    if rows:
        yield Section("One inference", table=Table(("what", "least", "median", "most"), rows))
    if report.accuracy:
        yield _accuracy(report.accuracy)
        yield from confusion_section(report.accuracy.labels, report.accuracy.confusion)


def _accuracy(accuracy: BenchAccuracy) -> Section:
    rows = [
        Bar(each.label, (100 * each.correct / each.samples if each.samples else None,)) for each in accuracy.classes
    ]
    table = [(each.label, f"{each.correct:,}", f"{each.samples:,}") for each in accuracy.classes]
    return Section(
        "Accuracy by class",
        f"Of the samples in {accuracy.folder}.",
        charts.bars(rows, ["right"], "per cent"),
        Table(("class", "right", "samples"), table),
    )
