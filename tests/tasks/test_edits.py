"""Building again into a folder that a user has worked in: nothing of theirs is lost."""

import json
from pathlib import Path

import pytest

from tests import networks
from tinyprune import files
from tinyprune.compiler import lower, reader
from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.firmware import codegen, edits, output, projects
from tinyprune.tasks import build as build_task
from tinyprune.tasks.build import BuildRequest

SKETCH = "project/tinyprune_tiny/examples/Benchmark/Benchmark.ino"


def build(folder: Path, model: Path, board: str = "host", **more: object) -> list[str]:
    """Into `folder`/out; what it said on the way."""
    said: list[str] = []
    request = BuildRequest(boards.load(board), folder / "out", model, run=False, **more)  # type: ignore[arg-type]
    build_task.run_build(request, said.append)
    return said


def remake(folder: Path, model: Path, board: str = "host", project: str = "bare", *, force: bool = False) -> list[str]:
    """The same without compiling anything: what `build_task.run_build` does around that. What the build left alone."""
    target = folder / "out"
    if not force:
        output.check_unedited(target)
    with files.staging(target) as staged:
        program = lower.lower(reader.read(model.read_bytes()), boards.load(board))
        made = projects.PROJECTS[project].make(program, codegen.generate(program, "tiny"), "tiny")
        output.write_project(made, staged, target)
        for name in ("model.tflite", "report.json", *(f"firmware.{suffix}" for suffix in ("elf", "hex", "bin"))):
            (staged / name).write_text(name)
        return output.commit(staged, target, made.yours, force=force)


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.compiler
def test_a_changed_file_is_not_replaced_and_the_change_is_shown(tmp_path: Path, model: Path) -> None:
    build(tmp_path, model)
    edited = tmp_path / "out/project/app/main.c"
    before = edited.read_text()
    edited.write_text(before.replace("tp_port_init();", "tp_port_init();\n    mine();"))
    kept = everything(tmp_path)
    with pytest.raises(UsageError, match=r"files that you changed or added: project/app/main.c; .*--force") as refused:
        build(tmp_path, model)
    assert str(refused.value).splitlines()[1:] == [
        "what you changed:",
        "--- project/app/main.c",
        "+++ project/app/main.c (yours)",
        next(line for line in str(refused.value).splitlines() if line.startswith("@@")),
        "     tp_port_init();",
        "+    mine();",
        "     tp_device_boot(&device);",
    ]
    assert everything(tmp_path) == kept
    build(tmp_path, model, force=True)
    assert edited.read_text() == before


def test_a_long_difference_is_cut(tmp_path: Path, model: Path) -> None:
    remake(tmp_path, model)
    (tmp_path / "out/project/app/main.c").write_text("mine\n" * 100)
    with pytest.raises(UsageError, match=r"… and \d+ more lines$") as refused:
        remake(tmp_path, model)
    assert len(str(refused.value).splitlines()) == 43


def test_added_files_stay_where_they_are(tmp_path: Path, model: Path) -> None:
    remake(tmp_path, model)
    mine = [tmp_path / "out" / name for name in ("notes.txt", "project/notes.txt", "project/build/cache/x.o")]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    remake(tmp_path, model)
    remake(tmp_path, model, force=True)
    assert [path.read_text() for path in mine] == ["mine"] * 3


def test_what_users_are_meant_to_change_stays_changed(tmp_path: Path, model: Path) -> None:
    assert remake(tmp_path, model, "nano33", "arduino") == []
    sketch = tmp_path / "out" / SKETCH
    generated = sketch.read_text()
    sketch.write_text("// mine\n")
    for force in (False, True, False):
        assert remake(tmp_path, model, "nano33", "arduino", force=force) == [SKETCH]
        assert sketch.read_text() == "// mine\n"
    sketch.unlink()
    assert remake(tmp_path, model, "nano33", "arduino") == []
    assert sketch.read_text() == generated


@pytest.mark.compiler
def test_a_build_says_what_it_left_alone(tmp_path: Path, model: Path) -> None:
    build(tmp_path, model, project="cmake")
    (tmp_path / "out/project/CMakeLists.txt").write_text("# mine\n")
    said = build(tmp_path, model, project="cmake")
    assert said[-1] == "leaving project/CMakeLists.txt as you changed it (delete it to get it anew)"


def test_the_zip_has_the_sketch_as_it_was_changed(tmp_path: Path, model: Path) -> None:
    import zipfile

    remake(tmp_path, model, "nano33", project="arduino")
    (tmp_path / "out" / SKETCH).write_text("// mine\n")
    remake(tmp_path, model, "nano33", project="arduino")
    with zipfile.ZipFile(tmp_path / "out/project/tinyprune_tiny.zip") as archive:
        assert archive.read(SKETCH.removeprefix("project/")) == b"// mine\n"


def test_what_users_changed_is_not_lost_to_a_file_of_its_folders_name(tmp_path: Path, model: Path) -> None:
    """A later tinyprune might write a file where an earlier one had a folder."""
    remake(tmp_path, model, project="cmake")
    changed = tmp_path / "out/project/CMakeLists.txt"
    changed.write_text("# mine\n")
    new = edits.Manifest({"project": "0"}, frozenset())
    assert edits.plan(tmp_path / "out", new).lost == ("project/CMakeLists.txt",)


def test_another_project_takes_away_what_it_has_not(tmp_path: Path, model: Path) -> None:
    remake(tmp_path, model, project="cmake")
    (tmp_path / "out/project/CMakeLists.txt").write_text("# mine\n")
    remake(tmp_path, model, project="bare")
    left = {path.name for path in (tmp_path / "out/project").iterdir()}
    assert left == {"network", "runtime", "app", "port", "README.md", "LICENSE", "CMakeLists.txt"}
    assert (tmp_path / "out/project/CMakeLists.txt").read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["model.tflite", "firmware.bin", "report.json", "firmware.hex/notes", "project"])
def test_what_is_in_the_way_is_not_replaced(tmp_path: Path, model: Path, name: str) -> None:
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(UsageError, match=f"has files that you changed or added: {name}; .*--force"):
        remake(tmp_path, model, "nano33")
    assert everything(tmp_path) == {mine: b"mine"}
    remake(tmp_path, model, "nano33", force=True)
    assert (tmp_path / "out/project/README.md").is_file()
    assert (tmp_path / "out/firmware.hex").is_file()


def test_without_its_manifest_a_build_is_somebodys(tmp_path: Path, model: Path) -> None:
    remake(tmp_path, model)
    (tmp_path / "out/.tinyprune.json").write_text('{"model.tflite": "0"}')
    with pytest.raises(UsageError, match=r"changed or added: firmware.bin, firmware.elf, firmware.hex, model.tflite, "):
        remake(tmp_path, model)


def test_a_manifest_has_no_power_over_other_folders(tmp_path: Path, model: Path) -> None:
    remake(tmp_path, model)
    manifest = tmp_path / "out/.tinyprune.json"
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    listed = json.loads(manifest.read_text())
    for path in ("../precious.txt", str(outside)):
        listed["files"][path] = edits.sha256(outside)
    manifest.write_text(json.dumps(listed))
    remake(tmp_path, model)
    remake(tmp_path, model, force=True)
    assert outside.read_text() == "mine"


def test_a_manifest_reaches_nowhere_by_way_of_a_link(tmp_path: Path, model: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "main.c").write_text("mine")
    remake(tmp_path, model)
    manifest = tmp_path / "out/.tinyprune.json"
    (tmp_path / "out/link").symlink_to(elsewhere)
    listed = json.loads(manifest.read_text())
    listed["files"]["link/main.c"] = edits.sha256(elsewhere / "main.c")
    manifest.write_text(json.dumps(listed))
    remake(tmp_path, model)
    remake(tmp_path, model, force=True)
    assert everything(elsewhere) == {elsewhere / "main.c": b"mine"}


def test_a_build_writes_nowhere_by_way_of_a_link(tmp_path: Path, model: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/project").symlink_to(elsewhere)
    with pytest.raises(UsageError, match=r"files that you changed or added: project; .*--force"):
        remake(tmp_path, model)
    remake(tmp_path, model, force=True)
    assert everything(elsewhere) == {}
    assert (tmp_path / "out/project/README.md").is_file()
    assert not (tmp_path / "out/project").is_symlink()


@pytest.mark.parametrize("journal", ["{", "[[1], 2]", '[["../precious"], ["../precious"]]', "[" * 100_000, "[[], []]"])
def test_a_journal_has_no_power_over_other_folders(tmp_path: Path, model: Path, journal: str) -> None:
    (tmp_path / "precious").write_text("mine")
    remake(tmp_path, model)
    before = everything(tmp_path)
    staged = tmp_path / "out/.out-abcdefgh"
    staged.mkdir()
    (staged / files.JOURNAL).write_text(journal)
    output.recover(tmp_path / "out")
    assert everything(tmp_path) == before
    assert not staged.exists()


def test_a_file_changed_during_the_build_is_not_replaced(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remake(tmp_path, model)
    edited = tmp_path / "out/project/app/main.c"
    real = files.write_files

    def edit_meanwhile(files: dict[str, str], folder: Path) -> Path:
        edited.write_text("mine")
        return real(files, folder)

    monkeypatch.setattr(files, "write_files", edit_meanwhile)
    with pytest.raises(UsageError, match=r"files that you changed or added: project/app/main.c"):
        remake(tmp_path, model)
    assert edited.read_text() == "mine"


def test_a_commit_that_fails_puts_everything_back(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remake(tmp_path, model, "nano33", project="cmake")
    before = everything(tmp_path / "out")
    rename = Path.rename
    dense = tmp_path / "dense.tflite"
    dense.write_bytes(networks.every_operator(pruned=False))
    for direction in ("network.h of the last build", "network.h of this one"):
        failures: list[Path] = []

        def fail(path: Path, target: Path, failures: list[Path] = failures, away: bool = "last" in direction) -> Path:
            if path.name == "network.h" and (".old" in target.parts) == away and not failures:
                failures.append(path)
                raise KeyboardInterrupt
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", fail)
        with pytest.raises(KeyboardInterrupt):
            remake(tmp_path, dense, "nano33")
        monkeypatch.undo()
        assert failures
        assert everything(tmp_path / "out") == before


def test_the_manifest_names_what_was_written(tmp_path: Path, model: Path) -> None:
    remake(tmp_path, model, project="cmake")
    manifest = json.loads((tmp_path / "out/.tinyprune.json").read_text())
    written = {path.relative_to(tmp_path / "out").as_posix() for path in everything(tmp_path / "out")}
    assert set(manifest["files"]) == written - {".tinyprune.json"}
    assert manifest["yours"] == ["project/CMakeLists.txt", "project/CMakePresets.json"]
