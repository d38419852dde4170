"""`tinyprune bench`."""

import sys
from pathlib import Path

import click

from tinyprune.cli import console, options


@click.command("bench")
@options.board
@click.option("--emulator", metavar="NAME", help="Which emulator runs the firmware.  [default: the board's first]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder of the build to run.  [default: build/BOARD]"
)
@click.option(
    "--inputs",
    type=click.Path(path_type=Path),
    help=".npy, [samples, *input shape], int8 or real values.  [default: generated]",
)
@click.option(
    "-n", "--count", default=8, show_default=True, type=click.IntRange(1), help="How many inputs to generate."
)
@options.as_json
@options.quiet
def bench_command(
    board_name: str,
    emulator: str | None,
    output: Path | None,
    inputs: Path | None,
    count: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load inputs into a built firmware, infer through its serial protocol, report instructions and modelled cycles."""
    from tinyprune import boards, pipeline, show

    board = boards.load(board_name)
    request = pipeline.BenchRequest(board, output or Path("build") / board.name, emulator, inputs, count)
    with console.Progress(quiet or as_json) as progress:
        report = pipeline.run_bench(request, progress)
    if as_json:
        click.echo(report.to_json())
    else:
        terminal = console.make()
        for line in show.bench_lines(report):
            terminal.print(line, highlight=False, soft_wrap=True)
    if not report.bit_exact:
        sys.exit(1)
