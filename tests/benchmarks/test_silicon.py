"""The comparison with published figures: its table, what it asks of the files, and one network modelled in full."""

import shutil
from pathlib import Path

import pytest

from benchmarks import silicon
from tests import networks
from tinyprune.compiler import reader
from tinyprune.device import boards
from tinyprune.device.emulators import Span
from tinyprune.errors import UsageError


def test_the_table_tells_how_far_off_the_model_is() -> None:
    exact, wide = silicon.Point("b", "n", "all", 10, 8, Span(10, 10)), silicon.Point("b", "m", "x", 20, 9, Span(10, 30))
    text = silicon.markdown([exact, wide])
    assert "| b | n | all | 10.0 | 8.0 | 10.0 | 1.00 |" in text
    assert "| b | m | x | 20.0 | 9.0 | 10.0 to 30.0 | 0.50 to 1.50 |" in text


def test_networks_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "other.tflite").write_bytes(b"another network")
    with pytest.raises(UsageError, match=r"has no \.tflite whose SHA-256 begins with .*597a384c"):
        list(silicon.points(tmp_path))


def test_every_published_figure_is_of_a_board_that_there_is() -> None:
    rows = silicon.published()
    assert len({run["board"] for run in rows}) >= 3
    for run in rows:
        assert run["source"]
        assert run["flags"].startswith("-O")
        assert boards.load(run["board"]).reads


def test_a_network_told_by_its_widths() -> None:
    graph = silicon.dense([32, 16, 4])
    assert [tensor.shape for op in graph.ops for tensor in (*op.inputs, *op.outputs)] == [(32,), (16,), (16,), (4,)]
    assert sum(op.macs for op in graph.ops) == 32 * 16 + 16 * 4


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="compiler gcc for Arm is not installed")
def test_a_network_modelled_on_two_boards() -> None:
    """With the same clock and nothing to wait for, both boards take the core's own cycles."""
    pytest.importorskip("bakenn", reason="bakenn is not installed")
    model = reader.read(networks.ds_cnn())
    times = {name: silicon.modelled(model, boards.load(name), "-O2") for name in ("nano33", "mps2-an386")}
    ideal = {name: found["all"][0] * boards.load(name).cpu.clock_hz for name, found in times.items()}
    assert ideal["nano33"] == pytest.approx(ideal["mps2-an386"], rel=0.01)
    for found in times.values():
        assert found["all"][0] >= sum(ms for kind, (ms, _) in found.items() if kind != "all")
    waits = times["nano33"]["all"][1].low * 64e6 - times["mps2-an386"]["all"][1].low * 25e6
    assert waits > 0
