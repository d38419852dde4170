"""Every board in boards/ builds and links, and answers with the reference's bytes in every emulator that is here."""

from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.emulated import firmware
from tinyprune import benchmark, boards, build, codegen, lower, output, reader, reference, samples, toolchain
from tinyprune.emulators import EMULATORS
from tinyprune.firmware import FirmwareImage

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
GRAPH = reader.read(networks.ds_cnn(), "net")
INPUTS = samples.make(GRAPH.input, 3)
RUNS = [
    pytest.param(name, emulator, marks=[pytest.mark.renode] if emulator == "renode" else [])
    for name in boards.names()
    for emulator in boards.load(name).emulators
]
_built: dict[str, FirmwareImage] = {}


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return reference.infer(GRAPH, INPUTS).reshape(len(INPUTS), -1)


def image_for(name: str, factory: pytest.TempPathFactory) -> FirmwareImage:
    if name not in _built:
        board, folder = boards.load(name), factory.mktemp(name)
        source = codegen.generate(lower.lower(GRAPH, board), "net")
        project: Path = output.write_files(source.files, folder / "project")
        _built[name] = build.build(source, board, toolchain.find(board), project, folder)
    return _built[name]


@pytest.mark.parametrize(("name", "emulator"), RUNS)
def test_answers_as_the_reference(
    name: str, emulator: str, expected: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = image_for(name, tmp_path_factory)
    board = boards.load(name)
    assert image.flash_bytes > 1000
    assert board.flash is None or image.flash_bytes < board.flash.bytes
    if reason := firmware.missing(emulator):
        pytest.skip(reason)
    np.testing.assert_array_equal(benchmark.outputs(EMULATORS[emulator], image, board, INPUTS), expected)
