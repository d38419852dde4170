"""A link behind a pseudo terminal or a TCP port, as a board on its cable.

The semantics are a serial cable's: bytes pass unchanged, programs may open and close their end as they like, one at a
time, and what the firmware says while nobody listens is lost.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Protocol

from tinyprune.device import emulators
from tinyprune.device.link import Link
from tinyprune.errors import UsageError

#: How long the firmware's next bytes may wait here: while there is traffic, and when nothing has passed for a while.
_BUSY_S, _IDLE_S, _QUIET_AFTER_S = 0.002, 0.02, 0.5
_READ_BYTES = 4096
_TAKEN = b"e-[Another program is connected to this emulator: one at a time]\r\n"
_ABANDONED_S = 10.0  # how long firmware may work for a program that has left, before it is reset
_UNREAD_BYTES = 1 << 20  # what a program that does not read may leave here; older bytes are lost, as on a UART


class End(Protocol):
    """The computer's end of the cable, where other programs plug in."""

    @property
    def name(self) -> str:
        """What other programs open."""

    def receive(self, timeout_s: float) -> bytes:
        """What a program has sent; empty after the time-out."""

    def send(self, data: bytes) -> None:
        """To the program that listens; lost where there is none."""

    @property
    def is_open(self) -> bool:
        """Whether a program listens, as far as is known."""

    def close(self) -> None: ...


class PtyEnd:
    """A pseudo terminal in raw mode. Only its device's end is held open: so the kernel tells when nobody listens."""

    def __init__(self) -> None:
        try:
            import tty
        except ImportError:
            raise UsageError("this system has no pseudo terminals: use --tcp PORT") from None

        self._device, theirs = os.openpty()
        tty.setraw(theirs)
        self.name = os.ttyname(theirs)
        os.close(theirs)  # from here on, poll reports a hang-up whenever nobody has it open
        os.set_blocking(self._device, False)
        self._poll = select.poll()
        self._poll.register(self._device, select.POLLIN)
        self._unread = bytearray()
        self._open = False

    @property
    def is_open(self) -> bool:
        return self._open

    def receive(self, timeout_s: float) -> bytes:
        events = self._poll.poll(1e3 * timeout_s)
        flags = events[0][1] if events else 0
        if flags & select.POLLIN:
            self._open = True
            with contextlib.suppress(OSError):
                return os.read(self._device, _READ_BYTES)
        if flags & select.POLLHUP:
            self._hung_up()
            time.sleep(timeout_s)
            return b""
        self._open = True
        self._flush()
        return b""

    def send(self, data: bytes) -> None:
        events = self._poll.poll(0)
        if events and events[0][1] & select.POLLHUP and not events[0][1] & select.POLLIN:
            self._hung_up()
            return
        self._unread += data
        del self._unread[:-_UNREAD_BYTES]
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unread:
                del self._unread[: os.write(self._device, self._unread)]

    def _hung_up(self) -> None:
        """Forgets what the last program did not read, here and in the kernel: the next one shall not find it."""
        if self._open:
            import termios

            self._open = False
            self._unread.clear()
            theirs = os.open(self.name, os.O_RDWR | os.O_NOCTTY)
            termios.tcflush(theirs, termios.TCIFLUSH)
            os.close(theirs)

    def close(self) -> None:
        os.close(self._device)


class TcpEnd:
    """A TCP server for one program at a time: what pyserial opens as socket://HOST:PORT."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._server = socket.create_server((host, port))
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        self.name = f"socket://{host}:{self._server.getsockname()[1]}"
        self._server.setblocking(False)
        self._program: socket.socket | None = None
        self._unread = bytearray()

    @property
    def is_open(self) -> bool:
        return self._program is not None

    def receive(self, timeout_s: float) -> bytes:
        ready, _, _ = select.select([self._server, *filter(None, [self._program])], [], [], timeout_s)
        if self._program not in ready:  # it neither says anything nor has left
            if self._server in ready:
                self._plugged_in(self._server.accept()[0])
            self._flush()
            return b""
        assert self._program is not None
        try:
            data = self._program.recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._hung_up()
        return data

    def send(self, data: bytes) -> None:
        if self._program is not None:
            self._unread += data
            del self._unread[:-_UNREAD_BYTES]
            self._flush()

    def _plugged_in(self, program: socket.socket) -> None:
        """Only one is served; any other one is told so at once, not when that leaves."""
        program.setblocking(False)
        if self._program is None:
            program.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._program = program
            return
        with contextlib.suppress(OSError):
            program.send(_TAKEN)
        program.close()

    def _flush(self) -> None:
        try:
            while self._unread and self._program is not None:
                del self._unread[: self._program.send(self._unread)]
        except BlockingIOError:
            return
        except OSError:
            self._hung_up()

    def _hung_up(self) -> None:
        self._unread.clear()
        if self._program is not None:
            self._program.close()
            self._program = None

    def close(self) -> None:
        self._hung_up()
        self._server.close()


def serve(link: Link, end: End, stopped: Callable[[], bool] = lambda: False) -> None:
    """Passes bytes on, both ways, until it is stopped or interrupted. Raises TargetError when the firmware ends."""
    board = _Button(link) if isinstance(link, emulators.HasButton) else None
    last_s, answer = time.monotonic(), b""
    while not stopped():
        wait_s = _BUSY_S if time.monotonic() - last_s < _QUIET_AFTER_S else _IDLE_S
        data = end.receive(0 if answer else wait_s)  # more is often behind it
        if board is not None:
            board.pass_on(data, end.is_open)
        elif data:
            link.write(data)
        answer = link.read(0) if board is None or not board.is_busy() else b""
        if answer:
            end.send(answer)
        if data or answer:
            last_s = time.monotonic()


class _Button:
    """Firmware that may work for long meanwhile: what it does for a program that has left ends by a reset."""

    def __init__(self, link: emulators.HasButton) -> None:
        self._link = link
        self._waiting = bytearray()  # for the firmware
        self._left_s: float | None = None  # when the one whose work is done has left

    def is_busy(self) -> bool:
        return self._link.is_busy(_BUSY_S)

    def pass_on(self, data: bytes, is_heard: bool) -> None:
        self._waiting += data
        del self._waiting[:-_UNREAD_BYTES]
        if not self._link.is_busy(0):
            self._left_s = None
            if self._waiting:
                self._link.post(bytes(self._waiting))
                self._waiting.clear()
        elif self._left_s is None:
            self._left_s = None if is_heard else time.monotonic()
        elif time.monotonic() - self._left_s > _ABANDONED_S:
            self._link.restart()
