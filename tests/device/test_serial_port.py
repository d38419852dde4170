"""A serial port as a Link, on pseudo terminals and sockets."""

import os
import re
import socket
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyprune.device import ports, serial_port
from tinyprune.device.protocol import Device
from tinyprune.errors import Disconnected, TargetError, UsageError


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    """(the device's end, the name of the computer's end)"""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for descriptor in (ours, theirs):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test has closed it


def test_bytes_pass_unchanged(pty: tuple[int, str]) -> None:
    device, name = pty
    link = serial_port.start(name)
    everything = bytes(range(256))
    link.write(everything)
    received = b""
    while len(received) < 256:
        received += os.read(device, 256)
    assert received == everything
    os.write(device, everything)
    received = b""
    while len(received) < 256:
        received += link.read(5)
    assert received == everything
    link.close()
    link.close()


def test_reading_times_out(pty: tuple[int, str]) -> None:
    link = serial_port.start(pty[1])
    started = time.monotonic()
    assert link.read(0.2) == b""
    assert 0.15 < time.monotonic() - started < 5
    assert link.read(0) == b""
    link.close()


def test_a_port_that_goes_away_is_told(pty: tuple[int, str]) -> None:
    device, name = pty
    link = serial_port.start(name)
    os.close(device)
    with pytest.raises(Disconnected, match=f"{name}: the port went away"):
        link.read(5)
    with pytest.raises(Disconnected, match="went away"):
        link.write(b"x")
    link.close()
    with pytest.raises(Disconnected, match=f"{name}: the port is closed"):
        link.read(1)


def test_a_port_is_one_programs_alone(pty: tuple[int, str]) -> None:
    link = serial_port.start(pty[1])
    with pytest.raises(UsageError, match="another program has the port open"):
        serial_port.start(pty[1])
    link.close()
    serial_port.start(pty[1]).close()


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="/dev/nothing: no such port; is the board plugged in"):
        serial_port.start("/dev/nothing")
    with pytest.raises(UsageError, match="bogus://x: cannot be opened as a port: invalid URL"):
        serial_port.start("bogus://x")
    for odd in ("hwgrep://(", "spy://", "socket://h:99999999999999999999", "loop://?logging=x", "a\0b", "x" * 5000):
        with pytest.raises((UsageError, TargetError)) as caught:
            serial_port.start(odd)
        assert str(caught.value).isprintable()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file is not a serial port"):
        serial_port.start(str(tmp_path / "file"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    with pytest.raises(TargetError, match="nothing listens there"):
        serial_port.start(f"socket://127.0.0.1:{number}")


def test_a_socket_is_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = serial_port.start(f"socket://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        link.write(b"name%")
        assert connection.recv(100) == b"name%"
        connection.sendall(b"m-name-dut-[x]\r\nm-ready\r\n")
        received = b""
        while not received.endswith(b"m-ready\r\n"):
            received += link.read(5)
        connection.close()
        with pytest.raises(Disconnected, match=r"socket://"):
            link.read(5)
        link.close()


def test_a_line_that_only_echoes_is_no_device() -> None:
    """TX and RX joined: `loop://` is pyserial's."""
    link = serial_port.start("loop://")
    with pytest.raises(TargetError, match=re.escape('answer to "name" in time; it sent %name%')):
        Device(link, timeout_s=0.5).connect()
    link.close()


def test_only_a_serial_device_of_this_computer_measures(pty: tuple[int, str], tmp_path: Path) -> None:
    (tmp_path / "board").symlink_to(pty[1])
    assert not serial_port.is_local_hardware(pty[1])
    assert not serial_port.is_local_hardware(str(tmp_path / "board"))
    assert not serial_port.is_local_hardware("socket://localhost:1")
    assert not serial_port.is_local_hardware("/dev/nothing")
    assert serial_port.is_local_hardware("/dev/null")  # a character device that is no pseudo terminal
    link = serial_port.start(pty[1])
    assert link.clock == "unknown"
    link.close()
    link = serial_port.start(pty[1], hardware=True)
    assert link.clock == "measured"
    link.close()


def test_writing_to_a_device_that_takes_nothing_ends(pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "WRITE_TIMEOUT_S", 0.3)
    link = serial_port.start(pty[1])
    with pytest.raises(TargetError, match=r"took no data for 0\.3 s"):  # noqa: PT012
        for _ in range(100):
            link.write(bytes(10_000))
    link.close()


def test_boards_that_boot_when_opened_are_waited_for(pty: tuple[int, str]) -> None:
    """The first question falls into the boot; the answers to the second and to later ones must not be mixed up."""
    device, name = pty

    def board() -> None:
        os.read(device, 100)
        time.sleep(0.5)
        os.write(device, b"\x00\xffm-timestamp-mode-performance\r\nm-lap-us-7\r\nm-init-done\r\nm-ready\r\n")
        while True:
            try:
                data = os.read(device, 100)
            except OSError:
                return
            answer = b"m-name-dut-[slow]\r\n" if b"name" in data else b"m-lap-us-9\r\n"
            os.write(device, answer + b"m-ready\r\n")

    thread = threading.Thread(target=board, daemon=True)
    thread.start()
    link = serial_port.start(name)
    connected = Device(link)
    connected.connect()
    assert connected.timestamp_us() == 9
    link.close()
