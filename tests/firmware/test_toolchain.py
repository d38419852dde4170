"""The flags of each core, as the compilers understand them."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tinyprune.device import boards
from tinyprune.device.firmware import FirmwareSource
from tinyprune.errors import MissingDependency, ModelError, TinypruneError
from tinyprune.firmware import build, toolchain

BARE_CORES = sorted(set(boards.CORES) - {"host"})


@pytest.mark.compiler
@pytest.mark.parametrize("core", BARE_CORES)
def test_a_compiler_knows_what_the_core_has(tmp_path: Path, compiler: str, core: str) -> None:
    """One that is not told of the DSP extension takes the C beside the instructions: right, and five times slower."""
    nano33 = boards.load("nano33")
    fpu = core in ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
    found = toolchain.find(replace(nano33, cpu=replace(nano33.cpu, core=core, fpu=fpu)), compiler)
    source = tmp_path / "empty.c"
    source.touch()
    command = [*found.command, *found.compile_flags, "-E", "-dM", str(source)]
    macros = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert ("__ARM_FEATURE_DSP" in macros) == ("dsp" in boards.CORES[core])
    assert ("#define __ARM_FP " in macros) == fpu


@pytest.mark.skipif(sys.platform == "win32", reason="compilers here are scripts")
@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("printf '12.2.0\\n'; printf 'k\\344se \\033[2J\\377\\n' >&2; exit 1", ModelError, r"said:\nk.se .\[2J.$"),
        ("printf '12.2.0\\n'; head -c 9000000 /dev/zero >&2; exit 1", ModelError, r"said:\n.{400}$"),
        ("printf '12.2.0\\n'", MissingDependency, "gcc 12.2.0 ended well and left no program"),
        ("printf 12; for f; do :; done; echo x > $f", MissingDependency, "gcc 12 ended well and left no program"),
        ("sleep 60", MissingDependency, r"does not run \(.* timed out after 0.5 seconds\); install it again"),
    ],
)
def test_odd_compilers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, kind: type[TinypruneError], message: str
) -> None:
    path = tmp_path / "arm-none-eabi-gcc"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    if body.startswith("sleep"):
        monkeypatch.setattr(toolchain, "TIMEOUT_S", 0.5)
    (tmp_path / "a.c").touch()
    nano33, source = boards.load("nano33"), FirmwareSource("nano33", "0" * 64, {"a.c": ""})
    with pytest.raises(kind, match=message) as caught:
        build.build(source, nano33, toolchain.find(nano33, "gcc"), tmp_path, tmp_path)
    assert str(caught.value).replace("\n", "").isprintable()


@pytest.mark.skipif(sys.platform == "win32", reason="compilers here are scripts")
def test_what_cannot_be_run_is_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "arm-none-eabi-gcc"
    path.write_bytes(b"\x7fELF and nothing else")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingDependency, match=r"does not run \(.*Exec format error.*\); install it again, or give another"
    ):
        toolchain.find(boards.load("nano33"), "gcc")
    (tmp_path / "a.c").touch()
    with pytest.raises(MissingDependency, match="cannot be run: Exec format error; install it again"):
        build.run_compiler([str(path)], tmp_path, boards.load("nano33"))
