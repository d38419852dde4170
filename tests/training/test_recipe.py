"""The script that tries ingredients of the recipe, and what it does to features and answers."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests import recordings
from tests.recordings import write_wav
from tinyprune.training import keywords, speech_commands
from tinyprune.training.keras_model import Examples

RNG = np.random.default_rng(0)
CLIPS = Examples(RNG.normal(size=(40, 49, 10, 1)).astype(np.float32), np.arange(40) % 4)
#: Of the training split, as 00000001 is.
OTHER_SPEAKER = "00000003"
ONE_HOT = np.eye(4, dtype=np.float32)[CLIPS.targets]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "kws"))
    for name in ("recipe", "kws12", "train", "softening"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module("recipe")


@pytest.mark.slow
def test_a_trial_of_real_recordings(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second time nothing is trained again, and the same is said."""
    recordings.write(tmp_path / "data")
    for word in (*speech_commands.TEN_WORDS, "cat"):
        for speaker in ("00000000", "00000001", OTHER_SPEAKER):
            write_wav(tmp_path / "data" / word / f"{speaker}_nohash_9.wav", RNG.normal(scale=900, size=16_000))
    write_wav(tmp_path / "sounds" / "dog" / "1-7-A.wav", RNG.normal(scale=900, size=20_000))
    percentage = speech_commands.percentage_of(OTHER_SPEAKER)
    monkeypatch.setattr(script, "HELD_OUT_PERCENT", (percentage, percentage + 1e-6))
    monkeypatch.setattr(script, "TRIALS", {name: script.TRIALS[name] for name in (script.PLAIN, "taught, 0.7")})
    monkeypatch.setattr(keywords, "WORD_CLIPS", 40)
    for stage in ("BASE", "BRANCH"):
        monkeypatch.setattr(script, stage, script.replace(getattr(script, stage), epochs=1))
    given = ("--data", tmp_path / "data", "--negatives", tmp_path / "sounds", "--out", tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["recipe.py", *map(str, given)])
    assert script.main() == 0
    said = capsys.readouterr().out.splitlines()[-6:]
    assert [row.split(" | ")[0].strip("| ") for row in said[2:]] == [
        "plain",
        script.MEAN,
        script.EVEN,
        "taught, 0.7",
    ]
    monkeypatch.setattr(script, "trial", lambda *_: pytest.fail("is trained again"))
    assert script.main() == 0


def test_speakers_who_are_held_out_are_heard_by_nobody_else(script: Any) -> None:
    paths = {"yes": [Path(f"{number:08x}_nohash_0.wav") for number in range(200)]}
    clips = np.arange(200, dtype=np.int16)[:, np.newaxis]
    material = keywords.Material({"yes": clips}, {}, {}, [], [])
    others, held_out = (script.speakers_of(material, paths, is_held_out=out) for out in (False, True))
    percentages = [speech_commands.percentage_of(f"{number:08x}") for number in held_out.words["yes"][:, 0]]
    assert percentages
    assert all(20 <= each < 30 for each in percentages)
    assert sorted([*others.words["yes"][:, 0], *held_out.words["yes"][:, 0]]) == list(range(200))


def test_differences_are_in_pairs(script: Any) -> None:
    """Of 100 clips: two seeds, of which the other gets one more and two more right, by five and ten differences."""
    wrong = {
        "plain, seed 1": [1, 2, 3, 4],
        "plain, seed 2": [1, 2, 3, 4, 5, 6],
        "other, seed 1": [1, 7, 8],
        "other, seed 2": [10, 11, 12, 13],
    }
    assert list(script.table(wrong, 100))[2:] == [
        "| plain | 95.00 | +0.00 ± 0.00 | 2 |",
        f"| other | 96.50 | +1.50 ± {100 * (7.5 / 2) ** 0.5 / 100:.2f} | 2 |",
    ]


def softened(script: Any, taught: np.ndarray | None = None, **how: float) -> Examples:
    made: Examples = script.softening.soften(CLIPS, 4, script.Softening(**how), np.random.default_rng(1), taught)
    return made


def test_the_defaults_change_nothing(script: Any) -> None:
    same = softened(script)
    np.testing.assert_array_equal(same.inputs, CLIPS.inputs)
    np.testing.assert_array_equal(same.targets, ONE_HOT)


def test_targets_are_smoothed_and_taught(script: Any) -> None:
    np.testing.assert_allclose(softened(script, smoothing=0.2).targets, 0.8 * ONE_HOT + 0.05, rtol=1e-6)
    taught = RNG.dirichlet(np.ones(4), 40).astype(np.float32)
    wanted = 0.3 * ONE_HOT + 0.7 * taught
    np.testing.assert_allclose(softened(script, taught, teaching=0.7).targets, wanted, atol=1e-6)


def test_a_stretch_of_frames_and_of_coefficients_is_its_mean(script: Any) -> None:
    hidden = softened(script, hidden_frames=8, hidden_coefficients=2).inputs[..., 0]
    is_hidden = hidden == CLIPS.inputs[..., 0].mean(axis=1, keepdims=True)
    np.testing.assert_array_equal(hidden[~is_hidden], CLIPS.inputs[..., 0][~is_hidden])
    frames, coefficients = is_hidden.all(axis=2), is_hidden.all(axis=1)
    assert set(frames.sum(axis=1).tolist()) == set(range(9))
    assert set(coefficients.sum(axis=1).tolist()) == {0, 1, 2}
    for each in (*frames, *coefficients):
        assert (np.diff(np.flatnonzero(each)) == 1).all()
    np.testing.assert_array_equal(is_hidden, frames[:, :, None] | coefficients[:, None, :])


def test_mixtures_count_as_much_of_a_clip_as_is_heard(script: Any) -> None:
    """The same part of inputs and targets; the fainter clip is under a half."""
    marked = Examples(np.repeat(ONE_HOT, 5, axis=1)[:, :, None, None], CLIPS.targets)
    mixed = script.softening.soften(marked, 4, script.Softening(mixing=0.5), np.random.default_rng(1))
    np.testing.assert_allclose(mixed.inputs[:, ::5, 0, 0], mixed.targets, atol=1e-6)
    own = mixed.targets[np.arange(40), CLIPS.targets]
    assert 0.5 <= own.min() < 0.7
    assert 10 < (own == 1).sum() < 35
