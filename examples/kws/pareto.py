"""What the results show at a glance: int8 accuracy against modelled cycles and against flash, as PNG and SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Axis → its label and the factor from the rows' unit.
AXES = {"modelled_cycles": ("modelled Cortex-M4 cycles, millions", 1e-6), "flash_bytes": ("flash, KiB", 1 / 1024)}
#: Methods that a label leaves out.
UNNAMED = ("trained", "fine-tuned")
MARKERS = {"S": "o", "M": "s", "L": "^"}


def plot(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `folder`/pareto.png and .svg from the rows of results.json; nothing where no row has cycles."""
    points = [row for row in rows if row["bits"] == 8 and row["modelled_cycles"] is not None]
    if not points:
        return
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    with mpl.rc_context({"svg.hashsalt": "tinyprune", "svg.fonttype": "none", "font.size": 9}):
        figure, panels = pyplot.subplots(1, len(AXES), figsize=(12, 5), sharey=True, layout="constrained")
        for panel, (axis, (label, factor)) in zip(panels, AXES.items(), strict=True):
            _panel(panel, [row for row in points if row.get(axis) is not None], axis, factor)
            panel.set_xlabel(label)
        panels[0].set_ylabel("int8 accuracy on validation clips, %")
        panels[0].legend()
        for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            part = folder / f"pareto.part.{suffix}"
            figure.savefig(part, dpi=110, metadata=metadata)
            part.replace(folder / f"pareto.{suffix}")
        pyplot.close(figure)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, accuracy) those that none beats in both, by rising cost."""
    best: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or accuracy > best[-1][1]:
            best.append((cost, accuracy))
    return best


def _panel(panel: Any, points: Sequence[dict[str, Any]], axis: str, factor: float) -> None:
    for size, marker in MARKERS.items():
        chosen = [row for row in points if row["model"].endswith(size)]
        if not chosen:
            continue
        panel.plot(
            [row[axis] * factor for row in chosen],
            [row["accuracy"] for row in chosen],
            marker,
            markersize=5,
            label=f"DS-CNN {size}",
        )
        for row in chosen:
            panel.annotate(
                row["pattern"] + ("" if row["method"] in UNNAMED else f" {row['method']}"),
                (row[axis] * factor, row["accuracy"]),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=6,
            )
    line = front([(row[axis] * factor, row["accuracy"]) for row in points])
    panel.plot([cost for cost, _ in line], [accuracy for _, accuracy in line], color="0.7", zorder=0)
    panel.set_xscale("log")
    panel.grid(visible=True, which="both", alpha=0.2)
