"""The command line: each command parses, calls one function and shows its result. The only module that prints or exits.

Nothing slow is imported before a command needs it, so that `tinyprune --help` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tinyprune import __version__
from tinyprune.errors import TinypruneError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

#: As the shell reports a program stopped by SIGINT.
EXIT_INTERRUPTED = 130


def main() -> None:
    """Entry point of `tinyprune`: turns every refusal into one sentence and its exit code."""
    arguments = sys.argv[1:]
    try:
        cli.main(args=arguments, standalone_mode=False)
    except TinypruneError as error:
        _fail(str(error), error.exit_code, arguments)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; nothing was half-written, run the same command again", EXIT_INTERRUPTED, arguments)
    except click.ClickException as error:
        usage = error.ctx.get_usage() + "\n" if isinstance(error, click.UsageError) and error.ctx else ""
        _fail(usage + error.format_message(), UsageError.exit_code, arguments)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _fail(message: str, exit_code: int, arguments: list[str]) -> None:
    click.echo(f"error: {message}", err=True)
    if "--json" in arguments:
        click.echo(json.dumps({"error": message, "exit_code": exit_code}))
    sys.exit(exit_code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="tinyprune")
def cli() -> None:
    """Prune a small int8 network so that a microcontroller really runs it faster, and put it on the board.

    Exit codes: 0 done, 1 the model, its data or the firmware is wrong, 2 wrong usage or something is not installed,
    3 does not fit the board.
    """


_board = click.option(
    "--board",
    "board_name",
    required=True,
    metavar="BOARD",
    help="A name from `tinyprune boards`, or a board's .toml file.",
)
_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output instead of show."
)
_quiet = click.option("-q", "--quiet", is_flag=True, help="No progress.")


@cli.command("build")
@_board
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Output folder.  [default: build/BOARD]")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="An int8 .tflite, or a Keras .keras, .h5 or SavedModel.  [default: the zoo's DS-CNN S, pruned 2:4]",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="For Keras models: .npy of real inputs, [samples, *input shape].",
)
@click.option("--compiler", metavar="NAME", help="gcc or zig.  [default: gcc where it is installed, else zig]")
@click.option(
    "--optimize",
    type=click.Choice(["speed", "size"]),
    default="speed",
    show_default=True,
    help="Wider weights, or fewer bytes.",
)
@click.option("--no-run", is_flag=True, help="Stop before the emulator: nothing is compared or modelled.")
@click.option("--force", is_flag=True, help="Replace generated files even if you have changed them.")
@_json
@_quiet
@click.option("-v", "--verbose", is_flag=True, help="Also say why each layer got its kernel.")
def build_command(
    board_name: str,
    output: Path | None,
    model: Path | None,
    calibration: Path | None,
    compiler: str | None,
    optimize: Literal["speed", "size"],
    no_run: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Make firmware for a board, run it in an emulator and compare its output with TFLite Micro, byte for byte."""
    from tinyprune import boards, pipeline

    board = boards.load(board_name)
    request = pipeline.BuildRequest(
        board, output or Path("build") / board.name, model, calibration, compiler, optimize, run=not no_run, force=force
    )
    with _Progress(quiet or as_json) as progress:
        report = pipeline.run_build(request, progress)
    if as_json:
        click.echo(report.to_json())
    else:
        _show_build(report, request.output, verbose)
    if report.inputs_compared and not report.bit_exact:
        sys.exit(1)


def _show_build(report: Any, output: Path, verbose: bool) -> None:
    from tinyprune import show

    console = _console()
    console.print(show.verdict(report))
    console.print()
    console.print(show.layer_table(report))
    console.print()
    for line in show.summary_lines(report):
        console.print(line, highlight=False, soft_wrap=True)
    files = f"{report.image}, model.tflite, report.json, project/ (the C sources)"
    console.print(f"written   {output}/: {files}", highlight=False, soft_wrap=True)
    if verbose:
        for layer in report.layers:
            console.print(
                f"{layer.name}: {layer.kernel} ({layer.layout}): {layer.reason}", highlight=False, soft_wrap=True
            )


@cli.command("bench")
@_board
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
@_json
@_quiet
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
    with _Progress(quiet or as_json) as progress:
        report = pipeline.run_bench(request, progress)
    if as_json:
        click.echo(report.to_json())
    else:
        console = _console()
        for line in show.bench_lines(report):
            console.print(line, highlight=False, soft_wrap=True)
    if not report.bit_exact:
        sys.exit(1)


@cli.group("boards", invoke_without_command=True)
@click.pass_context
def boards_group(context: click.Context) -> None:
    """List the boards; `boards show NAME` explains one."""
    if context.invoked_subcommand is None:
        from tinyprune import boards

        for name in boards.names():
            board = boards.load(name)
            click.echo(f"{name:16} {board.cpu.core:14} {board.title}")


@boards_group.command("show")
@click.argument("name")
@_json
def boards_show(name: str, as_json: bool) -> None:
    """What tinyprune knows of a board, and where each number comes from."""
    from dataclasses import asdict

    from tinyprune import boards

    board = boards.load(name)
    if as_json:
        click.echo(json.dumps(asdict(board), indent=2))
        return
    for line in boards.explain(board):
        click.echo(line)
    click.echo(f"\n{boards.path_of(name)}, with the sources:\n")
    click.echo(boards.path_of(name).read_text(encoding="utf-8").rstrip())


@cli.command("zoo")
@_json
def zoo_command(as_json: bool) -> None:
    """List the trained networks that come with tinyprune."""
    from dataclasses import asdict

    from tinyprune import zoo

    entries = [zoo.load(name) for name in zoo.list_entries()]
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        recorded = entry.accuracy
        click.echo(
            f"{entry.name:18} {entry.pattern:6} int8 {100 * recorded.int8:.2f} % of {recorded.clips:,} clips "
            f"({recorded.data_set}, {recorded.split})  {entry.description}"
        )


@cli.group("data")
def data_group() -> None:
    """Speech Commands audio, for training."""


@data_group.command("fetch")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--url", help="Another copy of the archive.")
@click.option("--sha256", help="Checksum of that copy.")
@_quiet
def data_fetch(folder: Path, url: str | None, sha256: str | None, quiet: bool) -> None:
    """Download the official archive and unpack it as FOLDER; run again to go on after a cut."""
    from tinyprune import download

    if (url is None) != (sha256 is None):
        raise UsageError("--url and --sha256 go together: an archive is not unpacked unless its checksum is right")
    source = {} if url is None or sha256 is None else {"url": url, "sha256": sha256}
    with _BytesBar(quiet) as progress:
        target = download.fetch(folder, progress=progress, **source)
    click.echo(f"unpacked into {target}")


def _console() -> "Console":
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 160
    return Console(width=wide)


class _Progress:
    """Stages as they begin: a spinner on a terminal, plain lines elsewhere, on standard error."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._status: Any = None

    def __enter__(self) -> "Callable[[str], None]":
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()
        return self._begin

    def _begin(self, stage: str) -> None:
        if self._status is not None:
            self._status.update(stage)
        elif not self._silent:
            click.echo(f"… {stage}", err=True)

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()


class _BytesBar:
    """A bar of bytes for each step on a terminal, a line as it begins elsewhere."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Callable[[str, int, int | None], None]":
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

            columns = (
                "{task.description}",
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
        return self._advance

    def _advance(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bar and self._bar.add_task(step, total=total_bytes)
            if self._bar is None and not self._silent:
                click.echo(f"… {step}", err=True)
        if self._bar is not None:
            self._bar.update(self._tasks[step], completed=done_bytes, total=total_bytes)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
