"""Firmware behind a serial port of this computer: what programs that come and go see of it."""

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from tests import ctrl_c, networks
from tests.device.emulators import firmware, wires
from tinyprune.device import boards, serial_port
from tinyprune.device.emulators import EMULATORS, bridge
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.link import Link
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError, UsageError, WrongModel
from tinyprune.tasks import build as build_task
from tinyprune.tasks import monitor

pytestmark = pytest.mark.compiler
KINDS = pytest.mark.parametrize("kind", ["pty", "tcp"])


@contextmanager
def port_of(image: FirmwareImage, kind: str) -> Iterator[str]:
    with closing(EMULATORS["host"](image, boards.load("host"))) as link:
        Device(link).connect()
        with wires.plugged(link, kind) as port:
            yield port


def answers(link: Link, count: int) -> bytes:
    received = b""
    while received.count(b"m-ready\r\n") < count:
        data = link.read(5)
        assert data, received
        received += data
    return received


def infers(port: str, data: bytes) -> None:
    with closing(serial_port.start(port)) as link:
        device = Device(link)
        device.connect()
        device.load(data)
        device.infer(1, 0)
        assert device.output().tolist() == firmware.expected_output(data).tolist()


@KINDS
def test_programs_come_and_go(host_image: FirmwareImage, kind: str) -> None:
    with port_of(host_image, kind) as port:
        for first in range(3):
            infers(port, bytes(range(first, first + firmware.INPUT_BYTES)))


@KINDS
def test_what_a_program_left_unread_is_not_the_next_ones(host_image: FirmwareImage, kind: str) -> None:
    with port_of(host_image, kind) as port:
        for _ in range(3):
            with closing(serial_port.start(port)) as link:
                link.write(b"help%" * 50 + b"model%")
                time.sleep(0.1)
            time.sleep(0.2)
            with closing(serial_port.start(port)) as link:
                link.write(b"name%")
                assert answers(link, 1) == b"m-name-dut-[tinyprune]\r\nm-ready\r\n"


@KINDS
def test_a_program_that_does_not_read_holds_nothing_up(host_image: FirmwareImage, kind: str) -> None:
    with port_of(host_image, kind) as port:
        with closing(serial_port.start(port)) as link:
            for _ in range(100):
                link.write(b"help%" * 30)  # 1.5 MB of answers
        time.sleep(0.2)
        infers(port, bytes(firmware.INPUT_BYTES))


def test_a_pty_is_raw_from_the_start(host_image: FirmwareImage) -> None:
    """No program has to set it up: neither echo, nor line editing, nor translated line ends."""
    with port_of(host_image, "pty") as port:
        for _ in range(2):
            terminal = os.open(port, os.O_RDWR | os.O_NOCTTY)
            os.write(terminal, b"na\x03\x7fme%name%")
            received = b""
            while received.count(b"m-ready\r\n") < 2:
                assert select.select([terminal], [], [], 5)[0]
                received += os.read(terminal, 4096)
            os.close(terminal)
            assert received == b"e-[Unknown command: na??me]\r\nm-ready\r\nm-name-dut-[tinyprune]\r\nm-ready\r\n"


def test_tcp_tells_a_second_program_at_once_that_there_is_a_first_one(host_image: FirmwareImage) -> None:
    with port_of(host_image, "tcp") as port:
        first = serial_port.start(port)
        with closing(first):
            Device(first).connect()
            host, _, number = port.removeprefix("socket://").rpartition(":")
            with socket.create_connection((host, int(number)), timeout=10) as second:
                said = b"".join(iter(lambda: second.recv(100), b""))
            assert said == b"e-[Another program is connected to this emulator: one at a time]\r\n"
            Device(first).connect()
        until_answered(port)


@contextmanager
def served_by_rfc2217(port: str) -> Iterator[str]:
    """A URL of pyserial's RFC 2217 server (telnet with serial settings) in front of another port."""
    with (
        closing(serial.serial_for_url(port, timeout=0.001)) as served,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):

        class Telnet:
            def write(self, data: bytes) -> None:
                connection.sendall(data)

        def run() -> None:
            nonlocal connection
            connection, _ = server.accept()
            manager = serial.rfc2217.PortManager(served, Telnet())
            connection.settimeout(0.001)
            while True:
                try:
                    received = connection.recv(1024)
                    if not received:
                        return
                    served.write(b"".join(manager.filter(received)))
                except TimeoutError:
                    pass
                except OSError:
                    return
                if served.in_waiting:
                    connection.sendall(b"".join(manager.escape(served.read(served.in_waiting))))

        connection: socket.socket
        thread = threading.Thread(target=run)
        thread.start()
        yield f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
        thread.join()
        connection.close()


@pytest.mark.filterwarnings("ignore:set.*:DeprecationWarning:serial.rfc2217")
def test_a_serial_server_of_rfc2217_is_a_port(host_image: FirmwareImage) -> None:
    with port_of(host_image, "tcp") as port, served_by_rfc2217(port) as url:
        infers(url, bytes(range(firmware.INPUT_BYTES)))


@pytest.mark.filterwarnings("ignore:set.*:DeprecationWarning:serial.rfc2217")
def test_so_it_is_for_the_monitor(host_image: FirmwareImage) -> None:
    shown: list[bytes] = []
    with port_of(host_image, "tcp") as port, served_by_rfc2217(port) as url:
        typed = [None, b"name%"]
        monitor.run(url, monitor.BAUD, lambda: typed.pop() if len(typed) > 1 else typed[0], shown.append, 1.0)
    assert b"m-name-dut-[tinyprune]" in b"".join(shown)


@contextmanager
def emulate(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """(the running command, the first line that it printed)"""
    command = [sys.executable, "-m", "tinyprune", "emulate", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `tinyprune build` has made firmware for nano33."""
    tmp_path = tmp_path_factory.mktemp("built")
    (tmp_path / "tiny.tflite").write_bytes(networks.every_operator())
    request = build_task.BuildRequest(
        boards.load("nano33"), tmp_path / "build/nano33", tmp_path / "tiny.tflite", compiler="zig", run=False
    )
    build_task.run_build(request, lambda _: None)
    return tmp_path


@pytest.mark.emulator
def test_the_command_stays_up_behind_a_pty_until_ctrl_c(built: Path) -> None:
    with emulate(built, "--board", "nano33", "--pty", "--link", "board") as (process, port):
        assert port == "board"
        assert (built / "board").is_symlink()
        with closing(serial_port.start(str(built / "board"))) as opened:
            assert opened.clock == "unknown"
            device = Device(opened)
            device.connect()
            assert device.timestamp_us() > 0  # modelled cycles since reset
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read().splitlines() == ["… emulator sim, clock modelled; Ctrl-C ends it", "stopped"]
        assert not os.path.lexists(built / "board")


@pytest.mark.emulator
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_while_the_firmware_infers(built: Path, number: signal.Signals) -> None:
    with emulate(built, "--board", "nano33", "--pty") as (process, port):
        with closing(serial_port.start(port)) as link:
            device = Device(link)
            device.connect()
            device.load(bytes(110))
            link.write(b"infer 1000000 0%")
            time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[1:] == ["stopped"]


@pytest.mark.emulator
@pytest.mark.parametrize("number", ["INT", "TERM"])
def test_a_script_can_stop_it_in_the_background(built: Path, number: str) -> None:
    """A shell that is no terminal's starts what stands before & with Ctrl-C ignored."""
    emulated = f'"{sys.executable}" -m tinyprune emulate --board nano33 --pty --link background >out 2>err &'
    wait = "while [ ! -s out ]; do sleep 0.1; done"
    script = f"rm -f out\n{emulated}\npid=$!\n{wait}\nkill -{number} $pid\nwait $pid\necho ended with $?"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=built, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "ended with 0\n"
    assert not os.path.lexists(built / "background")


@pytest.mark.emulator
def test_a_port_without_firmware_is_told_before_anything_slow(built: Path) -> None:
    from tinyprune.tasks import bench as bench_task

    ours, theirs = os.openpty()
    stages: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyprune.device.protocol.ANSWER_TIMEOUT_S", 0.5)
        for port, message in (
            (os.ttyname(theirs), "it sent nothing; is this build's firmware on the board"),
            ("/dev/none", "/dev/none: no such port; is the board plugged in?[^;]*$"),
        ):
            request = bench_task.BenchRequest(boards.load("nano33"), built / "build/nano33", port=port)
            with pytest.raises(TargetError, match=message):
                bench_task.run_bench(request, stages.append)
    assert stages == [f"connecting to port {os.ttyname(theirs)}", "connecting to port /dev/none"]
    os.close(ours)
    os.close(theirs)


@pytest.mark.emulator
def test_the_wrong_firmware_is_told_before_anything_slow(built: Path) -> None:
    from tinyprune.tasks import bench as bench_task

    other = networks.every_operator(pruned=False)
    (built / "other.tflite").write_bytes(other)
    nano33, stages = boards.load("nano33"), list[str]()
    ask = build_task.BuildRequest(nano33, built / "other", built / "other.tflite", run=False)
    build_task.run_build(ask, lambda _: None)
    with emulate(built, "--board", "nano33", "--tcp", "0") as (_, device):
        request = bench_task.BenchRequest(nano33, built / "other", port=device)
        with pytest.raises(WrongModel, match=f"not {hashlib.sha256(other).hexdigest()[:16]} of this build"):
            bench_task.run_bench(request, stages.append)
    assert stages == [f"connecting to port {device}"]


@pytest.mark.emulator
def test_a_benchmark_opens_its_port_once(built: Path) -> None:
    """A board may boot whenever its port is opened."""
    from tinyprune.tasks import bench as bench_task

    opened: list[str] = []
    original = serial_port.start

    def start(port: str, *, hardware: bool) -> serial_port.SerialLink:
        opened.append(port)
        return original(port, hardware=hardware)

    with emulate(built, "--board", "nano33", "--tcp", "0") as (_, device), pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyprune.tasks.bench.serial_port.start", start)
        request = bench_task.BenchRequest(boards.load("nano33"), built / "build/nano33", port=device, count=2)
        assert bench_task.run_bench(request, lambda _: None).report.bit_exact
    assert opened == [device]


@pytest.mark.emulator
def test_the_benchmark_runs_on_the_port_of_the_command(built: Path) -> None:
    """And says neither that it was measured nor that it was modelled: it cannot know."""
    bench = [sys.executable, "-m", "tinyprune", "bench", "--board", "nano33", "-n", "3", "--json", "--port"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with emulate(built, "--board", "nano33", "--tcp", "0", "--json") as (process, line):
        ready = json.loads(line)
        assert (ready["emulator"], ready["clock"]) == ("sim", "modelled")
        done = subprocess.run(
            [*bench, ready["device"]], cwd=built, env=environment, capture_output=True, text=True, check=False
        )
        process.terminate()
        assert process.wait(20) == 0
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (report["bit_exact"], report["inferences"], report["emulator"]) == (True, 3, None)
    assert report["latency"]["clock"] == "unknown"
    assert report["latency"]["min_us"] > 0


@pytest.mark.emulator
def test_an_emulator_that_goes_away_midway_leaves_the_results_so_far(built: Path) -> None:
    from tinyprune.tasks import bench as bench_task

    request = bench_task.BenchRequest(
        boards.load("nano33"), built / "build/nano33", port=str(built / "board"), count=200
    )
    with emulate(built, "--board", "nano33", "--pty", "--link", "board") as (process, _):

        def pull(done: int, _all: int) -> None:
            if done == 2:
                process.send_signal(signal.SIGINT)
                process.wait(20)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bench_task.benchmark, "RECONNECT_TIMEOUT_S", 0.5)
            report = bench_task.run_bench(request, lambda _: None, pull).report
    assert not report.complete
    assert 2 <= report.inputs_compared == report.inputs_equal < 200
    assert report.reconnections == 1
    assert report.error is not None
    assert "went away" in report.error
    assert "it did not come back within 0.5 s" in report.error
    assert "no such port" in report.error


@pytest.mark.emulator
def test_ctrl_c_shows_the_results_so_far(built: Path) -> None:
    command = ["bench", "--board", "nano33", "-n", "3000", "--csv", "cut.csv"]
    code, said, error = ctrl_c.after_three(built, *command)
    assert (code, error) == (130, "error: interrupted\n")
    done = int(said.split()[3])
    assert said.startswith(f"BROKEN OFF after {done} of 3000 inputs: interrupted")
    assert 3 <= done < 3000
    assert len((built / "cut.csv").read_text().splitlines()) == 1 + done


MISTAKES = {
    "neither": ([], "say one of --pty and --tcp PORT"),
    "both": (["--pty", "--tcp", "1"], "say one of --pty and --tcp PORT"),
    "no port": (["--tcp", "x"], '--tcp "x": [HOST:]PORT is needed'),
    "a port too high": (["--tcp", "65536"], "a port being 0 to 65535"),
    "a link for TCP": (["--tcp", "0", "--link", "x"], "--link goes with --pty"),
    "a link in the way": (["--pty", "--link", "tiny.tflite"], "tiny.tflite: cannot link it to /dev/"),
    "no such emulator": (["--pty", "--emulator", "quemu"], 'nano33 has no emulator "quemu"'),
    "no build": (["--pty", "--build", "elsewhere"], "elsewhere has no finished build"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence(built: Path, case: str) -> None:
    arguments, message = MISTAKES[case]
    with emulate(built, "--board", "nano33", *arguments) as (process, line):
        assert (line, process.wait(20)) == ("", 2)
        assert process.stderr is not None
        assert message in process.stderr.read()


@pytest.mark.emulator
def test_only_a_link_that_leads_nowhere_or_to_a_pseudo_terminal_is_replaced(built: Path) -> None:
    ours, theirs = os.openpty()
    (built / "target").write_text("kept")
    for name, target in (("stale", "/dev/pts/99999"), ("old", os.ttyname(theirs)), ("mine", "target")):
        (built / name).symlink_to(target)
    (built / "chain").symlink_to("mine")
    for name in ("stale", "old"):
        with emulate(built, "--board", "nano33", "--pty", "--link", name) as (process, line):
            assert line == name
            assert (built / name).readlink() != Path(os.ttyname(theirs))
            infers_something(built / name)
            process.terminate()
            process.wait(20)
        assert not os.path.lexists(built / name)
    for name, target in (("mine", "target"), ("chain", "mine")):
        with emulate(built, "--board", "nano33", "--pty", "--link", name) as (process, line):
            assert (line, process.wait(20)) == ("", 2)
            assert process.stderr is not None
            message = f"{name} is a link to {target}, no pseudo terminal: give --link another name"
            assert message in process.stderr.read()
        assert (built / name).readlink() == Path(target)
    assert (built / "target").read_text() == "kept"
    os.close(ours)
    os.close(theirs)


@pytest.mark.emulator
def test_a_link_that_another_run_took_is_left_to_it(built: Path) -> None:
    arguments = ("--board", "nano33", "--pty", "--link", "shared")
    with emulate(built, *arguments) as (first, _), emulate(built, *arguments) as (second, _):
        first.terminate()
        assert first.wait(20) == 0
        infers_something(built / "shared")
        second.terminate()
        assert second.wait(20) == 0
    assert not os.path.lexists(built / "shared")


def infers_something(port: Path) -> None:
    with closing(serial_port.start(str(port))) as link:
        device = Device(link)
        device.connect()
        device.load(bytes(110))
        device.infer(1, 0)
        assert len(device.output()) > 0


def test_work_that_nobody_waits_for_ends_by_a_reset(zig_image: FirmwareImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_ABANDONED_S", 0.2)
    with closing(EMULATORS["sim"](zig_image, boards.load("nano33"))) as link, wires.plugged(link, "tcp") as port:
        with closing(serial_port.start(port)) as first:
            device = Device(first)
            device.connect()
            device.load(bytes(firmware.INPUT_BYTES))
            first.write(b"infer 4294967295 0%")
            host, _, number = port.removeprefix("socket://").rpartition(":")
            with socket.create_connection((host, int(number)), timeout=10) as second:  # it works meanwhile
                assert second.recv(3) == b"e-["
        until_answered(port)


def until_answered(port: str) -> None:
    """The end of a program is noticed a moment later."""
    for _ in range(100):
        with contextlib.suppress(TargetError, UsageError), closing(serial_port.start(port)) as link:
            return Device(link).connect()
        time.sleep(0.1)
    raise AssertionError("it never answers again")


def test_a_port_in_use_is_told() -> None:
    from tinyprune.device.emulators.bridge import TcpEnd

    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(UsageError, match="cannot listen on 127"):
        TcpEnd("127.0.0.1", server.getsockname()[1])


def test_a_firmware_that_ends_is_told(tmp_path: Path) -> None:
    from tinyprune.device.emulators.bridge import PtyEnd, serve

    program = tmp_path / "firmware"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    image = FirmwareImage("host", "0" * 64, "none", program, 0, 0)
    link = EMULATORS["host"](image, boards.load("host"))
    with closing(link), closing(PtyEnd()) as end, pytest.raises(TargetError, match="firmware ended with exit code 3"):
        serve(link, end)
