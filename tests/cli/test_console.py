"""Tables on terminals of any width: no figure is cut off, and what has no room is named."""

import io

import pytest
from rich.console import Console

from tinyprune.cli.console import Grid

FIGURES = ("320,000", "1,234,567", "98,765,432")
GRID = Grid(
    ("layer", "MACs", "bytes", "cycles"),
    [("conv_1", *FIGURES), ("a_layer_with_a_name_of_some_length", *FIGURES), ("none",)],
    words=("layer",),
    spare=("MACs", "bytes"),
    totals=("total", *FIGURES),
)


def shown(width: int) -> str:
    written = io.StringIO()
    GRID.print(Console(file=written, width=width))
    return written.getvalue()


@pytest.mark.parametrize(
    ("width", "missing"), [(120, ()), (72, ()), (60, ("MACs",)), (48, ("MACs", "bytes")), (24, ("MACs", "bytes"))]
)
def test_a_narrow_terminal_misses_columns_and_no_digit(width: int, missing: tuple[str, ...]) -> None:
    text = shown(width)
    for head, figure in zip(GRID.heads[1:], FIGURES, strict=True):
        assert text.count(figure) == (0 if head in missing else 3)
    told = " ".join(text.split())
    assert told.endswith(f"A wider terminal also shows: {', '.join(missing)}.") == bool(missing)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
