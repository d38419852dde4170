"""Recordings of one's own words: what is read, cut, divided by speaker, told and refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.recordings import write_wav
from tinyprune.errors import DataError, UsageError
from tinyprune.sound import recordings
from tinyprune.training import own_words
from tinyprune.training.gather import gather
from tinyprune.training.own_words import Clip, Notes

RATE = 16_000


def tone(seconds: float = 0.5, hertz: float = 500, level: float = 9_000) -> np.ndarray:
    rng = np.random.default_rng(int(hertz))
    time_s = np.arange(int(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * hertz * time_s) + rng.normal(scale=min(30, level / 100), size=len(time_s))


def words(folder: Path, names: tuple[str, ...] = ("left", "right"), speakers: int = 5, takes: int = 4) -> Path:
    for number, word in enumerate(names):
        for speaker in range(speakers):
            for take in range(takes):
                pcm = tone(hertz=300 * (number + 1) + 10 * speaker + take)
                write_wav(folder / word / f"speaker {speaker}" / f"{take}.wav", pcm)
    return folder


def read(folder: Path, notes: Notes) -> dict[str, list[Clip]]:
    return own_words.clips_of(own_words.folders_of(folder, None), notes)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (48_000, 1)])
def test_any_kind_rate_and_number_of_channels(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    time_s = np.arange(rate) / rate
    sine = 0.5 * np.sin(2 * np.pi * 440 * time_s)
    path = tmp_path / f"a b.{suffix}"
    soundfile.write(path, np.stack([sine] * channels, axis=1), rate)
    sound = recordings.read_sound(path)
    assert (sound.rate_hz, sound.channels, sound.clipped) == (rate, channels, 0)
    assert abs(len(sound.pcm) - RATE) <= 2000  # MP3 pads
    spectrum = np.abs(np.fft.rfft(sound.pcm[4000:12000].astype(float)))
    assert abs(spectrum.argmax() * RATE / 8000 - 440) <= 2
    assert 14_000 < np.abs(sound.pcm[4000:12000].astype(int)).max() < 18_500


def test_float_samples_are_read_and_such_that_are_no_numbers_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, 0.5, -1.5]), RATE, subtype="FLOAT")
    sound = recordings.read_sound(tmp_path / "a.wav")
    np.testing.assert_array_equal(sound.pcm, [0, 16_384, -32_767])
    assert sound.clipped == pytest.approx(1 / 3)
    soundfile.write(tmp_path / "b.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"b.wav: has samples that are no numbers"):
        recordings.read_sound(tmp_path / "b.wav")


def test_files_without_sense_are_named_all_at_once(tmp_path: Path) -> None:
    words(tmp_path)
    (tmp_path / "left" / "empty.wav").touch()
    (tmp_path / "left" / "text.mp3").write_text("no sound " * 100)
    soundfile.write(tmp_path / "right" / "slow.wav", np.zeros(10), 4_000)
    with pytest.raises(DataError) as refused:
        read(tmp_path, Notes())
    message = str(refused.value)
    assert "empty.wav: cannot be read as a recording: the file is empty" in message
    assert "text.mp3: cannot be read as a recording" in message
    assert "slow.wav: 4,000 Hz; rates from 8,000 to 192,000 Hz are taken" in message


def test_a_short_recording_is_in_the_middle_of_its_second() -> None:
    (clip,) = own_words.utterances(np.full(8_000, 7, np.int16))
    np.testing.assert_array_equal(np.flatnonzero(clip), np.arange(4_000, 12_000))


def test_a_long_recording_is_cut_where_it_is_loud() -> None:
    quiet = np.random.default_rng(0).normal(scale=10, size=RATE)
    pcm = np.concatenate([quiet, tone(0.4, 400), quiet, tone(0.1, 600), quiet[:3200], tone(0.2, 600), quiet]).astype(
        np.int16
    )
    first, second = own_words.utterances(pcm)
    loud = [np.flatnonzero(np.abs(clip.astype(int)) > 1000) for clip in (first, second)]
    assert [int(where[-1] - where[0]) // 100 for where in loud] == [63, 79]  # the gap of 0.2 s is within a word
    for where in loud:
        assert abs((where[0] + where[-1]) / 2 - 8_000) < 400


def test_what_may_ruin_a_training_is_told(tmp_path: Path) -> None:
    words(tmp_path, speakers=2)
    write_wav(tmp_path / "left" / "anna" / "silent.wav", np.zeros(RATE))
    write_wav(tmp_path / "left" / "anna" / "loud.wav", np.clip(tone(level=90_000), -32_768, 32_767))
    write_wav(tmp_path / "left" / "anna" / "fast.wav", tone(), rate_hz=44_100)
    notes = Notes()
    clips = read(tmp_path, notes)
    assert {word: len(of_word) for word, of_word in clips.items()} == {"left": 10, "right": 8}
    assert notes.done == ["1 recordings were of another rate or of several channels: converted to 16 kHz"]
    assert [text.split(":")[0] for text in notes.warnings] == [
        "1 recordings are silent and left out",
        "1 recordings are clipped",
        "few clips (left 10, right 8)",
    ]


def test_too_few_clips_are_refused_with_all_words_that_have_too_few(tmp_path: Path) -> None:
    words(tmp_path, ("left", "right", "up"), speakers=2)
    for word in ("left", "up"):
        for path in recordings.recordings_in(tmp_path / word)[3:]:
            path.unlink()
    write_wav(tmp_path / "up" / "quiet.wav", np.zeros(RATE))
    message = (
        "too few clips: left has 3, up has 3; 8 a word are the least, .*; 1 recordings are silent .*: up/quiet.wav"
    )
    with pytest.raises(DataError, match=message):
        read(tmp_path, Notes())


def test_a_speaker_is_on_one_side_whatever_the_word(tmp_path: Path) -> None:
    words(tmp_path, speakers=12, takes=2)
    notes = Notes()
    clips = read(tmp_path, notes)
    split = own_words.split(clips, notes)
    assert not [text for text in notes.warnings if "speak" in text]
    assert len(set(split.groups)) == 2
    assert len(split.groups) == sum(map(len, split.held_out.values()))
    for word, of_word in clips.items():
        held = {clip.group for clip in of_word if any((clip.pcm == out).all() for out in split.held_out[word])}
        assert len(split.held_out[word]) == 2 * len(held)
        assert held == set(split.groups)
        assert len(split.training[word]) + len(split.held_out[word]) == len(of_word)


@pytest.mark.parametrize(
    ("groups", "warning"),
    [
        (["anna"] * 20, "one speaker or one recording says left"),
        ([f"left/{n}.wav" for n in range(20)], "nothing tells who speaks"),
    ],
)
def test_speakers_that_nobody_knows_are_told(groups: list[str], warning: str) -> None:
    notes = Notes()
    split = own_words.split(
        {"left": [Clip(np.full(RATE, n, np.int16), group) for n, group in enumerate(groups)]}, notes
    )
    assert notes.warnings[0].startswith(warning)
    assert 1 <= len(split.held_out["left"]) <= 9
    assert not {int(clip[0]) for clip in split.held_out["left"]} & {int(clip[0]) for clip in split.training["left"]}


def test_names_of_speakers_are_those_of_speech_commands_or_of_folders(tmp_path: Path) -> None:
    groups = [own_words.group_of(tmp_path / name, tmp_path) for name in ("8b77_nohash_3.wav", "anna/3.wav", "3.wav")]
    assert groups == ["8b77", "anna", f"{tmp_path.name}/3.wav"]


def test_folders_that_are_missing_are_all_named(tmp_path: Path) -> None:
    words(tmp_path)
    with pytest.raises(UsageError, match=r"has no folder up, down; it has left, right"):
        own_words.folders_of(tmp_path, ("left", "up", "down"))
    with pytest.raises(UsageError, match=r"nowhere: no such folder"):
        own_words.folders_of(tmp_path / "nowhere", None)
    with pytest.raises(UsageError, match=r"anna has no folder in it|has no folder in it"):
        own_words.folders_of(tmp_path / "left" / "speaker 0", None)


def test_what_is_given_becomes_silence_and_unknown_words(tmp_path: Path) -> None:
    folder = words(tmp_path / "own", ("left", "right", "up", "_unknown_"))
    write_wav(folder / "_silence_" / "room.wav", tone(10, 100, 100))
    for kind in ("dog", "speech"):
        for number in range(5):
            write_wav(tmp_path / "sounds" / kind / f"{number}.wav", tone(2, 900))
    found = gather(folder, ("left", "right"), tmp_path / "sounds", None, Notes())
    for heard in (found.training, found.held_out):
        assert heard.labels == ("silence", "unknown", "left", "right")
        assert set(heard.unknown) == {"_unknown_", "up"}
        assert set(heard.sounds) == {"dog"}
    assert (len(found.training.sounds["dog"]), len(found.held_out.sounds["dog"])) == (4, 1)
    assert (len(found.training.speech), len(found.held_out.speech)) == (4, 1)
    assert [len(room) for room in (*found.training.backgrounds, *found.held_out.backgrounds)] == [8 * RATE, 2 * RATE]
    lone = Notes()
    gather(folder, ("left", "right", "up"), None, None, lone)
    (folder / "_unknown_").rename(tmp_path / "away")
    gather(folder, None, None, None, lone)
    assert [text.split(":")[0] for text in lone.warnings if "other words" in text] == ["there are no other words"]
    with pytest.raises(UsageError, match="nothing: no such folder; --negatives is"):
        gather(folder, None, tmp_path / "nothing", None, Notes())
