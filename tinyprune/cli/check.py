"""`tinyprune check`."""

import sys
from pathlib import Path
from typing import Any

import click

from tinyprune.cli import console, options


@click.command("check", short_help="Say in seconds what a network needs, or why it does not run.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--board",
    "board_name",
    metavar="BOARD",
    shell_complete=options.complete_board,
    help="A name from `tinyprune boards`, or a board's .toml file.  [default: all boards, a line each]",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="For float networks: .npy of real inputs, [samples, *input shape].  [default: made-up ones]",
)
@options.html
@options.trust
@options.as_json
@options.quiet
def check_command(
    model: Path,
    board_name: str | None,
    calibration: Path | None,
    html: Path | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what MODEL will need on a board, before anything is trained or compiled, or all that keeps it from running.

    MODEL is what `build` takes: a .tflite, int8 or float, a Keras file, a .pt2 of PyTorch, or a name from `tinyprune
    zoo`. The arena is exact; flash and cycles are estimates (docs/check.md). No compiler is needed.

    \b
      tinyprune check model.tflite --board nano33
      tinyprune check model.tflite --board nano33 --html check.html
    """
    from tinyprune.device import boards
    from tinyprune.tasks import check

    board = None if board_name is None else boards.load(board_name)
    request = check.CheckRequest(model, board, calibration, trust)
    with console.Progress(quiet or as_json) as progress:
        report = check.run_check(request, progress)
    if as_json:
        click.echo(report.to_json())
    else:
        _show(report)
    options.write_page(report, html)
    if report.exit_code:
        sys.exit(report.exit_code)


def _show(report: Any) -> None:
    from tinyprune.cli import show, show_check
    from tinyprune.measure.verdict import of_check

    terminal = console.make()
    terminal.print(show.verdict(of_check(report)), soft_wrap=True)
    if report.runs:
        for table in show_check.tables(report):
            terminal.print()
            table.print(terminal)
        terminal.print()
    for line in show_check.lines(report):
        terminal.print(line, highlight=False, markup=False, soft_wrap=True)
