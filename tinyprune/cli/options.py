"""Options that several commands share, and what becomes of their values."""

from pathlib import Path

import click

board = click.option(
    "--board",
    "board_name",
    required=True,
    metavar="BOARD",
    help="A name from `tinyprune boards`, or a board's .toml file.",
)
port = click.option(
    "--port",
    metavar="PORT",
    help="Serial port of the board, a pyserial URL (socket://HOST:PORT), or auto (by USB id).",
)
emulator = click.option(
    "--emulator", metavar="NAME", help="Which emulator runs the firmware.  [default: the board's first]"
)
hardware = click.option(
    "--hardware", is_flag=True, help="A board is at the other end of a --port that could be anything."
)
finished_build = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder of the finished build.  [default: build/BOARD]"
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output instead of text."
)
trust = click.option(
    "--trust", is_flag=True, help="Load Keras files although they can run code of their own (Lambda layers)."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress.")


def names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """The callback of an option that takes several names: A,B,… with or without spaces; None where it is not given."""
    if value is None:
        return None
    found = tuple(name.strip() for name in value.split(","))
    if not all(found):
        raise click.BadParameter(f"{value!r} has an empty name; give them separated by commas")
    return found
