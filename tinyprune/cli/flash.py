"""`tinyprune flash`."""

from pathlib import Path

import click

from tinyprune.cli import console, options


@click.command("flash")
@options.board
@options.finished_build
@click.option(
    "--method", metavar="NAME", help="Flash method, from `tinyprune boards show BOARD`.  [default: the board's first]"
)
@click.option("--port", help="Serial port of the board, or the folder of its volume.  [default: found by USB id]")
@click.option(
    "--serial-number", metavar="S", help="Serial number of the board or its probe, if several are plugged in."
)
@click.option(
    "--timeout",
    "timeout_s",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Seconds that a flash tool may take.",
)
@options.as_json
@options.quiet
def flash_command(
    board_name: str,
    output: Path | None,
    method: str | None,
    port: str | None,
    serial_number: str | None,
    timeout_s: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Put a built firmware on the board, verify it and start it.

    \b
      tinyprune flash --board nano33
    """
    from tinyprune.device import boards
    from tinyprune.tasks import flash, line

    board = boards.load(board_name)
    request = flash.FlashRequest(board, line.build_folder(output, board), method, port, serial_number, timeout_s)
    with console.BytesBar(quiet or as_json) as progress:
        report = flash.run(request, progress)
    if as_json:
        click.echo(report.to_json())
        return
    verdict = "flashed and verified" if report.verified else "flashed, not read back"
    click.echo(f"OK  {board.title} {verdict}: {report.flash_bytes:,} bytes by {report.method} on {report.where}")
    hears = "it hears (build --audio): not the firmware of the benchmark" if report.hears else "that of the benchmark"
    click.echo(f"firmware  {hears}")
    click.echo(f"evidence  {report.evidence}")
    for step in report.next_steps:
        click.echo(f"next      {step}")
