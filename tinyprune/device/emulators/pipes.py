"""A process whose standard input and output are the serial port of the firmware that it runs."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence

from tinyprune.errors import TargetError
from tinyprune.processes import Reader, Writer

_CLOSE_TIMEOUT_S = 2.0
_WRITE_TIMEOUT_S = 60.0
_SHOWN_CHARACTERS = 2000


class Pipes:
    """Write, read and close of a Link. `who` is the subject of the sentence that tells how the process ended."""

    def __init__(self, command: Sequence[str], who: str, explain: Callable[[str], str] = str.strip) -> None:
        """Starts it; `explain` picks what to show of its standard error. Raises TargetError if it cannot be run."""
        self._who = who
        self._explain = explain
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
        self._input, self._output = Writer(self._process.stdin), Reader(self._process.stdout)
        self._closed = False

    def write(self, data: bytes) -> None:
        """What the firmware prints meanwhile is kept, so that full pipes never block both sides."""
        self._require_open()
        try:
            if not self._input.write(data, _WRITE_TIMEOUT_S):
                raise self._gone()
        except TimeoutError:
            raise TargetError(f"the firmware took no input for {_WRITE_TIMEOUT_S:.0f} s") from None

    def read(self, timeout_s: float) -> bytes:
        self._require_open()
        data = self._output.read(timeout_s)
        if data == b"":
            raise self._gone()
        return data or b""

    def close(self, kill: bool = False) -> None:
        """Ends the input and waits for the process, or with `kill` does not wait."""
        if self._closed:
            return
        self._closed = True
        self._input.close()
        if kill:
            self._process.kill()
        try:
            self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._stderr.close()

    def _require_open(self) -> None:
        if self._closed:
            raise TargetError("the link to the firmware is closed")

    def _gone(self) -> TargetError:
        try:
            code = self._process.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return TargetError(f"{self._who} closed its output")
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
        self._stderr.seek(0)
        said = self._explain(self._stderr.read().decode(errors="replace"))[-_SHOWN_CHARACTERS:]
        return TargetError(f"{self._who} {how}" + (f": {said}" if said else ""))
