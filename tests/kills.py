"""A process that kills itself at its n-th change of the file system."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

#: What Python tells of before it is done (docs.python.org, audit events).
_CHANGES = frozenset({
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "tempfile.mkdtemp",
    "tempfile.mkstemp", "shutil.rmtree",
})  # fmt: skip


def killed_at(number: int, work: Callable[[], object], by: int = signal.SIGKILL) -> bool:
    """Runs `work` in a process of its own that a signal ends before its `number`-th change of a file; whether there
    were that many. Raises AssertionError where `work` failed by itself."""
    child = os.fork()
    if child == 0:
        if by != signal.SIGKILL:
            signal.signal(by, signal.SIG_DFL)  # a command that ran in this process may have left its handler
        _kill_self(number, by)
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


def _kill_self(number: int, by: int) -> None:
    left = number

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in _CHANGES or writes:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), by)

    sys.addaudithook(count)
