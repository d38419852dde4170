"""`tinyprune init-ci`: GitHub would accept the workflow, and its commands work."""

import dataclasses
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

import tinyprune
from tests import networks
from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.tasks import init_ci as init_ci_task
from tinyprune.tasks import installed

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models/my net.tflite").write_bytes(networks.every_operator())
    return tmp_path


def workflow(folder: Path) -> Any:
    return yaml.safe_load((folder / init_ci_task.WORKFLOW).read_text())


def test_github_accepts_it(run: Run, repository: Path) -> None:
    """By the schema of GitHub's workflows; with and without Renode and QEMU."""
    nano33 = boards.load("nano33")
    only_sim = dataclasses.replace(nano33, emulators=("sim",))
    qemu = boards.load("mps2-an386")
    for chosen in ((only_sim,), (nano33, qemu)):
        written = init_ci_task.run_init_ci(init_ci_task.CiRequest(chosen, repository, force=True))
        check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
        done = subprocess.run([*check, str(written.workflow)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    jobs = workflow(repository)["jobs"]
    assert jobs["firmware"]["strategy"]["matrix"]["include"] == [
        {"board": "nano33", "emulator": "sim"},
        {"board": "mps2-an386", "emulator": "sim"},
        {"board": "mps2-an386", "emulator": "qemu"},
    ]
    assert jobs["renode"]["strategy"]["matrix"]["include"] == [{"board": "nano33", "built-for": "sim"}]
    action = next(step for step in jobs["renode"]["steps"] if "renode-test" in step["uses"])
    assert action["uses"] == "antmicro/renode-test-action@v5"
    assert set(action["with"]) == {"renode-revision", "tests-to-run", "artifacts-path"}  # of the action's action.yml
    assert any("qemu-system-arm" in step.get("run", "") for step in jobs["firmware"]["steps"])
    code, out, _ = run("init-ci", "--board", "nano33", "--folder", str(repository), "--force")
    assert code == 0
    assert out.splitlines()[1] == "runs      nano33 in sim"


@pytest.mark.compiler
@pytest.mark.emulator
def test_its_commands_work(repository: Path) -> None:
    """The steps as GitHub runs them, all but the installation; with a baseline, then with one that was better."""
    init_ci_task.run_init_ci(
        init_ci_task.CiRequest((boards.load("nano33"),), repository, repository / "models/my net.tflite")
    )
    job = workflow(repository)["jobs"]["firmware"]
    matrix = job["strategy"]["matrix"]["include"][0]
    programs = repository / "bin"
    programs.mkdir()
    (programs / "tinyprune").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tinyprune "$@"\n')
    (programs / "tinyprune").chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    def shell(script: str) -> subprocess.CompletedProcess[str]:
        filled = re.sub(r"\$\{\{ matrix\.([\w-]+) \}\}", lambda found: str(matrix[found[1]]), script)
        assert "${{" not in filled
        command = ["bash", "-e", "-c", filled]
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)

    build, bench = (step["run"] for step in job["steps"] if "tinyprune b" in step.get("run", ""))
    for script in (build, bench):
        done = shell(script)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (repository / "bench.csv").is_file()
    renode = workflow(repository)["jobs"]["renode"]["steps"][1]["with"]["tests-to-run"]
    assert (repository / renode.replace("${{ matrix.board }}", "nano33")).is_file()
    (repository / init_ci_task.BASELINES).mkdir()
    baseline = repository / init_ci_task.BASELINES / "nano33-sim.json"
    made = shell("tinyprune bench --board nano33 --emulator sim --json -q")
    baseline.write_text(made.stdout)
    assert shell(bench).returncode == 0
    baseline.write_text(re.sub(r'"flash_bytes": \d+', '"flash_bytes": 10', made.stdout))
    failed = shell(bench)
    assert failed.returncode == 1
    assert "worse than before: flash" in failed.stdout
    summary = repository / "summary.md"
    environment["GITHUB_STEP_SUMMARY"] = str(summary)
    assert shell(next(step["run"] for step in job["steps"] if step.get("name") == "Summary")).returncode == 0
    text = summary.read_text()
    assert text.startswith("### nano33 in sim\n```\n")
    assert "flash  " in text
    assert "worse than before: flash" in text
    assert "`page.html` in the artifact nano33-sim of this run" in text
    assert (repository / "page.html").read_text().startswith("<!DOCTYPE html>")


def refused(request: init_ci_task.CiRequest, message: str) -> None:
    before = sorted(request.folder.rglob("*")) if request.folder.is_dir() else []
    with pytest.raises(UsageError, match=re.escape(message)):
        init_ci_task.run_init_ci(request)
    assert (sorted(request.folder.rglob("*")) if request.folder.is_dir() else []) == before


@pytest.mark.parametrize("limit", ["-5", "3.5", "many"])
def test_limits_are_whole_numbers(run: Run, limit: str) -> None:
    code, _, err = run("init-ci", "--board", "nano33", "--max-ram", limit)
    assert (code, "Invalid value for '--max-ram'" in err) == (2, True), err


def test_mistakes_are_refused(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    nano33 = boards.load("nano33")
    model = repository / "models/my net.tflite"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.tflite"
    shutil.copy(model, elsewhere)
    refused(init_ci_task.CiRequest((nano33,), repository / "nothing"), "nothing: no such folder")
    refused(
        init_ci_task.CiRequest((nano33,), repository, repository / "x.tflite"), "x.tflite: an int8 .tflite is needed"
    )
    expression = repository / "${{ secrets.x }}.tflite"
    shutil.copy(model, expression)
    refused(init_ci_task.CiRequest((nano33,), repository, expression), "give it a plain name")
    expression.unlink()
    refused(init_ci_task.CiRequest((nano33,), repository, elsewhere), "a CI sees only the repository")
    refused(init_ci_task.CiRequest((nano33,), repository, install="a'; rm"), "something for pip is needed")
    refused(init_ci_task.CiRequest((nano33,), repository, install="a b"), "something for pip is needed")
    only_renode = dataclasses.replace(nano33, emulators=("renode",))
    refused(init_ci_task.CiRequest((only_renode,), repository), "nano33 has no emulator for a CI: it has renode")
    init_ci_task.run_init_ci(init_ci_task.CiRequest((nano33,), repository))
    refused(init_ci_task.CiRequest((nano33,), repository), "firmware.yml is there already; --force replaces it")


def test_a_folder_that_is_no_repository_is_told(tmp_path: Path) -> None:
    notes = init_ci_task.run_init_ci(init_ci_task.CiRequest((boards.load("nano33"),), tmp_path)).notes
    assert notes[0].startswith("GitHub installs ")
    assert any("is not the root of a git repository" in note for note in notes)
    assert any(
        "(https://github.com/OWNER/REPOSITORY/actions/workflows/firmware.yml/badge.svg)" in note for note in notes
    )


URL = "https://github.com/someone/tinyprune"
FROM_GIT = {"url": URL, "vcs_info": {"vcs": "git", "commit_id": "12ab"}}


def test_it_installs_what_this_one_is_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release from an index, a repository, a clone of one; of a mere folder that is told."""
    checkout = tmp_path / "a clone"
    checkout.mkdir()

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(checkout), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def source(direct_url: object) -> str | None:
        text = None if direct_url is None else json.dumps(direct_url)
        monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: SimpleNamespace(read_text=lambda _: text))
        return installed.source()

    folder = {"url": checkout.as_uri(), "dir_info": {"editable": True}}
    assert source(None) == f"tinyprune=={tinyprune.__version__}"
    assert source(FROM_GIT) == f"git+{URL}@12ab"
    assert source(folder) is None
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x")
    assert source(folder) is None
    git("remote", "add", "origin", "git@github.com:someone/tinyprune")
    assert source(folder) == f"git+{URL}@{git('rev-parse', 'HEAD')}"
    assert installed.of_repository(checkout) == "someone/tinyprune"
    git("remote", "set-url", "origin", "/somewhere/else")
    assert source(folder) is None
    assert installed.of_repository(checkout) is None
    notes = init_ci_task.run_init_ci(init_ci_task.CiRequest((boards.load("nano33"),), tmp_path)).notes
    assert "this tinyprune comes from a folder" in notes[1]


@pytest.mark.parametrize(
    ("install", "requirement"),
    [
        ("tinyprune==0.1.0", "tinyprune[html]==0.1.0"),
        (f"git+{URL}@12ab", f"tinyprune[html] @ git+{URL}@12ab"),
        ("./wheels/tinyprune-0.1.0-py3-none-any.whl", "./wheels/tinyprune-0.1.0-py3-none-any.whl[html]"),
    ],
)
def test_pip_is_given_what_draws_pages_too(repository: Path, install: str, requirement: str) -> None:
    budget = ("--max-flash", "60000")
    asked = init_ci_task.CiRequest((boards.load("nano33"),), repository, None, install, budget)
    init_ci_task.run_init_ci(asked)
    steps = workflow(repository)["jobs"]["firmware"]["steps"]
    assert [step["run"] for step in steps if step.get("name") == "Install tinyprune"] == [
        f"python -m pip install '{requirement}'"
    ]
    build = next(step["run"] for step in steps if "tinyprune build" in step.get("run", ""))
    assert "--max-flash 60000 --html page.html" in build


@pytest.mark.slow
@pytest.mark.timeout(1800)  # pip fetches what tinyprune needs
@pytest.mark.compiler
@pytest.mark.emulator
def test_all_steps_work_in_a_clean_folder(repository: Path) -> None:
    """As GitHub runs them: an environment of its own, pip, and every `run`."""
    wheels = repository / "wheels"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), str(root)], check=True)
    wheel = f"./wheels/{next(wheels.glob('*.whl')).name}"
    asked = init_ci_task.CiRequest((boards.load("nano33"),), repository, None, wheel)
    init_ci_task.run_init_ci(asked)
    venv.create(repository / "env", with_pip=True)
    environment = {
        "PATH": os.pathsep.join([str(repository / "env/bin"), "/usr/bin", "/bin"]),
        "HOME": str(repository),
        "GITHUB_STEP_SUMMARY": str(repository / "summary.md"),
    }
    ran = 0
    for step in workflow(repository)["jobs"]["firmware"]["steps"]:
        script = step.get("run", "")
        for key, value in {"board": "nano33", "emulator": "sim"}.items():
            script = script.replace(f"${{{{ matrix.{key} }}}}", value)
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=repository, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ran += bool(script)
    assert ran == 4
    assert "64 of 64 outputs" in (repository / "summary.md").read_text()
    assert (repository / "page.html").is_file()
