"""Files that appear whole: what stands there afterwards is all of the new one, or the old one as it was."""

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tinyprune import files
from tinyprune.errors import UsageError

WAYS = pytest.mark.parametrize("way", [files.whole, files.replacing])
Way = Callable[[Path], AbstractContextManager[Path]]


@WAYS
def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path, way: Way) -> None:
    (tmp_path / "a.npz").write_text("old")
    with way(tmp_path / "a.npz") as part:
        assert part.suffix == ".npz"  # writers that go by the suffix, or add one
        part.write_text("new")
        assert (tmp_path / "a.npz").read_text() == "old"
    assert (tmp_path / "a.npz").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@WAYS
@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_a_writer_that_breaks_off_leaves_the_old_file_alone(tmp_path: Path, way: Way, error: BaseException) -> None:
    (tmp_path / "a.txt").write_text("old")

    def break_off() -> None:
        with way(tmp_path / "a.txt") as part:
            part.write_text("ne")
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_what_the_file_system_refuses_is_said_by_itself_or_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").touch()
    with pytest.raises(IsADirectoryError), files.whole(tmp_path / "a") as part:
        part.write_text("new")
    with pytest.raises(UsageError, match="cannot write"), files.replacing(tmp_path / "a") as part:
        part.write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "inside"]


def test_a_full_folder_of_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary, out = tmp_path / "tmp", tmp_path / "home" / "out"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    room = {temporary: 0, out.parent: 1 << 30}
    usage = type("usage", (), {})

    def disk_usage(path: Path) -> object:
        found = usage()
        found.free = room.get(path, 1 << 30)
        return found

    monkeypatch.setattr(files.shutil, "disk_usage", disk_usage)

    def fill(error: OSError) -> None:
        with files.staging(out):
            raise error

    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(UsageError, match=rf"cannot write {temporary}: No space left on device; set TMPDIR to another"):
        fill(full)
    with pytest.raises(UsageError, match=r"cannot write .*/tmp/x: No space left on device; set TMPDIR to another"):
        fill(OSError(errno.ENOSPC, "No space left on device", str(temporary / "x")))
    room[temporary], room[out.parent.parent] = 1 << 30, 0
    with pytest.raises(UsageError, match=rf"cannot write {out}: No space left on device; give another folder with -o"):
        fill(full)
