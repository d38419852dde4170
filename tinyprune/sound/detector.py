"""When a word counts as heard: the rule of firmware_templates/audio/tp_detector.c, mirrored for tests and tuning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]

LOUDEST = 32_767
#: Labels that are no words: the detector never reports them.
NO_WORDS = frozenset({"silence", "unknown", "_silence_", "_unknown_"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A second is looked at every `every_hops` (of 20 ms); the mean score of the last `smoothed` looks must reach
    `threshold`, in the units of the network's output; then nothing is heard for `holdoff_hops`. A second without a
    sample of `quiet_below` or more is not looked at: it has the lowest scores.

    The defaults were chosen on a stream of validation clips: docs/audio.md.
    """

    every_hops: int = 10
    smoothed: int = 4
    threshold: float = 0.6
    holdoff_hops: int = 75
    quiet_below: int = 0

    def __post_init__(self) -> None:
        hops = (self.every_hops, self.smoothed, self.holdoff_hops)
        if not all(isinstance(each, int) for each in hops) or min(hops[:2]) < 1 or hops[2] < 0:
            raise ValueError(f"{self}: hops and looks are whole numbers, and at least one")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"{self}: the threshold is between 0 and 1")
        if not isinstance(self.quiet_below, int) or not 0 <= self.quiet_below <= LOUDEST:
            raise ValueError(f"{self}: samples lie between 0 and {LOUDEST}")

    def threshold_sum(self, scale: float, zero_point: int) -> int:
        """The least sum of `smoothed` raw outputs that counts."""
        return int(np.ceil(self.smoothed * (self.threshold / scale + zero_point) - 1e-6))


DEFAULT_RULE = Rule()


LOWEST_SCORE = -128


def is_word(label: str) -> bool:
    return label not in NO_WORDS


def detect(
    scores: Int8, hops: Sequence[int], labels: Sequence[str], rule: Rule, threshold_sum: int
) -> list[tuple[int, int]]:
    """(hops, class) of each word heard in `scores` `[looks, classes]`, the looks after so many `hops`."""
    heard: list[tuple[int, int]] = []
    for look in range(rule.smoothed - 1, len(scores)):
        if heard and hops[look] - heard[-1][0] < rule.holdoff_hops:
            continue
        sums = scores[look - rule.smoothed + 1 : look + 1].sum(axis=0, dtype=np.int64)
        best = int(sums.argmax())
        if is_word(labels[best]) and sums[best] >= threshold_sum:
            heard.append((hops[look], best))
    return heard
