"""The notebooks run from top to bottom, in an empty folder, and end with checked firmware that skips zeros."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples/notebooks"
NEEDED = {"keras": {"keras": "Keras"}, "pytorch": {"torch": "PyTorch", "litert_torch": "litert-torch"}}


def cells(name: str) -> list[str]:
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    assert not any(cell.get("outputs") for cell in notebook["cells"]), "outputs are not committed"
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NEEDED)


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDED)
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    for module, called in NEEDED[name].items():
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{called} is not installed")
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(cells(name)), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "64 of 64 outputs equal TFLite Micro" in done.stdout
    report = json.loads((tmp_path / "build/report.json").read_text(encoding="utf-8"))
    assert {layer["pattern"] for layer in report["layers"]} >= {"2:4"}
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
