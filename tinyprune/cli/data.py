"""`tinyprune data`."""

from pathlib import Path

import click

from tinyprune.cli import console, options


@click.group("data")
def data_group() -> None:
    """Speech Commands audio, for training.

    \b
      tinyprune data fetch speech_commands
    """


@data_group.command("fetch", short_help="Download and unpack it; run again after a cut.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--url", help="URL of another copy of the archive.")
@click.option("--sha256", help="Checksum of that copy.")
@click.option("--max-bytes", type=options.Whole(1), help="Largest size of the archive.  [default: 4 GB]")
@options.quiet
def data_fetch(folder: Path, url: str | None, sha256: str | None, max_bytes: int | None, quiet: bool) -> None:
    """Download the official archive and unpack it as FOLDER; run again to go on after a cut.

    \b
      tinyprune data fetch speech_commands
    """
    from tinyprune.training import download

    with console.BytesBar(quiet) as progress:
        most = max_bytes or download.MOST_BYTES
        target = download.fetch(folder, url=url, sha256=sha256, max_bytes=most, progress=progress)
    click.echo(f"unpacked into {target}")
