"""`tinyprune monitor`."""

import os
import sys
from pathlib import Path
from typing import IO

import click

from tinyprune.cli import options


@click.command("monitor")
@click.option("--board", "board_name", metavar="BOARD", help="Find the port by this board's USB id.")
@click.option("--port", help="A serial port, or a URL of pyserial: socket://HOST:PORT, rfc2217://…, loop://.")
@click.option("--serial-number", metavar="S", help="Serial number of the probe or adapter, if several are plugged in.")
@click.option(
    "--baud", default=115_200, show_default=True, type=options.Whole(1), help="Baud rate; 8 data bits, no parity."
)
@click.option(
    "--wait",
    "wait_s",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Leave after this many seconds of silence, once piped input has ended.",
)
def monitor_command(
    board_name: str | None, port: str | None, serial_number: str | None, baud: int, wait_s: float
) -> None:
    """A serial terminal; Ctrl-] or Ctrl-C leaves it. Input may be piped.

    \b
      tinyprune monitor --board nano33
      echo name% | tinyprune monitor --port /dev/ttyUSB0
    """
    from tinyprune.device import boards, ports
    from tinyprune.errors import UsageError
    from tinyprune.tasks import monitor

    if port in (None, ports.AUTO) and board_name is None:
        raise UsageError("say which port with --port, or which board with --board")
    device = port if board_name is None else ports.serial_port(boards.load(board_name), port, serial_number)
    assert device is not None
    descriptor = _descriptor(sys.stdin)
    terminal = descriptor is not None and os.isatty(descriptor)
    if terminal:
        click.echo(f"connected to {device} at {baud} baud; Ctrl-] leaves", err=True)
    try:
        with (monitor.typed if terminal else monitor.piped)(descriptor) as keys:
            monitor.run(device, baud, keys, _show, 0.0 if terminal else wait_s)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for the interpreter's last flush)
    if terminal:
        click.echo(err=True)


def _descriptor(stream: IO[str] | None) -> int | None:
    """None where there is no standard input, as in a service."""
    try:
        return stream.fileno() if stream else None
    except OSError:
        return None


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
