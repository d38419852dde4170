"""The data set's layout and the kws10 task, on recordings made here; on the real ones where TINYPRUNE_DATA is set."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.recordings import write_wav
from tinyprune.errors import DataError
from tinyprune.training import speech_commands as sc

#: One speaker id of each split, by the official rule.
SPEAKERS = {"train": "00000001", "validation": "00000000", "test": "00000002"}
OTHERS = {"cat": 5, "zero": 2}


def noise(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9_000, 9_000, int(seconds * 16_000), dtype=np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three clips of each command per split, two other words, the two words left out, one noise recording of 25 s."""
    root = tmp_path_factory.mktemp("speech_commands")
    counts = dict.fromkeys((*sc.COMMANDS, *sc.LEFT_OUT), 3) | OTHERS
    for number, (word, count) in enumerate(counts.items()):
        for speaker in SPEAKERS.values():
            for take in range(count):
                write_wav(root / word / f"{speaker}_nohash_{take}.wav", noise(1.0, 100 * number + take))
    write_wav(root / sc.NOISE_FOLDER / "tap.wav", noise(25, 7))
    (root / "README.md").write_text("not a word")
    return root


@pytest.fixture(scope="module")
def training(folder) -> sc.Audio:
    return sc.load(folder, "train")


@pytest.mark.parametrize("speaker", ["8b775397", "2643992f", "060cd039", "f5e5e8b0", "dbb40d24"])
def test_speakers_of_the_official_validation_list(speaker):
    assert sc.split_of(speaker) == "validation"


@pytest.mark.parametrize("speaker", ["412c675c", "881583a6", "67961766", "563aa4e6", "798f702a"])
def test_speakers_of_the_official_testing_list(speaker):
    assert sc.split_of(speaker) == "test"


def test_a_speaker_is_the_name_before_nohash():
    assert sc.speaker_of(Path("yes/8b775397_nohash_12.wav")) == "8b775397"


def test_labels_are_in_the_order_of_the_task():
    assert sc.LABELS == ("silence", "unknown", "yes", "no", "up", "down", "left", "right", "stop", "go")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_holds_its_speakers_only(folder, split):
    paths = sc.clip_paths(folder, split)
    assert {sc.speaker_of(clip) for clips in paths.values() for clip in clips} == {SPEAKERS[split]}
    assert {word: len(clips) for word, clips in paths.items()} == dict.fromkeys((*sc.COMMANDS, "on", "off"), 3) | OTHERS


def test_on_and_off_are_left_out(training):
    assert set(training.words) == {*sc.COMMANDS, *OTHERS}


def test_samples_come_unchanged_from_the_file(training):
    number = [*sc.COMMANDS].index("go")
    np.testing.assert_array_equal(training.words["go"][1], noise(1.0, 100 * number + 1))


def test_noise_of_a_split_is_heard_in_no_other(folder):
    parts = [sc.load(folder, split).noise[0] for split in ("train", "validation", "test")]
    np.testing.assert_array_equal(np.concatenate(parts), noise(25, 7))


def test_silence_and_unknown_are_a_share_each_and_unknown_is_even(monkeypatch):
    monkeypatch.setattr(sc, "SHARE_PERCENT", 25)
    words = {word: np.full((3, 16_000), index + 1, dtype=np.int16) for index, word in enumerate(sc.COMMANDS)}
    words |= {"cat": np.full((5, 16_000), 100, dtype=np.int16), "zero": np.full((2, 16_000), 200, dtype=np.int16)}
    audio = sc.Audio("train", words, (np.full(20_000, -5, dtype=np.int16),))
    pcm, labels = sc.evaluation_pcm(audio)
    assert Counter(labels.tolist()) == {0: 6, 1: 6} | dict.fromkeys(range(2, 10), 3)
    assert set(pcm[labels == 0, 0]) == {-5}
    assert Counter(pcm[labels == 1, 0].tolist()) == {100: 3, 200: 3}
    assert [pcm[labels == label, 0].tolist() for label in range(2, 10)] == [[index + 1] * 3 for index in range(8)]


def test_a_word_with_enough_clips_repeats_none():
    cat = np.arange(40, dtype=np.int16)[:, None] * np.ones(4, dtype=np.int16)
    drawn = sc.evenly([cat], 30, np.random.default_rng(0))
    assert len({int(clip[0]) for clip in drawn}) == 30


def test_training_clips_depend_on_seed_and_epoch_alone(training):
    first = sc.training_clips(training, seed=3, epoch=2)
    again = sc.training_clips(training, seed=3, epoch=2)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.targets, again.targets)
    for other in (sc.training_clips(training, 3, 3), sc.training_clips(training, 4, 2)):
        assert not np.array_equal(first.inputs, other.inputs)
    assert first.inputs.shape == (30, 49, 10, 1)
    assert first.inputs.dtype == np.float32
    assert Counter(first.targets.tolist()) == {0: 3, 1: 3} | dict.fromkeys(range(2, 10), 3)
    assert not np.array_equal(first.targets, np.sort(first.targets))


def test_evaluation_clips_are_neither_shuffled_nor_augmented(training):
    clips = sc.evaluation_clips(training)
    np.testing.assert_array_equal(clips.targets, np.sort(clips.targets))
    expected = sc.features_of(np.concatenate([training.words[word] for word in sc.COMMANDS]))
    np.testing.assert_array_equal(clips.inputs[clips.targets >= 2], expected)


def test_shift_moves_within_a_tenth_of_a_second_and_fills_with_zeros():
    clip = np.arange(1, 16_001, dtype=np.float32)
    later, earlier = sc._shift(clip, 1_600), sc._shift(clip, -3)
    np.testing.assert_array_equal(later, np.concatenate([np.zeros(1_600, np.float32), clip[:-1_600]]))
    np.testing.assert_array_equal(earlier, np.concatenate([clip[3:], np.zeros(3, np.float32)]))


def test_augmentation_shifts_words_only_and_mixes_noise_into_four_of_five():
    pcm = np.zeros((1_000, 16_000), dtype=np.int16)
    pcm[:, 8_000] = 16_384
    silent = np.arange(1_000) < 500
    noise = np.full(30_000, 16_384, dtype=np.int16)
    audio = sc.augment(pcm, silent, (noise,), np.random.default_rng(0))
    assert audio.dtype == np.float32
    assert (audio[silent].argmax(axis=1) == 8_000).all()
    positions = audio[~silent].argmax(axis=1) - 8_000
    assert -1_600 <= positions.min() < -1_300
    assert 1_300 < positions.max() <= 1_600
    level = audio[:, 0]
    assert 0.75 < (level > 0).mean() < 0.85
    assert 0.045 < level.max() <= 0.05
    assert audio.max() <= 1


def test_clips_of_other_lengths_become_one_second(tmp_path, folder):
    shutil.copytree(folder, tmp_path / "copy")
    clips = {take: tmp_path / "copy" / "go" / f"{SPEAKERS['test']}_nohash_{take}.wav" for take in (0, 1)}
    write_wav(clips[0], noise(0.4, 1))
    write_wav(clips[1], noise(1.3, 2))
    short, long, _ = sc.load(tmp_path / "copy", "test").words["go"]
    np.testing.assert_array_equal(short, np.concatenate([noise(0.4, 1), np.zeros(9_600, np.int16)]))
    np.testing.assert_array_equal(long, noise(1.3, 2)[:16_000])


def test_a_clip_of_another_rate_is_named(tmp_path, folder):
    shutil.copytree(folder, tmp_path / "copy")
    write_wav(tmp_path / "copy" / "go" / f"{SPEAKERS['test']}_nohash_1.wav", noise(0.1, 1), rate_hz=44_100)
    with pytest.raises(DataError, match=r"go/00000002_nohash_1.wav: 1 channel of 16 bits at 44,100 Hz"):
        sc.load(tmp_path / "copy", "test")


def test_a_missing_folder_tells_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r"there is no folder .*nowhere; `tinyprune data fetch` downloads"):
        sc.load(tmp_path / "nowhere", "train")


def test_another_folder_is_refused(tmp_path):
    (tmp_path / "yes").mkdir()
    with pytest.raises(
        DataError, match=r"is not a copy of Speech Commands: it has no folder no, up, .*_background_noise_"
    ):
        sc.load(tmp_path, "train")


def test_a_split_without_clips_is_refused(tmp_path):
    for word in (*sc.COMMANDS, sc.NOISE_FOLDER):
        (tmp_path / word).mkdir()
    write_wav(tmp_path / "yes" / f"{SPEAKERS['train']}_nohash_0.wav", noise(1, 0))
    with pytest.raises(DataError, match=r"has no train clip of no, up, down"):
        sc.load(tmp_path, "train")


def test_noise_that_is_too_short_is_refused(folder, tmp_path):
    for word in sc.COMMANDS:
        (tmp_path / word).symlink_to(folder / word)
    write_wav(tmp_path / sc.NOISE_FOLDER / "blip.wav", noise(5, 0))
    with pytest.raises(DataError, match=r"blip.wav is too short: its validation part"):
        sc.load(tmp_path, "validation")


@pytest.mark.data
def test_the_real_validation_split():
    root = os.environ.get("TINYPRUNE_DATA")
    if not root:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    audio = sc.load(Path(root), "validation")
    clips = sc.evaluation_clips(audio)
    counts = Counter(clips.targets.tolist())
    commands = sum(counts[label] for label in range(2, 10))
    assert counts[0] == counts[1] == -(-commands // 10)
    assert np.isfinite(clips.inputs).all()
    assert clips.inputs[clips.targets >= 2].std() > 5
