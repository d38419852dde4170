"""dfu-util: the DFU bootloader is found on USB, or entered by the touch; then the exact command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device.flashers.conftest import Desk, Run, sketch_port
from tinyprune.device.flashers import dfu

SKETCH, BOOTLOADER = "2341:025b", "2341:035b"
FLASH = ("flash", "--board", "portenta-h7")
#: As dfu-util 0.11 prints its progress and success.
GOOD = 'print("Erase   \\t[=====] 100%  5000 bytes\\nErase done.\\nDownload\\t[=====] 100%  5000 bytes")'
GOOD += '\nprint("File downloaded successfully\\nSubmitting leave request...")'
COMMAND = ["-a", "0", "-s", "0x08040000:leave", "-D", "firmware.bin"]

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="USB devices are listed on Linux only")


def test_a_board_in_its_bootloader(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    folder = built("portenta-h7")
    desk.tool("dfu-util", GOOD)
    desk.plug_usb(BOOTLOADER, "S1")
    code, out, err = run(*FLASH)
    assert code == 0, err
    assert [(call["argv"], call["cwd"]) for call in desk.calls()] == [(["-d", BOOTLOADER, *COMMAND], str(folder))]
    assert "flashed, not read back: 5,000 bytes by dfu on the bootloader 2341:035b" in out
    assert "the bootloader acknowledged every block" in out
    assert "… erasing" in err


def test_a_sketch_is_touched_first(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("portenta-h7")
    desk.tool("dfu-util", GOOD)
    with sketch_port(desk, lambda: desk.plug_usb(BOOTLOADER, "S1")) as (port, _):
        desk.plug((port, SKETCH, "S1"))
        assert run(*FLASH, "--serial-number", "S1")[0] == 0
    assert desk.calls()[0]["argv"] == ["-d", BOOTLOADER, *COMMAND]


def test_another_board_in_its_bootloader_is_left_alone(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("portenta-h7")
    desk.tool("dfu-util", GOOD)
    desk.plug_usb(BOOTLOADER, "OTHER")
    code, _, err = run(*FLASH, "--serial-number", "MINE")
    assert (code, desk.calls()) == (2, [])
    assert "no Arduino Portenta H7 has the serial number MINE; in the bootloader: OTHER" in err
    with sketch_port(desk, lambda: desk.plug_usb(BOOTLOADER, "D1")) as (port, _):
        desk.plug((port, SKETCH, "MINE"))
        assert run(*FLASH, "--serial-number", "MINE")[0] == 0
    assert desk.calls()[0]["argv"] == ["-d", BOOTLOADER, "-S", "D1", *COMMAND]


def test_the_touch_without_an_answer(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built("portenta-h7")
    desk.tool("dfu-util", GOOD)
    monkeypatch.setattr(dfu, "_BOOTLOADER_TIMEOUT_S", 0.5)
    with sketch_port(desk, lambda: None) as (port, _):
        desk.plug((port, SKETCH, "S1"))
        code, _, err = run(*FLASH)
    assert (code, desk.calls()) == (1, [])
    assert "no bootloader (2341:035b) came within 0.5 s; double-tap the reset button" in err


def test_several_or_none(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("portenta-h7")
    desk.tool("dfu-util", GOOD)
    code, _, err = run(*FLASH)
    assert code == 1
    assert "no Arduino Portenta H7" in err
    assert "double-tap the reset button" in err
    desk.plug_usb(BOOTLOADER, "S1")
    desk.plug_usb(BOOTLOADER, "S2")
    code, _, err = run(*FLASH)
    assert (code, desk.calls()) == (2, [])
    assert "2 boards are in the bootloader: S1, S2; say which with --serial-number" in err
    assert run(*FLASH, "--serial-number", "S2")[0] == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('sys.exit("dfu-util: No DFU capable USB device available")', "the board is not in its bootloader"),
        ('sys.exit("dfu-util: Cannot open DFU device 2341:035b (LIBUSB_ERROR_ACCESS)")', "udev rules"),
        ('print("Download done.")', "it ended without having written"),
    ],
)
def test_what_dfu_util_says_is_explained(
    desk: Desk, run: Run, built: Callable[..., Path], body: str, message: str
) -> None:
    built("portenta-h7")
    desk.tool("dfu-util", body)
    desk.plug_usb(BOOTLOADER, "S1")
    code, _, err = run(*FLASH)
    assert code == 1
    assert message in err


@pytest.mark.tools
def test_the_real_dfu_util_takes_the_line(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stops it is that there is no such device."""
    built("portenta-h7")
    desk.real("dfu-util")
    monkeypatch.setattr(dfu, "_enter", lambda _: "NO-SUCH-BOARD")
    code, _, err = run(*FLASH)
    assert code == 1
    assert "dfu-util failed (exit code 74): the board is not in its bootloader" in err
