"""How files reach a folder: written whole or not at all, by one process at a time."""

import errno
import glob
import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tinyprune.errors import UsageError

#: How a file system says no.
_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG, errno.EEXIST,
}  # fmt: skip
#: How a file system says that it has no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
#: Of a model: more than any board holds.
MOST_MODEL_BYTES = 1 << 28
#: Of a report, a history of benchmarks, a manifest.
MOST_BYTES = 64 << 20
#: In a temporary folder: what is in it is being moved, and may not be removed.
JOURNAL = ".journal.json"


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder on the file system of `folder`; gone afterwards, with the parents it needed if nothing came.

    Raises UsageError where the file system refuses a file, there or later on.
    """
    made = [path for path in folder.parents if not path.exists()]
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; give another folder with -o")
        folder.parent.mkdir(parents=True, exist_ok=True)
        tidy(folder)
        with _temporary(folder if folder.is_dir() else folder.parent, folder.name) as staged:
            yield staged
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        place = Path(error.filename) if error.filename else _full(folder) if error.errno == errno.ENOSPC else folder
        elsewhere = Path(tempfile.gettempdir()) in (place, *place.parents) and folder.parent not in place.parents
        advice = "set TMPDIR to another folder" if elsewhere else "give another folder with -o"
        raise UsageError(f"cannot write {place}: {error.strerror}; {advice}") from None
    finally:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _full(folder: Path) -> Path:
    """Which has no room left: the folder, or that of temporary files."""
    temporary = Path(tempfile.gettempdir())
    here = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return min((folder, here), (temporary, temporary), key=lambda each: shutil.disk_usage(each[1]).free)[0]


@contextmanager
def _temporary(place: Path, name: str) -> Iterator[Path]:
    """A new folder whose lock is held, gone afterwards."""
    with ExitStack() as held:
        while True:
            staged = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place))
            with suppress(BlockingIOError, FileNotFoundError):  # another process takes it for stale before it is locked
                held.enter_context(alone(staged, wait=False))
                break
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def temporaries(folder: Path) -> list[Path]:
    """The temporary folders of `staging(folder)` of all processes, those that were killed too."""
    pattern = f".{glob.escape(folder.name)}-{'[a-z0-9_]' * 8}"
    return sorted(path for place in (folder, folder.parent) for path in place.glob(pattern))


def tidy(folder: Path) -> None:
    """Removes what processes that were killed have left of `staging(folder)`, but for moves to be finished."""
    for left in temporaries(folder):
        if not (left / JOURNAL).exists():
            remove_stale(left)


def remove_stale(path: Path) -> None:
    """Removes a temporary file or folder that no process holds the lock of."""
    with suppress(OSError), alone(path, wait=False) as locked:
        if locked and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif locked:
            path.unlink()


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
    for left in path.parent.glob(f".[0-9]*-{glob.escape(path.name)}"):
        remove_stale(left)
    part = path.with_name(f".{os.getpid()}-{path.name}")  # two processes may write the same file
    try:
        part.touch()
        with alone(part):
            yield part
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def content(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Of a file that somebody names. Raises OSError, also where it has more than that, and as `check_regular` does."""
    check_regular(path)
    with path.open("rb") as stream:
        found = stream.read(most_bytes + 1)
    if len(found) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes", str(path))
    return found


def check_regular(path: Path) -> Path:
    """The path. Raises OSError for a pipe, into which nobody may ever write, and a device, which may have no end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device; give a file with what comes out of it", str(path))
    return path


def require(path: Path, missing: str) -> None:
    """Raises UsageError, `missing` where nothing is there, and for a pipe or a device."""
    try:
        check_regular(path)
    except FileNotFoundError:
        raise UsageError(missing) from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


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
def alone(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds the lock of a folder or file; false where the file system has none. Raises BlockingIOError where that would
    be to `wait`, or where the path leads elsewhere by then."""
    try:
        import fcntl
    except ImportError:
        with _lock_file(path, wait):
            yield True
        return
    descriptor, locked = os.open(path, os.O_RDONLY), True
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            locked = False
        if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise _moved_away(path)
        yield locked
    finally:
        os.close(descriptor)


@contextmanager
def _lock_file(path: Path, wait: bool) -> Iterator[None]:
    """The same on Windows, which locks no folders: by a file beside it, which is gone afterwards."""
    import filelock

    try:
        with filelock.FileLock(path.with_name(f".{path.name}.lock"), blocking=wait):
            if not path.exists():
                raise _moved_away(path)
            yield
    except filelock.Timeout:
        raise BlockingIOError(errno.EWOULDBLOCK, "in use by another process", str(path)) from None


def _moved_away(path: Path) -> BlockingIOError:
    return BlockingIOError(errno.EWOULDBLOCK, "moved away by another process", str(path))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM take effect afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        int(number): signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in dict.fromkeys(came):
        signal.raise_signal(number)
