"""Modelled cycles against the share of zeros, a point for each pattern, as PNG and SVG."""

from pathlib import Path

from benchmarks.measure import Comparison, Row
from tinyprune.errors import MissingDependency

_MARKERS = {"unstructured": ("o", "C0"), "2:4": ("s", "C1"), "1:4": ("^", "C2"), "dense": ("D", "0.2")}


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
    if comparison.peer:
        cycles = comparison.peer.modelled_cycles / 1e6
        axes.axhline(cycles, color="0.4", linestyle="--")
        label = f"{comparison.peer.engine}, dense: {cycles:.2f} M"
        axes.annotate(label, (0, cycles), (0, 4), textcoords="offset points")
    ours = [row for row in comparison.rows if row is not comparison.peer]
    for row in ours:
        marker, color = next(style for word, style in _MARKERS.items() if word in row.pattern)
        axes.plot(100 * row.zeros, row.modelled_cycles / 1e6, marker, color=color)
    _annotate(axes, ours)
    axes.set(
        xlabel="zeros among the weights of convolutions and the fully connected layer, %",
        ylabel="modelled cycles of one inference, millions",
        title=f"{comparison.model} on {comparison.board}, {comparison.compiler}",
        ylim=(0, None),
        xlim=(-3, 103),
    )
    axes.grid(alpha=0.3)
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    figure.savefig(png, dpi=150, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return png, svg


def _annotate(axes: object, rows: list[Row]) -> None:
    """Labels, those of the same point in one."""
    points: dict[tuple[float, float], list[str]] = {}
    for row in rows:
        point = (round(100 * row.zeros), round(row.modelled_cycles / 1e6, 1))
        points.setdefault(point, []).append(row.pattern)
    for (x, y), names in points.items():
        side = "right" if x > 60 else "left"
        axes.annotate(  # type: ignore[attr-defined]
            "\n".join(names), (x, y), (-6 if side == "right" else 6, 6), textcoords="offset points", ha=side, fontsize=8
        )
