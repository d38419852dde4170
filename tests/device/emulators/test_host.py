"""The PC as a board: a process behind a Link."""

import time
from pathlib import Path

import pytest

from tests.device.emulators import firmware
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS, host
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError

pytestmark = pytest.mark.compiler
BOARD = boards.load("host")


def image_of(path: Path) -> FirmwareImage:
    return FirmwareImage("host", "0" * 64, "none", path, 0, 0)


def script(folder: Path, text: str) -> FirmwareImage:
    path = folder / "firmware"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return image_of(path)


def test_infers(host_image: FirmwareImage) -> None:
    link = EMULATORS["host"](host_image, BOARD)
    device = Device(link)
    device.connect()
    data = bytes(range(firmware.INPUT_BYTES))
    device.load(data)
    assert device.infer(runs=3) >= 0
    assert device.output().tolist() == firmware.expected_output(data).tolist()
    assert link.clock == "measured"
    link.close()
    link.close()


def test_time_advances(host_image: FirmwareImage) -> None:
    link = host.start(host_image, BOARD)
    device = Device(link)
    device.connect()
    before = device.timestamp_us()
    time.sleep(0.02)
    assert 20_000 <= device.timestamp_us() - before < 5_000_000
    link.close()


def test_read_times_out(host_image: FirmwareImage) -> None:
    link = host.start(host_image, BOARD)
    Device(link).connect()
    started = time.monotonic()
    assert link.read(0.05) == b""
    assert 0.04 < time.monotonic() - started < 5
    link.close()


def test_a_long_write_does_not_block_on_its_answers(host_image: FirmwareImage) -> None:
    """More answers than a pipe holds (64 KiB on Linux) while the commands are still being written."""
    link = host.start(host_image, BOARD)
    link.write(b"help%" * 2000)
    received = b""
    while received.count(b"m-ready") < 2001:
        data = link.read(5)
        assert data
        received += data
    link.close()


def test_a_crash_is_told(tmp_path: Path) -> None:
    link = host.start(script(tmp_path, "echo flames >&2; exit 3"), BOARD)
    with pytest.raises(TargetError, match="the firmware ended with exit code 3: flames"):
        link.read(5)
    link.close()


def test_writing_to_the_dead_is_told(tmp_path: Path) -> None:
    link = host.start(script(tmp_path, "exec <&-; exec >&-; exit 0"), BOARD)
    with pytest.raises(TargetError, match="the firmware ended with exit code 0"):  # noqa: PT012
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # until the shell has closed its input
            link.write(b"name%")
    link.close()


def test_a_closed_link_is_told(host_image: FirmwareImage) -> None:
    link = host.start(host_image, BOARD)
    link.close()
    with pytest.raises(TargetError, match="closed"):
        link.write(b"name%")
    with pytest.raises(TargetError, match="closed"):
        link.read(1)


def test_what_cannot_run(tmp_path: Path, host_image: FirmwareImage) -> None:
    with pytest.raises(TargetError, match=r"nothing: cannot be run: No such file"):
        host.start(image_of(tmp_path / "nothing"), BOARD)
    with pytest.raises(TargetError, match="runs firmware for the board host, not for nano33"):
        host.start(host_image, boards.load("nano33"))
    with pytest.raises(TargetError, match="does not count instructions"):
        host.start(host_image, BOARD, profile=True)
