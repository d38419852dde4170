"""Modelled cycles against the share of zeros, a point for each pattern, as PNG and SVG."""

from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Row
from tinyprune.errors import MissingDependency

_MARKERS = {"dense": "D", "2:4": "s", "2:4g2": "<", "2:4g4": ">", "1:4": "^"}
_UNSTRUCTURED = "unstructured"


def draw(comparison: Comparison, stem: Path) -> tuple[Path, Path]:
    """Writes `stem`.png and `stem`.svg. Raises MissingDependency without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise MissingDependency("the plot needs matplotlib: `pip install matplotlib` (extra: bench)") from None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "tinyprune"  # the same file for the same numbers
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    rows = [row for row in comparison.rows if row.engine.endswith("speed")]
    _points(axes, rows)
    if comparison.peer:
        cycles = comparison.peer.modelled_cycles / 1e6
        axes.axhline(cycles, color="0.4", linestyle="--", label=f"{comparison.peer.engine}, dense")
    highest = max(row.modelled_cycles for row in (*rows, *comparison.rows[:1]))
    axes.set(
        xlabel="zeros among the weights of convolutions and the fully connected layer, %",
        ylabel="modelled cycles of one inference, millions",
        title=f"{comparison.model} on {comparison.board}, {comparison.compiler}",
        ylim=(0, 1.08e-6 * highest),
        xlim=(-3, 103),
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    figure.savefig(png, dpi=150, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return png, svg


def _points(axes: Any, rows: list[Row]) -> None:
    """One marker a pattern; the unstructured ones on a line, since only their share of zeros differs."""
    line = [row for row in rows if row.pattern.startswith(_UNSTRUCTURED)]
    for row in rows:
        if row not in line:
            axes.plot(*_point(row), _MARKERS.get(row.pattern, "o"), markerfacecolor="none", label=row.pattern)
    if line:
        axes.plot(*zip(*(_point(row) for row in line), strict=True), "o-", markersize=4, label=_UNSTRUCTURED)


def _point(row: Row) -> tuple[float, float]:
    return 100 * row.zeros, row.modelled_cycles / 1e6
