"""The PC's side of the protocol, against a device that answers from a script."""

import re
import time
from collections.abc import Callable

import numpy as np
import pytest

from tinyprune import benchmark
from tinyprune.errors import DataError, TargetError
from tinyprune.protocol import Device

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
        (b"x" * 1000 + b"\r\nm-ready\r\n", "x" * 400 + "…"),
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


def test_benchmark_runs_every_input() -> None:
    inputs = np.arange(80, dtype=np.int8).reshape(2, 8, 5)
    link = Scripted(simple_device)
    seen: list[tuple[int, int]] = []
    report = benchmark.run(
        link, inputs, clock="measured", model_id="abc", runs=4, warmup=2, progress=lambda *done: seen.append(done)
    )
    assert (report.device, report.network, report.model_id, report.runs) == ("it", "kws01", "abc", 4)
    assert report.outputs.tolist() == [[-128, -1]] * 2
    assert report.inference_us is not None
    assert report.inference_us.tolist() == [10.0, 10.0]
    assert report.clock == "measured"
    assert seen == [(1, 2), (2, 2)]
    sent = "".join(command[3:] for command in link.commands if re.fullmatch("db [0-9a-f]+", command))
    assert bytes.fromhex(sent) == inputs.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        report.outputs[0, 0] = 1


def test_benchmark_tells_no_time_of_a_stopped_clock() -> None:
    inputs = np.zeros((1, 40), np.int8)
    assert benchmark.run(Scripted(simple_device), inputs, clock="stopped", runs=4, warmup=2).inference_us is None


def test_benchmark_refuses_another_model() -> None:
    with pytest.raises(TargetError, match="the device runs model abc, not xyz: flash it again"):
        benchmark.run(Scripted(simple_device), np.zeros((1, 40), np.int8), clock="measured", model_id="xyz")


@pytest.mark.parametrize(
    "inputs", [np.zeros((1, 40), np.uint8), np.zeros(40, np.int8), np.zeros((0, 40), np.int8), np.zeros((2, 4))]
)
def test_benchmark_refuses_wrong_inputs(inputs: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"inputs must be int8 \[samples, \.\.\.\], not "):
        benchmark.run(Scripted(simple_device), inputs, clock="measured")
