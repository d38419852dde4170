"""`build --project arduino`: a library that Arduino's tools take, whose sketches compile strictly and answer right."""

import functools
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.firmware.arduino import lint, standin
from tinyprune.compiler import oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.errors import UsageError
from tinyprune.firmware import toolchain
from tinyprune.firmware.projects import arduino
from tinyprune.measure import benchmark
from tinyprune.tasks import build as build_task
from tinyprune.tasks.build import BuildRequest

pytestmark = pytest.mark.compiler

ROOT = Path(__file__).parents[3]
NAME = "tinyprune_kws_small"


def build(board: str, folder: Path, project: str = "arduino") -> Path:
    """The project folder of a build that is not run."""
    model = folder / "kws-small.tflite"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_bytes(networks.ds_cnn())
    request = BuildRequest(boards.load(board), folder / project, model, project=project, run=False)
    build_task.run_build(request, lambda _stage: None)
    return folder / project / "project"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("nano33", tmp_path_factory.mktemp("library")) / NAME


def test_arduino_lint_has_nothing_to_say(library: Path) -> None:
    assert lint.lint(library) == []


BREAKS: dict[str, Callable[[Path], object]] = {
    "LS008": lambda folder: (folder / f"src/{NAME}.h").rename(folder / "src/other.h"),
    "LP007": lambda folder: edit(folder, "name", ""),
    "LP009": lambda folder: edit(folder, "name", "x" * 33),
    "LP019": lambda folder: edit(folder, "version", "1.0"),
    "LP037": lambda folder: edit(folder, "category", "Neural Networks"),
    "LP040": lambda folder: edit(folder, "url", "somewhere"),
    "LP051": lambda folder: edit(folder, "includes", "network.h"),
    "LD001": lambda folder: (folder / "README.md").unlink(),
    "LD002": lambda folder: (folder / "LICENSE").unlink(),
    "LD003": lambda folder: shutil.copytree(folder / "examples/Benchmark", folder / "Benchmark"),
    "SS001": lambda folder: (folder / "examples/Benchmark").rename(folder / "examples/Other"),
}


def edit(folder: Path, key: str, value: str) -> None:
    path = folder / "library.properties"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{key}={value}" if line.startswith(f"{key}=") else line for line in lines))


@pytest.mark.parametrize("rule", BREAKS)
def test_the_rules_are_able_to_object(library: Path, tmp_path: Path, rule: str) -> None:
    copy = shutil.copytree(library, tmp_path / library.name)
    BREAKS[rule](copy)
    assert rule in " ".join(lint.lint(copy))


def test_the_zip_holds_the_folder(library: Path) -> None:
    with zipfile.ZipFile(library.with_suffix(".zip")) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in library.rglob("*") if path.is_file()]
    assert packed == {path.relative_to(library.parent).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The project folder for a board, built once."""
    return functools.cache(lambda board, project: build(board, tmp_path_factory.mktemp(project), project))


@pytest.mark.emulator
@pytest.mark.tflm
@pytest.mark.parametrize(("made_for", "runs_on"), [("nano33", "nano33"), ("m0plus", "m0plus"), ("nano33", "m0plus")])
def test_the_benchmark_sketch_answers_as_tflite_micro(
    tmp_path: Path, made: Callable[[str, str], Path], compiler: str, made_for: str, runs_on: str
) -> None:
    """Also on a core that has not the instructions of the one that the kernels were chosen for."""
    files = {"nano33": "nano33", "m0plus": str(ROOT / "benchmarks/boards/m0plus.toml")}
    library, firmware = made(files[made_for], "arduino") / NAME, made(files[runs_on], "bare")
    board, model = boards.load(files[runs_on]), networks.ds_cnn()
    graph = reader.read(model)
    image = standin.build(
        library / "examples/Benchmark",
        library,
        firmware,
        board,
        toolchain.find(board, compiler),
        tmp_path / "build",
        sha256=graph.model_sha256,
    )
    inputs = samples.make(graph, 16)
    np.testing.assert_array_equal(
        benchmark.outputs(EMULATORS["sim"], image, board, inputs), oracle.infer(model, inputs)
    )


def test_the_real_core_compiles_the_sketch(library: Path) -> None:
    if shutil.which("arduino-cli") is None:
        pytest.skip("arduino-cli is not installed")
    cores = subprocess.run(["arduino-cli", "core", "list", "--json"], capture_output=True, text=True, check=True)
    if "arduino:mbed_nano" not in json.dumps(json.loads(cores.stdout)):
        pytest.skip("Arduino core arduino:mbed_nano is not installed")
    command = ["arduino-cli", "compile", "--fqbn", "arduino:mbed_nano:nano33ble", "--library", str(library)]
    done = subprocess.run([*command, str(library / "examples/Benchmark")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("ds-cnn-s", "tinyprune_ds_cnn_s"),
        ("my model (2).v1", "tinyprune_my_model_2_v1"),
        ("größe", "tinyprune_gr_e"),
        ("...", "tinyprune_network"),
        ("a_very_long_name_that_goes_on", "tinyprune_a_very_long_name_that"),
    ],
)
def test_library_names(model: str, name: str) -> None:
    assert arduino.library_name(model) == name
    assert lint.NAME.fullmatch(name)
    assert len(name) <= 32


def test_the_pc_has_no_library(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--project arduino: the PC runs no sketches; give the board that will"):
        build("host", tmp_path)
