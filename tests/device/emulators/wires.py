"""A link plugged into a serial port of this computer, by the program's own bridge in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tinyprune.device.emulators.bridge import End, PtyEnd, TcpEnd, serve
from tinyprune.device.link import Link


class _Unplugged(Exception):
    pass


class _Plug:
    """An End that can be pulled."""

    def __init__(self, end: End) -> None:
        self._end, self.name, self.pulled = end, end.name, False

    def receive(self, timeout_s: float) -> bytes:
        if self.pulled:
            raise _Unplugged
        return self._end.receive(timeout_s)

    @property
    def is_open(self) -> bool:
        return self._end.is_open

    def send(self, data: bytes) -> None:
        self._end.send(data)

    def close(self) -> None:
        self._end.close()


@contextmanager
def plugged(link: Link, kind: str) -> Iterator[str]:
    """The name of the port behind which `link` answers meanwhile; `kind` is pty or tcp."""
    plug = _Plug(PtyEnd() if kind == "pty" else TcpEnd("127.0.0.1", 0))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            serve(link, plug)
        except _Unplugged:
            pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield plug.name
    finally:
        plug.pulled = True
        thread.join()
        plug.close()
    assert not failures, failures
