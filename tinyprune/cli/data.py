"""`tinyprune data`."""

from pathlib import Path

import click

from tinyprune.cli import console, options
from tinyprune.errors import UsageError


@click.group("data")
def data_group() -> None:
    """Speech Commands audio, for training."""


@data_group.command("fetch", short_help="Download and unpack it; run again after a cut.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--url", help="Another copy of the archive.")
@click.option("--sha256", help="Checksum of that copy.")
@options.quiet
def data_fetch(folder: Path, url: str | None, sha256: str | None, quiet: bool) -> None:
    """Download the official archive and unpack it as FOLDER; run again to go on after a cut."""
    from tinyprune.training import download

    if (url is None) != (sha256 is None):
        raise UsageError("--url and --sha256 go together: an archive is not unpacked unless its checksum is right")
    source = {} if url is None or sha256 is None else {"url": url, "sha256": sha256}
    with console.BytesBar(quiet) as progress:
        target = download.fetch(folder, progress=progress, **source)
    click.echo(f"unpacked into {target}")
