"""How files reach a folder: written whole or not at all, by one process at a time."""

import errno
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tinyprune.errors import UsageError

#: How a file system says no.
_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG, errno.EEXIST,
}  # fmt: skip


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


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """As `replacing`, in a folder that is there, and errors are the system's own. The part ends in the same suffix."""
    part = path.with_name(f".{os.getpid()}-{path.name}")  # two processes may write the same file
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_files(files: Mapping[str, str], folder: Path) -> Path:
    """Writes text files, by their paths inside `folder`, which it returns."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return folder


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Raises UsageError where a file in `folder` cannot be read."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot read {error.filename or folder}: {error.strerror}; give another folder with -o"
        ) from None


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a folder or file, where the system has one. Raises BlockingIOError where that would be to
    `wait`, or where the path leads elsewhere by then."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise BlockingIOError(errno.EWOULDBLOCK, "moved away by another process", str(path))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def uninterrupted() -> Iterator[None]:
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
