"""Builds the app with a network written by hand, and knows what that network answers."""

import os
import re
import shutil
from pathlib import Path

import jinja2
import numpy as np

from tinyprune.device import boards
from tinyprune.device.families import FAMILIES
from tinyprune.device.firmware import FirmwareImage, FirmwareSource
from tinyprune.firmware import build, toolchain
from tinyprune.firmware.toolchain import Compiler
from tinyprune.resources import FIRMWARE_TEMPLATES

NETWORK = Path(__file__).parent / "network"
INPUT_BYTES, OUTPUT_BYTES = 70, 5
MODEL_ID = "0123456789abcdef"
ZERO_POINT, SCALE = -3, 0.012345678


def make(folder: Path, board_name: str, compiler: Compiler, network: str | None = None) -> FirmwareImage:
    """Firmware of the app, the board's port and tests/device/emulators/network (or another network.c)."""
    board = boards.load(board_name)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    files = {f"app/{path.name}": path.read_text() for path in (FIRMWARE_TEMPLATES / "app").iterdir()}
    folders = FAMILIES[board.family].folders
    for path in (path for folder in folders for path in (FIRMWARE_TEMPLATES / "ports" / folder).iterdir()):
        text = path.read_text()
        rendered = environment.from_string(text).render(board=board) if path.suffix == ".j2" else text
        files[f"port/{path.name.removesuffix('.j2')}"] = rendered
    files |= {f"network/{path.name}": path.read_text() for path in NETWORK.iterdir()}
    if network is not None:
        files["network/network.c"] = network
    project = folder / "project"
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    source = FirmwareSource(board.name, MODEL_ID.ljust(64, "0"), files)
    return build.build(source, board, compiler, project, folder)


def sanitizing_host_compiler() -> Compiler:
    """For the PC with undefined behaviour and, where GCC is installed, bad memory accesses made fatal."""
    host = toolchain.find(boards.load("host"))
    sanitizers = (
        "-fsanitize=address,undefined" if shutil.which("gcc") and host.name == "gcc" else "-fsanitize=undefined"
    )
    flags = tuple(flag for flag in host.compile_flags if not flag.startswith("-fno-sanitize"))
    return Compiler(
        host.name, host.version, host.command, (*flags, "-g", sanitizers, "-fno-sanitize-recover=all"), host.link_flags
    )


def expected_output(data: bytes) -> np.ndarray:
    """What network.c computes, `[OUTPUT_BYTES]`, in Python's own arithmetic."""
    values = np.frombuffer(data, np.int8).tolist()
    for i in range(INPUT_BYTES):
        values[i] = _clamp(3 * values[i] - (values[i + 1] if i + 1 < INPUT_BYTES else 1))
    values = [_switch(i, value) for i, value in enumerate(values)]
    sums = (sum(value * ((i + o) % 9 - 4) for i, value in enumerate(values)) for o in range(OUTPUT_BYTES))
    return np.array([_clamp(_truncated(s, 16)) for s in sums], np.int8)


def _switch(i: int, value: int) -> int:
    cases = (_truncated(value, i + 1), value + i, -value, value * 2, value ^ 85, value - i, value)
    return _clamp(cases[value % 256 % 7])


def _truncated(value: int, divisor: int) -> int:
    return abs(value) // divisor * (1 if value >= 0 else -1)


def _clamp(value: int) -> int:
    return max(-128, min(127, value))


def load_commands(data: bytes) -> bytes:
    """`db load` and the lines that follow it."""
    lines = [data[i : i + 31].hex() for i in range(0, len(data), 31)]
    return f"db load {len(data)}%".encode() + b"".join(f"db {line}%".encode() for line in lines)


def missing(emulator: str) -> str | None:
    """Why that emulator cannot run here, or None."""
    if emulator == "qemu" and shutil.which("qemu-system-arm") is None:
        return "qemu-system-arm is not installed"
    if emulator == "renode" and "RENODE" not in os.environ and shutil.which("renode") is None:
        return "renode is not installed"
    return None


def without_times(text: bytes) -> bytes:
    return re.sub(rb"m-lap-us-\d+", b"m-lap-us-T", text)
