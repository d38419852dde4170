"""Sparse layers in TFLite Micro's interpreter on an emulated Cortex-M4: needs the tree that TFLM_ROOT names."""

import json
import os
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import DoesNotFit, TargetError, UsageError
from tinyprune.firmware import output, tflm
from tinyprune.firmware.tflm import tree
from tinyprune.measure import benchmark
from tinyprune.tasks import build as build_task
from tinyprune.tasks.build import BuildRequest

pytestmark = [
    pytest.mark.skipif(not os.environ.get(tree.ROOT_VARIABLE), reason="TFLM_ROOT names no tree"),
    pytest.mark.compiler,
    pytest.mark.emulator,
    pytest.mark.tflm,
    pytest.mark.timeout(1200),  # each firmware is linked and booted twice, to measure its arena
]

BOARD = boards.load("nano33")
SIM = EMULATORS["sim"]
INPUTS = 256


def build(model: bytes, folder: Path, *, dense: bool = False, board: boards.Board = BOARD) -> tflm.Built:
    program = lower.lower(reader.read(model), BOARD)
    network = tflm.dense(model, program) if dense else tflm.sparse(model, tflm.choose(model, program))
    folder.mkdir(exist_ok=True)
    return tflm.build(program, network, "m", board, tflm.find(BOARD), tflm.compiler(BOARD), SIM, folder)


@pytest.mark.parametrize("pattern", ["2:4", "unstructured-80"])
def test_sparse_layers_answer_as_the_dense_model_does(tmp_path: Path, pattern: str) -> None:
    model = networks.every_operator(pattern=pattern)
    inputs = samples.make(reader.read(model), INPUTS)
    sparse, dense = build(model, tmp_path / "sparse"), build(model, tmp_path / "dense", dense=True)
    answers = benchmark.outputs(SIM, sparse.image, BOARD, inputs)
    np.testing.assert_array_equal(answers, benchmark.outputs(SIM, dense.image, BOARD, inputs))
    np.testing.assert_array_equal(answers, oracle.infer(model, inputs))


def test_build_with_the_runtime_and_its_cmake_project(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(networks.ds_cnn())
    request = BuildRequest(BOARD, tmp_path / "out", path, runtime="tflm")
    report = build_task.run_build(request, lambda _stage: None)
    assert report.bit_exact
    assert report.runtime.startswith("TFLite Micro")
    kernels = {layer.name: layer.kernel for layer in report.layers}
    assert kernels["conv_1"] == kernels["conv_4"] == "tp_conv_2d_s8_pairs_dsp"
    assert kernels["depthwise_1"] == "TFLite Micro's DEPTHWISE_CONV_2D"
    assert all(layer.instructions for layer in report.layers)
    assert report.arena_bytes_lower_bound < report.arena_bytes < report.ram_bytes < 20_000
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {output.MODEL, output.TFLM_MODEL, output.PROJECT, "firmware.elf"} <= written
    assert json.loads((tmp_path / "out/report.json").read_text())["runtime"] == report.runtime
    image, model = output.load(tmp_path / "out", BOARD)
    check_cmake_project(tmp_path / "out/project", image.elf, reader.read(model))
    build_task.run_build(request, lambda _stage: None)  # again, over what the first one left


def check_cmake_project(project: Path, elf: Path, graph: reader.Graph) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    readme = (project / "README.md").read_text()
    assert "`tp_conv_2d_s8_pairs_dsp` (weights are 2:4" in readme
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={project}/cmake/arm-none-eabi.cmake"
    for command in (["cmake", "-S", ".", "-B", "../cmake-build", toolchain], ["cmake", "--build", "../cmake-build"]):
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert "warning" not in done.stderr
    inputs = samples.make(graph, 4)
    built = project.parent / "cmake-build/firmware.elf"
    made = tflm_image(built, graph)
    np.testing.assert_array_equal(
        benchmark.outputs(SIM, made, BOARD, inputs), benchmark.outputs(SIM, replace(made, elf=elf), BOARD, inputs)
    )


def tflm_image(elf: Path, graph: reader.Graph) -> FirmwareImage:
    return FirmwareImage(BOARD.name, graph.model_sha256, "gcc", elf, 0, 0)


def test_a_model_of_a_newer_tinyprune(tmp_path: Path) -> None:
    model = networks.ds_cnn()
    program = lower.lower(reader.read(model), BOARD)
    network = tflm.sparse(model, tflm.choose(model, program))
    newer = network.model.replace(b"TPSC" + struct.pack("<I", 1), b"TPSC" + struct.pack("<I", 2))
    assert newer != network.model
    message = "does not start the network on nano33: .*the model was made by a newer tinyprune: build the firmware with"
    with pytest.raises(TargetError, match=message):
        tflm.build(
            program, replace(network, model=newer), "m", BOARD, tflm.find(BOARD), tflm.compiler(BOARD), SIM, tmp_path
        )


@pytest.mark.parametrize(("ram_bytes", "message"), [(7_808, "one layer's maps take"), (10_240, "needs more than the")])
def test_an_arena_too_small_for_the_board(tmp_path: Path, ram_bytes: int, message: str) -> None:
    assert BOARD.ram is not None
    board = replace(BOARD, ram=replace(BOARD.ram, bytes=ram_bytes))
    with pytest.raises(DoesNotFit, match=f"the model does not fit nano33: .*{message}"):
        build(networks.ds_cnn(), tmp_path, board=board)


def test_a_library_for_another_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soft = replace(BOARD, cpu=replace(BOARD.cpu, fpu=False))
    monkeypatch.setenv(tree.LIBRARY_VARIABLE, str(tflm.find(BOARD).library))
    program = lower.lower(reader.read(networks.ds_cnn()), soft)
    network = tflm.dense(networks.ds_cnn(), program)
    with pytest.raises(
        UsageError, match=r"was built for another floating-point ABI than nano33 has \(cortex-m4 without"
    ):
        tflm.build(program, network, "m", soft, tflm.find(soft), tflm.compiler(soft), SIM, tmp_path)
