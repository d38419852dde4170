"""Defaults from `tinyprune.toml` in the working folder, so that commands need not repeat them.

    board = "nano33"        # --board of every command
    model = "net.tflite"    # --model, or MODEL
    data = "x.npy"          # --data, or --calibration
    output = "firmware"     # the folder of builds: -o of build, --build of the commands that read one

    [build]                 # any option of a command, by its long name
    max-flash = 60000

What is on the command line comes first. `--trust` is for there only.
"""

import difflib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from tinyprune import files
from tinyprune.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path("tinyprune.toml")
_MOST_BYTES = 1 << 16
#: What lets a model run its own code is said by whoever runs the command: a folder may come from somebody else.
_NEVER = "trust"
#: Keys for all commands → options and arguments that they are the default of.
COMMON = {
    "board": ("board",),
    "model": ("model", "models"),
    "data": ("data", "calibration"),
    "labels": ("labels",),
    "output": ("build",),
}


def read(group: click.Group) -> dict[str, dict[str, Any]]:
    """For each command its parameters' defaults, as click wants them. Raises UsageError for a file that is wrong."""
    try:
        found = tomllib.loads(files.content(FILE, _MOST_BYTES).decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{FILE} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    tables = {key: value for key, value in found.items() if isinstance(value, dict)}
    common = {key: value for key, value in found.items() if key not in tables}
    _check_known("", common, COMMON)
    _check_known("table ", tables, group.commands)
    return {name: _of(command, common, tables.get(name, {})) for name, command in group.commands.items()}


def _of(command: click.Command, common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {_key(each): each for each in command.params if each.expose_value}
    _check_known(f"[{command.name}] ", own, parameters)
    if _NEVER in own:
        raise UsageError(f"{FILE}: [{command.name}] {_NEVER} is for the command line only: --{_NEVER}")
    names = {key: (*COMMON[key], *(["output"] if (command.name, key) == ("build", "output") else [])) for key in common}
    chosen = {name: common[key] for key in common for name in names[key] if name in parameters}
    return {str(parameters[key].name): _value(key, parameters[key], value) for key, value in (chosen | {**own}).items()}


def _key(parameter: click.Parameter) -> str:
    """The long name of an option, the name of an argument."""
    if isinstance(parameter, click.Argument):
        return str(parameter.name)
    return next((name for name in parameter.opts if name.startswith("--")), parameter.opts[0]).lstrip("-")


def _value(key: str, parameter: click.Parameter, value: Any) -> Any:
    several = parameter.multiple or parameter.nargs == -1
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str | int | float) for part in parts):
        raise UsageError(f"{FILE}: {key} must be a text, a number, true or false, or a list of these")
    if several:
        return [str(part) for part in parts]
    return ",".join(map(str, parts)) if isinstance(value, list) else value


def _check_known(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, list(known), n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}"
            raise UsageError(f'{FILE}: {where}"{key}" is not known; {hint}')
