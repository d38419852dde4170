"""The PC's side of the MLPerf Tiny device protocol, over a Link: firmware_templates/app/protocol.h describes it.

Commands end with "%"; an answer is lines up to "m-ready"; a line "e-[…]" is a refusal.
"""

import re
import time
from collections import deque
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyprune.device.link import Link
from tinyprune.errors import Disconnected, Restarted, TargetError, printable

#: Whose time a device tells: real hardware's, a cycle model's, that of an emulator which counts instructions, none's
#: (an emulator without a model), or nobody knows whose: what is at the other end of a network or a pseudo terminal?
Clock = Literal["measured", "modelled", "virtual", "stopped", "unknown"]

LOAD_BYTES_A_LINE = 31  # of an input, so that "db " and its hexadecimal digits stay below the device's 80 characters
ANSWER_TIMEOUT_S = 5.0
_READY = "m-ready"
_BOOTED = "m-init-done"
_REPEAT_S = 1.0  # a board that boots when its port is opened hears nothing for a while
_QUIET_S = 0.1
_SHOWN_CHARACTERS = 400
_SHOWN_LINES = 40
#: How long after a deadline what had arrived by then may still be read. What goes on arriving does not move it.
_GRACE_S = 1.0
#: Of one answer: far more than any has, and all that is kept of a port that talks without end.
_ANSWER_BYTES = 1 << 22
_NUMBER = r"[0-9]{1,20}"


class Device:
    """A firmware at the other end of a link. Methods raise TargetError with what was sent and what came back."""

    def __init__(self, link: Link, timeout_s: float | None = None) -> None:
        self._link = link
        self._timeout_s = ANSWER_TIMEOUT_S if timeout_s is None else timeout_s
        self._received = bytearray()

    def connect(self) -> None:
        """Waits for an answer, past boot messages and whatever was said before. Call it first, and after an error.

        Asks once a second: a board that boots when its port is opened hears nothing at first.
        """
        self._received = bytearray()
        lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        try:
            self._ask_for_name(lines)
        except Disconnected as error:
            raise Disconnected(f"{error}; it said {_shown(list(lines))}" if lines else str(error)) from None

    def _ask_for_name(self, lines: "deque[str]") -> None:
        """`lines`: where what comes is kept."""
        for asked in range(1, max(1, round(self._timeout_s / _REPEAT_S)) + 1):
            # The first % ends a half-sent command. Once only: a board may be deaf while it answers that.
            self._link.write(b"%name%" if asked == 1 else b"name%")
            deadline = time.monotonic() + min(self._timeout_s, _REPEAT_S)
            while (line := self._read_line(deadline)) is not None:
                lines.append(line)
                if line.startswith("m-name-dut-"):
                    return self._skip_answers(asked)
        raise self._silence("name", list(lines))

    def _skip_answers(self, asked: int) -> None:
        """Reads to the end of the first answer to `name`, and those to the other times it was `asked`."""
        deadline = time.monotonic() + self._timeout_s
        self._answer("name", deadline)
        while asked > 1 and self._read_line(min(deadline, time.monotonic() + _QUIET_S)) is not None:
            pass

    def command(self, text: str, timeout_s: float | None = None) -> list[str]:
        """Sends one command; the lines of its answer without "m-ready"."""
        self._link.write(f"{text}%".encode("ascii"))
        return self._answer(text, time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s))

    def said(self, last: str, timeout_s: float) -> list[str]:
        """Lines that come unasked before the one that is `last`."""
        return self._answer("", time.monotonic() + timeout_s, last)

    def name(self) -> str:
        return printable(self._value("name", r"m-name-dut-\[(.*)\]"))

    def profile(self) -> tuple[str, str]:
        """(benchmark firmware, network)."""
        lines = self.command("profile")
        patterns = (r"m-profile-\[(.*)\]", r"m-model-\[(.*)\]")
        benchmark, network = (printable(_find(lines, pattern, "profile")[0]) for pattern in patterns)
        return benchmark, network

    def model_id(self) -> str:
        return printable(self._value("model", r"m-model-id-\[(.*)\]"))

    def board(self) -> str | None:
        """The board that the firmware was built for; None if it does not say."""
        found = [line for line in self.command("model") if line.startswith("m-board-")]
        return printable(_find(found, r"m-board-\[(.*)\]", "model")[0]) if found else None

    def timestamp_us(self) -> int:
        return int(self._value("timestamp", rf"m-lap-us-({_NUMBER})"))

    def load(self, data: bytes) -> None:
        """Sends one input."""
        answer = self.command(f"db load {len(data)}")
        _find(answer, r"m-\[Expecting (\d+) bytes\]", f"db load {len(data)}")
        for start in range(0, len(data), LOAD_BYTES_A_LINE):
            line = f"db {data[start : start + LOAD_BYTES_A_LINE].hex()}"
            answer = self.command(line)
        _find(answer, r"(m-load-done)", line)

    def infer(self, runs: int = 1, warmup: int = 0, timeout_s: float | None = None) -> int:
        """Runs the network on the loaded input; microseconds of all `runs`, by the device's clock."""
        command = f"infer {runs} {warmup}"
        start_us, end_us = _find(self.command(command, timeout_s), rf"m-lap-us-({_NUMBER})", command, count=2)
        return int(end_us) - int(start_us)

    def reset(self) -> None:
        """Has a network that remembers forget all earlier inferences."""
        _find(self.command("reset"), r"(m-reset-done)", "reset")

    def stored_input(self) -> bytes:
        """What the device holds of the input that was loaded last."""
        lines = self.command("db print")
        found = [match[1] for match in map(re.compile(r"m-buffer-((?:[0-9a-f]{2}-?)*)").fullmatch, lines) if match]
        return bytes.fromhex("".join(found).replace("-", ""))

    def results(self) -> list[float]:
        """The dequantized output, rounded to three decimals by the device."""
        number = r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?"
        return [float(each) for each in self._value("results", rf"m-results-\[({number}(?:,{number})*)\]").split(",")]

    def output(self) -> npt.NDArray[np.int8]:
        """The raw output, `[output_bytes]`."""
        digits = self._value("output", r"m-output-\[((?:[0-9a-f]{2})*)\]")
        return np.frombuffer(bytes.fromhex(digits), np.int8)

    def _value(self, command: str, pattern: str) -> str:
        return _find(self.command(command), pattern, command)[0]

    def _answer(self, command: str, deadline: float, last: str = _READY) -> list[str]:
        lines: list[str] = []
        size = 0
        while (line := self._read_line(deadline)) != last:
            if line is None:
                raise self._silence(command, lines)
            if line == _BOOTED:
                raise Restarted(f'the device restarted while it was to answer "{command}"')
            lines.append(line)
            size += len(line)
            if size > _ANSWER_BYTES:
                raise self._endless(command, lines)
        refusals = [line for line in lines if line.startswith("e-[")]
        if refusals:
            raise TargetError(f'the device refused "{command}" with {printable(refusals[0])}')
        return lines

    def _read_line(self, deadline: float) -> str | None:
        """The next line without its end, put together from as many reads as it takes; None: it is not there in time."""
        latest = deadline + _GRACE_S
        while b"\n" not in self._received and time.monotonic() < latest:
            data = self._link.read(max(deadline - time.monotonic(), 0.0))
            if not data:
                return None
            self._received += data
            if len(self._received) > _ANSWER_BYTES:
                raise self._endless("", [self._received[:_SHOWN_CHARACTERS].decode(errors="replace")])
        end = self._received.find(b"\n")
        if end < 0 or time.monotonic() > latest:
            return None
        line = self._received[:end].decode(errors="replace").rstrip("\r")
        del self._received[: end + 1]
        return line

    def _endless(self, command: str, lines: list[str]) -> TargetError:
        self._received = bytearray()
        asked = f' when asked "{command}"' if command else ""
        return TargetError(f"the other end{asked} sends without end, and not by the protocol; it began {_shown(lines)}")

    def _silence(self, command: str, before: list[str]) -> TargetError:
        said = _shown([*before, self._received.decode(errors="replace")])
        return TargetError(f'the device did not complete its answer to "{command}" in time; it sent {said}')


def _find(lines: list[str], pattern: str, command: str, count: int = 1) -> list[str]:
    """The first group of the lines that match; TargetError unless there are `count` of them."""
    found = [match[1] for match in map(re.compile(pattern).fullmatch, lines) if match]
    if len(found) != count:
        raise TargetError(f'the device answered "{command}" with {_shown(lines)}; expected {pattern}')
    return found


def _shown(lines: list[str]) -> str:
    text = " / ".join(line for line in lines[:_SHOWN_CHARACTERS] if line) or "nothing"
    return printable(text, _SHOWN_CHARACTERS)
