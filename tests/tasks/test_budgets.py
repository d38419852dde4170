"""Budgets of `build`: what costs more than it may ends with exit code 3 and a table of what it is."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tasks.conftest import Run
from tinyprune.errors import DoesNotFit
from tinyprune.measure import budget

pytestmark = [pytest.mark.compiler, pytest.mark.emulator, pytest.mark.tflm]


def test_a_build_that_costs_more_fails_and_leaves_the_old_one(tmp_path: Path, model: Path, run: Run) -> None:
    build = ("build", "--board", "nano33", "--model", str(model), "-o", str(tmp_path / "out"), "-q")
    report = tmp_path / "out/report.json"
    assert run(*build)[0] == 0
    first = report.read_bytes()
    old = json.loads(first)

    code, _, err = run(*build, "--compare", str(report), "--max-cycles", str(old["modelled_cycles"]))
    assert (code, err) == (0, "")  # as much is no more

    code, _, err = run(*build, "--max-cycles", str(old["modelled_cycles"] - 1))
    assert code == 3
    assert "an inference takes more cycles than --max-cycles allows; nothing was written" in err
    allowed, now = f"{old['modelled_cycles'] - 1:,}", f"{old['modelled_cycles']:,}"
    assert re.search(rf"^cycles, modelled +{allowed} +{now} +1 \(0\.0%\)$", err, re.MULTILINE)

    slowest = max(old["layers"], key=lambda layer: layer["modelled_cycles"])
    less = {**old, "modelled_cycles": old["modelled_cycles"] - 5, "flash_bytes": old["flash_bytes"] - 100}
    less["layers"] = [
        {**layer, "modelled_cycles": layer["modelled_cycles"] - 5} if layer is slowest else layer
        for layer in old["layers"]
    ]
    (tmp_path / "less.json").write_text(json.dumps(less))
    code, _, err = run(*build, "--compare", str(tmp_path / "less.json"))
    assert code == 3
    rows = [line.split("  ")[0] for line in err.splitlines() if re.search(r"\d+ \(\d", line)]
    assert rows == ["flash, B", "cycles, modelled", ""]
    assert f"  {slowest['name']} " in err
    assert "RAM, B" not in err
    assert report.read_bytes() == first

    code, _, err = run(*build, "--max-flash", str(old["flash_bytes"] // 4))
    assert (code, "the firmware does not fit nano33: " in err) == (3, True)


def test_budgets_that_make_no_sense(tmp_path: Path, model: Path, run: Run) -> None:
    (tmp_path / "text.json").write_text("{")
    (tmp_path / "other.json").write_text('{"flash_bytes": 1, "layers": [], "board": "pico"}')
    build = ("build", "--board", "nano33", "--model", str(model), "-o", str(tmp_path / "out"), "-q")
    for options, message in (
        (("--max-cycles", "many"), "'many' is not a whole number"),
        (("--max-cycles", "0"), "0 is not in the range"),
        (("--max-cycles", "9", "--no-run"), "--max-cycles needs a run in an emulator that counts cycles (sim)"),
        (("--compare", str(tmp_path / "no.json")), "no.json: cannot read: No such file"),
        (("--compare", str(tmp_path)), "cannot read: Is a directory"),
        (("--compare", str(tmp_path / "text.json")), "text.json: this is no report.json of `tinyprune build`"),
        (("--compare", str(tmp_path / "other.json")), "other.json: it is for pico, not nano33"),
    ):
        code, _, err = run(*build, *options)
        assert (code, message in err) == (2, True), err
    assert not (tmp_path / "out").exists()


def test_a_build_by_another_compiler_is_told_so(tmp_path: Path, model: Path) -> None:
    from tinyprune.device import boards
    from tinyprune.tasks.build import BuildRequest, run_build

    report = run_build(BuildRequest(boards.load("nano33"), tmp_path / "out", model, run=False), lambda _stage: None)
    old = {**json.loads(report.to_json()), "compiler": "other 1.0", "flash_bytes": 1}
    with pytest.raises(DoesNotFit, match=r"this build costs more than a \(which another compiler made: other 1\.0\)"):
        budget.check_growth(old, report, "a")
    budget.check_growth({**old, "modelled_cycles": 1}, replace(report, flash_bytes=1), "a")  # no cycles, no growth
