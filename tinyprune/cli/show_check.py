"""A check as text, the verdict first."""

from collections.abc import Iterator

from tinyprune.cli.console import Grid
from tinyprune.measure.check_report import BoardCheck, CheckReport, LayerCheck


def tables(report: CheckReport) -> Iterator[Grid]:
    """Boards, then layers."""
    heads = ("board", "flash", "of flash", "RAM", "of RAM", "arena", "cycles", "ms", "flash 2:4", "cycles 2:4")
    yield Grid(
        heads, [_board(board) for board in report.boards], words=("board",), spare=("of flash", "of RAM", "arena")
    )
    if report.layers:
        yield _layers(report)


def _board(board: BoardCheck) -> tuple[str, ...]:
    if board.flash_bytes is None:
        return (board.board, "does not fit" if board.runs else "does not run")
    ms = "–" if board.ms is None else f"{board.ms:,.1f}"
    figures = (
        board.flash_bytes, board.flash_bytes_available, board.ram_bytes, board.ram_bytes_available, board.arena_bytes,
        board.cycles,
    )  # fmt: skip
    name = board.board if board.fits else f"{board.board} (too small)"
    return (name, *map(_number, figures), ms, _number(board.flash_bytes_2_4), _number(board.cycles_2_4))


def _layers(report: CheckReport) -> Grid:
    name, gain = f"layer on {report.layers_on}", "2:4 would bring"
    rows = [
        (
            layer.name,
            "×".join(map(str, layer.shape)),
            layer.pattern,
            *map(_number, (layer.macs, layer.constant_bytes, layer.cycles)),
            _gain(layer),
        )
        for layer in report.layers
    ]
    heads = (name, "output", "pattern", "MACs", "constants", "cycles", gain)
    return Grid(heads, rows, words=(name, "output", "pattern", gain), spare=("MACs", "output", "constants"))


def _gain(layer: LayerCheck) -> str:
    if layer.constant_bytes_2_4 is None:
        return layer.reason
    flash = f"{layer.constant_bytes_2_4 - layer.constant_bytes:+,} B"
    if layer.cycles is None or layer.cycles_2_4 is None or not layer.cycles:
        return flash
    return f"{flash}, {layer.cycles_2_4 / layer.cycles - 1:+.0%} cycles"


def lines(report: CheckReport) -> Iterator[str]:
    """What the figures are, and what to know beside them."""
    for note in report.notes:
        yield f"note      {note}"
    if not report.runs:
        return
    if len(report.boards) > 1:
        for board in report.boards:
            if not board.fits:
                yield f"{board.board}: {board.reason}"
    yield f"MACs      {report.macs:,}"
    yield "figures   arena and constants are exact; flash, RAM, cycles (ideal memory) are estimates (docs/check.md)"
    yield "2:4       with every layer pruned that can be: tinyprune prune MODEL --pattern 2:4 --data x.npy -o OUT"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
