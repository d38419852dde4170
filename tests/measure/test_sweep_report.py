"""Which network a sweep says to take, and why."""

import pytest

from tinyprune.measure.sweep_report import SweepPoint, SweepReport, recommended

DENSE, HALF, MIXED = {"a": "dense", "b": "dense"}, {"a": "2:4", "b": "2:4"}, {"a": "2:4", "b": "dense"}


def point(number: int, patterns: dict[str, str], quality: float, cycles: int, within: bool = True) -> SweepPoint:
    return SweepPoint(number, "net", patterns, quality, cycles, 50_000, 12_000, within, False, f"t{number}.tflite")


POINTS = (
    point(0, DENSE, 0.936, 3_600_000),
    point(1, HALF, 0.920, 2_600_000),
    point(2, MIXED, 0.932, 3_000_000),
    point(3, HALF, 0.934, 2_000_000, within=False),
)


@pytest.mark.parametrize(("most", "taken"), [(0.0, 0), (0.4, 2), (0.5, 2), (1.6, 1), (50.0, 1), (None, 0)])
def test_the_fastest_that_loses_little_enough_is_taken(most: float | None, taken: int) -> None:
    found = recommended(SweepReport("nano33", True, POINTS, 1_000), most)
    assert found.recommended == taken
    assert found.chosen is POINTS[taken]


def test_the_reason_has_the_figures() -> None:
    found = recommended(SweepReport("nano33", True, POINTS, 1_000), 0.5)
    assert found.reason == (
        "the fewest cycles of 2 networks within the limits that lose 0.5 points at most; 3,000,000 cycles; "
        "93.20% right ± 0.80; 50,000 B of flash; dense: 93.60% right, 1.20 times the cycles"
    )
    unlabelled = recommended(SweepReport("nano33", False, (point(0, DENSE, 40.0, 9), point(1, HALF, 21.5, 8)), 1_000))
    assert "40.0 dB of dense" in unlabelled.reason


@pytest.mark.parametrize(
    ("points", "most", "told"),
    [
        ((), None, "none of 0 networks keeps to the limits"),
        (POINTS[3:], 0.5, "none of 1 networks keeps to the limits"),
        (POINTS[1:2], 0.5, "no dense network has been tried"),
        ((point(0, DENSE, 0.936, 9, within=False), POINTS[1]), 0.5, "trial 1 comes nearest with 1.60: fine-tune it"),
    ],
)
def test_why_none_is_taken(points: tuple[SweepPoint, ...], most: float | None, told: str) -> None:
    found = recommended(SweepReport("nano33", True, points, 1_000), most)
    assert found.recommended is None
    assert told in found.reason
