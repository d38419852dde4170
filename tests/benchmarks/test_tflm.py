"""The peer with its interpreter: built against the tree that TFLM_ROOT names, run in our emulator."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import interpreter, measure, peers, table, tflm
from tests import networks
from tinyprune.compiler import reader
from tinyprune.device import boards
from tinyprune.errors import MissingDependency
from tinyprune.firmware.tflm import tree

BOARD = boards.load("nano33")
needs_tree = pytest.mark.skipif(not os.environ.get(tree.ROOT_VARIABLE), reason="TFLM_ROOT names no tree")


@needs_tree
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
@pytest.mark.parametrize("model", [networks.every_operator(pruned=False), networks.ds_cnn(pruned=False)])
def test_the_peer_with_interpreter_is_right(tmp_path: Path, model: bytes) -> None:
    row = interpreter.row(model, BOARD, tmp_path)
    assert row.inputs_equal == row.inputs_compared == 64
    assert row.engine.startswith("TFLite Micro + CMSIS-NN")
    named = [op.name for op in reader.read(model, "m").ops if not op.name.startswith("reshape")]
    assert [layer.name for layer in row.layers] == named
    assert all(layer.instructions > 0 for layer in row.layers)
    assert 0.98 * row.instructions < sum(layer.instructions for layer in row.layers) <= row.instructions


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_without_a_tree_the_peer_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tree.ROOT_VARIABLE, raising=False)
    with pytest.raises(MissingDependency, match="set TFLM_ROOT"):
        interpreter.row(b"", BOARD, Path())
    found = measure.compare(
        networks.ds_cnn(pruned=False), "small", BOARD, None, [("dense", "speed")], lambda _stage: None
    )
    gcc = found.compiler.startswith("arm-none-eabi-gcc")
    assert any(("set TFLM_ROOT" if gcc else "goes with GCC for Arm only") in reason for reason in found.left_out)
    assert not any(row.engine.startswith("TFLite Micro") for row in found.rows)
    assert ("TFLM_ROOT" if gcc else "GCC for Arm only") in table.network(found)


def test_the_page_shows_the_committed_result() -> None:
    shown = re.search(r"<!-- tflm -->\n(.*?)\n<!-- end -->", tflm.PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1] == tflm.from_json(tflm.RESULTS), "run `python -m benchmarks.tflm --docs`"
    rows = json.loads(tflm.RESULTS.read_text(encoding="utf-8"))["rows"]
    assert all(row["inputs_equal"] == row["inputs_compared"] >= 256 for row in rows)


def test_mistakes_on_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(tree.ROOT_VARIABLE, raising=False)
    for arguments, message in (([], "set TFLM_ROOT"), (["--board", "nano3"], 'did you mean "nano33"')):
        done = CliRunner().invoke(tflm.main, [*arguments, "-o", str(tmp_path / "x.json")])
        assert done.exit_code == 2
        assert message in done.output
    assert not (tmp_path / "x.json").exists()


def test_its_row_in_a_kept_comparison() -> None:
    kept = table.from_json(peers.RESULTS / "peers.json")
    one = replace(kept.rows[0], engine="TFLite Micro + CMSIS-NN (test)", modelled_cycles=9_355_215)
    found = tflm.with_row(kept, one)
    assert found.peer == kept.peer
    assert found.rows[1] == one
    assert not any("TFL" in reason for reason in found.left_out)
    ours = [row for row in kept.rows if row.engine.startswith("tinyprune")]
    assert [row for row in found.rows if row.engine.startswith("tinyprune")] == ours
    assert tflm.with_row(found, one) == found
    assert "9,355,215" in table.network(found)
    assert len(table.layers(found).splitlines()) == len(kept.rows[0].layers) + 2
