"""The rule is chosen by hits first, then by false alarms, on one half of what is held out; the other is measured."""

from dataclasses import replace

import numpy as np
import pytest

from tinyprune.measure import hearing_rule, held_out, streams
from tinyprune.measure.hearing_rule import Stream
from tinyprune.measure.streams import Looks, Spoken
from tinyprune.sound.detector import DEFAULT_RULE, Rule
from tinyprune.sound.features import CLIP_SAMPLES
from tinyprune.training.keywords import Material

LABELS = ("silence", "unknown", "yes", "no")
#: Looks a word is seen in, and seconds between words.
SEEN, APART_S = 5, 5


def stream(kind: str, word_score: float, count: int, seen: int = SEEN, said: bool = True) -> Stream:
    """ "yes" with this score in `seen` looks after every five seconds."""
    scores = np.full((5 * APART_S * count, 4), -128, np.int8)
    for number in range(count):
        scores[5 * APART_S * number : 5 * APART_S * number + seen, 2] = round(256 * word_score - 128)
    hops = tuple(50 + 10 * look for look in range(len(scores)))
    words = tuple(Spoken("yes", 0.5 + APART_S * n, 1.5 + APART_S * n) for n in range(count)) if said else ()
    return Stream(kind, count * APART_S, words, Looks(scores, hops, (9,) * len(hops), 10, 1 / 256, -128))


def test_the_fewest_false_alarms_of_the_rules_that_hit_enough() -> None:
    """Alarms are as sure as words, but shorter: only a mean over more looks tells them apart."""
    heard = [stream("words", 0.9, 120), stream("dog", 0.95, 50, seen=2, said=False)]
    rule = hearing_rule.choose(heard, LABELS, DEFAULT_RULE)
    assert rule.smoothed > 2
    assert rule == replace(DEFAULT_RULE, smoothed=rule.smoothed, threshold=rule.threshold)
    assert [(t.kind, t.hits, t.false_alarms) for t in hearing_rule.tallies(heard, LABELS, rule)] == [
        ("dog", 0, 0),
        ("words", 120, 0),
    ]
    careless = hearing_rule.tallies(heard, LABELS, replace(DEFAULT_RULE, smoothed=2))
    assert [t.false_alarms for t in careless] == [50, 0]


def test_where_words_cannot_be_told_from_alarms_hits_count() -> None:
    heard = [stream("words", 0.5, 120), stream("dog", 0.9, 50, said=False)]
    rule = hearing_rule.choose(heard, LABELS, DEFAULT_RULE)
    assert [(t.hits, t.false_alarms) for t in hearing_rule.tallies(heard, LABELS, rule)] == [(0, 50), (120, 0)]


def test_few_words_choose_nothing() -> None:
    assert hearing_rule.choose([stream("words", 0.3, 20)], LABELS, DEFAULT_RULE) == DEFAULT_RULE


@pytest.mark.parametrize(
    "wrong", [{"smoothed": 0}, {"smoothed": 2.5}, {"every_hops": "10"}, {"holdoff_hops": -1}, {"threshold": 1.5}]
)
def test_a_rule_that_no_firmware_can_follow(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Rule(**wrong)  # type: ignore[arg-type]


def test_one_half_chooses_and_the_other_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is sure of "yes" where a clip is loud: every second is looked at once in either half."""
    seen = []

    def look(_content: bytes, pcm: np.ndarray, every_hops: int) -> Looks:
        seen.append(pcm)
        looks = pcm[::3_200][: max(0, len(pcm) // 3_200 - 4)]
        scores = np.stack([looks * 0, looks * 0, looks // 256, looks * 0], axis=1).astype(np.int8)
        hops = tuple(range(50, 50 + 10 * len(scores), 10))
        return Looks(scores, hops, (9,) * len(hops), every_hops, 1 / 256, -128)

    monkeypatch.setattr(streams, "look", look)
    clips = np.full((300, CLIP_SAMPLES), 30_000, np.int16)
    sounds = {"dog": [np.full(3 * CLIP_SAMPLES, n, np.int16) for n in (1, 2)]}
    made = Material({"yes": clips}, {"cat": clips[:10]}, sounds, [], [])
    choosing, measuring = held_out.halves(made, ["dog"])
    rule = held_out.rule_for(b"", LABELS, choosing)
    tallies = hearing_rule.tallies(held_out.looked(b"", measuring), LABELS, rule)
    assert rule.every_hops == DEFAULT_RULE.every_hops
    assert {t.kind: t.said for t in tallies} == {"words": 150, "unknown words": 0, "dog": 0}
    assert {t.kind: t.seconds for t in tallies}["dog"] == 3
    dogs = [pcm for pcm in seen if pcm.max() < 3]
    assert [pcm[-1] for pcm in dogs] == [1, 2]
    assert all(len(pcm) == 4 * CLIP_SAMPLES for pcm in dogs)

    choosing, measuring = held_out.halves(made, [])  # nobody trained on dogs: all are measured with, none chooses
    tallies = hearing_rule.tallies(held_out.looked(b"", measuring), LABELS, rule)
    assert {t.kind: t.seconds for t in tallies}["dog, left out"] == 6
    assert "dog" not in {passage.kind for passage in choosing}
    points = hearing_rule.curve(held_out.looked(b"", measuring), LABELS, rule)
    assert [p.streams for p in points if p.threshold == rule.threshold] == [tallies]
    assert [sum(t.hits for t in p.streams) for p in points] == sorted(
        (sum(t.hits for t in p.streams) for p in points), reverse=True
    )

    few = Material({"yes": clips[:50]}, {}, sounds, [], [])
    choosing, measuring = held_out.halves(few, ["dog"])
    assert held_out.rule_for(b"", LABELS, choosing) == DEFAULT_RULE
    tallies = hearing_rule.tallies(held_out.looked(b"", measuring), LABELS, DEFAULT_RULE)
    assert {t.kind: (t.said, t.seconds) for t in tallies}["dog"] == (0, 6)
