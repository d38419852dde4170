"""What the page of a check says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.check_report import BoardCheck, CheckReport, LayerCheck
from tinyprune.pages import charts
from tinyprune.pages.charts import Bar
from tinyprune.pages.page import Page, Section, Step, Table
from tinyprune.pages.parts import arena_section, corners_of, number, of, weights_section


def page(report: CheckReport) -> Page:
    return Page(
        title=f"{report.model}: what it will need",
        verdict=verdict.of_check(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
        next_steps=tuple(_next_steps(report)),
        notes=report.notes,
    )


def _shown(report: CheckReport) -> BoardCheck | None:
    """The board whose layers are told."""
    return next((board for board in report.boards if board.board == report.layers_on), None)


def _facts(report: CheckReport) -> Iterator[tuple[str, str]]:
    board = _shown(report)
    if board is not None and board.flash_bytes is not None:
        yield f"flash on {board.board}, estimated", of(board.flash_bytes, board.flash_bytes_available)
        yield f"RAM on {board.board}, estimated", of(board.ram_bytes, board.ram_bytes_available)
        yield "arena, exact", f"{number(board.arena_bytes)} B"
        if board.cycles is not None:
            yield "cycles with ideal memory, estimated", f"{board.cycles:,}"
    if report.runs:
        yield "multiply-accumulates", f"{report.macs:,}"


def _sections(report: CheckReport) -> Iterator[Section]:
    if report.obstacles:
        yield _obstacles(report)
    if report.boards:
        yield _boards(report)
    if any(layer.cycles is not None for layer in report.layers):
        yield _cycles(report)
    board = _shown(report)
    if board is not None and board.flash_bytes is not None and report.layers:
        yield _flash(report, board)
    if board is not None and board.arena_bytes is not None:
        yield from arena_section(report.arena_map, [layer.name for layer in report.layers], board.arena_bytes)
    yield from weights_section(corners_of(report.layers))
    if report.layers:
        yield _layers(report)


def _obstacles(report: CheckReport) -> Section:
    rows = [
        ("" if each.number is None else str(each.number), each.operator, each.tensor, each.reason)
        for each in report.obstacles
    ]
    return Section("What keeps it from running", table=Table(("number", "operator", "result", "why"), rows, words=4))


def _boards(report: CheckReport) -> Section:
    heads = ("board", "fits", "flash", "RAM", "arena", "cycles", "ms", "flash with 2:4", "cycles with 2:4")
    rows = [
        (
            board.board,
            "yes" if board.fits else board.reason,
            *map(number, (board.flash_bytes, board.ram_bytes, board.arena_bytes, board.cycles)),
            "–" if board.ms is None else f"{board.ms:,.1f}",
            *map(number, (board.flash_bytes_2_4, board.cycles_2_4)),
        )
        for board in report.boards
    ]
    text = "Bytes and cycles. The arena is exact, the others are estimates; 2:4 is with every layer pruned that can be."
    return Section("Boards", text, table=Table(heads, rows, words=2))


def _cycles(report: CheckReport) -> Section:
    series = {
        "as it is": [layer.cycles for layer in report.layers],
        "pruned 2:4": [layer.cycles_2_4 for layer in report.layers],
        "dense": [layer.cycles_dense for layer in report.layers],
    }
    told = {name: values for name, values in series.items() if any(value is not None for value in values)}
    values = zip(*told.values(), strict=True)
    rows = [Bar(layer.name, several) for layer, several in zip(report.layers, values, strict=True)]
    text = f"Estimated for {report.layers_on}, with ideal memory; nothing has run."
    return Section("Cycles by layer", text, charts.bars(rows, list(told), "cycles"))


def _flash(report: CheckReport, board: BoardCheck) -> Section:
    parts = {layer.name: layer.constant_bytes for layer in report.layers if layer.constant_bytes}
    rest = max(0, (board.flash_bytes or 0) - sum(parts.values()))
    text = "Constants of each layer, exact, then code and all the rest, estimated."
    return Section("Flash", text, charts.memory_map({**parts, "code and the rest": rest}, board.flash_bytes_available))


def _layers(report: CheckReport) -> Section:
    heads = (
        "layer",
        "output",
        "pattern",
        "can be pruned 2:4",
        "MACs",
        "constants B",
        "with 2:4 B",
        "cycles",
        "with 2:4",
    )
    rows = [
        (
            layer.name,
            "×".join(map(str, layer.shape)),
            layer.pattern,
            _prunable(layer),
            f"{layer.macs:,}",
            f"{layer.constant_bytes:,}",
            number(layer.constant_bytes_2_4),
            number(layer.cycles),
            number(layer.cycles_2_4),
        )
        for layer in report.layers
    ]
    return Section(f"Layers on {report.layers_on}", table=Table(heads, rows, words=4))


def _prunable(layer: LayerCheck) -> str:
    return "yes" if layer.prunable else layer.reason


def _next_steps(report: CheckReport) -> Iterator[Step]:
    if not report.runs:
        yield Step("Change what is named above, and check again.", "tinyprune check MODEL")
        return
    if any(layer.prunable for layer in report.layers):
        prune = "tinyprune prune MODEL --pattern 2:4 --data x.npy -o OUT"
        yield Step("Prune it with a few hundred real inputs; no labels are needed.", prune)
    board = next((board for board in report.boards if board.fits), None)
    if board is not None:
        build = f"tinyprune build --board {board.board} --model MODEL"
        yield Step("Make firmware, and see that every output is right.", build)
    else:
        yield Step("Take a model with fewer channels or a smaller input, or a larger board.", "tinyprune boards")
