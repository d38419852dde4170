"""What a build may cost: limits, and an earlier build than which none may cost more."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyprune import files
from tinyprune.errors import DoesNotFit, UsageError
from tinyprune.measure.report import BuildReport

#: Field of a report → what people call it. Times are cycles: modelled, and the same on every machine.
_FIGURES = {
    "flash_bytes": "flash, B",
    "ram_bytes": "RAM, B",
    "stack_bytes": "stack, B",
    "modelled_cycles": "cycles, modelled",
}
_SHOWN_LAYERS = 10


@dataclass(frozen=True, slots=True)
class Excess:
    """A figure that is larger than it may be."""

    what: str
    allowed: int
    now: int


def read(path: Path, board: str) -> dict[str, Any]:
    """The report.json of an earlier build. Raises UsageError for anything else, and for one for another board."""
    try:
        report = json.loads(files.content(path))
    except OSError as error:
        raise UsageError(f"--compare {path}: cannot read: {error.strerror}") from None
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict) or type(report.get("flash_bytes")) is not int or "layers" not in report:
        raise UsageError(f"--compare {path}: this is no report.json of `tinyprune build`")
    if report.get("board") != board:
        raise UsageError(f"--compare {path}: it is for {report.get('board')!s:.40}, not {board}")
    return report


def check_cycles(report: BuildReport, most: int) -> None:
    """Raises DoesNotFit where an inference takes more modelled cycles, UsageError where they are not modelled."""
    if report.modelled_cycles is None:
        raise UsageError(f"--max-cycles: the cycles of {report.board} are not modelled ({report.cost_model})")
    if report.modelled_cycles > most:
        row = Excess(_FIGURES["modelled_cycles"], most, report.modelled_cycles)
        raise DoesNotFit(_table("an inference takes more cycles than --max-cycles allows", "allowed", [row]))


def check_growth(old: dict[str, Any], report: BuildReport, named: str) -> None:
    """Raises DoesNotFit, with all that grew, where a figure that both builds have is larger than in `old`."""
    new = json.loads(report.to_json())
    rows = _grown([(what, old.get(key), new[key]) for key, what in _FIGURES.items()])
    if not rows:
        return
    then = _cycles_of_layers(old)
    layers = _grown([(f"  {layer.name}", then.get(layer.name), layer.modelled_cycles) for layer in report.layers])
    layers.sort(key=lambda row: row.allowed - row.now)
    title = f"this build costs more than {named}"
    if old.get("compiler") != report.compiler:
        title += f" (which another compiler made: {old.get('compiler')!s:.60})"
    cycles = any(row.what == _FIGURES["modelled_cycles"] for row in rows)
    raise DoesNotFit(_table(title, "before", [*rows, *(layers[:_SHOWN_LAYERS] if cycles else [])]))


def _grown(figures: Sequence[tuple[str, object, int | None]]) -> list[Excess]:
    return [
        Excess(what, then, now) for what, then, now in figures if type(then) is int and now is not None and now > then
    ]


def _cycles_of_layers(report: dict[str, Any]) -> dict[str, object]:
    layers = report["layers"] if isinstance(report["layers"], list) else []
    return {str(one.get("name")): one.get("modelled_cycles") for one in layers if isinstance(one, dict)}


def _table(title: str, allowed: str, rows: Sequence[Excess]) -> str:
    cells = [("", allowed, "now", "more")]
    for row in rows:
        percent = f" ({(row.now - row.allowed) / row.allowed:.1%})" if row.allowed > 0 else ""
        cells.append((row.what, f"{row.allowed:,}", f"{row.now:,}", f"{row.now - row.allowed:,}{percent}"))
    first, *others = (max(len(cell) for cell in column) for column in zip(*cells, strict=True))
    lines = [f"{title}; nothing was written"]
    for name, *numbers in cells:
        right = (number.rjust(width) for number, width in zip(numbers, others, strict=True))
        lines.append("  ".join((name.ljust(first), *right)).rstrip())
    return "\n".join(lines)
