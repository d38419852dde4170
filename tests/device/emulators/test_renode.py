"""Renode: the files we make for it, our side of the link, and Renode itself where it is installed."""

import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from robot import api

from tests import networks
from tests.device.emulators import firmware, renode_language, robot_keywords
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS, renode, renode_files
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import MissingDependency, TargetError
from tinyprune.firmware import toolchain
from tinyprune.measure import benchmark
from tinyprune.tasks import bench as bench_task
from tinyprune.tasks import build as build_task

ROOT = Path(__file__).parents[3]
BOARDS = [name for name in boards.names() if boards.load(name).renode]
BOARD = boards.load("nano33")
pytestmark = [pytest.mark.compiler, pytest.mark.emulator]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    return firmware.make(tmp_path_factory.mktemp("renode"), BOARD.name, toolchain.find(BOARD))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of `tinyprune build`, with a space in its path."""
    folder = tmp_path_factory.mktemp("a build")
    (folder / "net.tflite").write_bytes(networks.ds_cnn())
    request = build_task.BuildRequest(BOARD, folder / "out", folder / "net.tflite", run=False)
    build_task.run_build(request, lambda _stage: None)
    return folder / "out"


# The files


@pytest.mark.parametrize("name", BOARDS)
def test_the_files_speak_renodes_language(name: str) -> None:
    board = boards.load(name)
    assert board.renode is not None
    assert board.flash is not None
    files = renode_files.machine(board)
    platform = renode_language.parse_platform(files[f"{name}.repl"])
    assert platform.using == board.renode.platform
    clock_hz = board.cpu.clock_hz
    assert platform.attributes == {
        "nvic": {"systickFrequency": clock_hz},
        "dwt": {"@": 0xE0001000, "frequency": clock_hz},
    }
    assert platform.init  # no platform of Renode's is asked for its own, which wants a network
    assert board.renode.uart in renode_language.PLATFORMS[platform.using]
    script = renode_language.parse_script(files[f"{name}.resc"])
    assert ("cpu", f"PerformanceInMips {clock_hz // 1_000_000}") in script
    assert ("cpu", f"VectorTableOffset 0x{board.flash.origin:08x}") in script
    assert script.index(("sysbus", "LoadELF $ORIGIN/../firmware.elf")) > 0


def run_suite(path: Path) -> list[tuple[str, str]]:
    """(status, message) of each test, by Robot Framework itself with our emulator behind the keywords."""
    suite = api.TestSuite.from_file_system(path)
    suite.resource.imports.library(robot_keywords.__name__)
    result = suite.run(output=None, stdout=None, stderr=None, console="none")
    return [(test.status, test.message) for test in result.suite.tests]


def test_the_suite_wants_the_references_bytes(built: Path) -> None:
    suite = built / renode_files.FOLDER / "nano33.robot"
    assert run_suite(suite) == [("PASS", ""), ("PASS", "")]


@pytest.mark.parametrize(("what", "failing"), [("OUTPUT", 1), ("MODEL_ID", 0)])
def test_the_suite_fails_on_other_bytes(built: Path, tmp_path: Path, what: str, failing: int) -> None:
    shutil.copytree(built, tmp_path / "out")
    suite = tmp_path / "out" / renode_files.FOLDER / "nano33.robot"
    lines = suite.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"${{{what}}} "))
    lines[at] = lines[at][:-1] + ("0" if lines[at][-1] != "0" else "1")
    suite.write_text("\n".join(lines) + "\n")
    results = run_suite(suite)
    assert [status for status, _ in results] == ["FAIL" if i == failing else "PASS" for i in range(2)]
    assert "no line" in results[failing][1]


# Our side of the link


@pytest.mark.usefixtures("fake_renode")
def test_a_link_infers(image: FirmwareImage) -> None:
    inputs = np.random.default_rng(5).integers(-128, 128, (3, firmware.INPUT_BYTES), dtype=np.int8)
    outputs = benchmark.outputs(EMULATORS["renode"], image, BOARD, inputs)
    np.testing.assert_array_equal(outputs, [firmware.expected_output(row.tobytes()) for row in inputs])


@pytest.mark.usefixtures("fake_renode")
def test_a_link_ends_and_leaves_nothing(image: FirmwareImage) -> None:
    link = renode.start(image, BOARD)
    assert link.clock == "virtual"
    with pytest.raises(TargetError, match="profile in sim"):
        link.profile()
    Device(link).connect()
    assert link.read(0.05) == b""
    folder, process = Path(link._folder.name), link._process
    assert folder.is_dir()
    link.close()
    link.close()
    assert not folder.exists()
    assert process.returncode is not None
    with pytest.raises(TargetError, match="closed"):
        link.read(1)


@pytest.mark.usefixtures("fake_renode")
def test_bench_tells_virtual_time(built: Path) -> None:
    bench = bench_task.run_bench(bench_task.BenchRequest(BOARD, built, "renode", count=2), lambda *_: None)
    assert bench.report.bit_exact
    assert bench.report.emulator == "renode"
    assert bench.report.latency is not None
    assert bench.report.latency.clock == "virtual"


#: How the stand-in misbehaves → what is said when it starts.
STARTS = {
    "refuses": "Renode refused the script of the board: There was an error executing command 'machine LoadPlatform",
    "deaf": "Renode did not open the serial port within 3 s: it said nothing",
}


@pytest.mark.usefixtures("fake_renode")
@pytest.mark.parametrize("mode", STARTS)
def test_a_start_that_fails(image: FirmwareImage, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("FAKE_RENODE", mode)
    monkeypatch.setattr(renode, "_START_TIMEOUT_S", 3.0 if mode == "deaf" else 60.0)
    monkeypatch.setattr(renode, "_CLOSE_TIMEOUT_S", 0.1)
    started = time.monotonic()
    with pytest.raises(TargetError, match=STARTS[mode]):
        renode.start(image, BOARD)
    assert time.monotonic() - started < 30


@pytest.mark.usefixtures("fake_renode")
def test_a_death_is_told(image: FirmwareImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RENODE", "dies")
    told = pytest.raises(TargetError, match="Renode ended with exit code 42: Fatal error: the simulation is over")
    with closing(renode.start(image, BOARD)) as link, told:
        Device(link).connect()


@pytest.mark.usefixtures("fake_renode")
def test_a_closed_port_is_told(image: FirmwareImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RENODE", "drops")
    monkeypatch.setattr(renode, "_CLOSE_TIMEOUT_S", 0.1)
    with closing(renode.start(image, BOARD)) as link:
        device = Device(link)
        device.connect()
        with pytest.raises(TargetError, match="Renode closed the serial port"):
            device.model_id()


@pytest.mark.usefixtures("fake_renode")
def test_one_that_does_not_end_is_ended(image: FirmwareImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RENODE", "stubborn")
    monkeypatch.setattr(renode, "_CLOSE_TIMEOUT_S", 0.5)
    link = renode.start(image, BOARD)
    link.close()
    assert link._process.returncode == -9


def test_where_it_is_found(fake_renode: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert renode.find() == renode.Renode(str(fake_renode), "1.16.1")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for where in (fake_renode, fake_renode.parent):
        monkeypatch.setenv("RENODE", str(where))
        assert renode.find().path == str(fake_renode)
    monkeypatch.setenv("RENODE", str(tmp_path / "nothing"))
    with pytest.raises(MissingDependency, match=r"not installed: RENODE is .*nothing, which cannot be run; get"):
        renode.find()
    monkeypatch.delenv("RENODE")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="renode is not installed: renode is not on PATH; get it from https"):
        renode.find()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("old", r"is Renode 1\.13\.0; 1\.15 or newer is needed"),
        ("dumb", "--version tells no version of Renode but: not a simulator"),
    ],
)
def test_versions_that_do_not_do(fake_renode: Path, monkeypatch: pytest.MonkeyPatch, mode: str, message: str) -> None:
    monkeypatch.setenv("FAKE_RENODE", mode)
    with pytest.raises(MissingDependency, match=f"{fake_renode} {message}"):
        renode.find()


def test_what_it_cannot_start(image: FirmwareImage) -> None:
    with pytest.raises(TargetError, match=r"no platform for mps2-an386: its board file has no table \[renode\]"):
        renode.start(image, boards.load("mps2-an386"))
    with pytest.raises(TargetError, match="profile in sim"):
        renode.start(image, BOARD, profile=True)
    with pytest.raises(TargetError, match="outside the flash of stm32f4-discovery"):
        renode.start(image, boards.load("stm32f4-discovery"))
    no_fpu = replace(BOARD, cpu=replace(BOARD.cpu, fpu=False))
    with pytest.raises(TargetError, match="uses an FPU"):
        renode.start(image, no_fpu)


# Renode itself


@pytest.mark.renode
@pytest.mark.skipif(firmware.missing("renode") is not None, reason=str(firmware.missing("renode")))
def test_renode_itself_runs_the_suite(built: Path) -> None:
    """test_every_board.py compares all boards; this is the suite as users run it, with renode-test beside Renode."""
    tool = Path(renode.find().path).resolve().with_name("renode-test")
    suite = built / renode_files.FOLDER / "nano33.robot"
    done = subprocess.run([str(tool), str(suite)], capture_output=True, text=True, check=False, cwd=built)
    assert done.returncode == 0, done.stdout + done.stderr
