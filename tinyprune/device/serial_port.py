"""A serial port as a Link: a board on its cable, or whatever else pyserial opens (`socket://`, `rfc2217://`, `loop://`)."""

import os
import stat
import sys
import time
from typing import Any

import serial

from tinyprune.device import ports
from tinyprune.device.emulators import Profile
from tinyprune.device.protocol import Clock
from tinyprune.errors import Disconnected, TargetError

BAUD = 115_200
#: Linux, Documentation/admin-guide/devices.txt: character devices 136 to 143 are the other ends of pseudo terminals.
_PTY_MAJORS = range(136, 144)


def start(port: str, *, hardware: bool = False) -> "SerialLink":
    """Opens a port or a URL of pyserial at 115200 baud, 8N1.

    `hardware`: the user vouches for a board at the other end of a port that may be anything. Raises UsageError or
    TargetError where it cannot be opened, or is open elsewhere.
    """
    opened = ports.opened(port, BAUD)
    return SerialLink(port, opened, "measured" if hardware or is_local_hardware(port) else "unknown")


def is_local_hardware(port: str) -> bool:
    """Whether this is a serial device of this computer, and so the clock at its other end a board's."""
    if "://" in port:
        return False
    try:
        device = os.stat(port)  # noqa: PTH116 (follows links as the kernel does)
    except OSError:
        return sys.platform == "win32"
    if not stat.S_ISCHR(device.st_mode):
        return False
    if sys.platform == "darwin":
        return not os.path.realpath(port).startswith("/dev/ttys")
    return os.major(device.st_rdev) not in _PTY_MAJORS


class SerialLink:
    """A Link that is also shaped like an emulator, so that a benchmark takes either."""

    def __init__(self, port: str, opened: Any, clock: Clock) -> None:
        self._port = port
        self._serial = opened
        self._clock = clock

    def write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise TargetError(f"{self._port} took no data for {ports.WRITE_TIMEOUT_S:g} s") from None
        except (serial.SerialException, OSError, TypeError) as error:
            raise self._gone(error) from None

    def read(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                data = self._serial.read(max(1, self._serial.in_waiting))
                if data or time.monotonic() >= deadline:
                    return bytes(data)
        except (serial.SerialException, OSError, TypeError) as error:
            raise self._gone(error) from None

    @property
    def clock(self) -> Clock:
        return self._clock

    def profile(self) -> Profile:
        raise TargetError("a board does not count instructions; profile in an emulator")

    def close(self) -> None:
        try:
            self._serial.close()
        except (serial.SerialException, OSError):
            return  # a port that has vanished closes itself

    def _gone(self, error: Exception) -> Disconnected:
        if not self._serial.is_open:
            return Disconnected(f"{self._port}: the port is closed")
        return Disconnected(f"{self._port}: the port went away: the board was unplugged or reset ({error})")
