"""pyOCD's real code against a simulated nRF52840: what it programs, erases, verifies, and what it makes of trouble."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device.flashers.conftest import PROGRAM, Desk, Run
from tests.device.flashers.nrf52840 import PAGE_BYTES, Probe

ORIGIN = 0x10000
FLASH = ("flash", "--board", "nano33", "--method", "pyocd")


@pytest.fixture
def plug(desk: Desk, monkeypatch: pytest.MonkeyPatch, built: Callable[..., Path]) -> Callable[..., None]:
    """Sets the probes that pyOCD finds; nano33 is built."""
    assert desk
    built("nano33")
    # It would leave an archive open; nothing here needs the names of registers.
    monkeypatch.setattr("pyocd.debug.svd.loader.SVDFile.from_builtin", lambda _: None)

    def plug_in(*probes: Probe) -> None:
        def connected(unique_id: str | None = None, **_: object) -> list[Probe]:
            return [probe for probe in probes if unique_id in (None, probe.unique_id)]

        monkeypatch.setattr("pyocd.probe.aggregator.DebugProbeAggregator.get_all_connected_probes", connected)

    return plug_in


def test_the_image_is_programmed_read_back_and_started(plug: Callable[..., None], run: Run) -> None:
    probe = Probe()
    plug(probe)
    code, out, err = run(*FLASH)
    assert (code, err.count("…")) == (0, 3), err
    assert probe.flash(ORIGIN, len(PROGRAM)) == PROGRAM
    assert out.startswith("OK  Arduino Nano 33 BLE flashed and verified: 5,000 bytes by pyocd on Simulated probe, ")
    assert "pyocd read the flash back: it equals the image" in out
    assert probe.resets >= 1


def test_the_bootloader_stays(plug: Callable[..., None], run: Run) -> None:
    probe = Probe()
    plug(probe)
    assert run(*FLASH)[0] == 0
    assert probe.erased == [ORIGIN, ORIGIN + PAGE_BYTES]
    assert probe.flash(0, ORIGIN) == b"\xb0" * ORIGIN
    after = ORIGIN + 2 * PAGE_BYTES
    assert probe.flash(after, PAGE_BYTES) == b"\xb0" * PAGE_BYTES


def test_a_byte_that_does_not_stick_is_found(plug: Callable[..., None], run: Run) -> None:
    broken = ORIGIN + 4321
    assert PROGRAM[4321] != 0
    plug(Probe(broken_byte=broken))
    code, out, err = run(*FLASH)
    assert (code, out) == (1, "")
    assert f"the flash differs from the image at {broken:#x} after programming" in err


def test_a_locked_chip_is_not_erased(plug: Callable[..., None], run: Run) -> None:
    probe = Probe(locked=True)
    plug(probe)
    code, out, err = run(*FLASH)
    assert (code, out, probe.erased) == (1, "", [])
    assert "a locked chip is like that" in err
    assert "`pyocd erase --mass -t nrf52840` unlocks it and erases everything" in err


def test_two_probes_and_none(plug: Callable[..., None], run: Run) -> None:
    first, second = Probe("A1"), Probe("B2")
    plug(first, second)
    code, _, err = run(*FLASH)
    assert code == 2
    assert "2 debug probes could be meant: Simulated probe (A1), Simulated probe (B2); say which with --serial" in err
    assert "pyocd sees no debug probe with serial number B" in run(*FLASH, "--serial-number", "B")[2]
    assert run(*FLASH, "--serial-number", "B2")[0] == 0
    assert (first.erased, second.flash(ORIGIN, 4)) == ([], PROGRAM[:4])
    plug()
    code, _, err = run(*FLASH)
    assert code == 1
    assert "pyocd sees no debug probe; check the cable, and on Linux the udev rules" in err
    assert "name a probe by --serial-number" in run(*FLASH, "--port", "/dev/ttyACM0")[2]


def test_without_pyocd(plug: Callable[..., None], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(Probe())
    for name in [name for name in sys.modules if name.split(".")[0] == "pyocd"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyocd", None)
    code, _, err = run(*FLASH)
    assert code == 2
    assert "pyocd is not installed; `pip install pyocd`" in err


def test_a_target_that_needs_a_pack(plug: Callable[..., None], run: Run, built: Callable[..., Path]) -> None:
    plug(Probe())
    folder = built("nucleo-l4r5zi")
    assert folder.is_dir()
    code, _, err = run("flash", "--board", "nucleo-l4r5zi", "--method", "pyocd")
    assert code == 1
    assert "pyocd does not know the target stm32l4r5zitx: `pyocd pack install stm32l4r5zitx`, then try again" in err
