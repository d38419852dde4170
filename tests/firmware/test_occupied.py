"""Sizes of programs for the PC, of each system."""

import subprocess
import sys
from pathlib import Path

import pytest

from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.firmware import occupied

HOST = boards.load("host")
FLAGS = ("-O1", "-fno-sanitize=undefined")  # as the host's firmware: without a runtime for sanitizers
CODE = "static char written[30000]; int main(int n, char **a) { (void)a; written[n] = 1; return written[n + 1]; }"


@pytest.mark.compiler
@pytest.mark.slow  # zig first compiles the C library of such a system
@pytest.mark.parametrize("target", ["x86_64-windows-gnu", "x86_64-macos", "aarch64-macos"])
def test_programs_of_each_system(tmp_path: Path, target: str) -> None:
    (tmp_path / "main.c").write_text(CODE)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, "main.c", "-o", "firmware"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=280)
    loaded, written = occupied.measure(tmp_path / "firmware", HOST)
    assert 200 < loaded <= (tmp_path / "firmware").stat().st_size
    assert 30_000 <= written < 100_000


def test_another_kind_of_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "firmware").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(UsageError, match="programs are of a kind that is not known"):
        occupied.measure(tmp_path / "firmware", HOST)
