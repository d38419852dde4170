"""A process that kills itself at its n-th change of the file system, or of a database there."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from sqlite3 import dbapi2
from typing import Any

#: What Python tells of before it is done (docs.python.org, audit events).
_CHANGES = frozenset({
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "tempfile.mkdtemp",
    "tempfile.mkstemp", "shutil.rmtree", "sqlite3.connect",
})  # fmt: skip
#: Whose second argument is a path, too; and whose last one may be the open folder that the path is in.
_TWO_PATHS = frozenset({"os.rename", "os.link", "os.symlink"})
_IN_OPEN_FOLDER = frozenset({"os.remove", "os.rmdir", "os.mkdir"})


def killed_at(
    number: int,
    work: Callable[[], object],
    by: int = signal.SIGKILL,
    below: Path | str = "",
    counted: Path | None = None,
) -> bool:
    """Runs `work` in a process of its own that a signal ends before its `number`-th change of a file `below` a folder;
    whether there were that many. Raises AssertionError where `work` failed by itself."""
    child = os.fork()
    if child == 0:
        if by != signal.SIGKILL:
            signal.signal(by, signal.SIG_DFL)  # a command that ran in this process may have left its handler
        kill_self(number, by, below, counted)
        code = 70
        try:
            work()
            code = 0
        except SystemExit:
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"it failed by itself before change {number}"
    return False


def kill_self(number: int, by: int = signal.SIGKILL, below: Path | str = "", counted: Path | str | None = None) -> None:
    """From now on; with `counted` a byte is added to that file for each change."""
    left = number
    tally = None if counted is None else os.open(counted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def count() -> None:
        nonlocal left
        left -= 1
        if tally is not None:
            os.write(tally, b".")
        if left == 0:
            os.kill(os.getpid(), by)

    def statement(text: str) -> None:
        if text.startswith("COMMIT"):
            count()

    def told(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in _CHANGES or writes) and _is_below(event, arguments, below):
            count()

    def traced(*arguments: Any, connect: Any = dbapi2.connect, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statement)
        return connection

    dbapi2.connect = traced
    sys.addaudithook(told)


def _is_below(event: str, arguments: tuple[Any, ...], folder: Path | str) -> bool:
    """Whether one of its paths is inside of the folder. Names are inside of where the command works, or of an open
    folder, whose path Linux tells."""
    start, paths = Path.cwd(), arguments[: 2 if event in _TWO_PATHS else 1]
    if event in _IN_OPEN_FOLDER and arguments[-1] >= 0:
        with contextlib.suppress(OSError):
            start = Path(f"/proc/self/fd/{arguments[-1]}").readlink()
    texts = [os.fsdecode(path) for path in paths if isinstance(path, str | bytes | os.PathLike)]
    return not folder or any(Path(folder) in (start / text).parents for text in texts)
