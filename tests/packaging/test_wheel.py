"""The wheel stands alone: installed into an empty environment, run in an empty folder, it does the main job."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of the checkout but the sources can matter."""
    copy, dist = tmp_path_factory.mktemp("source") / "tinyprune", tmp_path_factory.mktemp("dist")
    skipped = shutil.ignore_patterns(".git", ".venv", "build", "dist", "runs", "data", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, copy, ignore=skipped)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(dist), str(copy)]
    released = os.environ | {"GITHUB_REPOSITORY": "someone/tinyprune", "GITHUB_SERVER_URL": "https://github.com"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=released)
    return next(dist.glob("*.whl"))


def test_boards_templates_sources_and_zoo_travel_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = [*ROOT.glob("boards/*.toml"), *ROOT.glob("firmware_templates/**/*.[chj]*")]
    for path in wanted:
        assert f"tinyprune/_data/{path.relative_to(ROOT).as_posix()}" in names
    for path in ROOT.glob("tinyprune/training/zoo/*.json"):
        assert {f"tinyprune/training/zoo/{path.name}", f"tinyprune/training/zoo/{path.stem}.tflite"} <= names
        assert (f"tinyprune/training/zoo/{path.stem}.npz" in names) == ("-s-" in path.stem)
    assert "tinyprune/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "runs/"))]


def test_its_metadata_is_for_a_package_index(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
    found = message_from_string(archive.read(name).decode())
    assert found["Author"] == "The tinyprune authors"
    assert found["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in found.get_all("Classifier", [])
    urls = dict(each.split(", ") for each in found.get_all("Project-URL", []))
    assert urls["Homepage"] == "https://github.com/someone/tinyprune"
    text = str(found.get_payload())
    assert "](https://github.com/someone/tinyprune/blob/HEAD/docs/own-model.md)" in text
    assert "\n[overview]: https://github.com/someone/tinyprune/raw/HEAD/benchmarks/results/overview.svg\n" in text
    assert not re.search(r"\]\((?!https?:|#)", text)


@pytest.mark.compiler
@pytest.mark.emulator
def test_it_does_the_main_job_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    home, work = tmp_path / "env", tmp_path / "work"
    work.mkdir()
    venv.create(home, with_pip=False)
    python = home / "bin/python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # the dependencies are those of this environment; its own tinyprune comes later on the path
    site = next(home.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    where = "import tinyprune; print(tinyprune.__file__)"
    found = subprocess.run([python, "-c", where], cwd=work, env=clean, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(home)
    command = [home / "bin/tinyprune", "build", "--board", "nano33", "--json"]
    done = subprocess.run(command, cwd=work, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bit_exact"]
    assert report["inputs_compared"] >= 64
    assert (work / "build/nano33/firmware.elf").is_file()
