"""A process whose standard input and output are the serial port of the firmware that it runs."""

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence

from tinyprune.errors import TargetError

_CLOSE_TIMEOUT_S = 2.0
_WRITE_TIMEOUT_S = 60.0
_PIPE_BYTES = 512  # POSIX: a pipe that is ready takes at least this much without blocking
_SHOWN_CHARACTERS = 2000


class Pipes:
    """Write, read and close of a Link. `who` is the subject of the sentence that tells how the process ended."""

    def __init__(self, command: Sequence[str], who: str, explain: Callable[[str], str] = str.strip) -> None:
        """Starts it; `explain` picks what to show of its standard error. Raises TargetError if it cannot be run."""
        self._who = who
        self._explain = explain
        self._received = bytearray()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        try:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, bufsize=0
            )
        except OSError as error:
            self._stderr.close()
            raise TargetError(f"{command[0]}: cannot be run: {error.strerror}") from None
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

    def close(self, kill: bool = False) -> None:
        """Ends the input and waits for the process, or with `kill` does not wait."""
        if self._stdin.closed:
            return
        self._stdin.close()
        if kill:
            self._process.kill()
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
        try:
            code = self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return TargetError(f"{self._who} closed its output")
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
        self._stderr.seek(0)
        said = self._explain(self._stderr.read().decode(errors="replace"))[-_SHOWN_CHARACTERS:]
        return TargetError(f"{self._who} {how}" + (f": {said}" if said else ""))
