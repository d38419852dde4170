"""What the page of a build says."""

from collections.abc import Iterator, Sequence

from tinyprune.compiler.sparsity import DENSE
from tinyprune.measure import cmsis_nn, verdict
from tinyprune.measure.report import BuildReport, LayerReport
from tinyprune.pages import charts
from tinyprune.pages.charts import Bar
from tinyprune.pages.page import Page, Section, Step, Table
from tinyprune.pages.parts import (
    agreement_section,
    arena_section,
    corners_of,
    error_section,
    number,
    of,
    weights_section,
)


def page(report: BuildReport) -> Page:
    return Page(
        title=f"{report.model} on {report.board}",
        verdict=verdict.of_build(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
        next_steps=tuple(_next_steps(report)),
        notes=report.notes,
    )


def _facts(report: BuildReport) -> Iterator[tuple[str, str]]:
    yield "flash", of(report.flash_bytes, report.flash_bytes_available)
    yield "RAM, without the stack", of(report.ram_bytes, report.ram_bytes_available)
    if report.board_ms:
        yield "time of an inference, modelled", verdict.span_ms(report.board_ms)
    if report.modelled_cycles is not None:
        yield "cycles with ideal memory, modelled", f"{report.modelled_cycles:,}"
    if report.stack_bytes is not None:
        yield "stack used in the run", of(report.stack_bytes, report.stack_bytes_reserved)
    if report.accuracy:
        dense = report.accuracy.dense_percent
        beside = "" if dense is None else f" (dense {dense:.2f} %)"
        yield "accuracy, as recorded", f"{report.accuracy.percent:.2f} %{beside} of {report.accuracy.clips:,} clips"
    yield "multiply-accumulates", f"{report.macs:,}"
    yield "compiler", report.compiler
    yield "model's SHA-256", f"{report.model_sha256[:16]}…"


def _sections(report: BuildReport) -> Iterator[Section]:
    if any(layer.modelled_cycles is not None for layer in report.layers):
        yield _cycles(report)
    if all(layer.constant_bytes is not None for layer in report.layers) and report.layers:
        yield _flash(report)
    yield from arena_section(report.arena_map, [layer.name for layer in report.layers], report.arena_bytes)
    yield from agreement_section(report.agreement)
    yield from error_section(report.layer_errors)
    yield from weights_section(corners_of(report.layers))
    yield _layers(report)


def _cycles(report: BuildReport) -> Section:
    columns: dict[str, tuple[str, Sequence[float | None]]] = {
        "as it is": ("", [layer.modelled_cycles for layer in report.layers]),
        "dense (estimated)": (
            " Dense: what the fastest dense kernel is expected to take for the same layer without zeros.",
            [_dense(layer) for layer in report.layers],
        ),
        "CMSIS-NN, dense (modelled)": (
            f" CMSIS-NN: a linear fit to its cycles in the emulator; nine of ten layers within {cmsis_nn.ERROR:.0%}. "
            "Kinds of layers without a fit have no bar.",
            [layer.cmsis_nn_cycles for layer in report.layers],
        ),
    }
    known = {name: column for name, column in columns.items() if any(value is not None for value in column[1])}
    values = zip(*(figures for _, figures in known.values()), strict=True)
    rows = [Bar(layer.name, each) for layer, each in zip(report.layers, values, strict=True)]
    text = f"Modelled, not measured: {report.cost_model}." + "".join(told for told, _ in known.values())
    return Section("Cycles by layer", text, charts.bars(rows, list(known), "cycles"))


def _dense(layer: LayerReport) -> float | None:
    if layer.modelled_cycles is None or layer.dense_cycles_ratio is None:
        return None
    return layer.modelled_cycles * layer.dense_cycles_ratio


def _flash(report: BuildReport) -> Section:
    parts = {layer.name: layer.constant_bytes or 0 for layer in report.layers if layer.constant_bytes}
    rest = report.flash_bytes - sum(parts.values())
    text = "Constants of each layer (weights, biases, requantization), then code and all the rest."
    svg = charts.memory_map({**parts, "code and the rest": rest}, report.flash_bytes_available)
    return Section("Flash", text, svg)


def _layers(report: BuildReport) -> Section:
    heads = ("layer", "output", "pattern", "kernel, and why", "zeros", "MACs", "weights B", "dense B", "cycles")
    rows = [
        (
            layer.name,
            "×".join(map(str, layer.shape)),
            layer.pattern,
            f"{layer.kernel}: {layer.reason}",
            "" if layer.zeros is None else f"{layer.zeros:.0%}",
            f"{layer.macs:,}",
            f"{layer.weights_bytes:,}",
            f"{layer.weights_bytes_dense:,}",
            number(layer.modelled_cycles),
        )
        for layer in report.layers
    ]
    return Section("Layers", table=Table(heads, rows, words=4))


def _next_steps(report: BuildReport) -> Iterator[Step]:
    again = f"tinyprune build --board {report.board} --model MODEL"
    if not report.fits:
        yield Step("It does not fit: try the smallest constants, or the smallest arena.", f"{again} --optimize size")
    if report.inputs_compared == 0:
        yield Step("Its output was not compared. Build it again without --no-run.", again)
    if any(layer.pattern == DENSE and layer.op in ("Conv2D", "FullyConnected") for layer in report.layers):
        prune = "tinyprune prune MODEL --pattern 2:4 --data x.npy -o OUT"
        yield Step("Some layers are dense. See what pruning would bring, and prune.", prune)
    least, ratio = report.arena_bytes_smallest, report.arena_smallest_cycles_ratio
    if least is not None and ratio is not None and least < 0.9 * report.arena_bytes:
        less = f"An arena of {least:,} B is possible, for about {ratio:.1f} times the cycles (expected)."
        yield Step(less, f"{again} --optimize ram")
    here, small, slower = report.constant_bytes, report.constant_bytes_smallest, report.constants_smallest_cycles_ratio
    if here and small is not None and slower is not None and small < 0.95 * here:
        less = f"{here - small:,} B of flash can be saved, for about {slower:.1f} times the cycles (expected)."
        yield Step(less, f"{again} --optimize size")
    if report.fits and report.flash_bytes_available is not None:
        yield Step("Put it on the board, and measure there.", f"tinyprune flash --board {report.board}")
        yield Step("", f"tinyprune bench --board {report.board} --port auto")
