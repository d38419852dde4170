"""Options that several commands share mean the same in each."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tinyprune.cli import cli
from tinyprune.device import boards
from tinyprune.tasks import line

TAKE_NAMES = [("build", "class_names"), ("bench", "labels"), ("sweep", "patterns")]
RUN_A_BUILD = ["audio", "bench", "emulate", "flash"]


def parameter(command: str, name: str) -> click.Parameter:
    return next(each for each in cli.commands[command].params if each.name == name)


@pytest.mark.parametrize(("command", "name"), TAKE_NAMES)
@pytest.mark.parametrize(
    ("given", "wanted"), [("a,b", ("a", "b")), (" a , 2:4 ", ("a", "2:4")), ("yes", ("yes",)), (None, None)]
)
def test_names_are_separated_by_commas_with_or_without_spaces(command, name, given, wanted):
    found = parameter(command, name)
    context = click.Context(cli.commands[command])
    assert found.process_value(context, given) == wanted


@pytest.mark.parametrize(("command", "name"), TAKE_NAMES)
@pytest.mark.parametrize("given", ["a,,b", "a,", ""])
def test_an_empty_name_is_refused(command, name, given):
    models = ["m.keras", "--data", "x.npy"] if command == "sweep" else []
    done = CliRunner().invoke(cli, [command, "--board", "host", *models, f"--{name.replace('_', '-')}", given])
    assert done.exit_code == 2
    assert f"{given!r} has an empty name" in done.output


@pytest.mark.parametrize("command", RUN_A_BUILD)
def test_commands_look_for_a_build_where_build_writes_it(command):
    assert parameter(command, "output").help == parameter("audio", "output").help
    board = boards.load("nano33")
    assert line.build_folder(None, board) == Path("build/nano33")
    assert line.build_folder(Path("mine"), board) == Path("mine")
