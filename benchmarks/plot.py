"""A comparison as pictures: cycles against the share of zeros, and the README's bars."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Row
from tinyprune import files
from tinyprune.errors import MissingDependency
from tinyprune.pages import svg

_MARKERS = {"dense": "D", "2:4": "s", "2:4g2": "<", "2:4g4": ">", "1:4": "^"}
_UNSTRUCTURED = "unstructured"
#: Rows of the README's picture: goal and pattern of ours.
_SHOWN = {
    ("speed", "dense"): "tinyprune, dense",
    ("speed", "2:4"): "tinyprune, pruned 2:4",
    ("size", "2:4"): "2:4, --optimize size",
}


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


def overview(comparison: Comparison, path: Path) -> None:
    """Cycles and flash of the peers and of ours as bars: what the kernels bring and what sparsity, told apart."""
    rows = [(name, row) for row in comparison.rows if (name := _name(row))]
    with svg.canvas(0.42 * len(rows) + 0.85) as canvas:
        left, right = canvas.figure.subplots(1, 2, sharey=True)
        _bars(left, rows, [row.modelled_cycles / 1e6 for _, row in rows], "{:.2f} M", _gains(comparison, rows))
        _bars(right, rows, [row.flash_bytes / 1000 for _, row in rows], "{:.1f} kB", [""] * len(rows))
        left.set_title("cycles of an inference, modelled", loc="left", fontsize=9)
        right.set_title("flash of the whole program", loc="left", fontsize=9)
        left.set_yticks(range(len(rows)), [name for name, _ in rows])
        left.set_ylim(len(rows) - 0.4, -0.6)
        described = "; ".join(f"{name}: {row.modelled_cycles:,} cycles, {row.flash_bytes:,} B" for name, row in rows)
        picture = canvas.svg(f"{comparison.model} on {comparison.board}. {described}", alone=True)
    with files.whole(path) as part:
        part.write_text(picture, encoding="utf-8")


def _name(row: Row) -> str:
    """Nothing for rows that the picture leaves out."""
    if row.engine.startswith("CMSIS-NN"):
        return "CMSIS-NN"
    if row.engine.startswith("TFLite Micro"):
        return "TFLite Micro + CMSIS-NN"
    return _SHOWN.get((row.engine.removeprefix("tinyprune, "), row.pattern), "")


def _gains(comparison: Comparison, rows: Sequence[tuple[str, Row]]) -> list[str]:
    """Of each row, how many times as fast as CMSIS-NN it is, and by what."""
    dense = next((row for name, row in rows if name == _SHOWN["speed", "dense"]), None)
    gains = []
    for _, row in rows:
        speed = comparison.speed_up(row)
        if speed is None or dense is None or not row.engine.startswith("tinyprune"):
            gains.append("")
        elif row is dense:
            gains.append(f"{speed:.1f}× by the kernels")
        else:
            sparsity = dense.modelled_cycles / row.modelled_cycles
            by = f", another {sparsity:.1f}× by sparsity" if row.engine.endswith("speed") else ""
            gains.append(f"{speed:.1f}×{by}")
    return gains


def _bars(axes: Any, rows: Sequence[tuple[str, Row]], values: Sequence[float], unit: str, told: Sequence[str]) -> None:
    for place, ((_, row), value, more) in enumerate(zip(rows, values, told, strict=True)):
        ours = row.engine.startswith("tinyprune")
        axes.barh(place, value, 0.62, color=svg.NOW if ours else svg.OTHER)
        axes.text(value, place, f"\u00a0{unit.format(value)}\u2002{more}", va="center", fontsize=8)
    axes.set_xlim(0, 1.45 * max(values))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
