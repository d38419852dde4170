"""The PC as a board: the firmware is a process, its serial port a pair of pipes."""

import os
import select
import subprocess
import tempfile
import time

from tinyprune.boards import Board
from tinyprune.emulators.profile import Profile
from tinyprune.errors import TargetError
from tinyprune.firmware import FirmwareImage
from tinyprune.protocol import Clock

_CLOSE_TIMEOUT_S = 2.0
_WRITE_TIMEOUT_S = 60.0
_PIPE_BYTES = 512  # POSIX: a pipe that is ready takes at least this much without blocking


def start(image: FirmwareImage, board: Board, *, profile: bool = False) -> "HostLink":
    """Runs the firmware. Raises TargetError if it cannot be executed or shall be profiled."""
    if board.cpu.core != "host":
        raise TargetError(f"the emulator host runs firmware for the board host, not for {board.name}")
    if profile:
        raise TargetError("the emulator host does not count instructions; profile on a board that runs in sim")
    return HostLink(image)


class HostLink:
    """A Link to the process."""

    def __init__(self, image: FirmwareImage) -> None:
        self._received = bytearray()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        try:
            self._process = subprocess.Popen(
                [str(image.elf.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
            )
        except OSError as error:
            self._stderr.close()
            raise TargetError(f"{image.elf}: cannot be run: {error.strerror}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def write(self, data: bytes) -> None:
        """Takes what the firmware prints meanwhile, so that full pipes never block both sides."""
        self._require_open()
        deadline = time.monotonic() + _WRITE_TIMEOUT_S
        rest = memoryview(data)
        while rest:
            readable, writable, _ = select.select(
                [self._stdout], [self._stdin], [], max(0.0, deadline - time.monotonic())
            )
            if not readable and not writable:
                raise TargetError(f"the firmware took no input for {_WRITE_TIMEOUT_S:.0f} s")
            if readable:
                self._receive()
            elif writable:
                rest = rest[self._send(rest[:_PIPE_BYTES]) :]

    def read(self, timeout_s: float) -> bytes:
        self._require_open()
        if not self._received and select.select([self._stdout], [], [], timeout_s)[0]:
            self._receive()
        data = bytes(self._received)
        self._received.clear()
        return data

    @property
    def clock(self) -> Clock:
        return "measured"

    def profile(self) -> Profile:
        raise TargetError("the emulator host does not count instructions")

    def close(self) -> None:
        self._stdin.close()
        try:
            self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()
        self._stderr.close()

    def _require_open(self) -> None:
        if self._stdin.closed:
            raise TargetError("the link to the firmware is closed")

    def _send(self, data: memoryview) -> int:
        try:
            return os.write(self._stdin.fileno(), data)
        except BrokenPipeError:
            raise self._gone() from None

    def _receive(self) -> None:
        data = os.read(self._stdout.fileno(), 65536)
        if not data:
            raise self._gone()
        self._received += data

    def _gone(self) -> TargetError:
        code = self._process.wait(_CLOSE_TIMEOUT_S)
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip()[-2000:]
        return TargetError(f"the firmware ended with exit code {code}" + (f": {said}" if said else ""))
