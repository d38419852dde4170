"""A comparison as Markdown, as JSON and back, and the blocks of the docs that carry it."""

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Layer, Row
from tinyprune import files
from tinyprune.errors import UsageError

_COLUMNS = (
    "engine", "weights", "zeros", "instructions", "modelled cycles", "speed", "flash", "RAM with stack",
    "inputs with all bytes equal",
)  # fmt: skip


def to_json(comparison: Comparison) -> str:
    return json.dumps(asdict(comparison), indent=1) + "\n"


def from_json(path: Path) -> Comparison:
    """What `to_json` wrote. Raises UsageError for anything else."""
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(row) for row in fields.pop("rows"))
        return Comparison(**fields | {"rows": rows, "left_out": tuple(fields["left_out"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no result of `python -m benchmarks.peers`: {error}") from None


def _row(fields: dict[str, Any]) -> Row:
    return Row(**fields | {"layers": tuple(Layer(**layer) for layer in fields["layers"])})


def network(comparison: Comparison) -> str:
    """One line an engine and pattern."""
    lines = [_line(_COLUMNS), _line("---" if i < 2 else "--:" for i in range(len(_COLUMNS)))]
    for row in comparison.rows:
        speed = comparison.speed_up(row)
        lines.append(
            _line(
                (
                    row.engine,
                    row.pattern,
                    f"{100 * row.zeros:.0f} %",
                    f"{row.instructions:,}",
                    f"{row.modelled_cycles:,}",
                    "–" if speed is None else f"{speed:.2f}×",
                    f"{row.flash_bytes:,}",
                    f"{row.ram_bytes:,}",
                    f"{row.inputs_equal} of {row.inputs_compared}",
                )
            )
        )
    return "\n".join([*lines, "", _caption(comparison)])


def _caption(comparison: Comparison) -> str:
    apart = [abs(row.instructions - row.qemu_instructions) for row in comparison.rows if row.qemu_instructions]
    checked = f" Instructions are within {max(apart):.0f} of QEMU's count." if apart else ""
    missing = "".join(f" Left out: {reason}." for reason in comparison.left_out)
    return textwrap.fill(
        f"{comparison.model} on {comparison.board}, {comparison.compiler}; cycles are modelled "
        f"({comparison.cost_model}), not measured on a board; bytes against {comparison.judge}. "
        "Weights were masked in the .tflite by magnitude, without training: this table says nothing about accuracy."
        f"{checked}{missing}",
        width=150,
    )


def layers(comparison: Comparison) -> str:
    """Modelled cycles of each layer and, in brackets, per multiply-accumulate of the dense layer."""
    names = [layer.name for layer in comparison.rows[0].layers]
    titles = ["CMSIS-NN" if row is comparison.peer else f"{row.pattern}, {_goal(row)}" for row in comparison.rows]
    lines = [_line(("layer", "MACs", *titles)), _line(("---", *["--:"] * (len(titles) + 1)))]
    for number, name in enumerate(names):
        cells = [_cell(row.layers[number]) for row in comparison.rows]
        lines.append(_line((name, f"{comparison.rows[-1].layers[number].macs:,}", *cells)))
    return "\n".join(lines)


def _goal(row: Row) -> str:
    return row.engine.removeprefix("tinyprune, ").partition(" (")[0]


def _cell(layer: Layer) -> str:
    per_mac = f" ({layer.modelled_cycles / layer.macs:.2f})" if layer.macs else ""
    return f"{layer.modelled_cycles:,}{per_mac}"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def rewrite(page: Path, blocks: Mapping[str, str]) -> None:
    """Exchanges what stands between `<!-- NAME -->` and `<!-- end -->` for each name that the page has.

    Raises UsageError where the page has none of them.
    """
    text = page.read_text(encoding="utf-8")
    new, count = text, 0
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        new, found = pattern.subn(lambda match, block=block: f"{match[1]}{block}\n{match[2]}", new)  # type: ignore[misc]
        count += found
    if not count:
        raise UsageError(f"{page} has no block <!-- {' --> or <!-- '.join(blocks)} -->")
    with files.whole(page) as part:
        part.write_text(new, encoding="utf-8")
