"""What nobody foresaw ends in a sentence and a file, not in a traceback."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.graphs import NETWORKS
from tinyprune import cli
from tinyprune.errors import DataError

_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException, *arguments: str) -> int:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.cli, "main", fail)
    monkeypatch.setattr(sys, "argv", ["tinyprune", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("error", [RecursionError("deep"), ZeroDivisionError("by zero"), KeyError("x")])
def test_a_fault_is_told_with_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert run(monkeypatch, error, "boards", "--json") == cli.EXIT_FAULT
    said, told = capsys.readouterr()
    assert re.fullmatch(r"error: a fault of tinyprune, please report it; the details are in \S+\n", told)
    assert json.loads(said)["exit_code"] == cli.EXIT_FAULT
    (file,) = tmp_path.iterdir()
    assert str(file) in told
    assert f"{type(error).__name__}: " in file.read_text()
    assert "arguments: ['boards', '--json']" in file.read_text()


def test_too_little_memory_is_no_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, MemoryError()) == 1
    assert capsys.readouterr().err == "error: this computer's memory is too small for that\n"


def test_what_a_message_quotes_is_harmless(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = DataError("\x1b[2J\rdone \u202ecod.exe\nnext line: é ×" + 20_000 * "a")
    assert run(monkeypatch, error, "--json") == 1
    said, told = capsys.readouterr()
    assert told.startswith("error: �[2J�done �cod.exe\nnext line: é ×aaa")
    assert len(told) < 11_000
    assert json.loads(said)["error"] == str(error)


def test_ctrl_c_while_the_command_line_is_imported_is_no_fault() -> None:
    code = (
        "import sys, builtins\n"
        "real = builtins.__import__\n"
        "def interrupted(name, *more):\n"
        "    if name == 'click':\n"
        "        raise KeyboardInterrupt\n"
        "    return real(name, *more)\n"
        "builtins.__import__ = interrupted\n"
        "from tinyprune.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=_ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted; nothing was half-written, run the same command again\n"


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors in a shell")
@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("boards", ">&-"),
        ("boards", "2>&-"),
        ("boards", ">&- 2>&-"),
        ("boards", "<&- >&- 2>&-"),
        ("check a.tflite --board nano33", "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_are_no_fault(tmp_path: Path, command: str, closed: str) -> None:
    (tmp_path / "a.tflite").write_bytes(NETWORKS["untouched"]().file)
    line = f'"{sys.executable}" -m tinyprune {command} {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=tmp_path, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGTERM")
def test_sigterm_leaves_nothing_temporary(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from tinyprune import cli, files\n"
        "def work(**_):\n"
        f"    with files.staging(pathlib.Path({str(tmp_path / 'out')!r})):\n"
        "        print('ready', flush=True)\n"
        "        import time; time.sleep(60)\n"
        "cli.cli.main = work\n"
        "cli.main()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
