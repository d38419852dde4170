"""A desk without boards: ports that are listed but not there, tools that record how they are called and misbehave on
demand, builds that nobody compiled."""

import hashlib
import json
import os
import pty
import shutil
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from intelhex import IntelHex

from tests.device.flashers import elf
from tests.tasks.conftest import Run, run
from tinyprune import __version__
from tinyprune.device import boards, firmware, ports
from tinyprune.firmware import output

__all__ = ["Run", "run"]

#: 5,000 bytes that are no pattern a mistake would reproduce, spanning two pages of 4 KiB.
PROGRAM = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(157))[:5000]

REAL_PATH = os.environ["PATH"]
_FAKE = """#!{python} -S
import json, os, pathlib, sys, time
desk = pathlib.Path({desk!r})
with (desk / "calls.jsonl").open("a") as log:
    log.write(json.dumps({{"tool": {name!r}, "argv": sys.argv[1:], "cwd": os.getcwd()}}) + "\\n")
"""


class Desk:
    """The computer's ports and tools: `plug` sets the first, `tool` makes one of the second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.usb = folder / "usb"
        self.ports: list[SimpleNamespace] = []

    def plug(self, *ports: tuple[str, str, str]) -> None:
        """Each is (device, USB id or "", serial number)."""
        self.ports = [
            SimpleNamespace(
                device=device,
                vid=int(usb_id[:4], 16) if usb_id else None,
                pid=int(usb_id[5:], 16) if usb_id else None,
                serial_number=number or None,
                description="n/a",
            )
            for device, usb_id, number in ports
        ]

    def comports(self) -> list[SimpleNamespace]:
        """A tool that writes `unplugged` has reset the board: what that file names is gone."""
        gone = self.folder / "unplugged"
        names = gone.read_text().split() if gone.exists() else []
        return [port for port in self.ports if port.device not in names]

    def tool(self, name: str, body: str, *, content: str = "") -> Path:
        """A program on PATH that records its call and then does `body`; `content` is some text in its file."""
        path = self.bin / name
        head = _FAKE.format(python=sys.executable, desk=str(self.folder), name=name)
        path.write_text(f"{head}# {content}\n{body}\n")
        path.chmod(0o755)
        return path

    def real(self, name: str) -> Path:
        """Puts the real program on PATH; skips the test where it is not installed."""
        found = shutil.which(name, path=REAL_PATH)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (self.bin / name).symlink_to(found)
        return Path(found)

    def plug_usb(self, usb_id: str, serial_number: str) -> None:
        """A USB device without a serial port, as Linux lists it."""
        folder = self.usb / f"1-{serial_number}"
        folder.mkdir(parents=True)
        facts = {"idVendor": usb_id[:4], "idProduct": usb_id[5:], "busnum": "1", "devnum": "9", "serial": serial_number}
        for name, text in facts.items():
            (folder / name).write_text(f"{text}\n")

    def calls(self) -> list[dict[str, object]]:
        log = self.folder / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def board_file(folder: Path, name: str, title: str, tables: str) -> Path:
    """The nano33 with another name, and these tables in place of [usb] and all that follows."""
    text = boards.path_of("nano33").read_text(encoding="utf-8").replace('Arduino Nano 33 BLE"', f'{title}"')
    text = text.replace('name = "nano33"', f'name = "{name}"')
    path = folder / f"{name}.toml"
    path.write_text(text[: text.index("[usb]")] + tables)
    return path


@contextmanager
def sketch_port(desk: Desk, then: Callable[[], object]) -> Iterator[tuple[str, list[int]]]:
    """A pseudo-terminal that plays the sketch's port: at 1200 baud the board leaves, and `then` happens."""
    host, board = pty.openpty()
    speeds: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            speed = termios.tcgetattr(board)[5]
            if not speeds or speeds[-1] != speed:
                speeds.append(speed)
            if speed == termios.B1200:
                desk.plug()
                time.sleep(0.3)  # the bootloader enumerates
                then()
                return
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield os.ttyname(board), speeds
    finally:
        over.set()
        watcher.join()
        os.close(host)
        os.close(board)


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Nothing plugged in, nothing installed, nobody's home."""
    made = Desk(tmp_path_factory.mktemp("desk"))
    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setenv("HOME", str(made.folder))
    monkeypatch.setattr("serial.tools.list_ports.comports", made.comports)
    monkeypatch.setattr(ports, "_USB_DEVICES", made.usb)
    return made


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Path]:
    """Writes build/BOARD as `tinyprune build` does, around an ELF that no compiler made."""

    def make(board_name: str, **changes: int) -> Path:
        board = boards.load(board_name)
        assert board.flash is not None
        address = changes.pop("address", board.flash.origin)
        changes.setdefault("architecture", elf.ARMV6SM if board.cpu.core.startswith("cortex-m0") else elf.ARMV7EM)
        folder, staged = tmp_path / "build" / board.name, tmp_path / "staged"
        staged.mkdir(exist_ok=True)
        folder.parent.mkdir(exist_ok=True)
        (staged / "firmware.elf").write_bytes(elf.make(PROGRAM, address, **changes))
        image = IntelHex()
        image.frombytes(PROGRAM, offset=address)
        image.write_hex_file(str(staged / "firmware.hex"))
        image.tobinfile(str(staged / "firmware.bin"))
        (staged / "model.tflite").write_bytes(b"a model")
        report = {
            "tinyprune": __version__,
            "format": firmware.FORMAT,
            "board": board.name,
            "model_sha256": hashlib.sha256(b"a model").hexdigest(),
            "compiler": "none",
            "image": "firmware.elf",
            "flash_bytes": len(PROGRAM),
            "ram_bytes": 0,
        }
        (staged / "report.json").write_text(json.dumps(report))
        output.commit(staged, folder, [])
        return folder

    return make
