"""The device side of the MLPerf Tiny protocol, the same tests on every kind of wire: a process on the PC under
sanitizers, emulated boards, and serial ports, a pseudo terminal and TCP."""

import re
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from tests.device.emulators import firmware, wires
from tinyprune.device import boards, serial_port
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.link import Link

pytestmark = pytest.mark.compiler
INPUT = bytes((7 * i + 200) % 256 for i in range(firmware.INPUT_BYTES))
BOOT = b"m-timestamp-mode-performance\r\nm-lap-us-T\r\nm-init-done\r\nm-ready\r\n"


def talk(link: Link, sent: bytes, answers: int | None = None) -> bytes:
    """Everything the device says until it is ready for the command behind `sent`; times are replaced.

    Some commands at a time: no serial port keeps the answers to thousands.
    """
    if answers is not None:
        if sent:
            link.write(sent)
        return firmware.without_times(_received(link, answers))
    commands = [command + b"%" for command in sent.split(b"%")[:-1]]
    received = b""
    for start in range(0, len(commands), 32):
        part = commands[start : start + 32]
        link.write(b"".join(part))
        received += _received(link, len(part))
    return firmware.without_times(received)


def _received(link: Link, answers: int) -> bytes:
    received = b""
    while received.count(b"m-ready\r\n") < answers:
        data = link.read(30)
        assert data, received
        received += data
    return received


WIRES = {"host": [], "pty": [], "tcp": [], "sim": [pytest.mark.emulator], "qemu": [pytest.mark.emulator]}


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, marks in WIRES.items()])
def link(request: pytest.FixtureRequest) -> Iterator[Link]:
    """Each kind of wire in turn, past the boot messages."""
    if request.param == "sim":
        board = EMULATORS["sim"](request.getfixturevalue("zig_image"), boards.load("nano33"))
    elif request.param == "qemu":
        if reason := firmware.missing("qemu"):
            pytest.skip(reason)
        board = EMULATORS["qemu"](request.getfixturevalue("qemu_image"), boards.load("mps2-an386"))
    else:
        board = EMULATORS["host"](request.getfixturevalue("host_image"), boards.load("host"))
    with closing(board):
        assert talk(board, b"", answers=1) == BOOT
        if request.param in ("host", "sim", "qemu"):
            yield board
            return
        with wires.plugged(board, request.param) as port, closing(serial_port.start(port)) as serial_link:
            yield serial_link


def answer(link: Link, command: str) -> list[str]:
    lines = talk(link, f"{command}%".encode()).decode().split("\r\n")
    assert lines[-2:] == ["m-ready", ""]
    return lines[:-2]


def load(link: Link) -> None:
    talk(link, firmware.load_commands(INPUT))


FIXED_ANSWERS = {
    "name": ["m-name-dut-[tinyprune]"],
    "profile": ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[kws01]"],
    "model": [f"m-model-id-[{firmware.MODEL_ID}]", "m-board-[none]"],
    "timestamp": ["m-lap-us-T"],
    "": [],
    "  name  ": ["m-name-dut-[tinyprune]"],
    "db load 70": ["m-[Expecting 70 bytes]"],
    "db load 1": ["m-[Expecting 1 bytes]"],
}
REFUSALS = {
    "nonsense": "e-[Unknown command: nonsense]",
    "NAME": "e-[Unknown command: NAME]",
    "na\x00me\x07\x7f": "e-[Unknown command: na?me??]",
    "name name": "e-[Unexpected: name]",
    "name a b c d e": "e-[Unexpected: a]",
    "infer 1 2 3": "e-[Unexpected: 3]",
    "db": "e-[db needs load, print or bytes in hexadecimal]",
    "db load": "e-[db load needs a number of bytes above 0]",
    "db load 0": "e-[db load needs a number of bytes above 0]",
    "db load -1": "e-[db load needs a number of bytes above 0]",
    "db load 0x10": "e-[db load needs a number of bytes above 0]",
    "db load 4294967297": "e-[db load needs a number of bytes above 0]",
    "db load 99999999999999999999999999": "e-[db load needs a number of bytes above 0]",
    "db load 71": "e-[71 bytes are too many: the input has 70]",
    "db load 4294967295": "e-[4294967295 bytes are too many: the input has 70]",
    "db 00": "e-[Announce the bytes with db load first]",
    "db 0g": "e-[Not hexadecimal: 0g]",
    "db 012": "e-[Odd number of hexadecimal digits]",
    "db 00 00": "e-[Unexpected: 00]",
    "db print": "e-[Nothing is loaded]",
    "infer 1 0": "e-[0 bytes are loaded: the input has 70]",
    "infer 0": "e-[infer needs a number of inferences above 0]",
    "infer -1": "e-[infer needs a number of inferences above 0]",
    "infer 1 x": "e-[infer needs a number of warm-up inferences of 0 or more]",
    "results": "e-[No inference has run]",
    "output": "e-[No inference has run]",
}


@pytest.mark.parametrize("command", FIXED_ANSWERS)
def test_answers(link: Link, command: str) -> None:
    assert answer(link, command) == FIXED_ANSWERS[command]


@pytest.mark.parametrize("command", REFUSALS)
def test_refusals(link: Link, command: str) -> None:
    assert answer(link, command) == [REFUSALS[command]]
    assert answer(link, "name") == FIXED_ANSWERS["name"]


def test_help_names_every_command(link: Link) -> None:
    told = {line.split()[0] for line in answer(link, "help")}
    assert told == {"name", "profile", "model", "timestamp", "db", "infer", "results", "output"}


def test_load_and_print(link: Link) -> None:
    assert answer(link, "db load 10") == ["m-[Expecting 10 bytes]"]
    assert answer(link, "db 00ff80") == []
    assert answer(link, "db print") == ["m-buffer-00-ff-80"]
    assert answer(link, "db 0A0b0C0d0E0f10") == ["m-load-done"]
    assert answer(link, "db print") == ["m-buffer-00-ff-80-0a-0b-0c-0d-0e", "m-buffer-0f-10"]


def test_a_refused_line_stores_nothing(link: Link) -> None:
    answer(link, "db load 4")
    answer(link, "db 0102")
    assert answer(link, "db 03zz") == ["e-[Not hexadecimal: 03zz]"]
    assert answer(link, "db 030405") == ["e-[More than the announced 4 bytes]"]
    assert answer(link, "db print") == ["m-buffer-01-02"]
    assert answer(link, "db 0304") == ["m-load-done"]
    assert answer(link, "db 05") == ["e-[More than the announced 4 bytes]"]


def test_a_refused_load_forgets_the_old_input(link: Link) -> None:
    """Otherwise a host that ignores the refusal would get the last sample's result."""
    load(link)
    answer(link, "db load 71")
    assert answer(link, "infer 1 0") == ["e-[0 bytes are loaded: the input has 70]"]


def test_infer(link: Link) -> None:
    load(link)
    output = firmware.expected_output(INPUT)
    results = answer(link, "infer 2 1")
    assert results[:-1] == [
        "m-warmup-start-1",
        "m-warmup-done",
        "m-infer-start-2",
        "m-lap-us-T",
        "m-lap-us-T",
        "m-infer-done",
    ]
    assert answer(link, "results") == results[-1:]
    assert answer(link, "output") == [f"m-output-[{output.tobytes().hex()}]"]


def test_infer_repeats_on_the_same_input(link: Link) -> None:
    """The network overwrites its input: each of N inferences must start from the loaded bytes."""
    load(link)
    answer(link, "infer 1 0")
    once = answer(link, "output")
    answer(link, "infer 5 3")
    assert answer(link, "output") == once


def test_infer_defaults_to_one_run_and_ten_warmups(link: Link) -> None:
    load(link)
    assert answer(link, "infer")[:3] == ["m-warmup-start-10", "m-warmup-done", "m-infer-start-1"]
    assert answer(link, "infer 2")[:3] == ["m-warmup-start-10", "m-warmup-done", "m-infer-start-2"]


def test_results_are_dequantized_to_three_decimals(link: Link) -> None:
    seen = set()
    for seed in range(20):
        data = np.random.default_rng(seed).integers(0, 256, firmware.INPUT_BYTES, dtype=np.uint8).tobytes()
        talk(link, firmware.load_commands(data))
        printed = answer(link, "infer 1 0")[-1]
        real = (firmware.expected_output(data).astype(int) - firmware.ZERO_POINT) * firmware.SCALE
        assert printed == f"m-results-[{','.join(f'{value:.3f}' for value in real)}]"
        seen.update(np.sign(real))
    assert {-1.0, 1.0} <= seen


def test_commands_may_come_in_any_pieces(link: Link) -> None:
    sent = firmware.load_commands(INPUT) + b"infer 1 0%output%"
    whole = talk(link, sent)
    for byte in sent:
        link.write(bytes([byte]))
    assert talk(link, b"", answers=sent.count(b"%")) == whole


def test_line_ends_between_commands_are_ignored(link: Link) -> None:
    assert talk(link, b"name%\r\nname%\n") == talk(link, b"name%name%")


@pytest.mark.parametrize("characters", [79, 80, 81, 1000])
def test_the_length_of_a_command(link: Link, characters: int) -> None:
    command = "name" + " " * (characters - 4)
    expected = ["m-name-dut-[tinyprune]"] if characters <= 80 else ["e-[Command longer than 80 characters]"]
    assert answer(link, command) == expected
    assert answer(link, "name") == ["m-name-dut-[tinyprune]"]


def random_commands(count: int, seed: int) -> bytes:
    """Noise, near-commands and commands, each ending with %."""
    rng = np.random.default_rng(seed)
    words = [b"name", b"db", b"load", b"print", b"infer", b"results", b"output", b"model", b"help", b"timestamp"]
    words += [b"0", b"1", b"2", b"70", b"71", b"00ff", b"abc", b"99999999999", b"-1", b"", b"\xff\x00", b"x" * 90]
    lines = []
    for _ in range(count):
        chosen = [words[i] for i in rng.integers(0, len(words), rng.integers(0, 5))]
        noise = rng.bytes(int(rng.integers(0, 100))).replace(b"%", b"")
        lines.append(noise if rng.random() < 0.2 else b" ".join(chosen))
    return b"%".join(lines) + b"%"


RANDOM = [
    pytest.param("host", 10_000),
    *(pytest.param(name, 1_000, marks=marks) for name, marks in WIRES.items() if name != "host"),
    *(pytest.param(name, 10_000, marks=[*marks, pytest.mark.slow]) for name, marks in WIRES.items() if name != "host"),
]


@pytest.mark.parametrize(("link", "count"), RANDOM, indirect=["link"])
def test_random_commands(link: Link, count: int, seed: int) -> None:
    """One answer each, no sanitizer report, and sound afterwards."""
    received = talk(link, random_commands(count, seed))
    assert received.count(b"m-ready\r\n") == count
    assert re.fullmatch(rb"(?:[\x20-\x7e]+\r\n)*", received)
    load(link)
    answer(link, "infer 1 0")
    assert answer(link, "output") == [f"m-output-[{firmware.expected_output(INPUT).tobytes().hex()}]"]


@pytest.mark.emulator
def test_the_board_answers_like_the_pc(host_image: FirmwareImage, arm_image: FirmwareImage, seed: int) -> None:
    commands = [*FIXED_ANSWERS, *REFUSALS, "help"]
    sent = firmware.load_commands(INPUT) + b"infer 2 1%results%output%db print%"
    sent += "%".join(commands).encode() + b"%" + random_commands(1_000, seed)
    pc, nano33 = boards.load("host"), boards.load("nano33")
    with closing(EMULATORS["sim"](arm_image, nano33)) as board, closing(EMULATORS["host"](host_image, pc)) as process:
        assert talk(board, b"", answers=1) == talk(process, b"", answers=1) == BOOT
        assert talk(board, sent) == talk(process, sent)
