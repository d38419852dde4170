"""Killed at any of its changes of the file system and run again, a command leaves its old result or the new one."""

import contextlib
import hashlib
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from tests import networks
from tests.kills import killed_at
from tests.tasks.test_edits import everything, remake
from tests.training.test_download import CONTENT, archive_of
from tinyprune import files
from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.firmware import edits, output
from tinyprune.tasks import init_ci
from tinyprune.training import download

Work: TypeAlias = Callable[[Path], object]
Way: TypeAlias = Callable[[Path], AbstractContextManager[Path]]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
#: More than any command has.
_MOST = 2000


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): text for path, text in everything(folder).items()}


def names(folder: Path) -> list[str]:
    """Empty folders and links too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def build(folder: Path, made: dict[str, str], yours: tuple[str, ...] = ()) -> None:
    """As much of a build as touches the user's folder."""
    target = folder / "out"
    output.check_unedited(target)
    with files.staging(target) as staged:
        files.write_files(made, staged)
        output.commit(staged, target, yours)


OLD = {"model.tflite": "old", "firmware.elf": "old", "project/a.c": "old", "project/old/b.c": "old", "renode": "old"}
NEW = {"model.tflite": "new", "firmware.elf": "new", "project/a.c": "new", "project/new.c": "new", "renode/x": "new"}


def every_kill(folder: Path, begin: Work, work: Work, check: Callable[[Path], object], by: int) -> list[object]:
    """What `check` says after each kill of `work`, which is done again then: nothing but its result may be there."""
    (folder / "whole").mkdir()
    begin(folder / "whole")
    work(folder / "whole")
    wanted, found = contents(folder / "whole"), []
    for number in range(1, _MOST):
        place = folder / str(number)
        place.mkdir()
        begin(place)
        more = killed_at(number, lambda place=place: work(place), by)  # type: ignore[misc]
        found.append(check(place))
        if not more:
            return found
        work(place)
        assert contents(place) == wanted, number
        assert names(place) == names(folder / "whole"), number
        shutil.rmtree(place)
    raise AssertionError("it does not end")


def nothing(_folder: Path) -> None:
    pass


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_build_is_the_old_one_or_the_new_one(tmp_path: Path, is_new: bool, by: int) -> None:
    def which(place: Path) -> object:
        out = place / "out"
        output.recover(out)  # as every command does that reads a build
        files_here = contents(out) if out.is_dir() else {}
        shown = {path: text.decode() for path, text in files_here.items() if not path.startswith(".")}
        return "old" if shown == ({} if is_new else OLD) else "new" if shown == NEW else shown

    begin = nothing if is_new else partial(build, made=OLD)
    found = every_kill(tmp_path, begin, partial(build, made=NEW), which, by)
    assert set(map(str, found)) == {"old", "new"}
    assert len(found) > 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_whole_build_is_the_old_one_or_the_new_one(tmp_path: Path, model: Path) -> None:
    dense = tmp_path / "dense.tflite"
    dense.write_bytes(networks.every_operator(pruned=False))
    (tmp_path / "kills").mkdir()

    def begin(place: Path) -> None:
        remake(place, dense, "nano33", "cmake")

    def work(place: Path) -> None:
        remake(place, model, "nano33")

    def whole(place: Path) -> object:
        output.recover(place / "out")
        manifest = edits.read_manifest(place / "out")
        return all(edits.sha256(place / "out" / path) == sha256 for path, sha256 in manifest.files.items())

    assert all(every_kill(tmp_path / "kills", begin, work, whole, signal.SIGKILL))


@pytest.mark.parametrize("way", [files.replacing, files.whole])
def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, way: Way) -> None:
    def write(place: Path) -> None:
        with way(place / "a.txt") as part:
            part.write_text("new")

    found = every_kill(
        tmp_path, lambda place: (place / "a.txt").write_text("old"), write, lambda p: (p / "a.txt").read_text(), 9
    )
    assert set(found) == {"old", "new"}


def test_a_data_set_is_there_or_not(tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(archive_of(CONTENT))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()

    def fetch(place: Path) -> None:
        with contextlib.suppress(UsageError):  # it is there already
            download.fetch(place / "sc", url=archive.as_uri(), sha256=sha256)

    (tmp_path / "kills").mkdir()
    found = every_kill(
        tmp_path / "kills", nothing, fetch, lambda p: contents(p / "sc") == CONTENT if (p / "sc").exists() else None, 9
    )
    assert set(found) == {None, True}


def test_a_workflow_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    boards_of_ci = (boards.load("nano33"),)

    def write(place: Path) -> None:
        init_ci.run_init_ci(init_ci.CiRequest(boards_of_ci, place, force=True))

    def which(place: Path) -> object:
        path = place / init_ci.WORKFLOW
        return path.read_text(encoding="utf-8")[-20:] if path.exists() else None

    assert len(set(every_kill(tmp_path, nothing, write, which, signal.SIGKILL))) == 2
