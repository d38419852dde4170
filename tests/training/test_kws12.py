"""The script of the twelve classes: what it trains on and holds out; the training is that of one's own words."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import recordings
from tests.recordings import write_wav
from tinyprune.errors import DataError
from tinyprune.tasks import train as task
from tinyprune.training import speech_commands
from tinyprune.training.keywords import validation

SCRIPT = Path(__file__).parents[2] / "examples" / "kws" / "kws12.py"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Speech Commands as `recordings` makes it, with "on" and "off", and clips of a speaker of the test split."""
    recordings.write(tmp_path / "data")
    for word in ("on", "off", "cat"):
        for number, speaker in enumerate(("00000001", "00000000", "00000002")):
            write_wav(tmp_path / "data" / word / f"{speaker}_nohash_9.wav", np.full(16_000, 100 + number))
    for number, speaker in ((1, "00000001"), (2, "00000001"), (3, "00000000")):
        write_wav(tmp_path / "sounds" / "dog" / f"{number}-7-A.wav", np.full(20_000, number))
        write_wav(tmp_path / "sounds" / "speech" / f"{speaker}_{number}.wav", np.full(20_000, number))
    return tmp_path


def test_the_official_split_the_third_fold_and_some_speakers(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def train_on(*arguments: object) -> None:
        given.extend(arguments)
        raise DataError("that will do")

    monkeypatch.setattr(task, "train_on", train_on)
    options = ("--data", data / "data", "--negatives", data / "sounds", "--out", data / "out", "--data-set", "tones")
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, options)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert end.value.code == 1

    course, output, heard = given[:3]
    clips = speech_commands.load(data / "data", "validation", speech_commands.KWS12.left_out)
    wanted, found = speech_commands.evaluation_clips(clips, task=speech_commands.KWS12), validation(heard.held_out)
    np.testing.assert_array_equal(found.inputs, wanted.inputs)
    np.testing.assert_array_equal(found.targets, wanted.targets)
    assert isinstance(course, task.Course)
    assert isinstance(heard, task.Gathered)
    assert (output, course.epochs, course.seed, course.evenly) == (data / "out", 60, 1, True)
    assert (heard.task, heard.split, heard.data_set) == ("kws12", "validation", "tones")
    assert heard.groups == ("00000000",) * (8 * 3 + 2)
    labels = "silence unknown yes no up down left right on off stop go".split()
    for number, part in enumerate((heard.training, heard.held_out)):
        assert list(part.labels) == labels
        assert set(part.unknown) == {"cat"}
        assert set(part.words["on"][:, 0].tolist()) == {100 + number}
        assert len(part.words["yes"]) == 3
        assert [[int(each[0]) for each in kind] for kind in (part.sounds["dog"], part.speech)] == [
            [[1, 2], [3]][number]
        ] * 2
