"""What a network for keywords hears in an epoch, and the sounds that are made for it."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tinyprune.sound.features import CLIP_SAMPLES, LOGMEL40, MFCC10
from tinyprune.training import augmentation, keywords, warm_start
from tinyprune.training import speech_commands as sc
from tinyprune.training.gather import Gathered
from tinyprune.training.keyword_training import Course, Trainer
from tinyprune.training.keywords import Hard, Material
from tinyprune.training.own_words import Notes

RNG = np.random.default_rng(0)
WORDS = RNG.integers(-9_000, 9_000, (8, CLIP_SAMPLES), dtype=np.int16)
ROOM = RNG.integers(-900, 900, 30_000, dtype=np.int16)


def material(**other: object) -> Material:
    given = {
        "words": {"left": WORDS[:4], "right": WORDS[4:6]},
        "unknown": {"cat": WORDS[6:7], "dog": WORDS[7:]},
        "sounds": {"rain": [ROOM]},
        "speech": [ROOM],
    }
    return Material(**{**given, **other}, backgrounds=[ROOM])  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keywords, "WORD_CLIPS", 40)
    monkeypatch.setattr(keywords, "MINED_CLIPS", 40)


@pytest.mark.parametrize("other", [{}, {"unknown": {}, "sounds": {}, "speech": []}])
def test_words_are_even_and_the_rest_is_half_silence_half_unknown(other: dict[str, object]) -> None:
    clips = keywords.epoch_clips(material(**other), 0.5, seed=1, epoch=0)
    assert Counter(clips.targets.tolist()) == dict.fromkeys(range(4), 20)
    assert clips.inputs.shape == (80, 49, 10, 1)
    assert np.isfinite(clips.inputs).all()


def test_a_front_end_that_hears_loudness_hears_all_of_it() -> None:
    clips = keywords.epoch_clips(material(sounds={}, unknown={}), 0.1, 1, 0, front_end=LOGMEL40)
    assert clips.inputs.shape == (44, 49, 40, 1)
    loudest = clips.inputs[clips.targets >= 2].max(axis=(1, 2, 3))
    assert loudest.max() - loudest.min() > np.log(50) - 1  # peaks from a hundredth of full scale to all of it
    assert loudest.std() > 0.5


def test_seed_and_epoch_decide_everything() -> None:
    first, again, later = (keywords.epoch_clips(material(), 0.3, 1, epoch) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.targets, again.targets)
    assert not np.array_equal(first.inputs, later.inputs)


def test_an_epoch_comes_again_in_another_order_and_with_fewer_clips_without_a_word() -> None:
    clips = keywords.epoch_clips(material(), 0.5, seed=1, epoch=0)
    again, other = (keywords.fewer(clips, 0.2, np.random.default_rng(seed)) for seed in (1, 2))
    assert Counter(again.targets[again.targets >= 2].tolist()) == {2: 20, 3: 20}
    assert (again.targets < 2).sum() == 10
    known = {each.tobytes(): target for each, target in zip(clips.inputs, clips.targets.tolist(), strict=True)}
    assert [known[each.tobytes()] for each in again.inputs] == again.targets.tolist()
    assert not np.array_equal(again.inputs, other.inputs)
    assert len(keywords.fewer(clips, 0.9, np.random.default_rng(1)).targets) == 80


def test_words_are_answered_as_if_all_classes_had_been_heard_equally_often() -> None:
    """Ten words of 7.2 % each beside 14 % silence and 14 % unknown; three words of 24 % stay as they are."""
    from tinyprune.training.models import ds_cnn

    inputs = RNG.normal(size=(5, 49, 10, 1)).astype(np.float32)
    for words, odds in ((10, 7.2 / 14), (3, 1.0)):
        model = ds_cnn("S", 2 + words)
        before = model.predict(inputs, verbose=0)
        keywords.expect_evenly(model, 0.28, words)
        wanted = before * ([odds, odds] + [1.0] * words)
        wanted /= wanted.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.predict(inputs, verbose=0), wanted, rtol=1e-4)


def test_what_was_taken_for_a_word_comes_again() -> None:
    marked = np.zeros((1, CLIP_SAMPLES), np.int16)
    marked[0, ::50] = 30_000
    wanted = sc.features_of(marked)[0]
    clips = keywords.epoch_clips(material(), 0.5, 1, 0, Hard(marked, marked))
    found = abs(clips.inputs - wanted).max(axis=(1, 2, 3)) < 1e-3
    assert Counter(clips.targets[found].tolist()) == {0: 5, 1: 5}


def test_mining_keeps_the_clips_that_a_network_is_surest_of() -> None:
    class Network:
        """Sure of `left` where a clip is loud in its first band on average."""

        def predict(self, inputs: np.ndarray, **_options: object) -> np.ndarray:
            sure = inputs[:, :, 0, 0].mean(axis=1)
            sure = (sure - sure.min()) / (sure.max() - sure.min())
            return np.stack([1 - sure, 0 * sure, sure, 0 * sure], axis=1)

    hard = keywords.mine(Network(), material(), seed=1)
    again = keywords.mine(Network(), material(), seed=1)
    for found, same in zip(hard, again, strict=True):
        assert 0 < len(found) < 20
        np.testing.assert_array_equal(found, same)
        loudness = sc.features_of(found)[:, :, 0, 0].mean(axis=1)
        assert (np.diff(loudness) <= 0).all()


def test_held_out_clips_are_not_augmented() -> None:
    clips = keywords.validation(material())
    assert clips.targets.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
    np.testing.assert_array_equal(clips.inputs[-6:], sc.features_of(WORDS[:6]))


@pytest.mark.parametrize("make", augmentation.MADE)
def test_sounds_made_here_are_of_all_levels(make) -> None:
    clips = make(60, np.random.default_rng(1))
    assert (clips.shape, clips.dtype) == ((60, CLIP_SAMPLES), np.int16)
    peaks = np.abs(clips.astype(int)).max(axis=1)
    assert peaks.min() < 100
    assert peaks.max() > (100 if make is augmentation.faint_noise else 10_000)
    assert len(make(0, np.random.default_rng(1))) == 0


def test_recorded_sounds_come_at_other_speeds_levels_and_turned_over() -> None:
    ramp = np.sin(2 * np.pi * 1000 * np.arange(8_000) / 16_000) * np.linspace(1, 3, 8_000) * 9_000
    clips = augmentation.sounds([ramp.astype(np.int16)], 80, np.random.default_rng(2)).astype(float)
    tops = np.abs(np.fft.rfft(clips)).argmax(axis=1)
    assert 810 <= tops.min() < 900
    assert 1_100 < tops.max() <= 1_190
    peaks = np.abs(clips).max(axis=1)
    assert peaks.min() < 200
    assert peaks.max() > 15_000


def test_words_that_are_none() -> None:
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(augmentation.reversed_words(WORDS, rng)[:, ::-1], WORDS)
    loud = np.abs(augmentation.halved(WORDS, rng).astype(int)) > 100
    ends = np.stack([loud[:, :4_800].mean(axis=1), loud[:, -4_800:].mean(axis=1)])
    assert (ends.max(axis=0) > 0.9).all()
    assert (ends.min(axis=0) < 0.01).all()
    assert augmentation.glued(WORDS, rng).shape == WORDS.shape
    assert len(augmentation.no_words(WORDS, 10, rng)) == 10


@pytest.mark.parametrize("evenly", [False, True])
def test_shares_are_made_even_where_a_course_says_so(
    evenly: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a network that learns nothing in between; ten words, of which each was heard less often than silence."""
    words = {f"word{number}": WORDS[:1] for number in range(10)}
    heard = Gathered(material(words=words), material(words=words), ("anna",) * 10, "made")
    monkeypatch.setattr(keywords, "mine", lambda *_: keywords.NOTHING_HARD)
    for left_out in ("_train", "_warn"):
        monkeypatch.setattr(Trainer, left_out, lambda *_: None)
    trainer = Trainer(Course(evenly=evenly), heard, tmp_path, Notes(), lambda _said: None)
    found = trainer.dense().get_layer("dense").bias.numpy()
    begun = warm_start.start("S", heard.training.labels, 0, MFCC10).get_layer("dense").bias.numpy()
    lowered = math.log(14 / 7.2) if evenly else 0.0
    np.testing.assert_allclose(begun - found, [lowered, lowered] + [0.0] * 10, atol=1e-6)
