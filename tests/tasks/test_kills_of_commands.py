"""Commands that write into a user's folder, killed at their changes of files there, and run again."""

import hashlib
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import pytest

from tests import kills, networks
from tests.recordings import write_own, write_wav
from tests.tasks.test_kills import contents
from tests.tasks.test_record import sounddevice, spoken
from tinyprune import cli
from tinyprune.device.flashers import uf2
from tinyprune.sound.recordings import read_wav
from tinyprune.training import keywords, unfinished

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
#: Of each command in a run of all tests: every change of its is in the slow one.
_SAMPLED = 3
#: Hidden files that a build leaves on purpose.
_KEPT = (".tinyprune.json", ".tinyprune.zip")
_UNTIL_NOW = re.compile(rb'"when": "[^"]+"')


@dataclass(frozen=True)
class Command:
    """`before`: arguments of an earlier run, whose results are there; none for a folder with nothing in it. `grows`:
    files to which each run adds, whose first bytes stay."""

    arguments: tuple[str, ...]
    before: tuple[str, ...]
    inputs: Callable[[Path], object]
    grows: tuple[str, ...] = ()
    prepare: Callable[[], object] = lambda: None
    apart: bool = False  # whether TensorFlow computes
    drawn: Callable[[Path], bool] | None = None  # results that a run draws anew: whether those there are whole


def _int8(place: Path) -> None:
    (place / "a.tflite").write_bytes(networks.every_operator(pruned=False))


def _float(place: Path) -> None:
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    Sequential([layers.Input((6, 5, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(4)]).save(
        place / "a.keras"
    )
    np.save(place / "x.npy", np.random.default_rng(1).normal(size=(40, 6, 5, 1)).astype(np.float32))


def _built(board: str, place: Path) -> None:
    _int8(place)
    _call(place, ("build", "--board", board, "--model", "a.tflite", "--no-run", "-q"))


def _volume(place: Path) -> None:
    _built("pico", place)
    (place / "RPI-RP2").mkdir()
    (place / "RPI-RP2/INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")


def _bootloader() -> None:
    """Takes what is written at once."""
    uf2.wait_for = lambda *_: True  # type: ignore[assignment]


def _trials(count: int, place: Path) -> bool:
    """As many as that are finished, and each network has the name of its bytes. The one that was killed is drawn
    anew."""
    with closing(sqlite3.connect(place / "out/study.db")) as study:
        ((finished,),) = study.execute("select count(*) from trials where state = 'COMPLETE'")
    named = [(path.stem.rpartition("-")[2], path.read_bytes()) for path in (place / "out").glob("trial-*.tflite")]
    return finished == count and all(hashlib.sha256(network).hexdigest().startswith(name) for name, network in named)


def _own(place: Path) -> None:
    write_own(place / "own", takes=2)


def _few_clips() -> None:
    keywords.WORD_CLIPS, keywords.MINED_CLIPS = 80, 30


def _voice(place: Path) -> None:
    write_wav(place / "voice.wav", spoken())


def _microphone() -> None:
    """Says the word whenever it is listened to; the answer to each take is Enter."""
    sys.modules["sounddevice"] = sounddevice(Path("voice.wav"))
    click.getchar = lambda *_: "\r"  # type: ignore[assignment]


def _whole_clips(place: Path) -> bool:
    """Clips of a second, those of the run that was killed too, and nothing else."""
    found = [path for path in (place / "mine").rglob("*") if path.is_file()]
    return len(found) >= 2 and all(read_wav(path).shape == (16_000,) for path in found)


PRUNE = ("prune", "a.tflite", "-o", "out/b.tflite", "-q", "--pattern")
BENCH = ("bench", "--board", "nano33", "--no-clock", "-q", "--csv", "b.csv", "--history", "h.jsonl", "-n")
FLASH = ("flash", "--board", "pico", "--port", "RPI-RP2")
QUANTIZE = ("quantize", "a.keras", "--calibration", "x.npy", "-o", "out/b.tflite", "-q", "--ranges")
SWEEP = (
    "sweep", "a.keras", "--board", "nano33", "--data", "x.npy", "--patterns", "dense,2:4", "--seed", "1", "-o", "out",
    "--trials",
)  # fmt: skip
TRAIN = ("train", "own", "--words", "high,low", "-o", "net", "-q", "--epochs", "2", "--seed")
RECORD = ("record", "mine", "--words")
COMMANDS = {
    "prune": Command((*PRUNE, "1:4"), (*PRUNE, "2:4"), _int8),
    "bench": Command((*BENCH, "2"), (*BENCH, "1"), partial(_built, "nano33"), grows=("h.jsonl",)),
    "page": Command(("page", "build/nano33/report.json", "-o", "pages/p.html", "-q"), (), partial(_built, "nano33")),
    "flash": Command(FLASH, (), _volume, grows=("RPI-RP2/FIRMWARE.UF2",), prepare=_bootloader),
    "quantize": Command((*QUANTIZE, "extremes"), (*QUANTIZE, "least-error"), _float, apart=True),
    "train": Command((*TRAIN, "1"), (*TRAIN, "0"), _own, prepare=_few_clips, apart=True),
    "record": Command((*RECORD, "left", "--takes", "2"), (), _voice, prepare=_microphone, drawn=_whole_clips),
    "sweep": Command(
        (*SWEEP, "2"), (*SWEEP, "1"), _float, grows=("out/study.db",), apart=True, drawn=partial(_trials, 2)
    ),
    "first sweep": Command((*SWEEP, "1"), (), _float, grows=("out/study.db",), apart=True, drawn=partial(_trials, 1)),
}


def _call(place: Path, arguments: tuple[str, ...], prepare: Callable[[], object] = lambda: None) -> None:
    os.chdir(place)
    prepare()
    sys.argv = ["tinyprune", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code:
            raise AssertionError(arguments) from None


def run(
    command: Command, place: Path, arguments: tuple[str, ...], number: int = 0, counted: Path | None = None
) -> bool:
    """Whether it ran to its end, and was not killed at change `number` (0: never) of a file in `place`."""
    if not command.apart:
        work = partial(_call, place, arguments, command.prepare)
        return not kills.killed_at(number, work, below=place, counted=counted)
    ended = _loaded(_killing_itself, partial(_call, place, arguments, command.prepare), number, place, counted)
    assert ended in (0, -signal.SIGKILL)
    return not ended


def _loaded(work: Callable[..., object], *arguments: object) -> int | None:
    """Does that in a process forked from one that has loaded TensorFlow, which survives this before it has computed
    anything; how it ended."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tensorflow", "tf_keras", "optuna"])
    process = server.Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def _killing_itself(work: Callable[[], object], number: int, place: Path, counted: Path | None) -> None:
    kills.kill_self(number, signal.SIGKILL, place, counted)
    work()


def visible(command: Command, place: Path) -> dict[str, bytes]:
    """What a user sees there, but what grows, and the folder of a training that has not ended."""
    hidden = ("/.", f"{unfinished.SUFFIX}/")
    everything = {path: text for path, text in contents(place).items() if not any(one in f"/{path}" for one in hidden)}
    found = {path: _UNTIL_NOW.sub(b"", text) for path, text in everything.items()}
    return {path: text for path, text in found.items() if path not in command.grows}


def litter(place: Path) -> list[str]:
    """Folders and hidden files too."""
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*"))


def check(command: Command, folder: Path, numbers: Callable[[int], list[int]]) -> int:
    """Kills at the `numbers` of all changes; how many there are of these."""
    begin, whole = folder / "begin", folder / "whole"
    begin.mkdir()
    if command.apart:
        assert not _loaded(command.inputs, begin)
    else:
        command.inputs(begin)
    if command.before:
        assert run(command, begin, command.before)
    shutil.copytree(begin, whole)
    count = changes(command, whole)
    old, new = visible(command, begin), visible(command, whole)
    for number in numbers(count):
        place = folder / str(number)
        shutil.copytree(begin, place)
        assert not run(command, place, command.arguments, number), number
        here = visible(command, place)
        if command.drawn is None:
            assert all(text in (old.get(path), new.get(path)) for path, text in here.items()), number
        assert old.keys() <= here.keys(), number
        assert run(command, place, command.arguments), number
        if command.drawn is not None:
            assert command.drawn(place), number
        else:
            assert visible(command, place) == new, number
            assert litter(place) == litter(whole), number
        assert not [path for path in place.rglob(".*") if path.name not in _KEPT], number
        for path in command.grows:
            earlier = (begin / path).read_bytes() if (begin / path).exists() and path.endswith("l") else b""
            assert (place / path).read_bytes().startswith(earlier), number
        shutil.rmtree(place)
    return count


def changes(command: Command, place: Path) -> int:
    """Of files in `place`, by a run to its end."""
    counted = place.with_name("changes")
    assert run(command, place, command.arguments, counted=counted)
    return counted.stat().st_size


@pytest.mark.compiler
@pytest.mark.parametrize("name", ["prune", "flash", "record"])
def test_some_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(seed)
    check(COMMANDS[name], tmp_path, lambda count: sorted(1 + random.permutation(count)[:_SAMPLED]))


@pytest.mark.slow
@pytest.mark.compiler
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    count = check(COMMANDS[name], tmp_path, lambda count: list(range(1, count + 1)))
    assert count > 0
    with capsys.disabled():
        sys.stdout.write(f" {count} changes ")
