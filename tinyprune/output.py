"""The output folder of a build: how files get there whole, and how nothing of the user's is lost.

A manifest has the SHA-256 of each file that was written. A file that no longer matches, or that stands where the build
wants to write and is in no manifest, is somebody's: the next build refuses to replace it unless it is told to.
"""

import errno
import hashlib
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tinyprune.boards import Board
from tinyprune.errors import UsageError
from tinyprune.firmware import FirmwareImage

#: How a file system says no.
_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG, errno.EEXIST,
}  # fmt: skip
MODEL, PROJECT, REPORT, MANIFEST = "model.tflite", "project", "report.json", ".tinyprune.json"
#: Whatever a build may write into the output folder.
_TARGETS = (MODEL, PROJECT, REPORT, "firmware", "firmware.elf", "firmware.hex", "firmware.bin")


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


def write_files(files: Mapping[str, str], folder: Path) -> Path:
    """Writes text files, by their paths inside `folder`, which it returns."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return folder


def check_unedited(output: Path) -> None:
    """Raises UsageError where a build would replace files that no build wrote, or that were changed since."""
    try:
        manifest = _manifest(output)
        present = [path for name in _TARGETS if os.path.lexists(output / name) for path in _files(output / name)]
        theirs = sorted(path for path in present if manifest.get(_key(path, output)) != _sha256(path))
    except OSError as error:
        raise UsageError(
            f"cannot read {error.filename or output}: {error.strerror}; give another folder with -o"
        ) from None
    if theirs:
        shown = ", ".join(_key(path, output) for path in theirs[:5])
        more = f" and {len(theirs) - 5} more" if len(theirs) > 5 else ""
        raise UsageError(
            f"{output} has files that you changed or added: {shown}{more}; "
            "give another folder with -o, or --force to replace them"
        )


def commit(staged: Path, output: Path) -> None:
    """Moves everything in `staged` into `output`, each by rename, in place of what an earlier build left there.

    All of it or nothing: a failure puts back what was there, Ctrl-C waits, and another build waits its turn.
    """
    manifest = {_key(path, staged): _sha256(path) for path in _files(staged)}
    (staged / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    output.mkdir(exist_ok=True)
    old = staged / ".old"
    old.mkdir()
    with _alone(output), _uninterrupted():
        moved: list[str] = []
        try:
            for path in sorted(path for path in staged.iterdir() if path != old):
                moved.append(path.name)
                if os.path.lexists(output / path.name):
                    (output / path.name).rename(old / path.name)
                path.rename(output / path.name)
        except BaseException:
            for name in moved:
                if os.path.lexists(old / name):
                    if os.path.lexists(output / name):
                        (output / name).rename(staged / name)
                    (old / name).rename(output / name)
            raise


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Holds the lock of the folder, where the system has one."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
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


def _key(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _manifest(output: Path) -> dict[str, str]:
    """Path → SHA-256 of what the last build wrote; empty where there was none."""
    try:
        manifest = json.loads((output / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def load(output: Path, board: Board) -> tuple[FirmwareImage, bytes]:
    """The image and the model that a build left in `output`.

    Raises UsageError where there is none, or it was built for another board.
    """
    again = f"run `tinyprune build --board {board.name} -o {output}` first"
    try:
        report = json.loads((output / REPORT).read_text(encoding="utf-8"))
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
        raise UsageError(f"{output} holds firmware for {image.board}, not {board.name}; {again}")
    built = image.elf.is_file() and _manifest(output).get(image.elf.name) == _sha256(image.elf)
    if not built or hashlib.sha256(model).hexdigest() != image.model_sha256:
        raise UsageError(f"the firmware and the model in {output} do not belong together; {again}")
    return image, model


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
