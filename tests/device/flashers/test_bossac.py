"""bossac: the 1200-baud touch on a pseudo-terminal, the exact command line, and what goes wrong on a desk."""

import json
import os
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device.flashers.conftest import Desk, Run, sketch_port
from tinyprune.device.flashers import bossac, job, touch

SKETCH, BOOTLOADER = "2341:805a", "2341:005a"
PORT = "/dev/null"  # a device that may be opened for reading and writing
DEVICE = "nRF52840-QIAA"
#: What Arduino's 1.9.1-arduino2 prints (bossac.cpp and Flasher.cpp of its source); then the board starts.
GOOD = """
assert sys.argv[-1] == "-R", sys.argv
size = os.path.getsize(next(word for word in sys.argv if word.endswith(".bin")))
print("Device       : nRF52840-QIAA\\nErase flash\\n\\nDone in 0.001 seconds")
print(f"Write {size} bytes to flash (2 pages)\\n\\r[==  ] 50% (1/2 pages)\\r[====] 100% (2/2 pages)\\nDone in 0.4 s")
print(f"Verify {size} bytes of flash\\n\\r[====] 100% (2/2 pages)\\n\\nVerify successful\\nDone in 0.2 seconds")
(desk / "unplugged").write_text("/dev/null")
"""


def test_a_sketch_is_touched_and_the_new_port_is_flashed(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    folder = built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    with sketch_port(desk, lambda: desk.plug((PORT, BOOTLOADER, "B"))) as (port, speeds):
        desk.plug((port, SKETCH, "A"))
        code, out, err = run("flash", "--board", "nano33")
    assert (code, speeds[-1]) == (0, termios.B1200)
    assert [call["argv"] for call in desk.calls()] == [
        [f"--port={PORT}", "-U", "-i", "-e", "-w", "-v", "firmware.bin", "-R"]
    ]
    assert desk.calls()[0]["cwd"] == str(folder)
    assert out.startswith("OK  Arduino Nano 33 BLE flashed and verified: 5,000 bytes by bossac on /dev/null (2341:005a")
    assert "no USB, so the next flash cannot start the bootloader itself: double-tap the reset button" in out
    assert "UARTE0, TX P1.03, RX P1.10" in out
    assert f"touching {port} at 1200 baud" in err


def test_a_board_in_its_bootloader_is_not_touched(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    desk.plug(("/dev/ttyS77", "", ""), (PORT, BOOTLOADER, "B"))
    code, out, err = run("flash", "--board", "nano33", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert (report["verified"], report["method"], report["flash_bytes"]) == (True, "bossac", 5000)
    assert len(desk.calls()) == 1


def test_the_bootloader_may_take_the_name_of_the_sketchs_port(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    monkeypatch.setattr(bossac, "_LEAVE_TIMEOUT_S", 0.0)
    name: list[str] = []
    with sketch_port(desk, lambda: desk.plug((name[0], BOOTLOADER, ""))) as (port, _):
        name.append(port)
        desk.plug((port, SKETCH, "A"))
        code, _, err = run("flash", "--board", "nano33", "--port", port)
    assert desk.calls()[0]["argv"][0] == f"--port={port}"  # type: ignore[index]
    assert code == 1
    assert "written and verified, but Arduino Nano 33 BLE did not leave its bootloader" in err


def test_the_touch_without_an_answer(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    monkeypatch.setattr(touch, "_NEW_PORT_TIMEOUT_S", 0.5)
    with sketch_port(desk, lambda: None) as (port, _):
        desk.plug((port, SKETCH, "A"), (PORT, BOOTLOADER, "another board's"))
        code, out, err = run("flash", "--board", "nano33", "--port", port)
    assert (code, out, desk.calls()) == (1, "", [])
    assert "no bootloader's port (2341:005a) came within 0.5 s; double-tap the reset button" in err


SAYS = {
    "verify failure": (
        'print("Verify 5000 bytes of flash\\n\\nVerify failed\\nPage errors: 1\\nByte errors: 9"); sys.exit(2)',
        1,
        "bossac failed (exit code 2): what is in the flash differs from the image",
    ),
    "verify failure, as this bootloader shows it": (
        'print("Verify 5000 bytes of flash\\n"); print("SAM-BA operation failed", file=sys.stderr); sys.exit(1)',
        1,
        "what is in the flash differs from the image",
    ),
    "no answer": (
        'print("No device found on /dev/null", file=sys.stderr); sys.exit(1)',
        1,
        "the bootloader did not answer on that port; double-tap the reset button",
    ),
    "Debian's build": ('print("Device unsupported"); sys.exit(1)', 1, "use Arduino's build"),
    "nothing at all": ("sys.exit(3)", 1, "bossac failed (exit code 3). It said: nothing"),
    "success without verifying": ('print("Write 5000 bytes")', 1, "it ended without having verified"),
    "hanging": ("time.sleep(60)", 1, "bossac did not finish within 1 s and was stopped; unplug"),
    "no interpreter": (None, 2, "bossac: cannot be run"),
}


@pytest.mark.parametrize("case", SAYS)
def test_what_bossac_says_is_explained(desk: Desk, run: Run, built: Callable[..., Path], case: str) -> None:
    built("nano33")
    body, exit_code, message = SAYS[case]
    tool = desk.tool("bossac", body or "", content=DEVICE)
    if body is None:
        tool.write_text(f"#!/nowhere/python\n# {DEVICE}\n")
    desk.plug((PORT, BOOTLOADER, "B"))
    began = time.monotonic()
    code, out, err = run("flash", "--board", "nano33", "--timeout", "1" if case == "hanging" else "20")
    assert (code, out) == (exit_code, "")
    assert message in err
    assert time.monotonic() - began < 10


def test_a_port_that_goes_meanwhile_is_told_apart(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    body = '(desk / "unplugged").write_text("/dev/null"); print("SAM-BA operation failed"); sys.exit(1)'
    desk.tool("bossac", body, content=DEVICE)
    desk.plug((PORT, BOOTLOADER, "B"))
    code, _, err = run("flash", "--board", "nano33")
    assert code == 1
    assert "error: /dev/null went away meanwhile: check the cable and try again. bossac failed (exit code 1)" in err


def test_a_bossac_that_cannot_serve_is_refused_before_the_board_is_touched(
    desk: Desk, run: Run, built: Callable[..., Path]
) -> None:
    built("nano33")
    path = desk.tool("bossac", "")
    with sketch_port(desk, lambda: None) as (port, speeds):
        desk.plug((port, SKETCH, "A"))
        code, out, err = run("flash", "--board", "nano33")
    assert (code, out, desk.calls()) == (2, "", [])
    assert termios.B1200 not in speeds
    assert f"error: {path} does not know the chip {DEVICE}; get Arduino's build" in err
    assert "touching" not in err


def test_a_port_that_is_still_there_did_not_go_away(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without a USB id, which no list of bootloaders has."""
    built("nano33")
    desk.tool("bossac", 'print("SAM-BA operation failed"); sys.exit(1)', content=DEVICE)
    monkeypatch.setattr(touch, "_NEW_PORT_TIMEOUT_S", 0.3)
    with sketch_port(desk, lambda: None) as (port, _):
        code, _, err = run("flash", "--board", "nano33", "--port", port)
    assert code == 1
    assert "went away" not in err
    assert "bossac failed (exit code 1)" in err


@pytest.mark.parametrize(
    ("audio", "firmware", "command"),
    [(None, "that of the benchmark", "bench"), ({"looks_a_second": 5}, "it hears (build --audio)", "audio FOLDER")],
)
def test_which_firmware_it_was_is_told(
    desk: Desk, run: Run, built: Callable[..., Path], audio: object, firmware: str, command: str
) -> None:
    report = built("nano33") / "report.json"
    report.write_text(json.dumps({**json.loads(report.read_text()), "audio": audio}))
    desk.tool("bossac", GOOD, content=DEVICE)
    desk.plug((PORT, BOOTLOADER, "B"))
    code, out, err = run("flash", "--board", "nano33")
    assert code == 0, err
    assert f"firmware  {firmware}" in out
    assert f"to see that it works: `tinyprune {command} --board nano33 --port PORT`" in out


def test_a_hanging_tool_is_killed_with_what_it_started(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    body = '(desk / "pids").write_text(f"{os.getpid()} {os.spawnl(os.P_NOWAIT, sys.executable, sys.executable, \'-c\', '
    body += "'import time; time.sleep(60)')}\"); time.sleep(60)"
    desk.tool("bossac", body, content=DEVICE)
    desk.plug((PORT, BOOTLOADER, "B"))
    assert run("flash", "--board", "nano33", "--timeout", "5")[0] == 1  # time enough to start both
    stats = [Path(f"/proc/{pid}/stat") for pid in (desk.folder / "pids").read_text().split()]
    assert len(stats) == 2
    assert job.wait_for(lambda: all(not stat.exists() or stat.read_text().split()[2] == "Z" for stat in stats), 5.0)


DESKS = {
    "nothing plugged in": ([], 1, "no Arduino Nano 33 BLE was found: no port with USB id 2341:805a or 2341:005a"),
    "two boards": (
        [("/dev/ttyACM0", BOOTLOADER, "A"), ("/dev/ttyACM1", BOOTLOADER, "B")],
        2,
        "2 ports could be the Arduino Nano 33 BLE: /dev/ttyACM0 (2341:005a, serial number A), /dev/ttyACM1",
    ),
    "another board named": ([("/dev/null", "0403:6001", "FT")], 2, "/dev/null (0403:6001, serial number FT) is no Ard"),
    "no such port named": ([], 1, "/dev/nope: no such port; is the board plugged in?"),
    "a port that went": ([("/dev/ttyGONE", BOOTLOADER, "A")], 1, "/dev/ttyGONE: no such port"),
}


@pytest.mark.parametrize("case", DESKS)
def test_desks_where_nothing_can_be_flashed(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    built("nano33")
    monkeypatch.setattr(touch, "_USABLE_TIMEOUT_S", 0.2)
    desk.tool("bossac", GOOD, content=DEVICE)
    ports, exit_code, message = DESKS[case]
    desk.plug(*ports)
    named = {"another board named": ["--port", "/dev/null"], "no such port named": ["--port", "/dev/nope"]}
    code, out, err = run("flash", "--board", "nano33", *named.get(case, []))
    assert (code, out, desk.calls()) == (exit_code, "", [])
    assert message in err
    if case == "nothing plugged in":
        assert "double-tap the reset button" in err
        assert 'ATTRS{idProduct}=="005a"' in err


def test_no_permission_names_the_group(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    desk.plug(("/dev/null", BOOTLOADER, "A"))
    monkeypatch.setattr(touch, "_USABLE_TIMEOUT_S", 0.2)
    really = os.access
    monkeypatch.setattr("os.access", lambda path, mode, **more: path != PORT and really(path, mode, **more))
    code, _, err = run("flash", "--board", "nano33")
    assert code == 2
    assert "/dev/null: no permission to open the port" in err


def test_a_serial_number_picks_one_of_two(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    desk.plug(("/dev/ttyACM9", BOOTLOADER, "A"), (PORT, BOOTLOADER, "B"))
    assert run("flash", "--board", "nano33", "--serial-number", "B")[0] == 0
    assert desk.calls()[0]["argv"][0] == f"--port={PORT}"  # type: ignore[index]


def test_a_serial_number_picks_the_running_board_beside_a_waiting_one(
    desk: Desk, run: Run, built: Callable[..., Path]
) -> None:
    built("nano33")
    desk.tool("bossac", GOOD, content=DEVICE)
    other = ("/dev/ttyACM9", BOOTLOADER, "other")
    with sketch_port(desk, lambda: desk.plug(other, (PORT, BOOTLOADER, ""))) as (port, _):
        desk.plug(other, (port, SKETCH, "mine"))
        assert run("flash", "--board", "nano33", "--serial-number", "mine")[0] == 0
    assert desk.calls()[0]["argv"][0] == f"--port={PORT}"  # type: ignore[index]


def test_without_bossac_the_cure_and_the_other_ways_are_named(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    built("nano33")
    desk.plug((PORT, BOOTLOADER, "B"))
    code, _, err = run("flash", "--board", "nano33")
    assert code == 2
    assert "bossac is not installed; get Arduino's build" in err
    assert "arduino-cli core install arduino:mbed_nano" in err
    assert "Other ways for this board: --method arduino-cli or openocd or pyocd or jlink" in err


def test_arduinos_build_is_preferred_to_one_that_does_not_know_the_chip(
    desk: Desk, run: Run, built: Callable[..., Path]
) -> None:
    built("nano33")
    desk.plug((PORT, BOOTLOADER, "B"))
    desk.tool("bossac", "sys.exit('Device unsupported')")
    versions = desk.folder / ".arduino15/packages/arduino/tools/bossac"
    for name, version in (("older", "1.9.1-arduino2"), ("newest", "1.10.0-arduino1")):
        (versions / version).mkdir(parents=True)
        desk.tool(name, GOOD, content=DEVICE).rename(versions / version / "bossac")
    assert run("flash", "--board", "nano33")[0] == 0
    assert [call["tool"] for call in desk.calls()] == ["newest"]
