"""`tinyprune record`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyprune.cli import options
from tinyprune.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tinyprune.tasks.record import Source, Take, Verdict

_METER_CHARACTERS, _QUIETEST_DB = 40, -60.0


@click.command("record", short_help="Record clips of your own words for `train`.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--words",
    required=True,
    callback=options.names,
    metavar="A,B,…",
    help="Words to record, a folder of clips for each.",
)
@click.option("--takes", type=options.Whole(1), default=50, show_default=True, help="Number of clips of each word.")
@click.option(
    "--speaker",
    default="me",
    show_default=True,
    help="Name of the speaker; `train` keeps the clips of a speaker together.",
)
@click.option("--device", metavar="NAME", help="Microphone, by a name that `python -m sounddevice` lists.")
@click.option(
    "--board",
    "board_name",
    metavar="BOARD",
    help="Board whose own microphone records (nano33sense with firmware of `build --audio`); a take needs 8 s more.",
)
@click.option("--port", help="With --board: serial port of the firmware.  [default: the only one that can be meant]")
def record_command(
    folder: Path,
    words: tuple[str, ...],
    takes: int,
    speaker: str,
    device: str | None,
    board_name: str | None,
    port: str | None,
) -> None:
    """Record a second at a time with a microphone, into FOLDER/WORD/SPEAKER_nohash_N.wav.

    Say the word within two seconds; the second around it is kept. Each clip is shown with its level: Enter keeps it,
    r records it again, q ends. Other words belong into _unknown_, the sound of the room into _silence_.

    \b
      tinyprune record recordings --words left,right
      tinyprune record recordings --words left,right --board nano33sense
    """
    from tinyprune.tasks import record

    if board_name is None and port is not None:
        raise UsageError("--port goes with --board")
    if board_name is not None and device is not None:
        raise UsageError("--device is a microphone of this computer; leave it or --board out")

    request = record.RecordRequest(folder, words, takes, speaker, device)
    record.check(request)
    with _source(device, board_name, port) as source:
        report = record.run_record(request, source, _ready, _meter, _review)
    kept = ", ".join(f"{count} {word}" for word, count in report.kept.items())
    click.echo(f"{'OK' if report.complete else 'ENDED'}  {kept} in {report.folder}")
    click.echo(f"next      tinyprune train {report.folder} -o words")


def _source(device: str | None, board_name: str | None, port: str | None) -> "AbstractContextManager[Source]":
    from tinyprune.device import boards
    from tinyprune.tasks import record

    if board_name is None:
        return record.microphone(device)
    return record.board_microphone(boards.load(board_name), port)


def _ready(word: str, number: int, of: int) -> None:
    click.echo(f'say "{word}" ({number} of {of})')


def _meter(level_db: float) -> None:
    filled = round(_METER_CHARACTERS * max(0.0, 1 - level_db / _QUIETEST_DB))
    if sys.stderr.isatty():
        click.echo(f"\r{'#' * filled:<{_METER_CHARACTERS}} {level_db:4.0f} dB", err=True, nl=False)


def _review(take: "Take") -> "Verdict":
    problem = f", {take.problem}" if take.problem else ""
    click.echo(f"\r{take.level_db:.0f} dB{problem}: Enter keeps it, r records it again, q ends ", nl=False)
    key = click.getchar().lower()
    click.echo()
    return "stop" if key in ("q", "\x04", "\x1b") else "again" if key == "r" else "keep"
