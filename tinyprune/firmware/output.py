"""Where results go, a build's output folder above all: how files get there whole, and how nothing of the user's is
lost (`edits.py` knows what is the user's)."""

import errno
import hashlib
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tinyprune import __version__
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FORMAT, FirmwareImage, Project
from tinyprune.errors import UsageError
from tinyprune.firmware import edits

#: How a file system says no.
_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG, errno.EEXIST,
}  # fmt: skip
MODEL, PROJECT, REPORT = "model.tflite", "project", "report.json"
TFLM_MODEL = "model-tflm.tflite"  # with custom operators
#: Whatever a build may write into the output folder itself.
_TARGETS = (MODEL, TFLM_MODEL, REPORT, "firmware", "firmware.elf", "firmware.hex", "firmware.bin")


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder on the file system of `folder`; gone afterwards, with the parents it needed if nothing came.

    Raises UsageError where the file system refuses a file, there or later on.
    """
    made = [path for path in folder.parents if not path.exists()]
    staged: Path | None = None
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; give another folder with -o")
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder if folder.is_dir() else folder.parent))
        yield staged
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        place = error.filename or folder
        raise UsageError(f"cannot write {place}: {error.strerror}; give another folder with -o") from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write, which then takes the place of `path`, whole; nothing is left of it if that fails.

    Raises UsageError as `staging` does.
    """
    with staging(path.parent) as staged:
        part = staged / path.name
        yield part
        path.parent.mkdir(exist_ok=True)
        part.replace(path)


def write_files(files: Mapping[str, str], folder: Path) -> Path:
    """Writes text files, by their paths inside `folder`, which it returns."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return folder


def write_project(project: Project, staged: Path, output: Path) -> None:
    """Writes `staged`/project in place of any other, and what edits.py compares with next time. Of files that users are
    meant to change, the .zip has those in `output` that were changed."""
    shutil.rmtree(staged / PROJECT, ignore_errors=True)
    write_files(project.files, staged / PROJECT)
    made = {path: text.encode() for path, text in project.files.items()}
    (staged / edits.ORIGINALS).write_bytes(edits.archive({f"{PROJECT}/{path}": text for path, text in made.items()}))
    if project.archive is None:
        return
    old = edits.read_manifest(output).files
    for path in project.yours:
        present = output / PROJECT / path
        if present.is_file() and edits.sha256(present) != old.get(f"{PROJECT}/{path}"):
            made[path] = present.read_bytes()
    inside = {path: text for path, text in made.items() if path.startswith(f"{project.archive}/")}
    (staged / PROJECT / f"{project.archive}.zip").write_bytes(edits.archive(inside))


def check_unedited(output: Path) -> None:
    """Raises UsageError where a build would replace files that no build wrote, or that were changed since, as far as
    that is known before the build: `commit` looks again."""
    with _readable(output):
        theirs = edits.changed(output, _TARGETS)
    if theirs:
        raise UsageError(edits.refusal(output, theirs))


def commit(staged: Path, output: Path, yours: Collection[str], *, force: bool = False) -> list[str]:
    """Moves every file in `staged` into `output`, each by rename, and removes what an earlier build left there. Users'
    files stay: the result names those that were written by a build, are `yours` (in project/) to change, and were.

    Raises UsageError where something of the user's is in the way, unless told to `force` its replacement. All of it or
    nothing: a failure puts back what was there, Ctrl-C waits, and another build waits its turn.
    """
    made = {edits.key(path, staged): edits.sha256(path) for path in _files(staged)}
    new = edits.Manifest(made, frozenset(f"{PROJECT}/{path}" for path in yours))
    (staged / edits.MANIFEST).write_text(new.to_json(), encoding="utf-8")
    output.mkdir(exist_ok=True)
    with alone(output), _uninterrupted():
        with _readable(output):
            plan = edits.plan(output, new)
        if plan.lost and not force:
            raise UsageError(edits.refusal(output, list(plan.lost)))
        _move(staged, output, plan.removed, plan.written)
    return list(plan.kept)


def _move(staged: Path, output: Path, removed: Collection[str], written: Collection[str]) -> None:
    """Takes `removed` out of `output` and puts `written` there, or changes nothing."""
    old, moved = staged / ".old", list[tuple[Path, Path]]()
    manifest = [edits.MANIFEST] if (output / edits.MANIFEST).exists() else []
    steps = [(output / path, old / path) for path in (*removed, *manifest)]
    steps += [(staged / path, output / path) for path in (*written, edits.MANIFEST)]
    try:
        for source, target in steps:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            moved.append((source, target))
    except BaseException:
        for source, target in reversed(moved):
            target.rename(source)
        raise
    finally:
        _remove_empty_folders(output, [*removed, *written])


def _remove_empty_folders(output: Path, paths: Collection[str]) -> None:
    folders = {parent for path in paths for parent in (output / path).parents if output in parent.parents}
    for folder in sorted(folders, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def _readable(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot read {error.filename or output}: {error.strerror}; give another folder with -o"
        ) from None


@contextmanager
def alone(output: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds the lock of the folder, where the system has one. Raises BlockingIOError where that would be to `wait`."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C takes effect afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def load(output: Path, board: Board) -> tuple[FirmwareImage, bytes]:
    """The image and the model that a build left in `output`.

    Raises UsageError where there is none, it was built for another board, or in another format.
    """
    again = f"run `tinyprune build --board {board.name} -o {output}` first"
    try:
        report = json.loads((output / REPORT).read_text(encoding="utf-8"))
        _check_format(output, report["tinyprune"], report.get("format"), again)
        model = (output / MODEL).read_bytes()
        image = FirmwareImage(
            report["board"],
            report["model_sha256"],
            report["compiler"],
            output / report["image"],
            report["flash_bytes"],
            report["ram_bytes"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{output} has no finished build; {again}") from None
    if image.board != board.name:
        raise UsageError(
            f"{output} holds firmware for {image.board}, not {board.name}; "
            f"give --board {image.board}, or another folder with -o"
        )
    built = image.elf.is_file() and edits.read_manifest(output).files.get(image.elf.name) == edits.sha256(image.elf)
    if not built or hashlib.sha256(model).hexdigest() != image.model_sha256:
        raise UsageError(f"the firmware and the model in {output} do not belong together; {again}")
    return image, model


def _check_format(output: Path, version: str, found: object, again: str) -> None:
    """Raises UsageError for a build of a tinyprune that made them otherwise, TypeError for what is no format.

    The first builds had none.
    """
    number = 0 if found is None else found
    if type(number) is not int:
        raise TypeError
    if number == FORMAT:
        return
    age, update = ("an older", "") if number < FORMAT else ("a newer", "update tinyprune, or ")
    raise UsageError(
        f"{output} was built by tinyprune {version}, in {age} format ({'none' if found is None else number}) "
        f"than tinyprune {__version__} takes ({FORMAT}); {update}{again}"
    )
