"""MLPerf Tiny's networks beside a closed engine: the table, and what it asks of the files."""

from pathlib import Path

import pytest

from benchmarks import mlperf
from tinyprune.compiler.sparsity import DENSE
from tinyprune.device import boards
from tinyprune.device.emulators import Span
from tinyprune.errors import UsageError


def test_the_table_compares_with_the_engine_and_with_our_own_dense_weights() -> None:
    dense = mlperf.Row("n", DENSE, 30, 2_000, Span(12, 14), Span(9, 11), (64, 64))
    pruned = mlperf.Row("n", "2:4", 30, 1_500, Span(8, 8), Span(8, 8), (63, 64))
    first, second = mlperf.markdown([dense, pruned], "E").splitlines()[2:]
    assert first == "| n | dense | 30.0 | 2,000 | 12.0 to 14.0 | 9.0 to 11.0 | 3.00× | 1.00× | 64 of 64 |"
    assert second == "| n | 2:4 | 30.0 | 1,500 | 8.0 | 8.0 | 3.75× | 1.25× | 63 of 64 |"


def test_networks_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no \.tflite whose SHA-256 begins with 3af85508"):
        list(mlperf.rows(tmp_path))


def test_the_published_figures_are_of_a_board_that_there_is() -> None:
    run = mlperf.published()
    assert run["source"]
    assert boards.load(run["board"]).reads
    assert len(run["network"]) == 5
