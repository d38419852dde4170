"""What a benchmark makes of a line that misbehaves, against a device that answers from a script."""

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import pytest

from tinyprune.device.emulators import Profile
from tinyprune.device.protocol import Clock
from tinyprune.errors import DataError, Disconnected, TargetError, UsageError, WrongModel
from tinyprune.measure import benchmark
from tinyprune.measure.benchmark import Plan, measure

READY = b"m-ready\r\n"
BOOT = b"m-timestamp-mode-performance\r\nm-lap-us-1\r\nm-init-done\r\nm-ready\r\n"
INPUTS = np.arange(120, dtype=np.int8).reshape(3, 8, 5)
EXPECTED = np.ascontiguousarray(INPUTS.reshape(3, 40)[:, :2])


class Network:
    """A device whose network returns the first two input bytes, 10 µs an inference. `fault` may change any answer."""

    clock: Clock = "measured"

    def __init__(self, fault: Callable[[str, bytes], bytes] = lambda _, answer: answer, model: str = "abc") -> None:
        self.commands: list[str] = []
        self.closed = 0
        self._fault, self._model = fault, model
        self._half, self._pending, self._expected, self._loaded, self._time_us = b"", BOOT, 0, b"", 100

    def write(self, data: bytes) -> None:
        *commands, self._half = (self._half + data).split(b"%")
        for command in commands:
            text = command.decode("ascii")
            self.commands.append(text)
            self._pending += self._fault(text, self._answer(text) + READY)

    def _answer(self, command: str) -> bytes:
        if command.startswith("db load"):
            self._expected, self._loaded = int(command.split()[2]), b""
            return f"m-[Expecting {self._expected} bytes]\r\n".encode()
        if command == "db print":
            return f"m-buffer-{self._loaded.hex('-')}\r\n".encode()
        if command.startswith("db "):
            self._loaded += bytes.fromhex(command[3:])
            return b"m-load-done\r\n" if len(self._loaded) == self._expected else b""
        if command.startswith("infer"):
            before, self._time_us = self._time_us, self._time_us + 10 * int(command.split()[1])
            return f"m-lap-us-{before}\r\nm-lap-us-{self._time_us}\r\nm-infer-done\r\n".encode()
        return {
            "": b"",
            "name": b"m-name-dut-[it]\r\n",
            "model": f"m-model-id-[{self._model}]\r\n".encode(),
            "profile": b"m-profile-[P]\r\nm-model-[kws01]\r\n",
            "output": f"m-output-[{self._loaded[:2].hex()}]\r\n".encode(),
        }[command]

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002
        data, self._pending = self._pending[:7], self._pending[7:]
        return data

    def profile(self) -> Profile:
        raise TargetError("no profile")

    def close(self) -> None:
        self.closed += 1


def once(wanted: str, change: Callable[[bytes], bytes], times: int = 1) -> Callable[[str, bytes], bytes]:
    """A fault that strikes the first `times` answers to commands that match."""
    left = [times]

    def fault(command: str, answer: bytes) -> bytes:
        if re.fullmatch(wanted, command) and left[0]:
            left[0] -= 1
            return change(answer)
        return answer

    return fault


def plan(**settings: object) -> Plan:
    return dataclasses.replace(Plan(INPUTS, "abc", EXPECTED), **settings)  # type: ignore[arg-type]


def test_every_input_runs_and_is_timed() -> None:
    link = Network()
    seen: list[tuple[int, int]] = []
    outcome = measure(lambda: link, plan(runs=4, warmup=2), lambda *done: seen.append(done))
    assert (outcome.device, outcome.network, outcome.model_id, outcome.clock) == ("it", "kws01", "abc", "measured")
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert [inference.time_us for inference in outcome.inferences] == [10.0] * 3
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert [command for command in link.commands if "infer" in command] == ["infer 4 2", "infer 4 0", "infer 4 0"]
    assert (outcome.repeated, outcome.restarts, outcome.reconnections, outcome.failure) == (0, 0, 0, None)
    assert link.closed
    with pytest.raises(ValueError, match="read-only"):
        outcome.outputs[0, 0] = 1


def test_a_stopped_clock_tells_no_time() -> None:
    link = Network()
    link.clock = "stopped"
    assert [inference.time_us for inference in measure(lambda: link, plan()).inferences] == [None] * 3


def test_another_model_is_refused_at_once() -> None:
    link = Network(model="xyz")
    with pytest.raises(WrongModel, match="the device runs model xyz, not abc of this build: `tinyprune flash` it"):
        measure(lambda: link, plan())
    assert link.closed
    assert not any(command.startswith("db") for command in link.commands)


def test_firmware_for_another_board_is_refused_at_once_and_one_that_says_no_board_is_not() -> None:
    def says_pico(command: str, answer: bytes) -> bytes:
        return answer.replace(READY, b"m-board-[pico]\r\n" + READY) if command == "model" else answer

    with pytest.raises(WrongModel, match="the device runs firmware for pico, not for nano33: `tinyprune flash` it"):
        measure(lambda: Network(says_pico), plan(board="nano33"))
    assert measure(lambda: Network(says_pico), plan(board="pico")).failure is None
    assert measure(Network, plan(board="nano33")).failure is None


@pytest.mark.parametrize(
    "inputs", [np.zeros((1, 40), np.uint8), np.zeros(40, np.int8), np.zeros((0, 40), np.int8), np.zeros((2, 4))]
)
def test_wrong_inputs_are_refused(inputs: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"inputs must be int8 \[samples, \.\.\.\], not "):
        Plan(inputs)


NOISE = {
    "a lost end": ("infer .*", lambda answer: answer.replace(READY, b"")),
    "a changed end": ("infer .*", lambda answer: answer.replace(b"m-ready", b"m-r\xe5ady")),
    "a garbled time": ("infer .*", lambda answer: answer.replace(b"lap", b"l\xffp", 1)),
    "a lost line": ("db load .*", lambda _: READY),
    "a lost answer": ("db 0.*", lambda _: b""),
    "a refusal": ("output", lambda _: b"e-[Unknown command: ou?put]\r\n" + READY),
    "a garbled output": ("output", lambda answer: answer.replace(b"[", b"[7f").replace(b"7f00", b"7f")),
    "a shorter output": ("output", lambda _: b"m-output-[00]\r\n" + READY),
}


@pytest.mark.parametrize("case", NOISE)
def test_an_input_is_sent_again_when_the_line_was_bad(case: str) -> None:
    wanted, change = NOISE[case]
    outcome = measure(lambda: Network(once(wanted, change)), plan())
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert (outcome.repeated, outcome.restarts, outcome.failure) == (1, 0, None)


def test_garbage_between_the_lines_is_no_error() -> None:
    outcome = measure(lambda: Network(lambda _, answer: b"\xff\x00garbage\r\n" + answer), plan())
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert outcome.repeated == 0


def test_an_input_that_arrived_changed_is_found_by_reading_it_back() -> None:
    """A flipped bit on its way to the device: hexadecimal digits all the same, and a wrong output nobody is to blame
    for."""
    link = Network()
    write, flips = link.write, [1]

    def flip(data: bytes) -> None:
        if data.startswith(b"db 00") and flips:
            flips.pop()
            data = data.replace(b"db 00", b"db 01")
        write(data)

    link.write = flip  # type: ignore[method-assign]
    outcome = measure(lambda: link, plan())
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert outcome.repeated == 1


def test_a_firmware_that_computes_wrongly_is_not_asked_until_it_is_right() -> None:
    wrong = EXPECTED + 1
    outcome = measure(Network, plan(expected=wrong))
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert (outcome.repeated, outcome.failure) == (0, None)


def test_a_reset_midway_is_survived_and_counted() -> None:
    outcome = measure(lambda: Network(once("infer .*", lambda answer: answer[:20] + b"\r\n" + BOOT)), plan(warmup=3))
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert (outcome.restarts, outcome.repeated) == (1, 0)


def test_a_device_that_keeps_resetting_ends_the_run_with_what_was_done() -> None:
    link = Network()
    fault = once("infer .*", lambda _: BOOT, times=100)
    link._fault = lambda command, answer: fault(command, answer) if link._loaded[:1] == b"\x28" else answer
    outcome = measure(lambda: link, plan())
    assert len(outcome.inferences) == 1
    assert outcome.restarts == benchmark.TRIES
    assert "input 1: given up after 4 tries; the last one: the device restarted while" in str(outcome.failure)


def test_a_device_that_falls_silent_ends_the_run_with_what_was_done() -> None:
    link = Network()
    link._fault = lambda _, answer: b"" if link._loaded[:1] == b"\x50" else answer
    outcome = measure(lambda: link, plan())
    assert len(outcome.inferences) == 2
    assert re.search("given up after 4 tries.*in time; it sent nothing", str(outcome.failure))


class Lines:
    """Opens one network after the other; each but the last dies when `fatal` is sent."""

    def __init__(self, fatal: str, *networks: Network | Exception) -> None:
        self.fatal, self.networks = fatal, list(networks)
        self.opened: list[Network] = []

    def __call__(self) -> Network:
        network = self.networks.pop(0)
        if isinstance(network, Exception):
            raise network
        if any(isinstance(rest, Network) for rest in self.networks):
            network._fault = self._die
        self.opened.append(network)
        return network

    def _die(self, command: str, answer: bytes) -> bytes:
        if re.fullmatch(self.fatal, command):
            raise Disconnected("the port went away")
        return answer


@pytest.mark.parametrize("fatal", ["db 2829.*", "infer .*", "output"])
def test_a_pulled_plug_is_survived_when_it_comes_back(fatal: str) -> None:
    lines = Lines(fatal, Network(), UsageError("no such port"), Network())
    outcome = measure(lines, plan(warmup=1))
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert (outcome.reconnections, outcome.repeated) == (1, 0)
    assert [link.closed for link in lines.opened] == [1, 1]
    assert "infer 1 1" in lines.opened[1].commands


def test_a_plug_that_stays_out_ends_the_run_with_what_was_done() -> None:
    def gone() -> Network:
        raise UsageError("cannot open the port")

    first = Lines("db 2829.*", Network(), Network())
    opened: list[Network] = []

    def line() -> Network:
        if opened:
            return gone()
        opened.append(first())
        return opened[0]

    outcome = measure(line, plan(reconnect_timeout_s=0.3))
    assert len(outcome.inferences) == 1
    assert str(outcome.failure) == "the port went away; it did not come back within 0.3 s: cannot open the port"


def test_another_board_on_the_same_port_is_refused() -> None:
    outcome = measure(Lines("db 2829.*", Network(), Network(model="xyz")), plan())
    assert len(outcome.inferences) == 1
    assert isinstance(outcome.failure, WrongModel)


def test_ctrl_c_keeps_what_was_done() -> None:
    def stop(done: int, _all: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    outcome = measure(Network, plan(), stop)
    assert len(outcome.inferences) == 2
    assert isinstance(outcome.failure, KeyboardInterrupt)
