"""What the page of a quantization says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.quantize_report import QuantizeFigures
from tinyprune.pages import charts
from tinyprune.pages.charts import Bar
from tinyprune.pages.page import Page, Section, Step, Table
from tinyprune.pages.parts import agreement_section


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
    if report.layers:
        text = (
            "Signal to quantization noise of each layer's output beside float, with errors of layers before it. "
            "20 dB is an error of a tenth; layers without a difference have no bar."
        )
        rows = [Bar(layer.name, (layer.sqnr_db,)) for layer in report.layers]
        table = [
            (
                layer.name,
                _told(layer.sqnr_db, "{:.1f} dB"),
                _told(layer.largest, "{:.1%}"),
                _told(layer.clipped, "{:.2%}"),
            )
            for layer in report.layers
        ]
        heads = ("layer", "SQNR", "largest error, of the range", "outside of the int8 range")
        yield Section("Error by layer", text, charts.bars(rows, ["SQNR"], "dB"), Table(heads, table))


def _told(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _next_steps(report: QuantizeFigures) -> Iterator[Step]:
    output = report.output or "OUT"
    yield Step("Make firmware, and see that every output is right.", f"tinyprune build --board BOARD --model {output}")
    yield Step("Too much is lost? Give more and real samples, or train with int8 simulated (docs/pruning.md).")
