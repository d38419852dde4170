"""A serial terminal: what the port says goes out, what is typed or piped in goes to the port, until either ends.

Ports are opened by pyserial, so URLs (`socket://`, `rfc2217://`, `loop://`) work as well as devices.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tinyprune.device import ports
from tinyprune.errors import TargetError

BAUD = 115_200
LEAVE_KEYS = (b"\x1d", b"\x03")  # Ctrl-] and Ctrl-C
_READ_BYTES = 4096

#: What was typed since the last call: empty for nothing, None for the end of the input.
Keys = Callable[[], bytes | None]


def run(device: str, baud: int, keys: Keys, show: Callable[[bytes], None], linger_s: float) -> None:
    """Connects keys and screen to a port until the input ends and the port has then been silent for `linger_s`.

    Raises UsageError where the port cannot be opened, TargetError where it goes away or takes no input.
    """
    import serial

    port = ports.opened(device, baud)
    try:
        _connect(port, keys, show, linger_s)
    except serial.SerialTimeoutException:
        raise TargetError(f"{device}: the other side took no input for {ports.WRITE_TIMEOUT_S:g} s") from None
    except (serial.SerialException, OSError) as error:
        if isinstance(error, BrokenPipeError):  # of the screen: `… | head` has seen enough
            raise
        raise ports.refused(device, error) from None
    finally:
        with contextlib.suppress(serial.SerialException, OSError):
            port.close()


def _connect(port: Any, keys: Keys, show: Callable[[bytes], None], linger_s: float) -> None:
    ended: float | None = None  # since when there is nothing more to send, and nothing was received
    while ended is None or time.monotonic() - ended < linger_s:
        data = port.read(max(1, min(port.in_waiting, _READ_BYTES)))
        if data:
            show(data)
        typed = keys() if ended is None else b""
        if typed:
            port.write(typed)
        if typed is None or (ended is not None and data):
            ended = time.monotonic()


@contextlib.contextmanager
def typed(descriptor: int | None) -> Iterator[Keys]:
    """Keys of a terminal, one by one and unechoed; Ctrl-] or Ctrl-C ends them. The terminal is put back afterwards."""
    if sys.platform == "win32":
        yield _until_leaving(_windows_keys)
        return
    import select
    import termios

    assert descriptor is not None
    before = termios.tcgetattr(descriptor)
    raw = termios.tcgetattr(descriptor)
    raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    termios.tcsetattr(descriptor, termios.TCSANOW, raw)

    def read() -> bytes | None:
        if not select.select([descriptor], [], [], 0)[0]:
            return b""
        return os.read(descriptor, 256) or None

    try:
        yield _until_leaving(read)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def piped(descriptor: int | None) -> Iterator[Keys]:
    """What a pipe or a file holds, until it ends; nothing where there is none."""
    pieces: queue.Queue[bytes] = queue.Queue()

    def pump() -> None:
        data = b"?"
        while data:
            try:
                data = b"" if descriptor is None else os.read(descriptor, 256)
            except OSError:
                data = b""
            pieces.put(data)

    threading.Thread(target=pump, daemon=True).start()

    def keys() -> bytes | None:
        with contextlib.suppress(queue.Empty):
            return pieces.get_nowait() or None
        return b""

    yield keys


def _until_leaving(read: Keys) -> Keys:
    """The same keys up to one that leaves."""
    left = False

    def keys() -> bytes | None:
        nonlocal left
        data = None if left else read()
        if data is None:
            return None
        kept = min((data.split(key, 1)[0] for key in LEAVE_KEYS), key=len)
        left = kept != data
        return kept or (None if left else b"")

    return keys


def _windows_keys() -> bytes | None:
    import msvcrt

    data = b""
    while msvcrt.kbhit():  # type: ignore[attr-defined]
        data += msvcrt.getwch().encode()  # type: ignore[attr-defined]
    return data
