"""A process that kills itself at its n-th change of the file system."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: What Python tells of before it is done (docs.python.org, audit events).
_CHANGES = frozenset({
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "tempfile.mkdtemp",
    "tempfile.mkstemp", "shutil.rmtree", "sqlite3.connect",
})  # fmt: skip


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

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in _CHANGES or writes) and _is_below(arguments[0], below):
            left -= 1
            if tally is not None:
                os.write(tally, b".")
            if left == 0:
                os.kill(os.getpid(), by)

    sys.addaudithook(count)


def _is_below(path: Any, folder: Path | str) -> bool:
    """Names without a folder are inside of one that is open: of the one where the command works."""
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
    return not folder or Path(folder) in (Path.cwd() / text).parents
