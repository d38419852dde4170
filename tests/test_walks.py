"""The README's way from a model to checked firmware, as a new user types it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tinyprune.compiler import reader

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.compiler
@pytest.mark.emulator
def test_from_an_int8_file_to_checked_firmware_in_three_commands(tmp_path: Path) -> None:
    model = networks.ds_cnn(pruned=False)
    (tmp_path / "model.tflite").write_bytes(model)
    inputs = np.random.default_rng(0).integers(-128, 128, (64, *reader.read(model).inputs[0].shape), np.int8)
    np.save(tmp_path / "x.npy", inputs)
    block = re.search(r"\*\*You have an int8 `\.tflite`:\*\*.*?```sh\n(.*?)```", README, re.DOTALL)
    assert block
    commands = block[1].splitlines()
    assert len(commands) == 3
    for command in commands:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert "64 of 64 outputs are bit-identical to TFLite Micro" in done.stdout
    assert "2:4" in done.stdout
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "build/nano33/project/CMakeLists.txt").is_file()
