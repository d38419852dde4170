"""The command line, a command a file: each parses, calls one function and shows its result. Only these print or exit.

Nothing slow is imported before a command needs it, so that `tinyprune --help` answers at once.
"""

import _thread
import io
import json
import os
import select
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tinyprune import __version__
from tinyprune.cli import defaults, log
from tinyprune.cli.audio import audio_command
from tinyprune.cli.bench import bench_command
from tinyprune.cli.boards import boards_group
from tinyprune.cli.build import build_command
from tinyprune.cli.check import check_command
from tinyprune.cli.data import data_group
from tinyprune.cli.doctor import doctor_command
from tinyprune.cli.emulate import emulate_command
from tinyprune.cli.flash import flash_command
from tinyprune.cli.init_ci import init_ci_command
from tinyprune.cli.monitor import monitor_command
from tinyprune.cli.page import page_command
from tinyprune.cli.prune import prune_command
from tinyprune.cli.quantize import quantize_command
from tinyprune.cli.record import record_command
from tinyprune.cli.sweep import sweep_command
from tinyprune.cli.train import train_command
from tinyprune.cli.zoo import zoo_command
from tinyprune.errors import TargetError, TinypruneError, UsageError, printable

#: As the shell reports a program stopped by SIGINT.
EXIT_INTERRUPTED = 130
#: A fault of tinyprune's own: EX_SOFTWARE of sysexits.h.
EXIT_FAULT = 70
_AGAIN_S = 0.02
_SHOWN_CHARACTERS = 10_000  # of a line


def main() -> None:
    """Entry point of `tinyprune`: turns every refusal into one sentence and its exit code."""
    arguments = sys.argv[1:]
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no × still gets its table
    sys.unraisablehook = _unraisable
    for number in filter(None, (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))):
        signal.signal(number, _terminated)
    try:
        cli.main(args=arguments, standalone_mode=False)
    except TinypruneError as error:
        _fail(str(error), error.exit_code, arguments)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; nothing was half-written, run the same command again", EXIT_INTERRUPTED, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        ask = f"; see `{error.ctx.command_path} --help`" if isinstance(error, click.UsageError) and error.ctx else ""
        _fail(error.format_message().removesuffix(".") + ask, UsageError.exit_code, arguments)
    except OSError as error:
        why = error.strerror or error or type(error).__name__
        _fail(f"{error.filename or 'output'}: {why}", UsageError.exit_code, arguments)
    except MemoryError:
        _fail("this computer's memory is too small for that", TinypruneError.exit_code, arguments)
    except Exception:
        _fail(_fault(arguments), EXIT_FAULT, arguments)


def _open_closed_streams() -> None:
    """Those that a shell's `>&-` closed: in the order of their numbers, which nothing else must get."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (for the whole run)


def _fault(arguments: list[str]) -> str:
    """What is not foreseen: in a sentence, with a file that has the details."""
    details = [
        f"tinyprune {__version__}, Python {sys.version}, {sys.platform}",
        f"arguments: {arguments}",
        traceback.format_exc(),
    ]
    told = "a fault of tinyprune, please report it"
    try:
        number, path = tempfile.mkstemp(prefix="tinyprune-fault-", suffix=".txt")
        os.close(number)
        Path(path).write_text("\n".join(details), encoding="utf-8", errors="replace")
    except OSError:
        return f"{told}: {details[-1]}"
    return f"{told}; the details are in {path}"


def _terminated(number: int, _frame: object) -> None:
    """Ends as Ctrl-C does: whatever is temporary goes."""
    sys.exit(128 + number)


def _unraisable(happened: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C in a destructor or a callback of the collector, where Python only prints it: again, a moment later."""
    if isinstance(happened.exc_value, KeyboardInterrupt):
        threading.Timer(_AGAIN_S, _interrupt).start()
    else:
        sys.__unraisablehook__(happened)


def _interrupt() -> None:
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # also wakes what waits


def _fail(message: str, exit_code: int, arguments: list[str]) -> None:
    shown = "\n".join(printable(line, _SHOWN_CHARACTERS) for line in message.split("\n"))  # names are others' data
    click.echo(f"error: {shown}", err=True)
    if "--json" in arguments:
        click.echo(json.dumps({"error": message, "exit_code": exit_code}))
    sys.exit(exit_code)


class _Commands(click.Group):
    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Already prints --help and --version."""
        with _reader_may_leave():
            return super().make_context(*arguments, **options)

    def invoke(self, context: click.Context) -> Any:
        context.default_map = defaults.read(self)
        try:
            with _reader_may_leave():
                return super().invoke(context)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            log.failure(error)
            raise


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Ends well where the reader, such as `head`, has seen enough: click itself makes exit code 1 of that."""
    try:
        yield
    except BrokenPipeError:
        if not _reader_left():
            raise TargetError("a pipe to another program broke: it ended early; run the same command again") from None
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for the interpreter's last flush)
        raise click.exceptions.Exit(0) from None


def _reader_left() -> bool:
    """Whether nobody reads standard output any more; taken for granted where the system cannot be asked."""
    if sys.platform == "win32":
        return True
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)  # errors only
    except io.UnsupportedOperation:  # no file
        return False
    return bool(poll.poll(0))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="tinyprune")
def cli() -> None:
    """Make neural networks run faster on Cortex-M microcontrollers: prune, generate C, compare every byte, flash.

    Begin with `check`, which says in seconds whether a model runs. A file tinyprune.toml holds defaults.

    \b
      tinyprune check model.tflite --board nano33
      tinyprune prune model.tflite --pattern 2:4 --data x.npy -o pruned.tflite
      tinyprune build --board nano33 --model pruned.tflite

    Exit codes: 0 done, 1 the model, its data, the firmware or the board is wrong, 2 wrong usage or something is not
    installed, 3 does not fit the board, 70 a fault of tinyprune's, 130 interrupted.
    """


for _command in (
    check_command,
    build_command,
    prune_command,
    quantize_command,
    bench_command,
    page_command,
    audio_command,
    emulate_command,
    init_ci_command,
    flash_command,
    monitor_command,
    doctor_command,
    boards_group,
    sweep_command,
    record_command,
    train_command,
    zoo_command,
    data_group,
):
    cli.add_command(log.with_options(_command))
