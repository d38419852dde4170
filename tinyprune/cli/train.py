"""`tinyprune train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tinyprune.cli import console, options
from tinyprune.cli.audio import stream_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinyprune.measure.train_report import TrainReport


@click.command("train", short_help="Train a network on recordings of your own words.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--words", callback=options.names, metavar="A,B,…", help="Folders to use.  [default: all]")
@click.option(
    "--architecture",
    type=click.Choice(["ds-cnn", "tc-resnet"]),
    default="ds-cnn",
    show_default=True,
    help="Kind of network (docs/training.md).",
)
@click.option("--size", type=click.Choice(["S", "M", "L"]), default="S", show_default=True, help="Size of the network.")
@click.option(
    "--negatives",
    type=click.Path(path_type=Path),
    help="Folder with a folder for each kind of sound without words: dog/, music/; speech belongs into speech/.",
)
@click.option(
    "--leave-out",
    callback=options.names,
    metavar="A,B,…",
    help="Kinds of --negatives that are kept for measuring: how well the network keeps silent for what it never heard.",
)
@click.option(
    "--speech-commands",
    type=click.Path(path_type=Path),
    help="A copy of Speech Commands (`tinyprune data fetch`): its other words are the unknown ones, its noise silence.",
)
@click.option(
    "--epochs",
    type=options.Whole(2),
    default=30,
    show_default=True,
    help="Number of dense epochs; two thirds as many follow at 2:4.",
)
@click.option(
    "--front-end",
    type=click.Choice(["mfcc10", "logmel40"]),
    help="What the network hears: 10 MFCC, or 40 log-mel bands (docs/audio.md).  "
    "[default: mfcc10; with tc-resnet logmel40]",
)
@click.option(
    "--seed", type=options.Whole(0, 2**31 - 1), default=0, show_default=True, help="Seed of all that is random."
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the network.")
@options.html
@options.as_json
@options.quiet
def train_command(
    folder: Path,
    words: tuple[str, ...] | None,
    architecture: Literal["ds-cnn", "tc-resnet"],
    size: Literal["S", "M", "L"],
    negatives: Path | None,
    leave_out: tuple[str, ...] | None,
    speech_commands: Path | None,
    epochs: int,
    front_end: str | None,
    seed: int,
    output: Path,
    html: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a network on words of your own: FOLDER has a folder of recordings for each word.

    WAV, FLAC, OGG or MP3 of any rate and length; 50 a word are a good start. Folders within a word's are speakers.
    FOLDER may also have _unknown_ (other words) and _silence_ (rooms). The network is pruned 2:4 and int8, and
    `tinyprune build --audio --model` takes it. Stopped, the same command goes on after the last finished epoch.

    \b
      tinyprune train recordings -o words
    """
    from tinyprune.tasks import train as train_task

    request = train_task.TrainRequest(
        folder, output, words, size, negatives, speech_commands, epochs, seed, front_end, leave_out or (), architecture
    )
    with console.CountBar(quiet or as_json) as (progress, done):
        report = train_task.run_train(request, progress, done)
    options.write_page(report, html)
    if as_json:
        click.echo(report.to_json())
        return
    terminal = console.make()
    for text in lines(report):
        terminal.print(text, highlight=False, soft_wrap=True, markup=False)


def lines(report: "TrainReport") -> "Iterator[str]":
    """What a terminal shows of it."""
    clips = sum(map(sum, report.confusion))
    yield (
        f"words     {report.words_percent:.1f} ± {report.words_error_points:.1f} % of "
        f"{sum(report.held_out_clips.values()):,} clips held out, by {report.groups:,} speakers or files, int8 at 2:4"
    )
    yield (
        f"accuracy  {report.accuracy_percent:.1f} ± {report.error_points:.1f} % of {clips:,} clips, with silence and "
        f"unknown words; dense {report.dense_accuracy_percent:.1f} %"
    )
    for label, row in zip(report.labels, report.confusion, strict=True):
        wrong = sorted(
            (count, other) for other, count in zip(report.labels, row, strict=True) if other != label and count
        )
        taken = ", ".join(f"{other} {count}" for count, other in reversed(wrong))
        right = row[report.labels.index(label)]
        yield f"  {label:14} {right:,} of {sum(row):,} right" + (f"; taken for {taken}" if taken else "")
    yield from map(stream_line, report.streams)
    for text in report.notes:
        yield f"note      {text}"
    for text in report.warnings:
        yield f"WARNING   {text}"
    yield f"written   {report.output}"
    yield f"next      tinyprune build --board BOARD --audio --model {report.output}"
