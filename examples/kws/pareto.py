"""What the results show at a glance: int8 accuracy against modelled cycles and against flash, as PNG and SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tables

from tinyprune import files

#: Axis → its label and the factor from the rows' unit.
AXES = {"modelled_cycles": ("modelled Cortex-M4 cycles, millions", 1e-6), "flash_bytes": ("flash, KiB", 1 / 1024)}
MARKERS = {"S": "o", "M": "s", "L": "^"}
#: Per cent that the axis ends above; the scale is the logarithm of what is missing to it.
TOP = 95.5
MARKS = {
    "accuracy": (70, 80, 85, 88, 90, 91, 92, 93, 94, 95),
    "modelled_cycles": (1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40),
    "flash_bytes": (30, 40, 50, 70, 100, 150, 200, 300, 400, 600, 1000),
}


def plot(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `folder`/pareto.png and .svg from int8 rows of results.json; nothing where no row has cycles."""
    points = [row for row in rows if all(row[axis] is not None for axis in AXES)]
    if not points:
        return
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    with mpl.rc_context({"svg.hashsalt": "tinyprune", "svg.fonttype": "none", "font.size": 9}):
        figure, panels = pyplot.subplots(1, len(AXES), figsize=(12, 5), sharey=True, layout="constrained")
        for panel, (axis, (label, factor)) in zip(panels, AXES.items(), strict=True):
            _panel(panel, points, axis, factor)
            panel.set_xlabel(label)
        panels[0].set_ylabel("int8 accuracy on validation clips, %")
        figure.legend(handles=_legend(points), loc="outside right upper", frameon=False)
        for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            with files.whole(folder / f"pareto.{suffix}") as part:
                figure.savefig(part, dpi=110, metadata=metadata)
        pyplot.close(figure)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, accuracy) those that none beats in both, by rising cost."""
    best: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or accuracy > best[-1][1]:
            best.append((cost, accuracy))
    return best


def _panel(panel: Any, points: Sequence[dict[str, Any]], axis: str, factor: float) -> None:
    """A marker for each row, the front as a line."""
    colours = _colours(points)
    for row in points:
        style = {"marker": MARKERS[row["model"][-1]], "color": colours[row["pattern"]]}
        face = "none" if row["method"].startswith(tables.MATCH) else colours[row["pattern"]]
        panel.plot(row[axis] * factor, row["accuracy"], linestyle="none", markerfacecolor=face, **style)
    best = front([(row[axis] * factor, row["accuracy"]) for row in points])
    panel.step(*zip(*best, strict=True), where="post", color="0.7", zorder=0)
    panel.set_xscale("log")
    panel.set_yscale("function", functions=(_from_accuracy, _to_accuracy))
    costs, accuracies = ([row[key] for row in points] for key in (axis, "accuracy"))
    panel.set_xlim(min(costs) * factor / 1.15, max(costs) * factor * 1.15)
    panel.set_ylim(_to_accuracy(_from_accuracy(min(accuracies)) - 0.1), min(TOP - 0.1, max(accuracies) + 0.2))
    for ticks, marks in ((panel.xaxis, MARKS[axis]), (panel.yaxis, MARKS["accuracy"])):
        low, high = ticks.get_view_interval()
        shown = [mark for mark in marks if low <= mark <= high]
        ticks.set_ticks(shown, [f"{mark:g}" for mark in shown])
        ticks.set_ticks([], minor=True)
    panel.grid(visible=True, alpha=0.3)


def _from_accuracy(accuracy: Any) -> Any:
    return -np.log(np.maximum(TOP - np.asarray(accuracy), 1e-9))


def _to_accuracy(height: Any) -> Any:
    return TOP - np.exp(-np.asarray(height))


def _colours(points: Sequence[dict[str, Any]]) -> dict[str, str]:
    """By pattern; black for dense."""
    patterns = dict.fromkeys(row["pattern"] for row in points)
    return {pattern: "black" if pattern == tables.DENSE else f"C{n}" for n, pattern in enumerate(patterns)}


def _legend(points: Sequence[dict[str, Any]]) -> list[Any]:
    from matplotlib.lines import Line2D

    def entry(label: str, **style: Any) -> Any:
        return Line2D([], [], label=label, **({"linestyle": "none", "color": "0.5"} | style))

    sizes = {row["model"][-1]: None for row in points}
    return [
        *(entry(f"DS-CNN {size}", marker=MARKERS[size]) for size in sizes),
        *(entry(pattern, marker="o", color=colour) for pattern, colour in _colours(points).items()),
        entry("without labels", marker="o", markerfacecolor="none"),
        entry("the front", linestyle="-", color="0.7"),
    ]
