"""`tinyprune bench`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tinyprune.cli import console, options
from tinyprune.errors import Interrupted

if TYPE_CHECKING:
    from tinyprune.tasks.bench import Bench

_path = click.Path(path_type=Path)


@click.command("bench", short_help="Run a finished build: latency, every output byte, accuracy.")
@options.board
@options.port
@click.option(
    "--serial-number", metavar="S", help="Serial number of the board or its probe, if --port auto finds several."
)
@options.emulator
@options.hardware
@options.finished_build
@click.option(
    "--inputs",
    multiple=True,
    metavar="[NAME=]FILE",
    help=".npy, [samples, *input shape], "
    "int8 or real values, or values of the model's own type; once for each input, by name.  [default: generated]",
)
@click.option(
    "-n", "--count", default=8, show_default=True, type=options.Whole(1), help="Number of inputs to generate."
)
@click.option(
    "--samples",
    type=_path,
    help="Measure accuracy on a folder of class folders with .wav or .npy, on MLPerf's layout, or on an .npz.",
)
@click.option(
    "--class-names",
    "--labels",
    "labels",
    metavar="A,B,…",
    callback=options.names,
    help="Names of the classes, in the order of the outputs.  [default: the zoo's, or the folders]",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Use this split of the Speech Commands in --samples, as the zoo does.",
)
@click.option("--limit", type=options.Whole(1), help="Take at most this many samples, evenly over the classes.")
@click.option(
    "--runs", default=1, show_default=True, type=options.Whole(1), help="Number of timed inferences of each input."
)
@click.option(
    "--warmup",
    default=1,
    show_default=True,
    type=options.Whole(0),
    help="Number of untimed inferences at the beginning.",
)
@click.option(
    "--no-clock", is_flag=True, help="Compare outputs and accuracy only; do not time or count. Faster in sim."
)
@click.option("--csv", type=_path, help="Write a table to this file, a line for each input.")
@click.option("--history", type=_path, help="Append the report to this file, a line for each run.")
@click.option(
    "--compare", type=_path, help="Compare with an old --json or --history file; exit with 1 if something is worse."
)
@click.option(
    "--tolerance",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="PERCENT",
    help="With --compare: percentage by which latency, cycles, instructions, flash and RAM may rise.",
)
@click.option(
    "--accuracy-tolerance",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0),
    metavar="POINTS",
    help="With --compare: percentage points by which accuracy may fall.",
)
@options.html
@options.as_json
@options.quiet
def bench_command(
    board_name: str,
    port: str | None,
    serial_number: str | None,
    emulator: str | None,
    hardware: bool,
    output: Path | None,
    inputs: tuple[str, ...],
    count: int,
    samples: Path | None,
    labels: tuple[str, ...] | None,
    split: Literal["train", "validation", "test"] | None,
    limit: int | None,
    runs: int,
    warmup: int,
    no_clock: bool,
    csv: Path | None,
    history: Path | None,
    compare: Path | None,
    tolerance: float,
    accuracy_tolerance: float,
    html: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a finished build on a board or in an emulator: latency, throughput, every output byte, accuracy.

    \b
      tinyprune bench --board nano33 --count 20 --html bench.html
    """
    from tinyprune.device import boards
    from tinyprune.tasks import bench as bench_task
    from tinyprune.tasks import line

    board = boards.load(board_name)
    request = bench_task.BenchRequest(
        board=board,
        output=line.build_folder(output, board),
        emulator=emulator,
        port=port,
        serial_number=serial_number,
        hardware=hardware,
        inputs=inputs,
        count=count,
        samples=samples,
        labels=labels,
        split=split,
        limit=limit,
        runs=runs,
        warmup=warmup,
        clock=not no_clock,
        csv=csv,
        history=history,
        compare=compare,
        tolerance_percent=tolerance,
        accuracy_tolerance_points=accuracy_tolerance,
    )
    with console.CountBar(quiet or as_json) as (progress, done):
        bench = bench_task.run_bench(request, progress, done)
    _show(bench, as_json)
    options.write_page(bench.report, html)
    if bench.report.error == "interrupted":
        sys.exit(Interrupted.exit_code)
    if bench.report.error or not bench.report.bit_exact or bench.regressions:
        sys.exit(1)


def _show(bench: "Bench", as_json: bool) -> None:
    """The report; an error goes to standard error as well, for scripts that look there."""
    if as_json:
        click.echo(bench.to_json())
    else:
        from tinyprune.cli import show

        terminal = console.make()
        for line in show.bench_lines(bench):
            terminal.print(line, highlight=False, soft_wrap=True)
    if bench.report.error:
        click.echo(f"error: {bench.report.error}", err=True)
    elif bench.regressions:
        worse = ", ".join(change.what for change in bench.regressions)
        click.echo(f"error: worse than before: {worse}", err=True)
