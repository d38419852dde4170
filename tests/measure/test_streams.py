"""Hits and false alarms in a stream, by the rule and by the Python chain that stands for the firmware."""

from pathlib import Path

import numpy as np
import pytest

from tinyprune.errors import DataError, UsageError
from tinyprune.measure import streams
from tinyprune.measure.streams import Detected, Spoken
from tinyprune.sound.detector import Rule
from tinyprune.training import zoo


def test_a_word_is_hit_once_and_all_else_is_false() -> None:
    said = [Spoken("yes", 1.0, 2.0), Spoken("no", 5.0, 6.0), Spoken("yes", 9.0, 10.0)]
    heard = [
        Detected("yes", 1.9),
        Detected("yes", 3.4),
        Detected("up", 5.5),
        Detected("yes", 11.6),
        Detected("no", 4.9),
    ]
    tally = streams.tally("words", 36.0, said, heard)
    assert (tally.said, tally.hits, tally.false_alarms) == (3, 1, 4)
    assert tally.false_alarms_an_hour == 400


def test_kinds_are_summed() -> None:
    tallies = [
        streams.tally(kind, 1800, (), [Detected("yes", 1.0)] * count) for kind, count in (("b", 1), ("a", 2), ("b", 4))
    ]
    assert [(each.kind, each.seconds, each.false_alarms_an_hour) for each in streams.together(tallies)] == [
        ("a", 1800, 4),
        ("b", 3600, 5),
    ]


def test_clips_are_joined_with_a_pause_around_each() -> None:
    clips = [
        ("yes", np.full(16_000, 1, np.int16)),
        ("", np.full(8_000, 2, np.int16)),
        ("no", np.full(16_000, 3, np.int16)),
    ]
    pcm, said = streams.joined(clips, np.full(20_000, 9, np.int16), 0.5)
    assert said == [Spoken("yes", 0.5, 1.5), Spoken("no", 3.0, 4.0)]
    assert len(pcm) == 72_000
    assert set(pcm[48_000:64_000]) == {3}
    assert set(pcm[:8_000]) == set(pcm[-8_000:]) == {9}


def test_what_is_quieter_than_the_gate_is_not_heard() -> None:
    sure = np.tile(np.int8([-128, 127]), (4, 1))
    looks = streams.Looks(sure, (50, 60, 70, 80), (99, 99, 100, 101), 10, 1 / 256, -128)
    for gate, heard_at in ((0, [1.2]), (99, [1.2]), (100, [1.6]), (101, [])):
        rule = Rule(smoothed=2, quiet_below=gate)
        assert [each.time_s for each in streams.heard(looks, ["silence", "yes"], rule)] == heard_at


@pytest.mark.parametrize("heading", ["", "file,start_s,end_s,word\n"])
def test_what_is_said_when_is_read_from_lines(tmp_path: Path, heading: str) -> None:
    (tmp_path / "e.csv").write_text(heading + "a.wav, 1.5, 2, yes\n\nb.wav,0,0.5,no\na.wav,3,4,no\n")
    assert streams.read_events(tmp_path / "e.csv", ["silence", "yes", "no"]) == {
        "a.wav": [Spoken("yes", 1.5, 2.0), Spoken("no", 3.0, 4.0)],
        "b.wav": [Spoken("no", 0.0, 0.5)],
    }


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("a,1,2,yes\na,2,1,yes\na,1,2\na,0,nan,yes\n", "line 2, 3, 4"),
        ("a,1,2,silence\n", "line 1"),
        ("", "it is empty"),
        ("file,start_s,end_s,word\n", "it is empty"),
    ],
)
def test_lines_that_are_wrong_are_all_named(tmp_path: Path, lines: str, where: str) -> None:
    (tmp_path / "e.csv").write_text(lines)
    with pytest.raises(DataError, match=f"e.csv: {where}: file,start_s,end_s,word are needed; words are yes, no"):
        streams.read_events(tmp_path / "e.csv", ["silence", "yes", "no"])
    with pytest.raises(UsageError, match=r"none.csv: No such file"):
        streams.read_events(tmp_path / "none.csv", ["yes"])


@pytest.mark.tflm
def test_the_zoos_network_hears_in_a_stream_what_it_takes_each_second_for() -> None:
    """A detector that needs no certainty hears the likeliest word in each look, unless that is no word."""
    entry = zoo.load(zoo.DEFAULT)
    pcm = (np.random.default_rng(0).normal(scale=3_000, size=80_000) * np.linspace(0, 1, 80_000)).astype(np.int16)
    rule = Rule(smoothed=1, threshold=0.0, holdoff_hops=0)
    heard = streams.listen(zoo.int8_model(entry), entry.labels, pcm, rule)
    assert {each.time_s for each in heard} <= {round(1 + 0.2 * look, 1) for look in range(21)}
    assert not {each.word for each in heard} - set(entry.labels[2:])
    assert streams.listen(zoo.int8_model(entry), entry.labels, pcm[:15_999], rule) == []
