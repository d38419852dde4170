"""The real programs take our command lines: against a simulated bootloader, or as far as they get without a probe."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.device.flashers.conftest import PROGRAM, REAL_PATH, Desk, Run
from tests.device.flashers.samba import Bootloader
from tinyprune.device import boards
from tinyprune.device.flash_methods import Pyocd
from tinyprune.device.flashers import bossac

pytestmark = pytest.mark.tools
BOOTLOADER = "2341:005a"
ARDUINOS = [*bossac.arduino_builds(), *map(Path, filter(None, [shutil.which("bossac", path=REAL_PATH)]))]


def boards_with(method: str) -> list[str]:
    return [name for name in boards.names() if method in boards.load(name).flashing]


@contextmanager
def plugged_in(desk: Desk, board: Bootloader) -> Iterator[Bootloader]:
    """The bootloader's port is there until the board is reset."""
    desk.plug((board.name, BOOTLOADER, "B"))
    over = threading.Event()

    def leave() -> None:
        while not over.is_set():
            if board.was_reset.wait(0.05):
                desk.plug()
                return

    watcher = threading.Thread(target=leave)
    watcher.start()
    try:
        yield board
    finally:
        over.set()
        watcher.join()
        board.close()


@pytest.fixture
def arduinos_bossac(desk: Desk) -> None:
    found = next((path for path in ARDUINOS if bossac.knows(path, "nRF52840-QIAA")), None)
    if found is None:
        pytest.skip("Arduino's bossac is not installed")
    (desk.bin / "bossac").symlink_to(found)


@pytest.mark.usefixtures("arduinos_bossac")
def test_arduinos_bossac_programs_a_bootloader(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    with plugged_in(desk, Bootloader()) as board:
        code, out, err = run("flash", "--board", "nano33")
    assert (code, "flashed and verified" in out) == (0, True), err
    assert bytes(board.flash[: len(PROGRAM)]) == PROGRAM
    assert board.commands[-1] == b"K"
    assert {command[:1] for command in board.commands} >= {b"X", b"Y", b"Z"}


@pytest.mark.usefixtures("arduinos_bossac")
def test_arduinos_bossac_sees_a_wrong_byte(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    with plugged_in(desk, Bootloader(broken_byte=4321)) as board:
        code, out, err = run("flash", "--board", "nano33")
    assert (code, out, board.was_reset.is_set()) == (1, "", False)
    assert "what is in the flash differs from the image" in err


def test_debians_bossac_does_not_know_the_board(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    if bossac.knows(desk.real("bossac"), "nRF52840-QIAA"):
        pytest.skip("bossac here is Arduino's build")
    with plugged_in(desk, Bootloader()) as board:
        code, out, err = run("flash", "--board", "nano33", "--timeout", "60")
    assert (code, out) == (2, "")
    assert "does not know the chip nRF52840-QIAA; get Arduino's build" in err
    assert not board.commands


@pytest.mark.parametrize("name", boards_with("openocd"))
def test_openocd_takes_the_line_of_every_board(desk: Desk, run: Run, built: Callable[..., Path], name: str) -> None:
    """Its files, their order, transport and commands are right: what stops it is that there is no probe."""
    if any(Path("/dev").glob("ttyACM*")):
        pytest.skip("a board may be plugged in here")
    built(name)
    desk.real("openocd")
    code, out, err = run("flash", "--board", name, "--method", "openocd", "-q")
    assert (code, out) == (1, "")
    assert "openocd failed (exit code 1): no such debug probe was found; check its cable" in err


def test_openocd_takes_a_serial_number(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    desk.real("openocd")
    code, _, err = run("flash", "--board", "nano33", "--method", "openocd", "--serial-number", "NO-SUCH-PROBE")
    assert code == 1
    assert "no such debug probe was found" in err


def test_pyocd_without_a_probe(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    assert desk
    built("nano33")
    code, out, err = run("flash", "--board", "nano33", "--method", "pyocd", "--serial-number", "NO-SUCH-PROBE")
    assert (code, out) == (1, "")
    assert "pyocd sees no debug probe with serial number NO-SUCH-PROBE; check the cable" in err


def test_pyocd_knows_the_targets_or_a_pack_brings_them() -> None:
    from pyocd.target import TARGET

    for name in boards_with("pyocd"):
        how = boards.load(name).flashing["pyocd"]
        assert isinstance(how, Pyocd)
        assert (how.target in TARGET) != bool(how.pack), name
