"""`tinyprune zoo`."""

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from tinyprune.cli import console, options


@click.command("zoo", short_help="List the trained networks that come with tinyprune.")
@click.option(
    "--board",
    "board_name",
    metavar="BOARD",
    help="Build each network for this board, and list flash, RAM and modelled cycles.",
)
@options.as_json
@options.quiet
def zoo_command(board_name: str | None, as_json: bool, quiet: bool) -> None:
    """List the trained networks that come with tinyprune: names for `build --model`.

    \b
      tinyprune zoo
      tinyprune zoo --board nano33
    """
    from dataclasses import asdict

    from tinyprune.training import zoo

    entries = [zoo.load(name) for name in zoo.list_entries()]
    with console.Progress(quiet or as_json) as progress:
        built = {entry.name: _built(entry.name, board_name, progress) for entry in entries if board_name}
    if as_json:
        rows = [asdict(e) | {"model_bytes": zoo.model_bytes(e)} | built.get(e.name, {}) for e in entries]
        click.echo(json.dumps(rows, indent=2))
        return
    for entry in entries:
        recorded = entry.accuracy
        click.echo(
            f"{entry.name:18} {entry.pattern:6} int8 {100 * recorded.int8:.2f} % of {recorded.clips:,} clips "
            f"({recorded.data_set}, {recorded.split})  {zoo.model_bytes(entry):,} B .tflite  {entry.description}"
        )
        if entry.name in built:
            click.echo("  " + _sentence(built[entry.name]))


def _built(name: str, board_name: str, progress: Any) -> dict[str, Any]:
    """What a build of the entry takes on the board, or why there is none."""
    from tinyprune.device import boards
    from tinyprune.errors import DoesNotFit
    from tinyprune.tasks import build as build_task

    board = boards.load(board_name)
    progress(f"building {name} for {board.name}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            report = build_task.run_build(
                build_task.BuildRequest(board, Path(folder) / "build", Path(name)), lambda _stage: None
            )
        except DoesNotFit as error:
            return {"board": board.name, "fits": False, "reason": str(error)}
    figures = ("flash_bytes", "ram_bytes", "stack_bytes_reserved", "modelled_cycles", "bit_exact")
    return {"board": board.name, "fits": True} | {key: getattr(report, key) for key in figures}


def _sentence(built: dict[str, Any]) -> str:
    if not built["fits"]:
        return f"{built['board']}: {built['reason']}"
    cycles = (
        "cycles not modelled" if built["modelled_cycles"] is None else f"{built['modelled_cycles']:,} modelled cycles"
    )
    flash, ram, stack = (
        built[f"{key}_bytes{end}"] for key, end in (("flash", ""), ("ram", ""), ("stack", "_reserved"))
    )
    return f"{built['board']}: {cycles}, flash {flash:,} B, RAM {ram:,} + {stack or 0:,} B (stack)"
