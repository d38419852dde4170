"""Programs of others, run to the end: found or refused with how to install them, their output watched, never left
hanging."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tinyprune import processes
from tinyprune.device.flashers.job import Job
from tinyprune.errors import MissingDependency, TargetError

_KEPT_LINES = 12
_KEPT_CHARACTERS = 1 << 18
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def find(name: str, install: str, others: Sequence[Path] = ()) -> str:
    """The program's path: on PATH, or the first of `others`. Raises MissingDependency with `install`, how to get it."""
    path = shutil.which(name) or next((str(other) for other in others if other.is_file()), None)
    if path is None:
        raise MissingDependency(f"{name} is not installed; {install}")
    return path


def arduino_versions(package: str) -> list[Path]:
    """What arduino-cli and the Arduino IDE installed of a core or tool ("arduino/tools/bossac"), the newest first."""
    found = (_arduino_packages() / package).glob("*")
    return sorted(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], reverse=True)


def _arduino_packages() -> Path:
    home = Path.home()
    data = {"win32": Path(os.environ.get("LOCALAPPDATA", home)) / "Arduino15", "darwin": home / "Library/Arduino15"}
    default = data.get(sys.platform, home / ".arduino15")
    return Path(os.environ.get("ARDUINO_DIRECTORIES_DATA", default)) / "packages"


def run(
    command: Sequence[str],
    job: Job,
    on_text: Callable[[str], None] | None = None,
    advice: Mapping[str, str] | None = None,
) -> str:
    """Runs a tool in the build's folder and returns what it printed; `on_text` sees each piece as it comes.

    Raises TargetError where it fails (with its last lines, and the advice whose pattern matches them) or does not end
    in time; it is killed then, as on Ctrl-C.
    """
    name = Path(command[0]).name
    try:
        process = subprocess.Popen(
            list(command),
            cwd=job.image.elf.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise MissingDependency(f"{command[0]}: cannot be run: {error.strerror}") from None
    try:
        said = _collect(process, job.timeout_s, on_text)
    finally:
        if process.poll() is None:
            processes.kill(process)
    if said is None:
        raise TargetError(
            f"{name} did not finish within {job.timeout_s:g} s and was stopped; unplug the board, plug it in and try "
            "again, or give it longer with --timeout"
        )
    if process.returncode != 0:
        raise failed(name, f"exit code {process.returncode}", said, advice)
    return said


def failed(name: str, how: str, said: str, advice: Mapping[str, str] | None = None) -> TargetError:
    """The error that quotes a tool's last lines, with the advice for what it said."""
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", said) if line.strip()][-_KEPT_LINES:]
    quoted = "".join(f"\n  {line}" for line in lines) or " nothing"
    hints = [text for pattern, text in (advice or {}).items() if re.search(pattern, said, re.IGNORECASE)]
    return TargetError(f"{name} failed ({how}){': ' + hints[0] if hints else ''}. It said:{quoted}")


def _collect(process: "subprocess.Popen[bytes]", timeout_s: float, on_text: Callable[[str], None] | None) -> str | None:
    """What the process prints until it ends, the last of it where that is much; None if that takes too long."""
    assert process.stdout is not None
    output = processes.Reader(process.stdout)
    deadline = time.monotonic() + timeout_s
    said = ""
    while True:
        data = output.read(max(0.0, deadline - time.monotonic()))
        if data is None:
            output.close()
            return None
        if not data:
            break
        text = _ANSI.sub("", data.decode(errors="replace"))
        said = (said + text)[-_KEPT_CHARACTERS:]
        if on_text is not None:
            on_text(text)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
    return said
