"""`tinyprune audio`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tinyprune.cli import console, options
from tinyprune.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinyprune.measure.audio_report import AudioReport, Heard
    from tinyprune.measure.streams import Tally

#: More recordings than this are summed up; only the wrong ones are shown, and of those so many.
_SHOWN = 20


@click.command("audio", short_help="Stream recordings to microphone firmware.")
@options.board
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="WAV|FOLDER…")
@options.port
@options.emulator
@options.hardware
@options.finished_build
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Take this split of Speech Commands in FOLDER, with silence and unknown words.",
)
@click.option(
    "--stream",
    is_flag=True,
    help="Report hits and false alarms per hour for each kind of sound: recordings of any length, a folder a kind.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    help="With --stream: .csv of file,start_s,end_s,word, what is said when.  [default: the word of its folder]",
)
@click.option(
    "--microphone", is_flag=True, help="Play the recordings to the microphone of the emulated chip (nano33sense)."
)
@click.option("--limit", type=options.Whole(1), help="Take at most this many recordings, spread evenly.")
@options.html
@options.as_json
@options.quiet
def audio_command(
    board_name: str,
    recordings: tuple[Path, ...],
    port: str | None,
    emulator: str | None,
    hardware: bool,
    output: Path | None,
    split: Literal["train", "validation", "test"] | None,
    stream: bool,
    events: Path | None,
    microphone: bool,
    limit: int | None,
    html: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Stream recordings to microphone firmware (`build --audio`) and report what it recognizes.

    A recording of up to a second is one class; in a longer one, words are detected as they come. The name of a folder
    says which word its recordings contain. The same seconds are also classified by the features in Python and TFLite
    Micro, for comparison.

    \b
      tinyprune audio --board nano33 recordings --html audio.html
      tinyprune audio --board nano33 --stream rooms
    """
    from tinyprune.device import boards
    from tinyprune.tasks import audio as audio_task
    from tinyprune.tasks import line

    board = boards.load(board_name)
    request = audio_task.AudioRequest(
        board,
        line.build_folder(output, board),
        recordings,
        emulator,
        port,
        hardware,
        split,
        limit,
        stream,
        events,
        microphone,
    )
    with console.CountBar(quiet or as_json) as (progress, done):
        report = audio_task.run_audio(request, progress, done)
    options.write_page(report, html)
    if as_json:
        click.echo(report.to_json())
    else:
        terminal = console.make()
        for text in _lines(report):
            terminal.print(text, highlight=False, soft_wrap=True, markup=False)
    if report.error:
        click.echo(f"error: {report.error}", err=True)
        sys.exit(Interrupted.exit_code if report.error == "interrupted" else 1)


def _lines(report: "AudioReport") -> "Iterator[str]":
    if report.error:
        yield f"BROKEN OFF after {len(report.recordings)} of {report.asked} recordings: {report.error}"
    shown = () if report.streams else report.recordings
    for tally in report.streams:
        yield stream_line(tally)
    if len(shown) > _SHOWN:
        shown = tuple(heard for heard in shown if heard.right is False)
    for heard in shown[:_SHOWN]:
        yield _line(heard)
    if len(shown) > _SHOWN:
        yield f"… and {len(shown) - _SHOWN} more that were taken for something else"
    if report.accuracy_percent is not None:
        python = report.python_accuracy_percent
        beside = "" if python is None else f"; features in Python and TFLite Micro: {python:.2f} %"
        yield f"accuracy  {report.accuracy_percent:.2f} % of {report.known:,} recordings{beside}"
    if report.compared:
        yield f"same      {report.agreeing:,} of {report.compared:,} seconds are the same class to the Python chain"
    yield f"heard by  {report.board}, {report.target}, model {report.model_sha256[:16]}…"
    if report.frame_us is not None and report.features_us is not None and report.network_us is not None:
        yield (
            f"time      {report.frame_us:,.0f} us a frame of 20 ms, {report.features_us:,.0f} us the features and "
            f"{report.network_us:,.0f} us the network a look ({report.clock})"
        )


def stream_line(tally: "Tally") -> str:
    hits = f"{tally.hits} of {tally.said} words hit, " if tally.said else ""
    return (
        f"stream    {tally.kind}: {hits}{tally.false_alarms} false alarms in {tally.seconds / 60:.1f} minutes "
        f"({tally.false_alarms_an_hour:.0f} an hour)"
    )


def _line(heard: "Heard") -> str:
    wrong = f", but {heard.word} is said" if heard.right is False else ""
    if heard.seconds > 1:
        words = ", ".join(f"{word.label} at {word.time_s:.2f} s ({word.score:.2f})" for word in heard.words)
        return f"{heard.name}: {words or 'no word'} in {heard.seconds:.1f} s{wrong}"
    return f"{heard.name}: {heard.label} ({heard.score:.2f}){wrong}"
