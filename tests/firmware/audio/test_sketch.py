"""The sketch KeywordSpotting with a stand-in of the microphone, on the PC and in the emulator."""

import os
import re
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.firmware.arduino import lint, standin
from tests.firmware.audio.test_firmware import GRAPH, LABELS, M0PLUS, MODEL
from tests.firmware.audio.test_front_end import recording_like
from tinyprune.compiler import oracle, samples
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import TargetError
from tinyprune.firmware import toolchain
from tinyprune.firmware.audio import Rule
from tinyprune.sound import detector, features
from tinyprune.sound.recordings import one_second, read_wav
from tinyprune.tasks import build as build_task
from tinyprune.training import speech_commands

pytestmark = pytest.mark.compiler


class Projects:
    """Each project folder is made once: of a board, a kind and whether it hears."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._made: dict[tuple[str, str, bool], Path] = {}

    def __call__(self, board: str, kind: str, *, audio: bool) -> Path:
        if (board, kind, audio) not in self._made:
            folder, labels = self._factory.mktemp(kind), LABELS if audio else None
            request = build_task.BuildRequest(
                boards.load(board), folder, MODEL, project=kind, audio=audio, class_names=labels, run=False
            )
            build_task.run_build(request, lambda _stage: None)
            self._made[board, kind, audio] = folder / "project"
        return self._made[board, kind, audio]

    def library(self, board: str, *, audio: bool = True) -> Path:
        return next(path for path in self(board, "arduino", audio=audio).iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    return Projects(tmp_path_factory)


def build(folder: Path, projects: Projects, made_for: str, runs_on: str, compiler: str) -> FirmwareImage:
    made, firmware = projects.library(made_for), projects(runs_on, "bare", audio=False)
    board = boards.load(runs_on)
    found = toolchain.find(board, compiler)
    sketch = made / "examples/KeywordSpotting"
    return standin.build(sketch, made, firmware, board, found, folder / "build", sha256="0" * 64)


def printed(image: FirmwareImage, board_name: str, stream: np.ndarray, words: int) -> str:
    """What the sketch prints while it hears `stream`, of which it takes 256 samples at a time."""
    board, data = boards.load(board_name), stream.astype("<i2").tobytes()
    received = b""
    with closing(EMULATORS[board.emulators[0]](image, board)) as link:
        for start in range(0, len(data), 512):
            link.write(data[start : start + 512])
        deadline = time.monotonic() + 30
        while received.count(b"%)") < words and time.monotonic() < deadline:
            received += link.read(0.2)
        try:
            received += link.read(0.5)  # and nothing more
        except TargetError:
            pytest.fail(f"the sketch ended: {received!r}")
    return received.decode()


def expected_words(stream: np.ndarray) -> list[tuple[str, int]]:
    """(word, percent) by features.py, TFLite Micro and the detector's rule in Python."""
    rule = Rule()
    hops = list(range(50, len(stream) // 320 + 1, rule.every_hops))
    seconds = np.stack([stream[320 * hop - 16_000 : 320 * hop] for hop in hops])
    heard = features.MFCC10.of(seconds)
    inputs = samples.quantize(heard.reshape(len(hops), *GRAPH.inputs[0].shape), GRAPH.inputs[0], "test")
    scores, _ = oracle.expected(MODEL.read_bytes(), GRAPH, inputs)
    found = detector.detect(scores, hops, LABELS, rule, rule.threshold_sum(1 / 256, -128))
    means = [scores[hops.index(hop) - rule.smoothed + 1 : hops.index(hop) + 1, word].mean() for hop, word in found]
    return [(LABELS[word], int((mean + 128) / 2.56)) for (_, word), mean in zip(found, means, strict=True)]


def check(image: FirmwareImage, board: str, stream: np.ndarray) -> None:
    expected = expected_words(stream)
    assert expected
    text = printed(image, board, stream, len(expected))
    found = [(word, int(percent)) for word, percent in re.findall(r"^(\w+) \((\d+) %\)", text, re.MULTILINE)]
    assert [word for word, _ in found] == [word for word, _ in expected], text
    np.testing.assert_allclose([p for _, p in found], [p for _, p in expected], atol=3)
    trouble = "The microphone does not start: is this a board with one?\r\n"
    assert text.startswith(2 * trouble + "Listening for: yes no up down left right stop go\r\n")
    assert "[LED on]" in text
    assert "lost" not in text


STREAM = np.concatenate([recording_like(seed, 20_000) for seed in range(48, 52)])  # the network takes it for two words


def test_the_pc_hears_what_python_hears(tmp_path: Path, projects: Projects) -> None:
    assert len(expected_words(STREAM)) == 2
    check(build(tmp_path, projects, "nano33", "host", "zig"), "host", STREAM)


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["nano33", M0PLUS], ids=["M4F", "M0+"])
def test_the_emulated_core_hears_what_python_hears(
    tmp_path: Path, projects: Projects, compiler: str, board: str
) -> None:
    check(build(tmp_path, projects, board, board, compiler), board, STREAM[: 320 * 104])


@pytest.mark.data
def test_real_words_are_printed(tmp_path: Path, projects: Projects) -> None:
    """Words that the Python chain detects in a quiet room."""
    root = os.environ.get("TINYPRUNE_DATA")
    if not root:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    paths = speech_commands.clip_paths(Path(root), "validation")
    image = build(tmp_path, projects, "nano33", "host", "zig")
    room = np.rint(np.random.default_rng(0).normal(scale=20, size=16_000)).astype(np.int16)
    for word in ("yes", "stop", "left"):
        streams = (np.concatenate([room, one_second(read_wav(path)), room, room]) for path in paths[word])
        stream = next(stream for stream in streams if [each[0] for each in expected_words(stream)] == [word])
        check(image, "host", stream)


def test_the_library_with_ears_pleases_arduino_lint_too(projects: Projects) -> None:
    made = projects.library("nano33")
    assert lint.lint(made) == []
    assert {path.name for path in (made / "examples").iterdir()} == {"Benchmark", "KeywordSpotting"}
    header = (made / f"src/{made.name}.h").read_text()
    assert "tp_audio.h" in header
    assert not list(made.rglob("tp_listener*"))
    readme = (made / "README.md").read_text()
    assert f"{made.name} > KeywordSpotting, then Upload, and open the serial monitor: it says which words" in readme
    assert f"--port PORT {made.name}/examples/KeywordSpotting" in readme


def test_a_library_without_ears_has_no_such_sketch(projects: Projects) -> None:
    made = projects.library("nano33", audio=False)
    assert [path.name for path in (made / "examples").iterdir()] == ["Benchmark"]
    assert not list(made.rglob("tp_audio*"))
