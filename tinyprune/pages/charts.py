"""The charts of the pages. Each takes figures and gives SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tinyprune.compiler.program import Resident
from tinyprune.pages import svg
from tinyprune.pages.svg import INK, LINE, NOW, OTHER, SOFT, THIRD, short

#: More would not be read: the largest, or the first, are shown.
MOST_BARS, MOST_CORNERS, MOST_CLASSES = 60, 24, 30
_KINDS = {"tensor": NOW, "variable": THIRD, "scratch": OTHER}
#: Weights in pictures of pixels, which cannot take the page's colours: to be seen on light and on dark.
_WEIGHT = (0.30, 0.55, 0.80, 1.0)


#: Of a layer its name, what is said of it, and rows of "#" and "." (`compiler/corner.py`).
Corner: TypeAlias = tuple[str, str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of bars: a figure for each series, None where there is none."""

    name: str
    values: Sequence[float | None]


def bars(rows: Sequence[Bar], series: Sequence[str], unit: str) -> str:
    """Horizontal bars, a row a name and a bar a series, the first one dark."""
    shown = _largest(rows)
    thick, colours = 0.8 / len(series), (NOW, OTHER, THIRD)
    with svg.canvas(0.9 + len(shown) * (0.13 + 0.12 * len(series))) as canvas:
        axes = canvas.figure.subplots()
        for number, name in enumerate(series):
            for place, row in enumerate(shown):
                value = row.values[number]
                if value is not None:
                    (bar,) = axes.barh(
                        place + (number - (len(series) - 1) / 2) * thick, value, thick, color=colours[number]
                    )
                    canvas.tip(bar, f"{row.name}, {name}: {value:,.0f} {unit}")
            axes.barh(0, 0, color=colours[number], label=name)
        axes.set_yticks(range(len(shown)), [short(row.name) for row in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(unit)
        axes.grid(axis="x", linewidth=0.5)
        axes.set_axisbelow(True)
        if len(series) > 1:
            canvas.figure.legend(loc="outside upper left", ncols=len(series))
        return canvas.svg(f"Bars: {unit} of {len(shown)} rows; the table has the figures")


def _largest(rows: Sequence[Bar]) -> Sequence[Bar]:
    """In their order."""
    if len(rows) <= MOST_BARS:
        return rows
    by_size = sorted(
        range(len(rows)), key=lambda number: -max((value or 0 for value in rows[number].values), default=0)
    )
    return [rows[number] for number in sorted(by_size[:MOST_BARS])]


def memory_map(parts: Mapping[str, int], end: int | None) -> str:
    """What lies in a memory, as one bar; `end`: how much there is. Parts of the network alternate in shade, the last
    part is all that is none."""
    with svg.canvas(1.15) as canvas:
        axes = canvas.figure.subplots()
        start, total = 0, sum(parts.values())
        for number, (name, size) in enumerate(parts.items()):
            rest = number == len(parts) - 1
            (bar,) = axes.barh(0, size, left=start, color=THIRD if rest else (NOW, OTHER)[number % 2], edgecolor=SOFT)
            canvas.tip(bar, f"{name}: {size:,} bytes, {size / total:.1%} of what is used")
            if size > total * 0.012 * min(len(name), 17):
                axes.text(start + size / 2, 0.55, short(name, 17), ha="center", va="bottom", fontsize=8)
            start += size
        axes.set_ylim(-0.5, 1.1)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, total)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("bytes" if end is None else f"bytes, of {end:,}")
        return canvas.svg(f"Map of {total:,} bytes in {len(parts)} parts")


def arena(residents: Sequence[Resident], layers: Sequence[str], arena_bytes: int) -> str:
    """What lies where (upward, bytes from the arena's start), and when (to the right, a column a layer)."""
    from matplotlib.patches import Rectangle

    with svg.canvas(4.4) as canvas:
        axes = canvas.figure.subplots()
        for resident in sorted(residents, key=lambda each: -each.size_bytes):
            columns = resident.last - resident.first + 1
            place = (resident.first - 0.46, resident.offset)
            box = Rectangle(
                place, columns - 0.08, resident.size_bytes, facecolor=_KINDS[resident.kind], edgecolor=INK,
                linewidth=0.4, alpha=0.75,
            )  # fmt: skip
            axes.add_patch(box)
            canvas.tip(box, _told(resident, layers))
        for kind in dict.fromkeys(resident.kind for resident in residents):
            axes.bar(0, 0, color=_KINDS[kind], label=kind)
        canvas.figure.legend(loc="outside upper left", ncols=3)
        axes.set_xlim(-0.6, len(layers) - 0.4)
        axes.set_ylim(0, max(1, arena_bytes))
        every = max(1, len(layers) // 40)
        names = [short(name, 20) for name in layers[::every]]
        axes.set_xticks(range(0, len(layers), every), names, rotation=90, fontsize=8)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylabel("byte of the arena")
        axes.grid(axis="y", linewidth=0.5)
        axes.set_axisbelow(True)
        return canvas.svg(f"The arena of {arena_bytes:,} bytes over {len(layers)} layers")


def _told(resident: Resident, layers: Sequence[str]) -> str:
    first, last = (layers[min(step, len(layers) - 1)] if layers else "" for step in (resident.first, resident.last))
    when = f"during {first}" if first == last else f"from {first} to {last}"
    bytes_ = f"bytes {resident.offset:,} to {resident.offset + resident.size_bytes - 1:,} ({resident.size_bytes:,})"
    return f"{resident.name} ({resident.kind}): {bytes_}, {when}"


def corners(layers: Sequence[Corner]) -> str:
    """Pieces of weights, one beside the other."""
    from matplotlib.patches import Rectangle

    columns = 3
    rows = -(-len(layers) // columns)
    with svg.canvas(0.2 + 1.25 * rows) as canvas:
        for axes in canvas.figure.subplots(rows, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, (name, told, corner) in zip(canvas.figure.axes, layers, strict=False):
            axes.imshow(_pixels(corner), interpolation="none", aspect="equal")
            title = axes.set_title(f"{short(name, 20)}, {short(told, 16)}", fontsize=8, loc="left", pad=3)
            canvas.tip(title, f"{name}: {told}; the first {len(corner)} channels (down) and taps (to the right)")
            size = max(map(len, corner)), len(corner)
            axes.add_patch(Rectangle((-0.5, -0.5), *size, fill=False, edgecolor=LINE, linewidth=0.8))
            axes.set_anchor("NW")
        return canvas.svg(f"Pieces of the weights of {len(layers)} layers")


def _pixels(corner: Sequence[str]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """`[channels, taps, 4]`: red, green, blue, and nothing where there is a zero."""
    width = max(map(len, corner))
    pixels = np.zeros((len(corner), width, 4))
    for place, row in enumerate(corner):
        for tap, sign in enumerate(row):
            if sign == "#":
                pixels[place, tap] = _WEIGHT
    return pixels


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A square for each pair of classes, the darker the larger its share of the row: `counts` `[is, taken for]`."""
    from matplotlib.patches import Rectangle

    with svg.canvas(1.2 + 0.28 * len(labels)) as canvas:
        axes = canvas.figure.subplots()
        for row, (label, found) in enumerate(zip(labels, counts, strict=True)):
            for column, (taken, count) in enumerate(zip(labels, found, strict=True)):
                if count:
                    share = count / sum(found)
                    colour = NOW if row == column else THIRD
                    place = (column - 0.5, row - 0.5)
                    square = axes.add_patch(Rectangle(place, 1, 1, facecolor=colour, alpha=0.15 + 0.65 * share))
                    canvas.tip(square, f"{label}, taken for {taken}: {count:,} of {sum(found):,} ({share:.1%})")
                    axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=7)
        names = [short(label, 16) for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(len(labels)), names, fontsize=8)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlabel("taken for")
        axes.set_ylabel("is")
        return canvas.svg(f"Confusion of {len(labels)} classes")


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a plane, and what is told of it."""

    right: float
    up: float
    told: str
    on_front: bool
    is_allowed: bool
    is_chosen: bool = False


def front(dots: Sequence[Dot], right: str, up: str) -> str:
    """Points, those of the Pareto front large and joined; what is not allowed is hollow."""
    with svg.canvas(4.4) as canvas:
        axes = canvas.figure.subplots()
        joined = sorted((dot.right, dot.up) for dot in dots if dot.on_front)
        if joined:
            axes.step(*zip(*joined, strict=True), where="post", color=NOW, linewidth=1)
        for dot in dots:
            colour, fill = (NOW, NOW) if dot.on_front else (THIRD, THIRD if dot.is_allowed else "none")
            size = 8 if dot.on_front else 5
            (mark,) = axes.plot(dot.right, dot.up, "o", markersize=size, color=colour, markerfacecolor=fill)
            canvas.tip(mark, dot.told)
            if dot.is_chosen:
                axes.plot(dot.right, dot.up, "o", markersize=15, color=THIRD, markerfacecolor="none", markeredgewidth=2)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(right)
        axes.set_ylabel(up)
        axes.grid(linewidth=0.5)
        axes.set_axisbelow(True)
        return canvas.svg(f"{len(dots)} trials, {len(joined)} on the front")


def curves(lines: Mapping[str, Sequence[tuple[float, float, str]]], right: str, up: str) -> str:
    """A line a name: how far right and up its points are, and what is told of each."""
    with svg.canvas(4.4) as canvas:
        axes = canvas.figure.subplots()
        for (name, points), colour in zip(lines.items(), (NOW, OTHER, THIRD, INK), strict=False):
            axes.plot([x for x, _, _ in points], [y for _, y, _ in points], color=colour, linewidth=1, label=name)
            for x, y, told in points:
                (mark,) = axes.plot(x, y, "o", markersize=5, color=colour)
                canvas.tip(mark, told)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(right)
        axes.set_ylabel(up)
        axes.grid(linewidth=0.5)
        axes.set_axisbelow(True)
        canvas.figure.legend(loc="outside upper left", ncols=len(lines))
        return canvas.svg(f"{len(lines)} curves; the table has the figures")
