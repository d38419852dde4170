"""A release as `.github/workflows/release.yml` makes it, up to the upload."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import tinyprune

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
VERSION = tinyprune.__version__


def steps() -> dict[str, str]:
    """Name → script, of the job that builds."""
    job: Any = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]["build"]
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_github_accepts_our_workflows(path: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_uploading_job_may_sign() -> None:
    workflow: Any = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    allowed = {name: job.get("permissions", {}) for name, job in workflow["jobs"].items()}
    assert allowed == {"build": {}, "publish": {"id-token": "write"}, "page": {"contents": "write"}}
    assert all(workflow["jobs"][name]["if"] == "github.ref_type == 'tag'" for name in ("publish", "page"))


def source(folder: Path) -> Path:
    """A copy of what is released."""
    skipped = shutil.ignore_patterns(".git", ".venv", "build", "dist", "runs", "data", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=skipped)
    return folder


def towncrier(folder: Path, *options: str) -> str:
    """What `towncrier build` says in that folder."""
    command = [sys.executable, "-m", "towncrier", "build", "--dir", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_unreleased_makes_a_part_of_the_changelog() -> None:
    """Each file of changes/ is a list, of a kind that there is, and stands whole under its kind."""
    draft = towncrier(ROOT, "--draft", "--date", "2026-12-01")
    assert f"## {VERSION} (2026-12-01)\n" in draft
    fragments = {path.name: path.read_text() for path in (ROOT / "changes").glob("*.md")}
    del fragments["README.md"], fragments["template.md"]
    for name, text in fragments.items():
        found = re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed)\.md", name)
        assert found, f"changes/{name}: see changes/README.md"
        assert re.match(r"\* \S", text), f"changes/{name} is no list"
        kind = draft.partition(f"### {found[1].capitalize()}\n")[2].partition("\n### ")[0]
        assert text.rstrip() in kind
    assert (ROOT / "CHANGELOG.md").read_text().count("<!-- towncrier release notes start -->") == 1


def sentence(folder: Path, tag: str) -> tuple[int, str]:
    command = [sys.executable, str(folder / ".ci/release_notes.py"), tag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_tag_package_and_changelog_say_the_same(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "tinyprune").mkdir()
    shutil.copy(ROOT / ".ci/release_notes.py", tmp_path / ".ci")
    shutil.copy(ROOT / "tinyprune/__init__.py", tmp_path / "tinyprune")
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## {VERSION} (unreleased)\n\n* new\n\n## 0.0.1 (2026-01-01)\n\n* old\n"
    )
    assert sentence(tmp_path, "v9.9.9") == (
        1,
        f"the tag is v9.9.9, but tinyprune/__init__.py says {VERSION}: set __version__, or tag v{VERSION}\n",
    )
    code, said = sentence(tmp_path, f"v{VERSION}")
    assert (code, said.startswith(f'CHANGELOG.md has no heading "## {VERSION} (YYYY-MM-DD)"')) == (1, True)
    released = (tmp_path / "CHANGELOG.md").read_text().replace("unreleased", "2026-12-01")
    (tmp_path / "CHANGELOG.md").write_text(released)
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes/boards.added.md").write_text("* a board\n")
    left = "changes/ has boards.added.md: `towncrier build` moves them into CHANGELOG.md\n"
    assert sentence(tmp_path, f"v{VERSION}") == (1, left)
    (tmp_path / "changes/boards.added.md").unlink()
    assert sentence(tmp_path, f"v{VERSION}") == (0, "* new\n")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # pip fetches what tinyprune needs
@pytest.mark.compiler
@pytest.mark.emulator
def test_a_dry_run(tmp_path: Path) -> None:
    """Every script of the job, in an environment of its own: archives, their check, and the wheel's main job."""
    copy = source(tmp_path / "tinyprune")
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)  # towncrier removes by git what it has taken
    towncrier(copy, "--yes")
    tools = [sys.executable, "-m", "venv", str(tmp_path / "tools")]
    subprocess.run(tools, check=True)
    environment = {
        "PATH": f"{tmp_path / 'tools/bin'}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GITHUB_REF_NAME": f"v{VERSION}",
    }
    for name, script in steps().items():
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert (copy / "notes.md").read_text().startswith("### ")
    wheel, archive = copy / f"dist/tinyprune-{VERSION}-py3-none-any.whl", copy / f"dist/tinyprune-{VERSION}.tar.gz"
    assert wheel.is_file()
    with tarfile.open(archive) as packed:
        names = {re.sub(r"^[^/]+/", "", name) for name in packed.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "boards/nano33.toml", "tests/conftest.py"} <= names
    assert len(steps()) == 5
