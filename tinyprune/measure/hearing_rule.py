"""The rule by which a network's answers in a stream become words, chosen for the network on sound it has not heard."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from tinyprune.measure import streams
from tinyprune.measure.streams import Looks, Spoken, Tally
from tinyprune.sound.detector import Rule

SMOOTHED = range(2, 9)
THRESHOLDS = tuple(number / 100 for number in range(20, 100, 5))
#: The share of words that shall be hit, and a standard error more, since another stream would have another share; where
#: no rule reaches that, those that are so close to the best are compared.
HITS, NEAR_BEST = 0.9, 0.01
#: Words that must be said to choose by.
FEWEST_WORDS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What a network answered to a recording, and what is said in it."""

    kind: str
    seconds: float
    """Of the recording; what stands before it does not count."""
    said: tuple[Spoken, ...]
    looks: Looks


def tallies(heard: Sequence[Stream], labels: Sequence[str], rule: Rule) -> tuple[Tally, ...]:
    """Hits and false alarms by kind."""
    return streams.together(
        [streams.tally(s.kind, s.seconds, s.said, streams.heard(s.looks, labels, rule)) for s in heard]
    )


@dataclass(frozen=True, slots=True)
class Point:
    """Of the curve of hits over false alarms."""

    threshold: float
    streams: tuple[Tally, ...]


def curve(heard: Sequence[Stream], labels: Sequence[str], rule: Rule) -> tuple[Point, ...]:
    """The same rule with every threshold."""
    return tuple(Point(t, tallies(heard, labels, replace(rule, threshold=t))) for t in THRESHOLDS)


def choose(heard: Sequence[Stream], labels: Sequence[str], default: Rule) -> Rule:
    """Of `default` with any smoothing and threshold, the rule with fewest false alarms of those that hit enough words.

    `default` itself where fewer than FEWEST_WORDS are said.
    """
    said = sum(len(each.said) for each in heard)
    if said < FEWEST_WORDS:
        return default
    rules = [replace(default, smoothed=s, threshold=t) for s, t in product(SMOOTHED, THRESHOLDS)]
    found = {rule: _sums(tallies(heard, labels, rule)) for rule in rules}
    best = max(hits for hits, _ in found.values())
    wanted = HITS * said + math.sqrt(HITS * (1 - HITS) * said)
    enough = wanted if best >= wanted else best - NEAR_BEST * said
    return min((rule for rule in rules if found[rule][0] >= enough), key=lambda rule: (found[rule][1], -found[rule][0]))


def _sums(of_kinds: Sequence[Tally]) -> tuple[int, int]:
    return sum(each.hits for each in of_kinds), sum(each.false_alarms for each in of_kinds)
