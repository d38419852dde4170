"""Every board in boards/ builds and links in every runtime, and answers with TFLite Micro's bytes in every emulator
that is here. What TFLM_ROOT has no library for is skipped, by the name of its architecture."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.device.emulators import firmware
from tinyprune import files
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import MissingDependency
from tinyprune.firmware import build, codegen, tflm, toolchain
from tinyprune.firmware.tflm import tree
from tinyprune.measure import benchmark
from tinyprune.tasks import build as build_task

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
MODEL = networks.ds_cnn()
GRAPH = reader.read(MODEL, "net")
INPUTS = samples.make(GRAPH, 3)
MARKS = {
    "renode": [pytest.mark.renode],
    "tflm": [
        pytest.mark.tflm,
        pytest.mark.timeout(1200),  # each firmware is linked and booted twice, to measure its arena
        pytest.mark.skipif(not os.environ.get(tree.ROOT_VARIABLE), reason="TFLM_ROOT names no tree"),
    ],
}
RUNS = [
    pytest.param(name, emulator, runtime, marks=[*MARKS.get(emulator, ()), *MARKS.get(runtime, ())])
    for runtime in build_task.RUNTIMES
    for name in boards.names()
    for emulator in boards.load(name).emulators
    if (name, runtime) != ("host", "tflm")  # TFLite Micro's interpreter on the PC is the oracle
]
_built: dict[tuple[str, str], FirmwareImage] = {}


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return oracle.expected(MODEL, GRAPH, INPUTS)[0]


def _aot(board: Board, folder: Path) -> FirmwareImage:
    source = codegen.generate(lower.lower(GRAPH, board), "net")
    project = files.write_files(source.files, folder / "project")
    return build.build(source, board, toolchain.find(board), project, folder)


def _tflm(board: Board, folder: Path) -> FirmwareImage:
    program, start = lower.lower(GRAPH, board), EMULATORS[board.emulators[0]]
    network = tflm.sparse(MODEL, tflm.choose(MODEL, program))
    assert network.kernels
    try:
        found, gcc = tflm.find(board), tflm.compiler(board)
    except MissingDependency as error:
        pytest.skip(str(error))
    return tflm.build(program, network, "net", board, found, gcc, start, folder).image


MAKE: dict[str, Callable[[Board, Path], FirmwareImage]] = {"aot": _aot, "tflm": _tflm}


@pytest.mark.parametrize(("name", "emulator", "runtime"), RUNS)
def test_answers_as_tflite_micro(
    name: str, emulator: str, runtime: str, expected: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    board = boards.load(name)
    if runtime == "tflm" and (reason := firmware.missing(board.emulators[0])):
        pytest.skip(reason)  # in which its arena is measured
    if (name, runtime) not in _built:
        _built[name, runtime] = MAKE[runtime](board, tmp_path_factory.mktemp(f"{name}-{runtime}"))
    image = _built[name, runtime]
    assert image.flash_bytes > 1000
    assert board.flash is None or image.flash_bytes < board.flash.bytes
    if reason := firmware.missing(emulator):
        pytest.skip(reason)
    np.testing.assert_array_equal(benchmark.outputs(EMULATORS[emulator], image, board, INPUTS), expected)
