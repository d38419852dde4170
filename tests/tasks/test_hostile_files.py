"""Files that are not what a command wants: a sentence in a moment, whatever is in them."""

import os
import sys
from pathlib import Path

import pytest

from tests.tasks.conftest import Run

FILES = {
    "junk": b"\x93\x00\xff\xfe" * 999,
    "empty": b"",
    "a list": b"[]",
    "nested": b"[" * 200_000,
    "nested tables": b'{"a":' * 50_000,
    "digits": b'{"schema": "bench-1", "flash_bytes": ' + b"9" * 6000 + b"}",
    "no UTF-8": b'{"\xff": 1}',
    "no figures": b'{"complete": true, "board": "nano33", "emulator": "sim", "layers": 3, "flash_bytes": 1}\n' * 3,
}
PLACES = (".", "/", "/dev/zero", "pipe", "nowhere") if sys.platform != "win32" else (".", "nowhere")
COMMANDS = (
    ("page", "FILE"),
    ("page", "FILE", "-o", "x.html"),
    ("bench", "--board", "nano33", "--compare", "FILE"),
    ("build", "--board", "nano33", "--no-run", "--model", "a.tflite", "--compare", "FILE"),
    ("boards", "show", "FILE"),
    ("check", "--board", "nano33", "FILE"),
    ("build", "--board", "nano33", "--no-run", "--model", "FILE"),
    ("prune", "a.tflite", "--pattern", "2:4", "-o", "b.tflite", "--data", "FILE"),
    ("bench", "--board", "nano33", "--inputs", "FILE"),
    ("bench", "--board", "nano33", "--history", "FILE"),
)


@pytest.mark.compiler
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command[0]} {command[-2]}")
def test_what_is_no_such_file_is_told(run: Run, model: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "a.tflite").write_bytes(model.read_bytes())
    names = []
    for name, content in FILES.items():
        suffix = ".toml" if command[0] == "boards" else ".tflite" if command[-1] == "FILE" != command[1] else ".json"
        names.append(f"{name}{suffix}")
        (tmp_path / names[-1]).write_bytes(content)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # that nobody writes into
    before = sorted(tmp_path.rglob("*"))
    for name in (*names, *PLACES):
        code, out, err = run(*(name if word == "FILE" else word for word in command))
        assert code in (1, 2), (name, code, out, err)
        assert "\nerror: " in f"\n{err}" or (command[0] == "check" and out), (name, err)  # a refusal is its answer
    assert sorted(tmp_path.rglob("*")) == before
