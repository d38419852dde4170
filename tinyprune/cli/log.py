"""What commands say of their work beside results: with its time on standard error (-v), and in a file (--log).

Every command has both options. The file also gets the traceback of whatever ended the command.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import click

from tinyprune import __version__
from tinyprune.errors import UsageError

_LOG = logging.getLogger("tinyprune")
_LOG.propagate = False


def with_options(command: click.Command) -> click.Command:
    """The command, and those in its group, with -v and --log."""
    verbose = next((each for each in command.params if each.name == "verbose"), None)
    if verbose is None:
        verbose = click.Option(
            ["-v", "--verbose"], is_flag=True, expose_value=False, help="Show each stage with its time."
        )
        command.params.append(verbose)
    verbose.callback = _to_terminal
    log = click.Option(
        ["--log"],
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        expose_value=False,
        callback=_to_file,
        help="Append each stage with its time, and the details of errors, to FILE.",
    )
    command.params.append(log)
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        with_options(each)
    return command


def stage(what: str) -> None:
    _LOG.info(what)


def failure(error: BaseException) -> None:
    """With its traceback, for the file."""
    _LOG.debug("%s: %s", type(error).__name__, error, exc_info=error)


def is_verbose() -> bool:
    return any(type(handler) is logging.StreamHandler for handler in _LOG.handlers)


def _to_terminal(context: click.Context, _option: click.Parameter, value: bool) -> bool:
    if value:
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.INFO)
        _attach(context, handler, logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    return value


def _to_file(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--log {path}: {error.strerror}") from None
    _attach(context, handler, logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _LOG.debug("tinyprune %s, arguments %s", __version__, sys.argv[1:])


def _attach(context: click.Context, handler: logging.Handler, form: logging.Formatter) -> None:
    """Until the program ends, or a test's run of a command."""
    handler.setFormatter(form)
    _LOG.setLevel(logging.DEBUG)
    _LOG.addHandler(handler)
    context.find_root().call_on_close(lambda: _detach(handler))


def _detach(handler: Any) -> None:
    _LOG.removeHandler(handler)
    _LOG.setLevel(logging.WARNING)
    handler.close()
