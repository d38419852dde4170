"""`tinyprune zoo`."""

import json

import click

from tinyprune.cli import options


@click.command("zoo")
@options.as_json
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
