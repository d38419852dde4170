"""Options that several commands share, and what becomes of their values."""

from pathlib import Path
from typing import Any

import click

#: Where a click context keeps what was given by an option's old name.
_OLD_BUILD = "tinyprune.old_build"


class Whole(click.IntRange):
    """Whole numbers in a range. click says "valid integer range" of what is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        return super().convert(value, param, ctx)


def complete_board(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    from tinyprune.device import boards

    return [name for name in boards.names() if name.startswith(begun)]


def complete_emulator(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    from tinyprune.device import emulators

    return [name for name in emulators.EMULATORS if name.startswith(begun)]


def complete_pattern(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    common = ("2:4", "2:4g2", "1:4", "unstructured-75", "unstructured-90", "threshold-0.8", "channels-50", "auto")
    return [name for name in common if name.startswith(begun)]


board = click.option(
    "--board",
    "board_name",
    required=True,
    metavar="BOARD",
    shell_complete=complete_board,
    help="A name from `tinyprune boards`, or a board's .toml file.",
)


def limits(command: Any) -> Any:
    """What a network must stay within to be recommended."""
    options = (
        click.option("--max-flash", type=Whole(1), metavar="BYTES", help="Largest flash size.  [default: the board's]"),
        click.option(
            "--max-ram", type=Whole(1), metavar="BYTES", help="Largest RAM use, with the stack.  [default: the board's]"
        ),
        click.option("--max-cycles", type=Whole(1), metavar="CYCLES", help="Most modelled cycles of an inference."),
        click.option(
            "--max-ms",
            type=click.FloatRange(0, min_open=True),
            metavar="MS",
            help="Longest time of an inference on the board, modelled.",
        ),
        click.option(
            "--max-loss",
            type=click.FloatRange(0),
            metavar="POINTS",
            help="Take the fastest network that loses at most so many points of accuracy beside dense.  "
            "[default: take the best within the limits]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


port = click.option(
    "--port",
    metavar="PORT",
    help="Serial port of the board, a pyserial URL (socket://HOST:PORT), or auto (by USB id).",
)
emulator = click.option(
    "--emulator",
    metavar="NAME",
    shell_complete=complete_emulator,
    help="Emulator that runs the firmware.  [default: the board's first]",
)
hardware = click.option(
    "--hardware", is_flag=True, help="State that a board is behind --port, so that its times count as measured."
)


def finished_build(command: Any) -> Any:
    """--build DIR; its old names -o and --output work for a release."""
    folder = click.Path(path_type=Path)
    old = click.option(
        "-o",
        "--output",
        "old_build",
        type=folder,
        hidden=True,
        expose_value=False,
        is_eager=True,
        callback=_renamed,
    )
    new = click.option(
        "--build",
        "output",
        type=folder,
        metavar="DIR",
        callback=_or_renamed,
        help="Folder of the finished build.  [default: build/BOARD]",
    )
    return new(old(command))


def _renamed(context: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        click.echo("note: the folder of a finished build is now given as --build; -o is for what is written", err=True)
        context.meta[_OLD_BUILD] = value


def _or_renamed(context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    renamed: Path | None = context.meta.get(_OLD_BUILD)
    return renamed or value


def _page_file(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    """Refused before the work begins where no page can be drawn or written."""
    if value is not None:
        from tinyprune import pages

        pages.check_target(value)
    return value


html = click.option(
    "--html",
    type=click.Path(path_type=Path),
    callback=_page_file,
    metavar="FILE",
    help="Also write a page with pictures to this file, for any browser (docs/reports.md).",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output instead of text."
)
trust = click.option("--trust", is_flag=True, help="Load Keras files that can run their own code (Lambda layers).")
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")


def names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """The callback of an option that takes several names: A,B,… with or without spaces; None where it is not given."""
    return None if value is None else split(value)


def split(value: str) -> tuple[str, ...]:
    """Names separated by commas."""
    found = tuple(name.strip() for name in value.split(","))
    if not all(found):
        raise click.BadParameter(f"{value!r} has an empty name; give them separated by commas")
    return found


def write_page(report: Any, html: Path | None) -> None:
    """Of a report, where --html names a file."""
    if html is not None:
        from tinyprune import pages

        pages.write(report, html)
