"""openocd, arduino-cli and J-Link Commander: exact command lines, what they say when it fails, several probes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device.flashers.conftest import Desk, Run, board_file

PROBE_BOARD = """[usb]
probe = ["0d28:0204", "1366:1015"]
[flashing.openocd]
config = ["interface/jlink.cfg", "target/nrf52.cfg"]
transport = "swd"
[flashing.jlink]
device = "nRF52840_xxAA"
speed_khz = 1000
"""
VERIFIED = 'print("** Programming Started **\\n** Programming Finished **\\n** Verify Started **\\n** Verified OK **")'
QUIET = "gdb_port disabled; tcl_port disabled; telnet_port disabled"
PROGRAM = "program firmware.hex verify reset exit"


@pytest.fixture
def probed(tmp_path: Path, built: Callable[..., Path]) -> list[str]:
    """`flash` arguments for a board whose probe has USB ids, built."""
    path = board_file(tmp_path, "probed", "Board with a probe", PROBE_BOARD)
    return ["flash", "--board", str(path), "--build", str(built(str(path)))]


def test_openocd_programs_verifies_resets(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    folder = built("nano33")
    desk.tool("openocd", VERIFIED)
    code, out, err = run("flash", "--board", "nano33", "--method", "openocd")
    assert code == 0
    assert out.startswith("OK  Arduino Nano 33 BLE flashed and verified: 5,000 bytes by openocd on debug probe\n")
    assert [word for word in ("connecting", "writing", "verifying") if f"… {word}" in err] == [
        "connecting", "writing", "verifying",
    ]  # fmt: skip
    argv = ["-f", "interface/cmsis-dap.cfg", "-f", "target/nrf52.cfg", "-c", QUIET, "-c", PROGRAM]
    assert [(call["argv"], call["cwd"]) for call in desk.calls()] == [(argv, str(folder))]


def test_openocd_is_told_which_probe_and_how_to_talk(desk: Desk, run: Run, probed: list[str]) -> None:
    desk.tool("openocd", VERIFIED)
    desk.plug(("/dev/ttyACM0", "1366:1015", "683"), ("/dev/ttyACM1", "1366:1015", "683"), ("/dev/ttyS0", "", ""))
    code, out, _ = run(*probed)
    assert code == 0
    assert desk.calls()[0]["argv"] == [
        "-f", "interface/jlink.cfg", "-c", "adapter serial 683", "-c", "transport select swd",
        "-f", "target/nrf52.cfg", "-c", QUIET, "-c", PROGRAM,
    ]  # fmt: skip
    assert "on debug probe 683" in out
    desk.plug(("/dev/ttyACM0", "1366:1015", "683"), ("/dev/ttyACM1", "0d28:0204", "990"))
    code, _, err = run(*probed)
    assert code == 2
    assert "2 probes of Board with a probe are plugged in: 683, 990; say which with --serial-number" in err
    assert run(*probed, "--serial-number", "990")[0] == 0
    assert desk.calls()[1]["argv"][3] == "adapter serial 990"  # type: ignore[index]
    assert "name a probe by --serial-number" in run(*probed, "--port", "/dev/ttyACM0")[2]


OPENOCD_SAYS = {
    "no probe": ('print("Error: unable to find a matching CMSIS-DAP device"); sys.exit(1)', "no such debug probe"),
    "no ST-Link": ("print(\"Error: open failed\\nin procedure 'program'\"); sys.exit(1)", "no such debug probe"),
    "permission": ('print("Error: libusb_open() failed with LIBUSB_ERROR_ACCESS"); sys.exit(1)', "add the udev rules"),
    "old": ('print("startup.tcl:28: Error: Can\'t find target/rp2350.cfg"); sys.exit(1)', "is too old for the"),
    "no chip": ('print("Error: Error connecting DP: cannot read IDR"); sys.exit(1)', "the probe does not reach"),
    "verify": ('print("** Verify Failed **"); sys.exit(1)', "what is in the flash differs from the image"),
    "busy": ('print("Error: libusb_claim_interface() failed with LIBUSB_ERROR_BUSY"); sys.exit(1)', "close debuggers"),
    "silence": ("pass", "it ended without having verified"),
}


@pytest.mark.parametrize("case", OPENOCD_SAYS)
def test_what_openocd_says_is_explained(desk: Desk, run: Run, built: Callable[..., Path], case: str) -> None:
    built("nano33")
    body, message = OPENOCD_SAYS[case]
    desk.tool("openocd", body)
    code, out, err = run("flash", "--board", "nano33", "--method", "openocd")
    assert (code, out) == (1, "")
    assert err.splitlines()[1].startswith("error: openocd failed (")
    assert message in err


def test_jlink_commander_gets_a_script(desk: Desk, run: Run, probed: list[str]) -> None:
    body = 'script = pathlib.Path(sys.argv[sys.argv.index("-CommandFile") + 1])\n'
    body += '(desk / "script").write_text(script.read_text())\nprint("O.K.\\nVerify successful.\\n")'
    desk.tool("JLinkExe", body)
    desk.plug(("/dev/ttyACM0", "1366:1015", "683"))
    code, out, _ = run(*probed, "--method", "jlink")
    assert (code, "flashed and verified" in out) == (0, True)
    argv = desk.calls()[0]["argv"]
    assert isinstance(argv, list)
    assert argv[:-1] == [
        "-SelectEmuBySN", "683", "-device", "nRF52840_xxAA", "-if", "SWD", "-speed", "1000",
        "-autoconnect", "1", "-NoGui", "1", "-ExitOnError", "1", "-CommandFile",
    ]  # fmt: skip
    script = (desk.folder / "script").read_text()
    assert script.splitlines() == ["r", "h", "loadfile firmware.hex", "verifybin firmware.bin, 0x10000", "r", "g", "qc"]
    assert not Path(argv[-1]).exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('print("Connecting to J-Link via USB...FAILED: Cannot connect to J-Link."); sys.exit(1)', "no J-Link was"),
        ('print("Cannot connect to target.")', "it ended without having verified): the probe does not reach the chip"),
        ('print("Verify failed @ address 0x00010000"); sys.exit(1)', "differs from the image"),
    ],
)
def test_what_jlink_says_is_explained(desk: Desk, run: Run, probed: list[str], body: str, message: str) -> None:
    desk.tool("JLinkExe", body)
    code, _, err = run(*probed, "--method", "jlink")
    assert code == 1
    assert message in err


def test_arduino_cli_uploads_to_the_bootloaders_port(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    folder = built("nano33")
    desk.tool("arduino-cli", 'print("Device       : nRF52840-QIAA")')
    desk.plug(("/dev/null", "2341:005a", "B"))
    code, out, _ = run("flash", "--board", "nano33", "--method", "arduino-cli")
    assert code == 0
    assert out.startswith("OK  Arduino Nano 33 BLE flashed, not read back: 5,000 bytes by arduino-cli")
    fqbn = "arduino:mbed_nano:nano33ble"
    argv = ["upload", "--fqbn", fqbn, "--port", "/dev/null", "--input-file", "firmware.bin"]
    assert [(call["argv"], call["cwd"]) for call in desk.calls()] == [(argv, str(folder))]
    desk.tool("arduino-cli", "sys.exit(\"Error during Upload: Platform 'arduino:mbed_nano' not found\")")
    code, _, err = run("flash", "--board", "nano33", "--method", "arduino-cli")
    assert code == 1
    assert "run `arduino-cli core install arduino:mbed_nano` first" in err


@pytest.mark.parametrize(
    ("method", "install"),
    [
        ("openocd", "openocd is not installed; `sudo apt install openocd`"),
        ("jlink", "JLinkExe is not installed; get the J-Link software from segger.com"),
        ("arduino-cli", "arduino-cli is not installed; see arduino.github.io"),
    ],
)
def test_a_missing_tool_is_named_with_its_cure(
    desk: Desk, run: Run, built: Callable[..., Path], method: str, install: str
) -> None:
    built("nano33")
    desk.plug(("/dev/null", "2341:005a", "B"))
    code, out, err = run("flash", "--board", "nano33", "--method", method)
    assert (code, out) == (2, "")
    assert install in err
    assert ". Other ways for this board: --method bossac" in err
