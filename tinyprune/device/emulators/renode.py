"""Renode, Antmicro's simulator of whole boards: started with the script of renode_files.py, the UART on a TCP socket.

Renode counts instructions and calls each one cycle of the board's clock, so the firmware's timestamps are *virtual*
time. Found through RENODE (the program or its folder) or PATH.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tinyprune import processes
from tinyprune.device.boards import Board
from tinyprune.device.emulators import program, renode_files
from tinyprune.device.emulators.profile import Profile
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock
from tinyprune.errors import MissingDependency, TargetError

INSTALL = "get it from https://github.com/renode/renode/releases and put it on PATH, or set RENODE to its folder"
OLDEST = (1, 15)
_START_TIMEOUT_S = 120.0
_WRITE_TIMEOUT_S = 60.0
_CLOSE_TIMEOUT_S = 10.0
_VERSION_TIMEOUT_S = 60.0
_SHOWN_CHARACTERS = 1500
#: What Renode's Monitor prints when a command of a script fails.
_SCRIPT_ERROR = "There was an error executing command"


@dataclass(frozen=True, slots=True)
class Renode:
    path: str
    version: str  # "1.16.1"


def find() -> Renode:
    """The installed Renode. Raises MissingDependency where there is none, or one that is too old or does not run."""
    where = os.environ.get("RENODE")
    if where and Path(where).is_dir():
        where = str(Path(where) / "renode")
    path = shutil.which(where or "renode")
    if path is None:
        at = f"RENODE is {where}, which cannot be run" if where else "renode is not on PATH"
        raise MissingDependency(f"renode is not installed: {at}; {INSTALL}")
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependency(f"{path} --version does not run: {error}; {INSTALL}") from None
    version = re.search(r"Renode,? v(?:ersion )?(\d+)\.(\d+)(?:\.\d+)*", done.stdout, re.IGNORECASE)
    if version is None:
        said = (done.stdout + done.stderr).strip()[-300:] or "nothing"
        raise MissingDependency(f"{path} --version tells no version of Renode but: {said}; {INSTALL}")
    number = re.sub(r"^\D+", "", version[0])
    if (int(version[1]), int(version[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise MissingDependency(f"{path} is Renode {number}; {oldest} or newer is needed; {INSTALL}")
    return Renode(path, number)


def start(image: FirmwareImage, board: Board, *, profile: bool = False) -> "RenodeLink":
    """Boots the firmware.

    Raises TargetError where Renode has no platform for the board, the ELF is for another one, it shall be profiled or
    Renode does not get that far; MissingDependency where Renode is not installed.
    """
    if board.renode is None:
        raise TargetError(f"the emulator renode has no platform for {board.name}: its board file has no table [renode]")
    if profile:
        raise TargetError("the emulator renode counts no instructions of single layers; profile in sim")
    program.check(image.elf, board)
    return RenodeLink(find(), image, board)


class RenodeLink:
    """A Link to the board's serial port."""

    def __init__(self, renode: Renode, image: FirmwareImage, board: Board) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tinyprune-renode-")
        self._socket: socket.socket | None = None
        self._log = Path(self._folder.name) / "log"
        port = _free_port()
        script = _write_files(Path(self._folder.name), image, board, port)
        command = [renode.path, "--disable-xwt", "--console", "--plain", "--hide-analyzers", str(script)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._socket = self._connect(port)
        except BaseException:
            self.close()
            raise

    # Link

    def write(self, data: bytes) -> None:
        self._open().settimeout(_WRITE_TIMEOUT_S)
        try:
            self._open().sendall(data)
        except TimeoutError:
            raise TargetError(f"the firmware took no input for {_WRITE_TIMEOUT_S:.0f} s") from None
        except OSError:
            raise self._gone() from None

    def read(self, timeout_s: float) -> bytes:
        self._open().settimeout(max(timeout_s, 1e-3))
        try:
            data = self._open().recv(65536)
        except TimeoutError:
            if self._process.poll() is not None:
                raise self._gone() from None
            return b""
        except OSError:
            raise self._gone() from None
        if not data:
            raise self._gone()
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process.stdin and not self._process.stdin.closed:
            with suppress(OSError):
                self._process.stdin.write(b"quit\n")
                self._process.stdin.flush()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_TIMEOUT_S)
            with suppress(OSError):
                self._process.stdin.close()
            processes.kill(self._process)  # Renode's launcher is a shell script: what it started goes with it
        self._folder.cleanup()

    # What it knows

    @property
    def clock(self) -> Clock:
        return "virtual"

    def profile(self) -> Profile:
        raise TargetError("the emulator renode counts no instructions of single layers; profile in sim")

    # Inside

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise TargetError("the link to the firmware is closed")
        return self._socket

    def _connect(self, port: int) -> socket.socket:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self._gone()
            if _SCRIPT_ERROR in self._said():
                raise TargetError(f"Renode refused the script of the board: {self._shown()}")
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=1.0)
            time.sleep(0.1)
        raise TargetError(f"Renode did not open the serial port within {_START_TIMEOUT_S:.0f} s: {self._shown()}")

    def _said(self) -> str:
        return self._log.read_text(errors="replace")

    def _shown(self) -> str:
        """The end of what Renode said, from the first error on if there is one."""
        said = self._said().strip()
        if _SCRIPT_ERROR in said:
            said = said[said.index(_SCRIPT_ERROR) :][:_SHOWN_CHARACTERS]
        lines = (line.strip() for line in said[-_SHOWN_CHARACTERS:].splitlines())
        return " / ".join(line for line in lines if line) or "it said nothing"

    def _gone(self) -> TargetError:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return TargetError(f"Renode closed the serial port: {self._shown()}")
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
        return TargetError(f"Renode {how}: {self._shown()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_files(folder: Path, image: FirmwareImage, board: Board, port: int) -> Path:
    """The board's script as a build leaves it, the image beside it, and a script that runs both; the path of that."""
    assert board.renode is not None
    shutil.copyfile(image.elf, folder / "firmware.elf")
    (folder / renode_files.FOLDER).mkdir()
    for name, text in renode_files.machine(board).items():
        (folder / renode_files.FOLDER / name).write_text(text, encoding="utf-8")
    run = folder / "run.resc"
    run.write_text(
        f"include $ORIGIN/{renode_files.FOLDER}/{board.name}.resc\n"
        f'emulation CreateServerSocketTerminal {port} "serial" false\n'
        f"connector Connect sysbus.{board.renode.uart} serial\n"
        "start\n",
        encoding="utf-8",
    )
    return run
