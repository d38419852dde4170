"""`tinyprune emulate`."""

import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from tinyprune.cli import options

if TYPE_CHECKING:
    from tinyprune.tasks.emulate import Emulated


@click.command("emulate", short_help="Keep a build running behind a pseudo terminal or a TCP port.")
@options.board
@click.option("--pty", is_flag=True, help="Open a pseudo terminal and print its name.")
@click.option("--tcp", metavar="[HOST:]PORT", help="Listen on a TCP port (0: any free one), for socket://HOST:PORT.")
@options.emulator
@options.finished_build
@click.option(
    "--link",
    type=click.Path(path_type=Path),
    help="Also make this symbolic link to the pseudo terminal, so that its name stays the same.",
)
@click.option("--no-clock", is_flag=True, help="Run faster; the firmware's clock may stand still.")
@options.as_json
def emulate_command(
    board_name: str,
    pty: bool,
    tcp: str | None,
    emulator: str | None,
    output: Path | None,
    link: Path | None,
    no_clock: bool,
    as_json: bool,
) -> None:
    """Keep a finished build running in an emulator behind a serial port, like a board on its cable; Ctrl-C ends it.

    \b
      tinyprune emulate --board nano33 --pty
    """
    from tinyprune.device import boards
    from tinyprune.errors import UsageError
    from tinyprune.tasks import emulate as emulate_task
    from tinyprune.tasks import line

    if pty == (tcp is not None):
        raise UsageError("say one of --pty and --tcp PORT: where shall other programs find the firmware?")
    board = boards.load(board_name)
    request = emulate_task.EmulateRequest(
        board, line.build_folder(output, board), emulator, _address(tcp) if tcp else None, link, not no_clock
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's & has switched off in scripts
    signal.signal(signal.SIGTERM, _stop)
    try:
        emulate_task.run_emulate(request, lambda ready: _announce(ready, as_json))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(0)


def _address(text: str) -> tuple[str, int]:
    from tinyprune.errors import UsageError

    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f'--tcp "{text}": [HOST:]PORT is needed, a port being 0 to 65535')
    return host or "127.0.0.1", int(port)


def _announce(ready: "Emulated", as_json: bool) -> None:
    """The name alone on standard output, for scripts; they must not wait for it."""
    if as_json:
        click.echo(json.dumps({"device": ready.device, "emulator": ready.emulator, "clock": ready.clock}))
    else:
        click.echo(ready.device)
        click.echo(f"… emulator {ready.emulator}, clock {ready.clock}; Ctrl-C ends it", err=True)
    sys.stdout.flush()


def _stop(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C, which emulators take when they can: an exception here could be lost in one of their callbacks."""
    signal.raise_signal(signal.SIGINT)
