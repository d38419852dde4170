"""A serial port as a Link: a board on its cable, or whatever else pyserial opens (`socket://`, `rfc2217://`, `loop://`)."""

import errno
import os
import stat
import sys
import time
from typing import Any

import serial

from tinyprune.emulators import Profile
from tinyprune.errors import Disconnected, TargetError, UsageError
from tinyprune.protocol import Clock

BAUD = 115_200
_POLL_S = 0.05
_WRITE_TIMEOUT_S = 10.0
#: Linux, Documentation/admin-guide/devices.txt: character devices 136 to 143 are the other ends of pseudo terminals.
_PTY_MAJORS = range(136, 144)
_ADVICE = {
    errno.ENOENT: "is the board plugged in? `python -m serial.tools.list_ports -v` lists the ports there are",
    errno.EACCES: "you may not open it: `sudo usermod -aG dialout $USER`, then log in again",
    errno.EBUSY: "another program has it open: close its serial monitor",
}


def start(port: str, *, hardware: bool = False) -> "SerialLink":
    """Opens a port or a URL of pyserial at 115200 baud, 8N1.

    `hardware`: the user vouches for a board at the other end of a port that may be anything. Raises UsageError where it
    cannot be opened, or is open elsewhere.
    """
    try:
        exclusive = {} if "://" in port or sys.platform == "win32" else {"exclusive": True}
        opened = serial.serial_for_url(port, BAUD, timeout=_POLL_S, write_timeout=_WRITE_TIMEOUT_S, **exclusive)
    except (serial.SerialException, OSError, ValueError) as error:
        raise UsageError(f"cannot open the port {port}: {_reason(error)}") from None
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


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if "exclusively lock" in str(error):  # pyserial: flock says EAGAIN
        number = errno.EBUSY
    said = os.strerror(number) if number else str(error)
    return f"{said}; {_ADVICE[number]}" if number in _ADVICE else said


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
            raise TargetError(f"{self._port} took no data for {_WRITE_TIMEOUT_S:g} s") from None
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
            return Disconnected(f"the port {self._port} is closed")
        return Disconnected(f"the port {self._port} went away ({_reason(error)})")
