"""The emulator's instruction counts and outputs against QEMU's: another program, with a clock that counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import qemu
from benchmarks.measure import QEMU_TOLERANCE
from tests import networks
from tinyprune.compiler import oracle, reader, samples
from tinyprune.device import boards
from tinyprune.errors import MissingDependency, TargetError
from tinyprune.firmware import output, toolchain
from tinyprune.tasks import build as build_task

BOARD = boards.load("nano33")
needs_qemu = pytest.mark.skipif(not qemu.installed(), reason="qemu-system-arm is not installed")


@needs_qemu
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_counts_agree(compiler: str, tmp_path: Path) -> None:
    model = networks.ds_cnn()
    (tmp_path / "net.tflite").write_bytes(model)
    request = build_task.BuildRequest(BOARD, tmp_path / "build", tmp_path / "net.tflite", compiler=compiler)
    report = build_task.run_build(request, lambda _stage: None)
    sample = samples.make(reader.read(model, "net"), build_task.COMPARED_INPUTS)[-1]
    folder = tmp_path / "qemu"
    folder.mkdir()
    found = qemu.count(tmp_path / "build" / output.PROJECT, BOARD, toolchain.find(BOARD, compiler), sample, folder)
    assert found.instructions == pytest.approx(report.instructions, rel=QEMU_TOLERANCE)
    np.testing.assert_array_equal(found.output, oracle.infer(model, sample[None])[0])


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sample = np.zeros(1, np.int8)
    monkeypatch.setattr(qemu, "installed", lambda: False)
    with pytest.raises(MissingDependency, match="apt-get install qemu-system-arm"):
        qemu.count(tmp_path, BOARD, toolchain.find(BOARD, "zig"), sample, tmp_path)
    monkeypatch.setattr(qemu, "installed", lambda: True)
    other = replace(BOARD, cpu=replace(BOARD.cpu, core="cortex-m0plus"))
    with pytest.raises(TargetError, match="mps2-an386 has a Cortex-M4 with FPU, nano33 has not"):
        qemu.count(tmp_path, other, toolchain.find(BOARD, "zig"), sample, tmp_path)
