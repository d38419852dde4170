"""What several pages have."""

from collections.abc import Iterator, Sequence

from tinyprune.compiler.program import Resident
from tinyprune.measure.agreement import Agreement
from tinyprune.measure.check_report import LayerCheck
from tinyprune.measure.hearing_rule import Point
from tinyprune.measure.held_out import LEFT_OUT, OTHER_WORDS, SPEECH
from tinyprune.measure.quantize_report import LayerFigures
from tinyprune.measure.report import LayerReport
from tinyprune.measure.streams import Tally
from tinyprune.pages import charts
from tinyprune.pages.charts import Bar, Corner
from tinyprune.pages.page import Section, Table


def number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def of(used: int | None, available: int | None) -> str:
    """Bytes, and their share of what there is."""
    if used is None or not available:
        return f"{number(used)} B"
    return f"{used:,} of {available:,} B ({used / available:.1%})"


def arena_section(residents: Sequence[Resident], layers: Sequence[str], arena_bytes: int) -> Iterator[Section]:
    """Nothing where a report does not tell."""
    if residents and layers:
        text = "What lies where in the arena, and while which layers run. What shares bytes overlaps."
        yield Section("RAM over the layers", text, charts.arena(residents, layers, arena_bytes))


def confusion_section(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Iterator[Section]:
    """`counts`: of each class the samples that were taken for each. Nothing without samples, or with many classes."""
    if any(map(any, counts)) and len(labels) <= charts.MOST_CLASSES:
        text = "Rows: what a sample is. Columns: what it was taken for."
        yield Section("Confusion", text, charts.confusion(labels, counts))


def agreement_section(found: Agreement | None) -> Iterator[Section]:
    """How int8 answers, class by class. Nothing where a report does not tell."""
    if found is None or not found.classes:
        return
    figures = {"int8 right": "int8_correct", "float right": "float_correct", "int8 and float agree": "agree"}
    series = [name for name, field in figures.items() if getattr(found, field) is not None]
    rows = [
        Bar(f"class {each.number}", [100 * getattr(each, figures[name]) / each.samples for name in series])
        for each in found.classes
    ]
    table = [
        (f"class {each.number}", f"{each.samples:,}", *(f"{getattr(each, figures[name]):,}" for name in series))
        for each in found.classes
    ]
    svg = charts.bars(rows, series, "per cent of the samples")
    yield Section("Answers by class", "", svg, Table(("class", "samples", *series), table))


def error_section(layers: Sequence[LayerFigures]) -> Iterator[Section]:
    """What int8 costs each layer. Nothing where a report does not tell."""
    if not layers:
        return
    text = (
        "Signal to quantization noise of each layer's output beside float, with errors of layers before it. "
        "20 dB is an error of a tenth; layers without a difference have no bar."
    )
    rows = [Bar(layer.name, (layer.sqnr_db,)) for layer in layers]
    table = [
        (
            layer.name,
            _told(layer.sqnr_db, "{:.1f} dB"),
            _told(layer.largest, "{:.1%}"),
            _told(layer.clipped, "{:.2%}"),
        )
        for layer in layers
    ]
    heads = ("layer", "SQNR", "largest error, of the range", "outside of the int8 range")
    yield Section("Error by layer", text, charts.bars(rows, ["SQNR"], "dB"), Table(heads, table))


def _told(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def streams_section(tallies: Sequence[Tally]) -> Iterator[Section]:
    """Nothing without streams."""
    if not tallies:
        return
    rows = [Bar(tally.kind, (tally.false_alarms_an_hour,)) for tally in tallies]
    table = [
        (
            tally.kind,
            f"{tally.seconds / 60:.1f}",
            *(f"{count:,}" for count in (tally.said, tally.hits, tally.false_alarms)),
            f"{tally.false_alarms_an_hour:,.0f}",
        )
        for tally in tallies
    ]
    heads = ("kind of sound", "minutes", "words said", "hits", "false alarms", "false alarms an hour")
    text = "A false alarm is a word that was reported and not said."
    yield Section("Streams", text, charts.bars(rows, ["false alarms"], "an hour"), Table(heads, table))


def curve_section(points: Sequence[Point]) -> Iterator[Section]:
    """Hits over false alarms by kinds of sound. Nothing where a report does not tell, or no words were said."""
    told = [point for point in points if any(tally.said for tally in point.streams)]
    if not told:
        return
    groups = dict.fromkeys(_group(tally.kind) for tally in told[0].streams if not tally.said)
    lines = {
        group: [(_alarms(point, group), _hits(point), f"{group}, threshold {point.threshold:g}") for point in told]
        for group in groups
    }
    rows = [
        (f"{point.threshold:g}", f"{_hits(point):.1f}", *(f"{_alarms(point, group):,.0f}" for group in groups))
        for point in told
    ]
    heads = ("threshold", "% of words hit", *(f"false alarms an hour, {group}" for group in groups))
    svg = charts.curves(lines, "false alarms an hour", "% of words hit") if lines else ""
    text = "What other thresholds of the mean score would do."
    yield Section("Hits over false alarms", text, svg, Table(heads, rows))


def _group(kind: str) -> str:
    if kind in (SPEECH, OTHER_WORDS):
        return kind
    return "kinds left out of training" if kind.endswith(LEFT_OUT) else "sounds"


def _hits(point: Point) -> float:
    return 100 * sum(tally.hits for tally in point.streams) / sum(tally.said for tally in point.streams)


def _alarms(point: Point, group: str) -> float:
    tallies = [tally for tally in point.streams if not tally.said and _group(tally.kind) == group]
    seconds = sum(tally.seconds for tally in tallies)
    return 3600 * sum(tally.false_alarms for tally in tallies) / seconds if seconds else 0.0


def corners_of(layers: Sequence[LayerReport] | Sequence[LayerCheck]) -> list[Corner]:
    return [(layer.name, layer.pattern, layer.weights_corner) for layer in layers]


def weights_section(layers: Sequence[Corner]) -> Iterator[Section]:
    """Nothing where a report does not tell."""
    known = [layer for layer in layers if any(layer[2])]
    if not known:
        return
    text = "A piece of each layer's weights: output channels downward, taps to the right, zeros left blank."
    if len(known) > charts.MOST_CORNERS:
        text += f" The first {charts.MOST_CORNERS} of {len(known)} layers."
    yield Section("Sparsity by layer", text, charts.corners(known[: charts.MOST_CORNERS]))
