"""Other programs, on any system: what they print as it comes, what they are given, and how they end with all that they
started."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from typing import IO

_PIECE_BYTES = 65536
_MOST_PIECES = 256  # that wait to be read
_LOOK_S = 0.5
_GONE = (OSError, ValueError)  # ValueError: closed by somebody else


class Reader:
    """What comes out of a pipe, read by a thread, which closes it: select() takes no pipes on Windows."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pieces: queue.Queue[bytes] = queue.Queue(_MOST_PIECES)
        self._ended = False
        self._left = threading.Event()
        threading.Thread(target=self._pump, args=(pipe,), name="reads a pipe", daemon=True).start()

    def _pump(self, pipe: IO[bytes]) -> None:
        with pipe:
            data = b"?"
            while data and not self._left.is_set():
                try:
                    data = os.read(pipe.fileno(), _PIECE_BYTES)
                except _GONE:
                    data = b""
                self._put(data)

    def _put(self, data: bytes) -> None:
        """Waits where nobody takes what is there: then the other program waits as well."""
        while not self._left.is_set():
            with contextlib.suppress(queue.Full):
                self._pieces.put(data, timeout=_LOOK_S)
                return

    def read(self, timeout_s: float) -> bytes | None:
        """What has come, at the latest after that time; None where nothing has come by then, empty at the end."""
        if self._ended:
            return b""
        try:
            data = self._pieces.get(timeout_s > 0, timeout_s)
        except queue.Empty:
            return None
        self._ended = not data
        return data

    def close(self) -> None:
        self._left.set()


class Writer:
    """What goes into a pipe, written by a thread, which closes it: a write() to a pipe has no deadline of its own."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue()
        self._taken: queue.Queue[bool] = queue.Queue()
        threading.Thread(target=self._pump, args=(pipe,), name="writes a pipe", daemon=True).start()

    def _pump(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(*_GONE), pipe:
            while (data := self._pieces.get()) is not None:
                try:
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(pipe.fileno(), rest) :]
                except _GONE:
                    self._taken.put(False)
                    return
                self._taken.put(True)

    def write(self, data: bytes, timeout_s: float) -> bool:
        """False where nobody reads that pipe any more. Raises TimeoutError where it has not taken `data` by then; it is
        of no use afterwards."""
        self._pieces.put(data)
        try:
            return self._taken.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None

    def close(self) -> None:
        self._pieces.put(None)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process that was started with `start_new_session`, what it started as well, and waits for its end."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        _kill_tree(process.pid)
    process.wait()


def _kill_tree(number: int) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(number)
        children = family.children(recursive=True)
        for one in [family, *children]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
