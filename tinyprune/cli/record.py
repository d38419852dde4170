"""`tinyprune record`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyprune.cli import options

if TYPE_CHECKING:
    from tinyprune.tasks.record import Take, Verdict

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
def record_command(folder: Path, words: tuple[str, ...], takes: int, speaker: str, device: str | None) -> None:
    """Record a second at a time with this computer's microphone, into FOLDER/WORD/SPEAKER_nohash_N.wav.

    Say the word within two seconds; the second around it is kept. Each clip is shown with its level: Enter keeps it,
    r records it again, q ends. Other words belong into _unknown_, the sound of the room into _silence_.

    \b
      tinyprune record recordings --words left,right
    """
    from tinyprune.tasks import record

    request = record.RecordRequest(folder, words, takes, speaker, device)
    record.check(request)
    with record.microphone(device) as source:
        report = record.run_record(request, source, _ready, _meter, _review)
    kept = ", ".join(f"{count} {word}" for word, count in report.kept.items())
    click.echo(f"{'OK' if report.complete else 'ENDED'}  {kept} in {report.folder}")
    click.echo(f"next      tinyprune train {report.folder} -o words")


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
