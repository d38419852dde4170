"""The benchmark's table, and that the pages carry the committed result."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import peers, table, terminal
from benchmarks.comparison import Comparison, Layer, Row
from tinyprune.errors import UsageError

LAYER = Layer("conv", "Conv2D", 100, "arm_convolve_wrapper_s8", 900, 1000)
PEER = Row("CMSIS-NN 4.0.0", "dense", 0.01, 900, 1000, 5000, 600, 64, 64, 901.0, (LAYER,))
OURS = replace(PEER, engine="tinyprune, speed", pattern="2:4", zeros=0.5, modelled_cycles=250, qemu_instructions=None)
COMPARISON = Comparison("nano33", "net", "gcc 12", "timings", "TFLite Micro", ("a peer",), (PEER, OURS))


def test_rows() -> None:
    rows, _, caption = table.network(COMPARISON).partition("\n\n")
    lines = rows.splitlines()
    assert lines[2] == "| CMSIS-NN 4.0.0 | dense | 1 % | 900 | 1,000 | 1.00× | 5,000 | 600 | 64 of 64 |"
    assert lines[3] == "| tinyprune, speed | 2:4 | 50 % | 900 | 250 | 4.00× | 5,000 | 600 | 64 of 64 |"
    assert "modelled" in caption
    assert "within 1 of QEMU's count. Left out: a peer." in " ".join(caption.split())


def test_without_a_peer_there_is_no_ratio() -> None:
    alone = replace(COMPARISON, rows=(OURS,))
    assert "| 250 | – |" in table.network(alone)
    assert "QEMU" not in table.network(alone)


def test_layers() -> None:
    assert table.layers(COMPARISON).splitlines()[-1] == "| conv | 100 | 1,000 (10.00) | 1,000 (10.00) |"


def test_json_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text(table.to_json(COMPARISON))
    assert table.from_json(path) == COMPARISON


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"rows": [{}]})])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no result of"):
        table.from_json(path)


def test_blocks_are_rewritten_in_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n<!-- peers -->\nold\nold\n<!-- end -->\nrest\n<!-- main -->\nkept\n<!-- end -->\n")
    table.rewrite(page, {"peers": "new \\1"})
    assert page.read_text() == "# A\n<!-- peers -->\nnew \\1\n<!-- end -->\nrest\n<!-- main -->\nkept\n<!-- end -->\n"
    with pytest.raises(UsageError, match="has no block <!-- other -->"):
        table.rewrite(page, {"other": ""})
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_the_page_shows_the_committed_result() -> None:
    """The numbers in docs/kernels.md come from benchmarks/results/peers.json, by `--redraw --docs`."""
    blocks = peers.blocks(table.from_json(peers.RESULTS / "peers.json"))
    shown = re.findall(r"<!-- (peers[\w ]*) -->\n(.*?)\n<!-- end -->", peers.PAGE.read_text(), re.DOTALL)
    assert len(shown) == 2
    for name, text in shown:
        assert text == blocks[name], f"{name}: run `python -m benchmarks.peers --redraw --docs`"


def test_the_readme_s_figures_are_those_of_the_committed_result() -> None:
    comparison = table.from_json(peers.RESULTS / "peers.json")
    dense, pruned = (
        next(row for row in comparison.rows if (row.engine, row.pattern) == ("tinyprune, speed", pattern))
        for pattern in ("dense", "2:4")
    )
    by_kernels, by_both = comparison.speed_up(dense), comparison.speed_up(pruned)
    assert by_kernels
    assert by_both
    readme = (peers.ROOT / "README.md").read_text(encoding="utf-8")
    told = f"Of the {by_both:.1f}×, the kernels for dense networks make {by_kernels:.1f}× and sparsity"
    assert f"{told} {by_both / by_kernels:.1f}×" in readme
    assert f"{1 - pruned.modelled_cycles / dense.modelled_cycles:.0%}".replace("%", " %") in readme
    assert f"{comparison.model.removesuffix('-dense').upper().replace('-CNN-', '-CNN ')} on" in readme
    picture = (peers.RESULTS / "overview.svg").read_text(encoding="utf-8")
    for row in (*comparison.rows[:1], dense, pruned):
        assert f"{row.modelled_cycles:,} cycles, {row.flash_bytes:,} B" in picture


def test_the_terminal_is_drawn_from_what_was_printed() -> None:
    session = (terminal.RESULTS / "terminal.txt").read_text(encoding="utf-8")
    picture = terminal.picture(session)
    assert picture == (terminal.RESULTS / "terminal.svg").read_text(encoding="utf-8")
    shown = "".join("".join(element.itertext()) for element in ElementTree.fromstring(picture) if element.get("x"))
    assert shown == session.replace("\n", "")
    assert [line[2:] for line in session.splitlines() if line.startswith("$ ")] == list(terminal.COMMANDS)
