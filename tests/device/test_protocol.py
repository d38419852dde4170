"""The PC's side of the protocol, against a device that answers from a script."""

import re
import time
from collections.abc import Callable

import numpy as np
import pytest

from tinyprune.device import protocol
from tinyprune.device.protocol import Device
from tinyprune.errors import Disconnected, Restarted, TargetError

READY = b"m-ready\r\n"


class Scripted:
    """A Link that answers each complete command with what `answer` returns, `chunk` bytes a read."""

    def __init__(self, answer: Callable[[str], bytes], chunk: int = 1000, boot: bytes = b"") -> None:
        self.commands: list[str] = []
        self._answer = answer
        self._chunk = chunk
        self._half = b""
        self._pending = boot

    def write(self, data: bytes) -> None:
        *commands, self._half = (self._half + data).split(b"%")
        for command in commands:
            self.commands.append(command.decode("ascii"))
            self._pending += self._answer(self.commands[-1])

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002
        data, self._pending = self._pending[: self._chunk], self._pending[self._chunk :]
        return data

    def close(self) -> None:
        pass


def device(answer: bytes, chunk: int = 1000) -> Device:
    return Device(Scripted(lambda _: answer, chunk), timeout_s=1)


def simple_device(command: str) -> bytes:
    """A network that returns the first two input bytes."""
    fixed = {
        "": b"",
        "name": b"m-name-dut-[it]\r\n",
        "model": b"m-model-id-[abc]\r\n",
        "profile": b"m-profile-[P]\r\nm-model-[kws01]\r\n",
        "db load 40": b"m-[Expecting 40 bytes]\r\n",
        "infer 4 2": b"m-lap-us-100\r\nm-lap-us-140\r\nm-infer-done\r\n",
        "output": b"m-output-[80ff]\r\n",
    }
    if re.fullmatch("db [0-9a-f]{18}", command):
        return b"m-load-done\r\n" + READY
    if re.fullmatch("db [0-9a-f]{62}", command):
        return READY
    return fixed[command] + READY


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
def test_values_from_split_reads(chunk: int) -> None:
    assert device(b"m-name-dut-[X y]\r\nm-ready\r\n", chunk).name() == "X y"
    assert device(b"m-profile-[P]\r\nm-model-[kws01]\r\nm-ready\r\n", chunk).profile() == ("P", "kws01")
    assert device(b"m-model-id-[0123]\r\nm-ready\r\n", chunk).model_id() == "0123"
    assert device(b"m-lap-us-4294967296\r\nm-ready\r\n", chunk).timestamp_us() == 4294967296
    assert device(b"m-results-[0.123,-4.000]\r\nm-ready\r\n", chunk).results() == [0.123, -4.0]
    assert device(b"m-lap-us-5\r\nm-lap-us-17\r\nm-ready\r\n", chunk).infer(3, 0) == 12
    output = device(b"m-output-[80ff007f]\r\nm-ready\r\n", chunk).output()
    assert output.tolist() == [-128, -1, 0, 127]
    assert output.dtype == np.int8


def test_answers_merged_into_one_read() -> None:
    link = Scripted(lambda _: b"", boot=b"m-name-dut-[X]\r\nm-ready\r\nm-model-id-[7]\r\nm-ready\r\n")
    merged = Device(link)
    assert (merged.name(), merged.model_id()) == ("X", "7")


@pytest.mark.parametrize("size", [1, 30, 31, 32, 62, 490])
def test_load_sends_short_lines(size: int) -> None:
    data = bytes(i % 256 for i in range(size))
    last = f"db {data[(size - 1) // 31 * 31 :].hex()}"

    def answer(command: str) -> bytes:
        if command.startswith("db load"):
            return f"m-[Expecting {size} bytes]\r\n".encode() + READY
        return (b"m-load-done\r\n" if command == last else b"") + READY

    link = Scripted(answer)
    Device(link).load(data)
    assert link.commands[0] == f"db load {size}"
    assert max(len(command) for command in link.commands) <= 80
    assert b"".join(bytes.fromhex(command[3:]) for command in link.commands[1:]) == data


def test_load_checks_that_the_device_is_content() -> None:
    with pytest.raises(TargetError, match=r'the device answered "db 0102" with nothing; expected \(m-load-done\)'):
        Device(Scripted(lambda c: (b"m-[Expecting 2 bytes]\r\n" if "load" in c else b"") + READY)).load(b"\1\2")


def test_refusals_are_told() -> None:
    with pytest.raises(TargetError, match=re.escape('the device refused "infer 1 0" with e-[0 bytes are loaded]')):
        device(b"e-[0 bytes are loaded]\r\nm-ready\r\n").infer()


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"m-ready\r\n", "nothing"),
        (b"m-output-[8]\r\nm-ready\r\n", "m-output-[8]"),
        (b"m-output-[xx]\r\nm-ready\r\n", "m-output-[xx]"),
        (b"\xff\xfe\r\nm-ready\r\n", "\ufffd\ufffd"),
        (b"one\r\ntwo\r\nm-ready\r\n", "one / two"),
        (b"x" * 1000 + b"\r\nm-ready\r\n", "x" * 399 + "…"),
    ],
)
def test_wrong_answers_are_shown(answer: bytes, shown: str) -> None:
    with pytest.raises(TargetError, match=re.escape(f'the device answered "output" with {shown}; expected m-output-')):
        device(answer).output()


def test_one_lap_is_not_two() -> None:
    with pytest.raises(TargetError, match='answered "infer 1 0" with m-lap-us-5; expected m-lap-us-'):
        device(b"m-lap-us-5\r\nm-ready\r\n").infer()


@pytest.mark.parametrize(
    ("answer", "shown"), [(b"", "nothing"), (b"m-infer-start-1\r\nm-lap-", "m-infer-start-1 / m-lap-")]
)
def test_silence_is_told(answer: bytes, shown: str) -> None:
    with pytest.raises(TargetError, match=f'did not complete its answer to "infer 1 0" in time; it sent {shown}$'):
        device(answer).infer()


def test_a_device_that_never_stops_talking_runs_into_the_timeout() -> None:
    class Chatter(Scripted):
        def read(self, timeout_s: float) -> bytes:
            time.sleep(0.01)
            return b"x" if timeout_s > 0 else b""

    started = time.monotonic()
    with pytest.raises(TargetError, match="in time"):
        Device(Chatter(lambda _: b""), timeout_s=0.1).name()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "boot", [b"", b"m-init-done\r\nm-ready\r\n", b"half a li", b"e-[Unknown command: x]\r\nm-ready\r\n"]
)
def test_connect_skips_what_was_said_before(boot: bytes) -> None:
    if boot == b"half a li":
        boot += b"ne\r\n"
    link = Scripted(simple_device, chunk=3, boot=boot)
    connected = Device(link)
    connected.connect()
    assert link.commands == ["", "name"]
    assert connected.model_id() == "abc"


def test_connect_asks_again_and_skips_the_answers_to_its_other_questions() -> None:
    """A board that boots when its port is opened hears nothing of the first question; a slow one answers all."""
    asked: list[str] = []

    def answer(command: str) -> bytes:
        asked.append(command)
        if asked.count("name") < 3:
            return b""
        return (b"m-name-dut-[it]\r\nm-ready\r\n" * 3) if command == "name" else simple_device(command)

    connected = Device(Scripted(answer, chunk=5))
    connected.connect()
    assert asked.count("name") == 3
    assert connected.model_id() == "abc"


def test_connect_gives_up() -> None:
    link = Scripted(lambda _: b"%name%")
    with pytest.raises(TargetError, match='did not complete its answer to "name" in time; it sent %name%%name%'):
        Device(link).connect()
    assert link.commands.count("name") == 5


def test_what_a_line_says_before_it_goes_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Scripted(lambda _: b"")
    said = [b"e-[Another program is connected]\r\n"]

    def read(_timeout_s: float) -> bytes:
        if said:
            return said.pop()
        raise Disconnected("the port went away")

    monkeypatch.setattr(link, "read", read)
    with pytest.raises(Disconnected, match=r"^the port went away; it said e-\[Another program is connected\]$"):
        Device(link).connect()
    with pytest.raises(Disconnected, match=r"^the port went away$"):
        Device(link).connect()


def test_a_boot_in_the_middle_of_an_answer_is_told() -> None:
    boot = b"m-timestamp-mode-performance\r\nm-lap-us-1\r\nm-init-done\r\nm-ready\r\n"
    with pytest.raises(Restarted, match='the device restarted while it was to answer "infer 1 0"'):
        device(b"m-warmup-start-0\r\nm-wa" + boot).infer()


def test_stored_input() -> None:
    assert device(b"m-buffer-00-ff-80\r\nm-buffer-7f\r\nm-ready\r\n").stored_input() == b"\x00\xff\x80\x7f"


def test_a_board_that_is_deaf_while_it_answers_is_reached() -> None:
    """Without a buffer for what arrives meanwhile: all that follows a % in one go is lost."""
    lost: list[bytes] = []

    class Deaf(Scripted):
        def write(self, data: bytes) -> None:
            first, end, rest = data.partition(b"%")
            lost.append(rest)
            super().write(first + end)

    link = Deaf(simple_device)
    Device(link).connect()
    assert lost[0] == b"name%"
    assert link.commands == ["", "name"]


class Talker:
    """A port that talks by itself, faster than anybody can read: a sketch that prints, whatever it is asked."""

    def __init__(self, text: bytes, also: bytes = b"") -> None:
        self.read_bytes = 0
        self._text, self._also = text, also

    def write(self, data: bytes) -> None:
        self._next = self._also if b"name" in data else b""

    def read(self, timeout_s: float) -> bytes:
        time.sleep(min(timeout_s, 0.001))
        data, self._next = self._next + self._text, b""
        self.read_bytes += len(data)
        return data

    def close(self) -> None:
        pass


@pytest.mark.parametrize("text", [b"temperature 21.5\r\n", b"x" * 4096, b"\r\n" * 2000, b"m-ready"])
def test_a_port_that_talks_by_itself_is_left(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(protocol, "_GRACE_S", 0.05)
    monkeypatch.setattr(protocol, "_REPEAT_S", 0.1)
    monkeypatch.setattr(protocol, "_ANSWER_BYTES", 1 << 18)
    link = Talker(text)
    with pytest.raises(TargetError, match=r"did not complete its answer|sends without end") as caught:
        Device(link, timeout_s=0.3).connect()
    assert len(str(caught.value)) < 1000
    assert link.read_bytes < 1 << 26
    with pytest.raises(TargetError, match=r'answer to "model" in time|sends without end'):
        Device(link, timeout_s=0.3).model_id()


def test_a_device_that_answers_and_then_talks_on_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_GRACE_S", 0.05)
    monkeypatch.setattr(protocol, "_REPEAT_S", 0.1)
    link = Talker(b"21.5\r\n", b"m-name-dut-[it]\r\nm-ready\r\n")
    Device(link, timeout_s=0.3).connect()
    with pytest.raises(TargetError, match="in time"):
        Device(link, timeout_s=0.3).command("infer 4294967295")


def test_what_a_device_says_is_shown_harmless_and_short() -> None:
    evil = b"\x1b]0;owned\x07" + b"x" * 5000
    for answer in (
        b"m-model-id-[" + evil + b"]\r\n" + READY,
        b"e-[" + evil + b"]\r\n" + READY,
        evil + b"\r\n" + READY,
    ):
        try:
            said = device(answer).model_id()
        except TargetError as error:
            said = str(error)
        assert said.isprintable()
        assert len(said) < 600
    for number in (b"9" * 5000, b"-1", b"1e400", b"\xd9\xa1"):
        with pytest.raises(TargetError, match='the device answered "timestamp"'):
            device(b"m-lap-us-" + number + b"\r\n" + READY).timestamp_us()
        with pytest.raises(TargetError, match='the device answered "results"'):
            device(b"m-results-[" + number.replace(b"-1", b"-") + b",x]\r\n" + READY).results()
