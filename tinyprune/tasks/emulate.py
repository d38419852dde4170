"""All of `tinyprune emulate`: firmware in an emulator behind a pseudo terminal or a TCP port."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinyprune.device import emulators
from tinyprune.device.boards import Board
from tinyprune.device.emulators.bridge import End, PtyEnd, TcpEnd, serve
from tinyprune.device.link import Link
from tinyprune.device.protocol import Clock
from tinyprune.errors import UsageError
from tinyprune.firmware import output

_PSEUDO_TERMINALS = ("/dev/pts/", "/dev/ttys")  # of Linux, of macOS


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
