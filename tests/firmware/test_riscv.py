"""The portable C answers on a 32-bit RISC-V as TFLite Micro does: the PC's firmware, compiled for RV32 and run by
QEMU's user mode. Such chips have no boards here (docs/decisions/0023), but projects of theirs take this C."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tinyprune import files
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators.host import HostLink
from tinyprune.device.firmware import FirmwareImage
from tinyprune.firmware import codegen
from tinyprune.measure import benchmark

QEMU = shutil.which("qemu-riscv32")
#: As an ESP32-C3, and the atomic instructions that the C library of Linux wants.
RV32 = ("-target", "riscv32-linux-musl", "-mcpu=generic_rv32+m+a+c", "-static", "-O2", "-std=c11", "-Wall", "-Werror")


@pytest.mark.slow  # zig makes the C library first
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.skipif(not QEMU, reason="qemu-riscv32 is not installed")
@pytest.mark.parametrize("model", [networks.ds_cnn(pruned=False), networks.ds_cnn()], ids=["dense", "2:4"])
def test_risc_v_answers_as_tflite_micro(model: bytes, tmp_path: Path) -> None:
    graph, host = reader.read(model, "net"), boards.load("host")
    inputs = samples.make(graph, 3)
    source = codegen.generate(lower.lower(graph, host), "net")
    files.write_files(source.files, tmp_path)
    sources = [str(path) for path in sorted(tmp_path.rglob("*.c"))]
    includes = sorted({f"-I{path.parent}" for path in tmp_path.rglob("*.h")})
    firmware = tmp_path / "firmware"
    command = [sys.executable, "-m", "ziglang", "cc", *RV32, *includes, *sources, "-o", str(firmware)]
    subprocess.run(command, check=True, timeout=280)

    def start(image: FirmwareImage, board: Board, *, profile: bool = False) -> HostLink:
        assert (board, profile) == (host, False)
        return HostLink([str(QEMU), str(image.elf)], "the firmware")

    image = FirmwareImage("host", source.model_sha256, "zig", firmware, 0, 0)
    expected, _ = oracle.expected(model, graph, inputs)
    np.testing.assert_array_equal(benchmark.outputs(start, image, host, inputs), expected)
