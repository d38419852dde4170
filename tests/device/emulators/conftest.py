"""Firmware is built once a session for each compiler."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.device.emulators import firmware
from tinyprune.device import boards
from tinyprune.device.firmware import FirmwareImage
from tinyprune.firmware import toolchain

ROOT = Path(__file__).parents[3]
_built: dict[str, FirmwareImage] = {}


@pytest.fixture
def arm_image(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """The app with the hand-written network for nano33, by each compiler in turn."""
    if compiler not in _built:
        found = toolchain.find(boards.load("nano33"), compiler)
        _built[compiler] = firmware.make(tmp_path_factory.mktemp(compiler), "nano33", found)
    return _built[compiler]


@pytest.fixture(scope="session")
def zig_image(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """The same by the compiler that is always there."""
    return firmware.make(tmp_path_factory.mktemp("zig"), "nano33", toolchain.find(boards.load("nano33"), "zig"))


@pytest.fixture(scope="session")
def qemu_image(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """The same for a machine that QEMU emulates."""
    board = boards.load("mps2-an386")
    return firmware.make(tmp_path_factory.mktemp("qemu"), board.name, toolchain.find(board, "zig"))


@pytest.fixture(scope="session")
def host_image(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """The same for the PC, with sanitizers."""
    folder: Path = tmp_path_factory.mktemp("host")
    return firmware.make(folder, "host", firmware.sanitizing_host_compiler())


@pytest.fixture
def fake_renode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in for Renode, found through PATH."""
    path = tmp_path / "bin" / "renode"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" "{sys.executable}" -m tests.device.emulators.fake_renode "$@"\n')
    path.chmod(0o755)
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    return path


@pytest.fixture(autouse=True)
def _no_pause_after_closing_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyserial sleeps 0.3 s then, for servers that are slow to notice; hundreds of tests close one."""
    monkeypatch.setattr("serial.urlhandler.protocol_socket.time", SimpleNamespace(sleep=lambda _seconds: None))
