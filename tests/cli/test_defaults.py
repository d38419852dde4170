"""tinyprune.toml, -v, --log, completion, and old names of options."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tinyprune.cli import cli, defaults
from tinyprune.errors import UsageError

EVERY = [*cli.commands.values(), *cli.commands["boards"].commands.values(), *cli.commands["data"].commands.values()]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str) -> dict[str, dict[str, object]]:
    defaults.FILE.write_text(text, encoding="utf-8")
    return defaults.read(cli)


def test_a_key_is_the_default_of_each_command_that_has_such_an_option() -> None:
    found = read('board = "nano33"\nmodel = "net.tflite"\ndata = "x.npy"\noutput = "firmware"')
    assert found["build"] == {
        "board_name": "nano33", "model": "net.tflite", "calibration": "x.npy", "output": "firmware",
    }  # fmt: skip
    assert found["prune"] == {"model": "net.tflite", "data": "x.npy", "board_name": "nano33"}
    assert found["sweep"] == {"board_name": "nano33", "models": ["net.tflite"], "data": "x.npy"}
    assert found["bench"] == {"board_name": "nano33", "output": "firmware"}
    assert found["doctor"] == {}


def test_a_table_is_for_one_command() -> None:
    found = read('board = "nano33"\n[build]\nboard = "pico"\nmax-flash = 60000\nclass-names = ["yes", "no"]')
    assert found["build"] == {"board_name": "pico", "max_flash": 60000, "class_names": "yes,no"}
    assert found["check"] == {"board_name": "nano33"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('bord = "nano33"', '"bord" is not known; did you mean "board"?'),
        ("[buld]", 'table "buld" is not known; did you mean "build"?'),
        ("[build]\nmax-flsh = 1", '[build] "max-flsh" is not known; did you mean "max-flash"?'),
        ("[build", "tinyprune.toml cannot be read: "),
        ("#" * 70_000, "tinyprune.toml cannot be read: it has more than 65,536 bytes"),
        ("[prune]\ntrust = true", "[prune] trust is for the command line only: --trust"),
        ("board = 2020-01-01", "board must be a text, a number, true or false"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        read(text)


def test_the_command_line_comes_first_and_arguments_have_defaults() -> None:
    defaults.FILE.write_text('board = "nano33"\nmodel = "text.tflite"\n', encoding="utf-8")
    Path("text.tflite").write_bytes(b"no model")
    done = CliRunner().invoke(cli, ["check", "-q"])
    assert "text.tflite" in done.output
    assert done.exit_code == 1
    done = CliRunner().invoke(cli, ["check", "other.tflite", "-q"])
    assert "other.tflite: No such file" in str(done.exception)
    assert "nano33" in CliRunner().invoke(cli, ["boards", "show", "nano33"]).output


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_every_command_has_them(command: click.Command) -> None:
    options = {name for each in command.params for name in each.opts}
    assert {"-v", "--verbose", "--log"} <= options


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_every_help_has_an_example(command: click.Command) -> None:
    assert re.search(rf"^ +tinyprune (\w+ )?{command.name}\b", command.help or "", re.MULTILINE)


def test_stages_and_errors_are_logged() -> None:
    Path("text.tflite").write_bytes(b"no model")
    done = CliRunner().invoke(cli, ["check", "text.tflite", "-v", "--log", "log.txt"])
    assert re.search(r"^\d\d:\d\d:\d\d  reading the model$", done.output, re.MULTILINE)
    assert "…" not in done.stderr
    CliRunner().invoke(cli, ["check", "none.tflite", "-q", "--log", "log.txt"])
    logged = Path("log.txt").read_text(encoding="utf-8")
    assert "INFO reading the model" in logged
    assert "DEBUG UsageError: none.tflite: No such file" in logged
    assert "Traceback" in logged
    assert (
        CliRunner().invoke(cli, ["check", "text.tflite"]).output.count("reading the model") == 1
    )  # nothing is left of -v
    with pytest.raises(UsageError, match=r"--log no/log\.txt: No such file"):
        CliRunner().invoke(cli, ["check", "x", "--log", "no/log.txt"], catch_exceptions=False)


def test_the_old_name_of_build_works_with_a_note() -> None:
    new, old = (
        CliRunner().invoke(cli, ["bench", "--board", "nano33", "-q", option, "nothing"]) for option in ("--build", "-o")
    )
    assert str(new.exception) == str(old.exception)
    assert "nothing" in str(new.exception)
    assert (new.stderr, old.stderr.count("now given as --build")) == ("", 1)


@pytest.mark.parametrize(
    ("shell", "begun", "found"),
    [
        ("bash", "tinyprune che", "check"),
        ("bash", "tinyprune check --board nano", "nano33sense"),
        ("bash", "tinyprune bench --emulator qe", "qemu"),
        ("zsh", "tinyprune prune --pattern 2:4", "2:4g2"),
        ("fish", "tinyprune check --board nano", "nano33sense"),
    ],
)
def test_shells_complete_values(shell: str, begun: str, found: str) -> None:
    words = begun.split()
    asked = {"COMP_WORDS": begun, "COMP_CWORD": str(len(words) - 1), "_TINYPRUNE_COMPLETE": f"{shell}_complete"}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    code = "import sys; sys.argv[0] = 'tinyprune'; from tinyprune.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert found in re.split(r"[\n,\t]", done.stdout)
