"""The experiment's table: what it says of given runs; and the command itself, from recordings to both files."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests import recordings

FOLDER = Path(__file__).parents[2] / "examples" / "kws"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("tables")


def runs_of(tables: ModuleType) -> list:
    """Two seeds dense and 2:4, one seed 1:4 in size L."""
    dense = tables.Run(
        "S", "dense", "trained", 1, 40, 40, 1500, 10000, 0.95, 0.94, 21000, 4_000_000, 64_000, 70_000, "2026-11-27"
    )
    pruned = replace(
        dense, pattern="2:4", method="fine-tuned", epochs=10, int8_accuracy=0.938, modelled_cycles=2_500_000
    )
    no_cycles = {"modelled_cycles": None, "weights_bytes": None, "flash_bytes": None, "modelled_on": None}
    return [
        replace(pruned, seed=2, int8_accuracy=0.924, deflated_bytes=21_010, **no_cycles),
        pruned,
        replace(dense, seed=2, int8_accuracy=0.93, **no_cycles),
        dense,
        replace(pruned, size="L", pattern="1:4", int8_accuracy=0.9, modelled_on="2026-11-01"),
    ]


def test_rows_are_means_over_seeds_with_paired_differences(tables: ModuleType, tmp_path: Path) -> None:
    tables.write(runs_of(tables), tmp_path)
    rows = {
        (row["model"], row["pattern"], row["bits"]): row for row in json.loads((tmp_path / "results.json").read_text())
    }
    assert list(rows)[::2] == [("DS-CNN-S", "dense", 32), ("DS-CNN-S", "2:4", 32), ("DS-CNN-L", "1:4", 32)]
    row = rows["DS-CNN-S", "2:4", 8]
    assert (row["accuracy"], row["accuracies"], row["seeds"]) == (93.1, [93.8, 92.4], [1, 2])
    assert (row["difference"], row["standard_error"]) == (-0.4, 0.2)
    assert (row["modelled_cycles"], row["weights_bytes"], row["deflated_bytes"]) == (2_500_000, 64_000, 21_005)
    assert (row["split"], row["method"], row["epochs"]) == ("validation", "fine-tuned", 10)
    assert rows["DS-CNN-S", "2:4", 32]["modelled_cycles"] is None


def test_no_difference_without_a_dense_partner_and_no_error_of_one_seed(tables: ModuleType, tmp_path: Path) -> None:
    runs = runs_of(tables)
    tables.write([*runs[:2], runs[3]], tmp_path)
    row = json.loads((tmp_path / "results.json").read_text())[3]
    assert (row["pattern"], row["difference"], row["standard_error"]) == ("2:4", None, None)
    tables.write([runs[1], runs[3]], tmp_path)
    row = json.loads((tmp_path / "results.json").read_text())[3]
    assert (row["difference"], row["standard_error"]) == (-0.2, None)


def test_a_second_difference_takes_out_what_training_alone_gains(tables: ModuleType, tmp_path: Path) -> None:
    runs = runs_of(tables)
    longer = [replace(run, method="fine-tuned", epochs=10, int8_accuracy=0.94) for run in runs[2:4]]
    other_epochs = replace(longer[0], epochs=30, int8_accuracy=0.99)
    tables.write([*runs, *longer, other_epochs], tmp_path)
    rows = [row for row in json.loads((tmp_path / "results.json").read_text()) if row["bits"] == 8]
    pruned = next(row for row in rows if row["pattern"] == "2:4")
    assert (pruned["difference_as_long"], pruned["standard_error_as_long"]) == (-0.9, 0.7)
    lines = [line for line in (tmp_path / "RESULTS.md").read_text().splitlines() if "fine-tuned | 10" in line]
    by_pattern = {line.split(" | ")[1]: line for line in lines}
    assert " | +0.50 ± 0.50 |  | " in by_pattern["dense"]
    assert " | -0.40 ± 0.20 | -0.90 ± 0.70 | " in by_pattern["2:4"]


def test_differences_are_between_networks_with_ranges_of_one_kind(tables: ModuleType, tmp_path: Path) -> None:
    requantized = replace(runs_of(tables)[1], ranges="least-error", int8_accuracy=0.939)
    tables.write([*runs_of(tables), requantized], tmp_path)
    rows = [row for row in json.loads((tmp_path / "results.json").read_text()) if row["bits"] == 8]
    assert [(row["ranges"], row["difference"]) for row in rows if row["pattern"] == "2:4"] == [
        ("least-error", None), ("extremes", -0.4),
    ]  # fmt: skip
    assert [row["accuracy"] for row in tables.chosen(rows) if row["pattern"] == "2:4"] == [93.9]
    said = " ".join((tmp_path / "RESULTS.md").read_text().split())
    assert "1 networks were quantized both ways: int8 beside float is -1.20 points between extremes" in said
    assert "(root mean square 1.20), -1.10 (1.10) with least error." in said


def test_the_page_has_a_line_for_each_pattern(tables: ModuleType, tmp_path: Path) -> None:
    tables.write(runs_of(tables), tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    assert "1,500 validation clips" in page
    assert [line.replace(" ", "") for line in page.splitlines()[-3:]] == [
        "|S|dense|trained|40|extremes|2|95.00|93.50|||4,000,000|70,000|64,000|21,000|2026-11-27|",
        "|S|2:4|fine-tuned|10|extremes|2|95.00|93.10|-0.40±0.20||2,500,000|70,000|64,000|21,005|2026-11-27|",
        "|L|1:4|fine-tuned|10|extremes|1|95.00|90.00|||2,500,000|70,000|64,000|21,000|2026-11-01|",
    ]


def test_what_a_longer_run_took_the_place_of_is_in_a_table_of_its_own(tables: ModuleType, tmp_path: Path) -> None:
    pruned = runs_of(tables)[1]
    least_error = replace(pruned, epochs=5, ranges="least-error", int8_accuracy=0.941)
    tables.write([*runs_of(tables), replace(pruned, epochs=60), least_error], tmp_path)
    standing, earlier = (tmp_path / "RESULTS.md").read_text().split("## Earlier and shorter runs")
    assert [page.count("| S | 2:4 | fine-tuned |") for page in (standing, earlier)] == [1, 2]
    assert "| 5 | least-error |" in standing
    assert standing.splitlines()[-6:-4] == earlier.splitlines()[4:6]  # the same heads
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [row["epochs"] for row in rows if row["pattern"] == "2:4" and row["bits"] == 8] == [5, 10, 60]


def test_the_readme_shows_the_longest_training_of_each_kind(tables: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- accuracy -->\nold\n<!-- end -->\nafter <!-- end -->\n")
    pruned = runs_of(tables)[1]
    others = [replace(pruned, epochs=60, int8_accuracy=0.941), replace(pruned, method="reconstruct", epochs=0)]
    tables.write([*runs_of(tables), *others], tmp_path)
    tables.put_into_readme(json.loads((tmp_path / "results.json").read_text()), page)
    before, *table, end, after = page.read_text().splitlines()[1:]
    assert (before, end, after) == ("<!-- accuracy -->", "<!-- end -->", "after <!-- end -->")
    assert table[2:] == [
        "| S | dense | trained | 40 | 2 | 93.50 % |  | 4,000,000 | 70,000 |",
        "| S | 2:4 | fine-tuned | 60 | 1 | 94.10 % | +0.10 | 2,500,000 | 70,000 |",
    ]


def test_finished_runs_are_read_back(tables: ModuleType, tmp_path: Path) -> None:
    run = runs_of(tables)[0]
    assert tables.read(tmp_path) == []
    tables.store(run, tmp_path)
    assert tables.read(tmp_path) == [run]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["S-seed2-40-2x4-fine-tuned-10.json"]
    tables.store(replace(run, ranges="least-error"), tmp_path)
    assert tables.read(tmp_path) == [replace(run, ranges="least-error"), run]


def test_runs_in_the_repository_give_the_tables_in_the_repository(tables: ModuleType, tmp_path: Path) -> None:
    about = Path(tables.RUNS) / tables.ABOUT
    (tmp_path / about).parent.mkdir()
    shutil.copy(FOLDER / about, tmp_path / about)
    tables.write(tables.read(FOLDER), tmp_path)
    for name in ("results.json", "RESULTS.md"):
        assert (tmp_path / name).read_text() == (FOLDER / name).read_text()
    readme = FOLDER.parents[1] / "README.md"
    shutil.copy(readme, tmp_path)
    tables.put_into_readme(json.loads((tmp_path / "results.json").read_text()), tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text() == readme.read_text()


def test_the_front_has_what_nothing_cheaper_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    pareto = importlib.import_module("pareto")
    assert pareto.front([(3.0, 94.0), (1.0, 90.0), (2.0, 89.0), (2.0, 93.0), (4.0, 94.0)]) == [
        (1.0, 90.0), (2.0, 93.0), (3.0, 94.0),
    ]  # fmt: skip


def test_the_plot_is_written_in_both_formats(tables: ModuleType, tmp_path: Path) -> None:
    pareto = importlib.import_module("pareto")
    tables.write(runs_of(tables), tmp_path)
    pareto.plot(tables.chosen(json.loads((tmp_path / "results.json").read_text())), tmp_path)
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
    picture = (tmp_path / "pareto.svg").read_text()
    assert all(text in picture for text in ("DS-CNN S", ">2:4", "without labels", "flash, KiB"))
    assert "DS-CNN L" not in picture  # its cycles are of older kernels
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.slow
@pytest.mark.tflm
@pytest.mark.compiler
def test_the_command_goes_from_recordings_to_both_files_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    results = importlib.import_module("results")
    recordings.write(tmp_path / "data")
    options = [
        "--data",
        "data",
        "--runs",
        "checkpoints",
        "--out",
        ".",
        "--dense-epochs",
        "2",
        "--epochs",
        "1",
        "--seeds",
        "1",
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["results.py", *options, "--patterns", "dense", "2:4"])
    assert results.main() == 0
    assert "2x4-fine-tuned-1 2:4 epoch 1: validation" in capsys.readouterr().out
    rows = [row for row in json.loads(Path("results.json").read_text()) if row["bits"] == 8]
    assert [(row["pattern"], row["method"]) for row in rows] == [
        ("dense", "trained"), ("dense", "fine-tuned"), ("2:4", "fine-tuned"), ("2:4", "match"), ("2:4", "match-all"),
        ("2:4", "reconstruct"), ("2:4", "reordered-fine-tuned"), ("2:4", "reordered-match"),
    ]  # fmt: skip
    assert rows[2]["modelled_cycles"] < 0.8 * rows[0]["modelled_cycles"]
    assert rows[2]["deflated_bytes"] < 0.9 * rows[0]["deflated_bytes"]
    page = Path("RESULTS.md").read_text()
    Path("RESULTS.md").unlink()
    assert results.main() == 0
    assert Path("RESULTS.md").read_text() == page
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.argv", ["results.py", "--runs", "checkpoints", "--out", ".", "--remodel"])
    assert results.main() == 0
    assert Path("RESULTS.md").read_text() == page
