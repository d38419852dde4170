"""`tinyprune record`: a WAV file, or a stand-in for sounddevice, speaks."""

import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest

from tests.recordings import write_wav
from tinyprune.errors import UsageError
from tinyprune.sound.recordings import read_wav
from tinyprune.tasks import record
from tinyprune.tasks.record import RecordRequest, Take, Verdict
from tinyprune.training.speech_commands import speaker_of

Run = Callable[..., tuple[int, str, str]]
TAKE = 32_000  # samples


class Wav:
    """A microphone that hears a file, over and over."""

    def __init__(self, path: Path) -> None:
        self._pcm, self._next = read_wav(path), 0

    def forget(self) -> None:
        self._next = 0

    def read(self, count: int) -> np.ndarray:
        at = (self._next + np.arange(count)) % len(self._pcm)
        self._next += count
        return self._pcm[at]


def spoken(loudness: int = 8_000, begins: int = 20_000, length: int = 6_000) -> np.ndarray:
    """Two seconds with a word."""
    pcm = np.random.default_rng(0).normal(scale=10, size=TAKE)
    pcm[begins : begins + length] += loudness * np.sin(np.arange(length) / 9)
    return np.clip(pcm, -32_768, 32_767).astype(np.int16)


@pytest.fixture
def source(tmp_path: Path) -> Wav:
    write_wav(tmp_path / "voice.wav", spoken())
    return Wav(tmp_path / "voice.wav")


def recorded(
    request: RecordRequest, source: record.Source, verdicts: list[Verdict]
) -> tuple[record.RecordReport, list[Take]]:
    takes: list[Take] = []

    def review(take: Take) -> Verdict:
        takes.append(take)
        return verdicts.pop(0)

    return record.run_record(request, source, lambda *_: None, lambda _: None, review), takes


def test_clips_are_what_training_takes(tmp_path: Path, source: Wav) -> None:
    """Speech Commands' layout: a word a folder, a second at 16 kHz, the speaker in the name; numbers go on."""
    request = RecordRequest(tmp_path / "words", ("left", "right"), 2, "anna")
    report, takes = recorded(request, source, ["keep", "again", "keep", "keep", "keep"])
    assert (report.complete, report.kept) == (True, {"left": 2, "right": 2})
    assert [(take.word, take.number, take.of) for take in takes][:3] == [("left", 1, 2), ("left", 2, 2), ("left", 2, 2)]
    recorded(RecordRequest(tmp_path / "words", ("left",), 1, "anna"), source, ["keep"])
    found = sorted(path.relative_to(tmp_path / "words").as_posix() for path in (tmp_path / "words").rglob("*.wav"))
    assert found == [
        "left/anna_nohash_0.wav", "left/anna_nohash_1.wav", "left/anna_nohash_2.wav",
        "right/anna_nohash_0.wav", "right/anna_nohash_1.wav",
    ]  # fmt: skip
    assert speaker_of(tmp_path / "words" / found[0]) == "anna"
    with wave.open(str(tmp_path / "words" / found[0])) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 16_000)
    loud = np.flatnonzero(np.abs(read_wav(tmp_path / "words" / found[0])) > 1_000)
    assert loud[-1] - loud[0] > 5_900  # the word is whole
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("begins", [0, 500, 13_000, 26_000])
def test_the_word_is_in_the_second_whenever_it_was_said(begins: int) -> None:
    second = record.loudest_second(spoken(begins=begins))
    assert len(second) == 16_000
    loud = np.flatnonzero(np.abs(second) > 1_000)
    assert loud[-1] - loud[0] > 5_900


@pytest.mark.parametrize(
    ("loudness", "problem"), [(8_000, None), (200, "too quiet: come nearer"), (60_000, "clipped: speak less loudly")]
)
def test_what_would_ruin_a_training_is_told(tmp_path: Path, loudness: int, problem: str | None) -> None:
    write_wav(tmp_path / "voice.wav", spoken(loudness))
    levels: list[float] = []
    takes: list[Take] = []

    def review(take: Take) -> Verdict:
        takes.append(take)
        return "stop"

    request = RecordRequest(tmp_path / "words", ("left",))
    report = record.run_record(request, Wav(tmp_path / "voice.wav"), lambda *_: None, levels.append, review)
    assert (report.complete, report.kept) == (False, {"left": 0})
    assert not (tmp_path / "words").exists()
    assert (takes[0].problem or "").startswith(problem or "")
    assert (takes[0].problem is None) == (problem is None)
    assert len(levels) == 40
    assert max(levels) == pytest.approx(takes[0].level_db, abs=1e-9)
    assert min(levels) < -50


def sounddevice(path: Path, fails: bool = False) -> ModuleType:
    module = ModuleType("sounddevice")
    module.PortAudioError = type("PortAudioError", (Exception,), {})  # type: ignore[attr-defined]
    voice = Wav(path)
    asked: list[dict[str, object]] = []
    counts: list[int] = []

    class InputStream:
        read_available = 700

        def __init__(self, **options: object) -> None:
            asked.append(options)
            if options["device"] == "none":
                raise ValueError("No input device matching 'none'")

        def __enter__(self) -> "InputStream":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, count: int) -> tuple[np.ndarray, bool]:
            if fails:
                raise module.PortAudioError("Device unavailable [PaErrorCode -9985]")
            counts.append(count)
            return voice.read(count)[:, None], False

    module.InputStream = InputStream  # type: ignore[attr-defined]
    module.asked = asked  # type: ignore[attr-defined]
    module.counts = counts  # type: ignore[attr-defined]
    return module


def test_the_command_shows_levels_and_asks(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "voice.wav", spoken())
    module = sounddevice(tmp_path / "voice.wav")
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    keys = iter("\rr\rq")
    monkeypatch.setattr(click, "getchar", lambda: next(keys))
    code, out, err = run("record", "mine", "--words", "left,right", "--takes", "2", "--device", "3")
    assert (code, err) == (0, "")
    assert module.asked == [{"samplerate": 16_000, "channels": 1, "dtype": "int16", "device": 3}]
    assert module.counts == 4 * [700, *(40 * [800])]  # what was heard during the question before is dropped
    assert out.count('say "left" (2 of 2)') == 2
    assert "-12 dB: Enter keeps it, r records it again, q ends" in out
    assert out.endswith("ENDED  2 left, 0 right in mine\nnext      tinyprune train mine -o words\n")


def test_microphones_that_are_not_there_are_told(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "voice.wav", spoken())
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    code, _, err = run("record", "mine", "--words", "left")
    assert code == 2
    assert "pip install 'tinyprune[record]', on Linux apt-get install libportaudio2" in err
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice(tmp_path / "voice.wav"))
    code, _, err = run("record", "mine", "--words", "left", "--device", "none")
    assert (code, "error: no microphone at 16 kHz (No input device matching 'none')" in err) == (2, True)
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice(tmp_path / "voice.wav", fails=True))
    code, _, err = run("record", "mine", "--words", "left")
    assert (code, "error: the microphone went away: Device unavailable" in err) == (1, True)
    assert not Path("mine").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": ("a/b",)}, 'the word "a/b" is to be a name of files'),
        ({"words": ("left", "left")}, "--words names one of them twice"),
        ({"speaker": "a b"}, 'the speaker "a b" is to be a name of files'),
        ({"takes": 0}, "--takes 0: 1 is the least"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    request = RecordRequest(**{"folder": tmp_path / "words", "words": ("left",), **changes})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        record.check(request)
