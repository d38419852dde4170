"""Options that several commands share."""

import click

board = click.option(
    "--board",
    "board_name",
    required=True,
    metavar="BOARD",
    help="A name from `tinyprune boards`, or a board's .toml file.",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output instead of text."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress.")
