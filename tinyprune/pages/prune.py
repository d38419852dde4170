"""What the page of a pruning says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.prune_report import PruneFigures
from tinyprune.pages import charts, sweep
from tinyprune.pages.charts import Bar
from tinyprune.pages.page import Page, Section, Step, Table
from tinyprune.pages.parts import weights_section


def page(report: PruneFigures) -> Page:
    return Page(
        title=f"{report.source or 'A network'} pruned" + (f" to {report.pattern}" if report.pattern else ""),
        verdict=verdict.of_prune(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
        next_steps=tuple(_next_steps(report)),
        notes=report.notes,
    )


def _facts(report: PruneFigures) -> Iterator[tuple[str, str]]:
    weights, zeros = (sum(getattr(layer, name) for layer in report.layers) for name in ("weights", "zeros"))
    removed = sum(layer.removed for layer in report.layers)
    if weights:
        yield "weights of the dense network", f"{weights:,}"
        yield "of them zero now", f"{zeros:,} ({zeros / weights:.1%})"
    if removed:
        yield "removed with their channels", f"{removed:,} ({removed / weights:.1%})"
    if scores := report.held_out:
        for name, value in (("dense", scores.dense), ("pruned", scores.pruned), ("trained on", scores.fine_tuned)):
            yield f"{scores.metric}, {name}", f"{value:.4f}"
        yield "samples held out", f"{scores.samples:,}"
    if report.output is not None:
        yield "written", str(report.output)


def _sections(report: PruneFigures) -> Iterator[Section]:
    if report.recommendation is not None:
        yield from sweep.sections(report.recommendation)
    if report.layers:
        yield from _layers(report)


def _layers(report: PruneFigures) -> Iterator[Section]:
    rows = [
        Bar(layer.name, (layer.weights - layer.zeros - layer.removed, layer.zeros + layer.removed))
        for layer in report.layers
    ]
    yield Section("Weights by layer", svg=charts.bars(rows, ["kept", "zero or removed"], "weights"))
    corners = [(layer.name, _state(layer.pruned), layer.weights_corner) for layer in report.layers]
    yield from weights_section(corners)
    heads = ("layer", "kind", "what became of it", "weights", "zero", "removed")
    table = [
        (
            layer.name,
            layer.kind,
            layer.reason if layer.pruned else f"not pruned: {layer.reason}",
            *(f"{count:,}" for count in (layer.weights, layer.zeros, layer.removed)),
        )
        for layer in report.layers
    ]
    yield Section("Layers", table=Table(heads, table, words=3))


def _state(pruned: bool) -> str:
    return "pruned" if pruned else "not pruned"


def _next_steps(report: PruneFigures) -> Iterator[Step]:
    if report.recommendation is not None and report.recommendation.chosen is None:
        yield Step(
            "No pattern keeps to the limits. Search a pattern for each layer, or sizes.", "tinyprune sweep --help"
        )
        return
    output = report.source if report.output is None else str(report.output)
    if output.endswith(".tflite"):
        yield Step("See what the zeros bring on your board.", f"tinyprune check {output} --board BOARD")
    else:
        yield Step(
            "Quantize it to int8, with real inputs.", f"tinyprune quantize {output} --calibration x.npy -o int8.tflite"
        )
    yield Step("Make firmware, and see that every output is right.", f"tinyprune build --board BOARD --model {output}")
