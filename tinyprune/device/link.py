"""The one transport between the PC and a firmware: bytes out, bytes in. A serial port, an emulator or a process behind
it."""

from typing import Protocol


class Link(Protocol):
    def write(self, data: bytes) -> None:
        """Sends all bytes. Raises TargetError when the other side is gone."""

    def read(self, timeout_s: float) -> bytes:
        """What has arrived, at least one byte; empty after the time-out. Raises TargetError when the other side is
        gone."""

    def close(self) -> None:
        """Releases the device or process; safe to call twice."""
