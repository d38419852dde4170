"""MLPerf Tiny's runner against firmware behind a pseudo terminal.

The first tests do on the wire what the runner does (github.com/mlcommons/tiny, benchmark/runner at 1afd2c9, read in
November 2026: serial_device.py, device_under_test.py, script.py); the slow ones run the runner itself, unmodified,
where MLPERF_TINY_ROOT names a checkout.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import pytest
import serial

from tests import networks
from tests.device.emulators import firmware, wires
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device

pytestmark = pytest.mark.compiler
ROOT = Path(__file__).parents[3]
LINE_BYTES = 31


class RunnerPort:
    """A port as the runner uses it: a thread reads single bytes into lines, a command and its % are two writes, and any
    line with m-ready in it ends an answer."""

    def __init__(self, name: str) -> None:
        self._port = serial.Serial(name, 115200, timeout=0.1)
        self._lines: Queue[str] = Queue()
        self._running = False

    def __enter__(self) -> "RunnerPort":
        if not self._port.is_open:
            self._port.open()
        self._running = True
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._running = False
        self._thread.join()
        self._port.close()

    def _read(self) -> None:
        line = ""
        while self._running:
            character = self._port.read(1).decode()
            if character == "\n":
                self._lines.put(line)
                line = ""
            elif character and character not in "\r\0":
                line += character

    def ask(self, command: str, timeout_s: float = 5.0) -> list[str]:
        self._port.write(command.encode())
        self._port.write(b"%")
        lines: list[str] = []
        while not lines or "m-ready" not in lines[-1]:
            try:
                lines.append(self._lines.get(timeout=timeout_s))
            except Empty:
                pytest.fail(f"no answer to {command}")
        return lines

    def load(self, data: bytes) -> None:
        self.ask(f"db load {len(data)}")
        for start in range(0, len(data), LINE_BYTES):
            last = self.ask("db " + "".join(f"{byte:02x}" for byte in data[start : start + LINE_BYTES]))
        assert last == ["m-load-done", "m-ready"]

    def infer(self, runs: int, warmup: int) -> tuple[list[float], int]:
        """(results, elapsed µs), found as the runner finds them."""
        lines = self.ask(f"infer {runs} {warmup}", 30)
        times = [int(match[1]) for line in lines if (match := re.match(r"^m-lap-us-([0-9]+)$", line))]
        results = [match[1] for line in lines if (match := re.match(r"^m-results-\[([^]]+)\]$", line))]
        assert (len(times), len(results)) == (2, 1)
        return [float(text) for text in results[0].split(",") if text.strip()], times[1] - times[0]


@pytest.fixture(params=["host", pytest.param("sim", marks=pytest.mark.emulator)])
def port(request: pytest.FixtureRequest) -> Iterator[str]:
    """A pseudo terminal with firmware of the hand-written network, whose name is kws01, and a clock that runs."""
    if request.param == "sim":
        link = EMULATORS["sim"](request.getfixturevalue("zig_image"), boards.load("nano33"), profile=True)
    else:
        link = EMULATORS["host"](request.getfixturevalue("host_image"), boards.load("host"))
    with closing(link):
        Device(link).connect()
        with wires.plugged(link, "pty") as name:
            yield name


def real_valued(data: bytes) -> list[float]:
    return [round((q - firmware.ZERO_POINT) * firmware.SCALE, 3) for q in firmware.expected_output(data).tolist()]


def test_the_runner_knows_the_device_and_its_model(port: str) -> None:
    """It opens the port, asks, closes it, opens it again and goes on; the model's name chooses its test."""
    device = RunnerPort(port)
    with device:
        assert re.match(r"^m-(name)-dut-\[([^]]+)]$", device.ask("name")[0])
        profile = dict(re.findall(r"^m-(model|profile)-\[([^]]+)]$", "\n".join(device.ask("profile")), re.MULTILINE))
        assert profile == {"profile": "ULPMark for tinyML Firmware V0.0.1", "model": "kws01"}
    with device:
        assert re.match(r"^m-lap-us-[0-9]+$", device.ask("timestamp")[0])
        assert device.ask("help")[-1] == "m-ready"


def test_accuracy_mode(port: str) -> None:
    rng = np.random.default_rng(3)
    with RunnerPort(port) as device:
        for _ in range(10):
            data = rng.bytes(firmware.INPUT_BYTES)
            device.load(data)
            results, _ = device.infer(1, 0)
            assert results == pytest.approx(real_valued(data), abs=0.0011)


def test_performance_mode(port: str) -> None:
    """Five windows of 70 inferences after 10; the second clock reading is the later one."""
    data = bytes(range(firmware.INPUT_BYTES))
    with RunnerPort(port) as device:
        for _ in range(5):
            device.load(data)
            results, elapsed_us = device.infer(70, 10)
            assert results == pytest.approx(real_valued(data), abs=0.0011)
            assert elapsed_us > 0


@pytest.mark.data
def test_the_data_set_of_the_example(tmp_path: Path) -> None:
    """What it writes is read back as what it was made of."""
    from tinyprune.compiler import reader
    from tinyprune.measure import labelled
    from tinyprune.training import speech_commands, zoo

    audio = os.environ.get("TINYPRUNE_DATA")
    if not audio:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    (tmp_path / "model.tflite").write_bytes(zoo.int8_model(zoo.load(zoo.DEFAULT)))
    command = [sys.executable, str(ROOT / "examples/mlperf/dataset.py"), "--audio", audio, "--build", str(tmp_path)]
    command += ["--output", str(tmp_path), "--limit", "20"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"20 inputs in {tmp_path}\n"
    tensor = reader.read((tmp_path / "model.tflite").read_bytes()).inputs[0]
    labels = speech_commands.LABELS
    written = labelled.read(tmp_path / "kws01", tensor, len(labels), labels, None)
    whole = labelled.read_split(Path(audio), "validation", tensor, labels)
    assert [int(name[4:10]) for name in written.names] == list(range(0, len(whole.names), len(whole.names) // 20))[:20]
    for name, sample, label in zip(written.names, written.inputs, written.truth.classes, strict=True):
        np.testing.assert_array_equal(sample, whole.inputs[int(name[4:10])])
        assert label == whole.truth.classes[int(name[4:10])]
        assert name.endswith(f"_{labels[label]}_{label}.bin")


# The runner itself


@pytest.fixture
def checkout() -> Path:
    root = os.environ.get("MLPERF_TINY_ROOT")
    if not root:
        pytest.skip("MLPERF_TINY_ROOT names no checkout of github.com/mlcommons/tiny")
    for package in ("sklearn", "matplotlib", "yaml", "usb"):
        pytest.importorskip(package, reason=f"MLPerf Tiny's runner needs {package}: pip install tinyprune[mlperf]")
    return Path(root)


def run_the_runner(checkout: Path, port: str, folder: Path, mode: str) -> tuple[str, list[dict[str, object]]]:
    """(what it says at the end, its results.json)"""
    command = [sys.executable, str(ROOT / "examples/mlperf/runner.py"), "--root", str(checkout), "--port", port]
    command += ["--dataset", str(folder), "--mode", mode, "--sessions", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=280)
    (session,) = (folder / "sessions").iterdir()
    assert done.returncode == 0, done.stdout + done.stderr
    return (session / "results.txt").read_text(), json.loads((session / "results.json").read_text())


@pytest.mark.slow
def test_the_runner_in_accuracy_mode(checkout: Path, host_image: FirmwareImage, tmp_path: Path) -> None:
    """It divides the results by their sum: inputs are chosen whose sum is positive and whose largest is alone."""
    rng, lines, folder = np.random.default_rng(0), [], tmp_path / "kws01"
    folder.mkdir()
    wanted = dict.fromkeys(range(firmware.OUTPUT_BYTES), 4)
    while any(wanted.values()):
        data = rng.bytes(firmware.INPUT_BYTES)
        results = np.array(real_valued(data))
        label = int(results.argmax())
        if wanted[label] and results.sum() > 0 and (results == results.max()).sum() == 1:
            wanted[label] -= 1
            (folder / f"{len(lines)}.bin").write_bytes(data)
            lines.append(f"{len(lines)}.bin,{firmware.OUTPUT_BYTES},{label}\n")
    (folder / "y_labels.csv").write_text("".join(lines))
    with closing(EMULATORS["host"](host_image, boards.load("host"))) as link:
        Device(link).connect()
        with wires.plugged(link, "pty") as port:
            said, results_json = run_the_runner(checkout, port, tmp_path, "a")
    assert "Top 1% = 100.0" in said
    assert len(results_json) == len(lines)


@pytest.mark.slow
@pytest.mark.emulator
def test_the_runner_in_performance_mode(checkout: Path, tmp_path: Path) -> None:
    """As it demands: five windows, each within half a minute, more than ten seconds in all. The network is one that the
    emulator takes neither too long nor too short for."""
    from tinyprune.firmware import output
    from tinyprune.tasks import build as build_task

    (tmp_path / "model.tflite").write_bytes(networks.one_dense(256, 150))
    board, built = boards.load("nano33"), tmp_path / "built"
    build_task.run_build(
        build_task.BuildRequest(board, built, tmp_path / "model.tflite", name="kws01", run=False), lambda _: None
    )
    image, _ = output.load(built, board)
    folder = tmp_path / "kws01"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.bin").write_bytes(np.random.default_rng(number).bytes(256))
    (folder / "y_labels.csv").write_text("".join(f"{number}.bin,150,0\n" for number in range(5)))
    with closing(EMULATORS["sim"](image, board, profile=True)) as link:
        Device(link).connect()
        with wires.plugged(link, "pty") as port:
            started = time.monotonic()
            said, results_json = run_the_runner(checkout, port, tmp_path, "p")
    assert time.monotonic() - started > 10
    median = re.search(r"Median throughput is +([0-9.]+) inf", said)
    assert median is not None
    assert 50 < float(median[1]) < 500  # a modelled 64 MHz Cortex-M4
    assert len(results_json) == 5
