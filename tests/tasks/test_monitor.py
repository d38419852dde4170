"""`tinyprune monitor` on pseudo-terminals, sockets and a firmware; typed, piped, left and cut off."""

import contextlib
import fcntl
import os
import pty
import re
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import networks
from tests.tasks.conftest import Run
from tinyprune.device import ports
from tinyprune.errors import TargetError, UsageError
from tinyprune.tasks import monitor

MONITOR = [sys.executable, "-m", "tinyprune", "monitor"]


def piped(text: bytes, *arguments: str, timeout_s: float = 30) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*MONITOR, *arguments], input=text, capture_output=True, check=False, timeout=timeout_s, env=environment()
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def board() -> Iterator[tuple[int, str]]:
    """The board's end of a serial line, and the name of the port at the PC's end."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for descriptor in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def read_until(descriptor: int, end: bytes) -> bytes:
    data = b""
    while end not in data:
        data += os.read(descriptor, 100)
    return data


def test_piped_input_is_sent_and_the_answer_awaited(board: tuple[int, str]) -> None:
    ours, port = board

    def answer() -> None:
        assert read_until(ours, b"%") == b"name%"
        for part in (b"m-name-dut-[x]\r\n", b"m-ready\r\n\xff\x00"):
            time.sleep(0.3)  # the firmware thinks; the monitor stays as long as something comes
            os.write(ours, part)

    firmware = threading.Thread(target=answer)
    firmware.start()
    done = piped(b"name%", "--port", port, "--wait", "2")
    firmware.join()
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"m-name-dut-[x]\r\nm-ready\r\n\xff\x00"


def test_urls_work_and_nothing_is_changed_on_the_way() -> None:
    everything = bytes(range(256))
    done = piped(everything, "--port", "loop://", "--wait", "0.3")
    assert (done.returncode, done.stdout, done.stderr) == (0, everything, b"")


@pytest.mark.parametrize("leave", [b"\x1d", b"\x03", b"ok\x1dlost"])
def test_typed_keys_go_out_one_by_one(board: tuple[int, str], leave: bytes) -> None:
    ours, port = board
    desk, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with subprocess.Popen(
        [*MONITOR, "--port", port], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert b"Ctrl-] leaves" in process.stderr.readline()
        while termios.tcgetattr(terminal)[3] & termios.ICANON:
            time.sleep(0.01)
        os.write(desk, b"a")
        assert read_until(ours, b"a") == b"a"
        os.write(ours, b"hello\r\n")
        assert read_until(process.stdout.fileno(), b"\n") == b"hello\r\n"
        os.write(desk, leave)
        assert process.wait(10) == 0
    if leave.startswith(b"ok"):
        assert read_until(ours, b"k") == b"ok"
    assert termios.tcgetattr(terminal) == before
    os.close(desk)
    os.close(terminal)


def test_a_port_that_vanishes_is_an_error_at_once(board: tuple[int, str]) -> None:
    ours, port = board
    with subprocess.Popen(
        [*MONITOR, "--port", port, "--wait", "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
        read_until(ours, b"x")  # opening drops what had come before
        os.write(ours, b"hello\n")
        assert read_until(process.stdout.fileno(), b"\n") == b"hello\n"
        os.close(ours)
        assert process.wait(10) == 1
        said = process.stderr.read().decode()
    assert f"error: {port}: the port went away: the board was unplugged or reset" in said
    assert "Traceback" not in said


def test_a_busy_port(board: tuple[int, str]) -> None:
    _, port = board
    other = os.open(port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    done = piped(b"", "--port", port)
    os.close(other)
    assert done.returncode == 2
    assert f"error: {port}: another program has the port open".encode() in done.stderr


def test_a_port_that_takes_nothing(board: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, port = board
    monkeypatch.setattr(ports, "WRITE_TIMEOUT_S", 0.3)
    with pytest.raises(TargetError, match=r"the other side took no input for 0.3 s"):
        monitor.run(port, 115_200, lambda: b"x" * 100_000, lambda _: None, 0.0)


def test_a_socket_that_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"

        def hang_up() -> None:
            connection, _ = server.accept()
            while connection.recv(100) != b"x":  # unread input would make the close a reset
                pass
            connection.sendall(b"bye\n")
            connection.close()

        other = threading.Thread(target=hang_up)
        other.start()
        done = piped(b"x", "--port", url, "--wait", "30")
        other.join()
    assert done.returncode == 1
    assert done.stdout == b"bye\n"
    assert f"error: {url}: ".encode() in done.stderr
    refused = piped(b"", "--port", url)
    assert b"nothing listens there" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ([], 2, "say which port with --port, or which board with --board"),
        (["--port", "/dev/ttyNONE"], 1, "/dev/ttyNONE: no such port; is the board plugged in?"),
        (["--port", "/dev/null"], 2, "/dev/null is not a serial port"),
        (["--port", "carrier-pigeon://x"], 2, "protocol 'carrier-pigeon' not known"),
        (["--board", "nano3"], 2, 'unknown board "nano3"'),
    ],
)
def test_what_cannot_be_opened(run: Run, arguments: list[str], exit_code: int, message: str) -> None:
    code, out, err = run("monitor", *arguments)
    assert (code, out) == (exit_code, "")
    assert message in err


def test_cut_output_is_no_error() -> None:
    shell = f'yes | head -c 100000 | {" ".join(MONITOR)} --port loop:// | head -c 5; echo " ${{PIPESTATUS[2]}}"'
    done = subprocess.run(
        ["bash", "-c", shell], env=environment(), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.split()[-1] == "0"
    assert "Traceback" not in done.stderr


def test_a_speed_that_no_port_has(board: tuple[int, str]) -> None:
    with pytest.raises((UsageError, TargetError), match=re.escape(board[1])):
        monitor.run(board[1], 2**40, lambda: None, lambda _: None, 0.0)


@pytest.mark.compiler
@pytest.mark.emulator
def test_a_firmware_answers_through_its_tcp_port(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny.tflite").write_bytes(networks.every_operator())
    assert run("build", "--board", "host", "--model", "tiny.tflite", "--no-run", "-q")[0] == 0
    command = [sys.executable, "-m", "tinyprune", "emulate", "--board", "host", "--tcp", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, env=environment()) as firmware:
        assert firmware.stdout is not None
        found = re.search(rb"socket://\S+", read_until(firmware.stdout.fileno(), b"\n"))
        assert found is not None
        done = piped(b"name%\nprofile%\n", "--port", found[0].decode().rstrip(";,."))
        firmware.terminate()
    assert done.returncode == 0
    assert b"m-name-dut-[tinyprune]\r\nm-ready\r\n" in done.stdout
    assert b"m-model-[" in done.stdout
