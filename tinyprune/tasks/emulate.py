"""All of `tinyprune emulate`: firmware in an emulator behind a pseudo terminal or a TCP port, as a board on its cable.

The semantics are a serial cable's: bytes pass unchanged, programs may open and close their end as they like, one at a
time, and what the firmware says while nobody listens is lost.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinyprune.device import emulators
from tinyprune.device.boards import Board
from tinyprune.device.link import Link
from tinyprune.device.protocol import Clock
from tinyprune.errors import UsageError
from tinyprune.firmware import output

#: How long the firmware's next bytes may wait here: while there is traffic, and when nothing has passed for a while.
_BUSY_S, _IDLE_S, _QUIET_AFTER_S = 0.002, 0.02, 0.5
_READ_BYTES = 4096
_PSEUDO_TERMINALS = ("/dev/pts/", "/dev/ttys")  # of Linux, of macOS
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

    def receive(self, timeout_s: float) -> bytes:
        waited_for = self._program or self._server
        if not select.select([waited_for], [], [], timeout_s)[0]:
            self._flush()
            return b""
        if self._program is None:
            self._program, _ = self._server.accept()
            self._program.setblocking(False)
            self._program.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return b""
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
    last_s = time.monotonic()
    while not stopped():
        data = end.receive(_BUSY_S if time.monotonic() - last_s < _QUIET_AFTER_S else _IDLE_S)
        if data:
            link.write(data)
        answer = link.read(0)
        if answer:
            end.send(answer)
        if data or answer:
            last_s = time.monotonic()


@dataclass(frozen=True, slots=True)
class EmulateRequest:
    board: Board
    output: Path  # of a finished build
    emulator: str | None = None  # None: the board's first
    tcp: tuple[str, int] | None = None  # None: a pseudo terminal
    link: Path | None = None  # a symbolic link to the pseudo terminal, so that its name stays the same
    clock: bool = True  # false: the device's clock may stand still, for speed


@dataclass(frozen=True, slots=True)
class Emulated:
    """Firmware that runs: `device` is what programs open, a pseudo terminal or a URL of pyserial."""

    device: str
    emulator: str
    clock: Clock


def run_emulate(request: EmulateRequest, ready: Callable[[Emulated], None]) -> None:
    """Boots the firmware and stays, after a call of `ready`. Raises TinypruneError; KeyboardInterrupt passes."""
    with _booted(request) as (link, end, emulated):
        ready(emulated)
        serve(link, end)


@contextmanager
def emulated(request: EmulateRequest) -> Iterator[Emulated]:
    """The firmware runs in a thread meanwhile. Raises as `run_emulate`, and at the end TargetError if it ended."""
    left, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            serve(link, end, left.is_set)
        except BaseException as error:
            failures.append(error)

    with _booted(request) as (link, end, found):
        thread = threading.Thread(target=run, name=f"emulates {request.board.name}", daemon=True)
        thread.start()
        try:
            yield found
        finally:
            left.set()
            thread.join()
    if failures:
        raise failures[0]


@contextmanager
def _booted(request: EmulateRequest) -> Iterator[tuple[Link, End, Emulated]]:
    name = emulators.named(request.board, request.emulator)
    image, _ = output.load(request.output, request.board)
    if request.link is not None and request.tcp is not None:
        raise UsageError("--link goes with --pty: a TCP port has a name of its own")
    end: End = PtyEnd() if request.tcp is None else TcpEnd(*request.tcp)
    with closing(end), _linked(request.link, end.name) as device:
        metered = request.clock and name in emulators.METERED
        with closing(emulators.EMULATORS[name](image, request.board, profile=metered)) as link:
            link.read(0)  # the boot messages: nobody has listened yet
            yield link, end, Emulated(device, name, link.clock)


@contextmanager
def _linked(link: Path | None, target: str) -> Iterator[str]:
    """A symbolic link, also in place of one that an earlier run left; gone afterwards, unless another run took it."""
    if link is None:
        yield target
        return
    try:
        if link.is_symlink():
            _check_replaceable(link)
            link.unlink()
        link.symlink_to(target)
    except OSError as error:
        raise UsageError(f"{link}: cannot link it to {target}: {error.strerror}") from None
    try:
        yield str(link)
    finally:
        if link.is_symlink() and str(link.readlink()) == target:
            link.unlink(missing_ok=True)


def _check_replaceable(link: Path) -> None:
    """Raises UsageError unless it leads nowhere, or to a pseudo terminal as ours do."""
    if link.exists() and not str(link.resolve()).startswith(_PSEUDO_TERMINALS):
        raise UsageError(f"{link} is a link to {link.readlink()}, no pseudo terminal: give --link another name")
