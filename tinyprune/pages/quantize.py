"""What the page of a quantization says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.quantize_report import QuantizeFigures
from tinyprune.pages.page import Page, Section, Step
from tinyprune.pages.parts import agreement_section, error_section


def page(report: QuantizeFigures) -> Page:
    return Page(
        title=f"{report.source} quantized to int8",
        verdict=verdict.of_quantize(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
        next_steps=tuple(_next_steps(report)),
        notes=report.notes,
    )


def _facts(report: QuantizeFigures) -> Iterator[tuple[str, str]]:
    if known := [(layer.sqnr_db, layer.name) for layer in report.layers if layer.sqnr_db is not None]:
        least, name = min(known)
        yield "noisiest layer", f"{name}, {least:.1f} dB"
    if report.output is not None:
        yield "written", report.output


def _sections(report: QuantizeFigures) -> Iterator[Section]:
    yield from agreement_section(report.agreement)
    if report.unknown is not None:
        yield Section("Error by layer", f"Not known: {report.unknown}.")
    yield from error_section(report.layers)


def _next_steps(report: QuantizeFigures) -> Iterator[Step]:
    output = report.output or "OUT"
    yield Step("Make firmware, and see that every output is right.", f"tinyprune build --board BOARD --model {output}")
    yield Step("Too much is lost? Give more and real samples, or train with int8 simulated (docs/pruning.md).")
