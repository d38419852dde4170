"""Arenas beside TFLite Micro's: networks of the tests take no more than it does."""

import pytest

from benchmarks import arenas
from tests.graphs import NETWORKS
from tinyprune.compiler import reader
from tinyprune.device import boards


@pytest.mark.tflm
@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_arena_is_no_larger_than_tflite_micros(name: str) -> None:
    file = NETWORKS[name]().file
    graph = reader.read(file)
    least = arenas.theirs(file, graph)
    assert least is not None
    assert arenas.ours(graph, boards.load("nano33"))["ram"] <= least


def test_the_table_counts_and_names() -> None:
    one = arenas.Arenas("a", 100, {"speed": 120, "size": 100, "ram": 90})
    other = arenas.Arenas("b|", 100, {"speed": 180, "size": 140, "ram": 110})
    text = arenas.markdown([one, other, arenas.Arenas("c", None, one.ours)])
    assert "| speed | 2 | 0 | 1.50 |" in text
    assert "| ram | 2 | 1 | 1.00 |" in text
    assert "`b/`: 110 bytes at least, TFLite Micro takes 100." in text
