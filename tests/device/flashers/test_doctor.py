"""`tinyprune doctor`: on computers that have nothing, something broken, or a board that may not be opened."""

import json
import os
from pathlib import Path

import pytest

from tests.device.flashers.conftest import Desk, Run
from tinyprune.device import boards, ports
from tinyprune.firmware import toolchain
from tinyprune.tasks.doctor import check, software

FIELDS = {"works", "verdict", "tinyprune", "python", "system", "checks", "connected"}
BOOTLOADER = "2341:005a"


def look(run: Run) -> tuple[int, dict[str, dict[str, str]], dict[str, object]]:
    code, out, err = run("doctor", "--json")
    assert err == ""
    report = json.loads(out)
    assert set(report) == FIELDS
    return code, {one["name"]: one for one in report["checks"]}, report


@pytest.fixture
def bare(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The empty desk; compilers are not really run."""
    for name in ("TFLM_ROOT", "TFLM_LIBRARY", "ARDUINO_DIRECTORIES_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(software, "_try_compiler", lambda _: "")
    return desk


def test_the_compiler_of_the_wheel_is_enough(bare: Desk, run: Run) -> None:
    assert bare
    code, checks, report = look(run)
    assert (code, report["works"]) == (0, True)
    assert str(report["verdict"]).startswith("`tinyprune build --board nano33` works; not here: arm-none-eabi-gcc")
    assert checks["sim"]["state"] == checks["zig cc (ziglang)"]["state"] == "ok"
    assert checks["sim"]["needed_for"].startswith("running and counting: b-u585i-iot02a, ")
    for name, cure in {
        "arm-none-eabi-gcc": "gcc-arm-none-eabi",
        "qemu-system-arm": "qemu-system-arm",
        "renode": "github.com/renode/renode/releases",
        "openocd": "openocd",
        "bossac": "`arduino-cli core install arduino:mbed_nano`",
        "JLinkExe": "segger.com/downloads/jlink",
        "cmake": "install cmake",
        "arduino:mbed_nano": "`arduino-cli core install arduino:mbed_nano`",
        "arduino:mbed_portenta": "`arduino-cli core install arduino:mbed_portenta`",
        "TFLM_ROOT": "`git clone https://github.com/tensorflow/tflite-micro`",
    }.items():
        assert checks[name]["state"] == "missing"
        assert cure in checks[name]["cure"]


def test_without_any_compiler_the_default_path_is_broken(bare: Desk, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare
    monkeypatch.setattr(toolchain, "COMPILERS", {"gcc": lambda _: None, "zig": lambda _: None})
    code, _, report = look(run)
    assert (code, report["works"]) == (2, False)
    assert "`tinyprune build --board nano33` does not work here: arm-none-eabi-gcc: " in str(report["verdict"])
    code, out, _ = run("doctor", "-q")
    assert code == 2
    assert out.startswith("NOT OK  `tinyprune build --board nano33` does not work here")
    assert "install 'ziglang'`" in out


def test_without_the_emulator_it_is_too(bare: Desk, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare
    really = check.version
    for module in (check, software):
        monkeypatch.setattr(module, "version", lambda name: None if name in ("unicorn", "pyocd") else really(name))
    code, checks, _ = look(run)
    assert code == 2
    assert checks["sim"]["state"] == "missing"
    assert "install 'unicorn'" in checks["sim"]["cure"]
    assert "install 'pyocd'" in checks["pyocd"]["cure"]


@pytest.mark.parametrize(
    ("suite", "lacks", "state", "found"),
    [
        (False, "", "missing", ""),
        (True, "robot yaml", "problem", "python3 lacks robot, yaml"),
        (True, "", "ok", "renode-test"),
    ],
)
def test_what_renodes_suites_need_is_looked_for(
    bare: Desk, run: Run, suite: bool, lacks: str, state: str, found: str
) -> None:
    bare.tool("renode", 'print("Renode v1.16.1.20212")')
    bare.tool("python3", f'print("{lacks}")')
    if suite:
        bare.tool("renode-test", "")
    _, checks, _ = look(run)
    assert checks["renode"]["state"] == "ok"
    assert checks["renode-test"]["state"] == state
    assert found in checks["renode-test"]["found"]
    if state == "problem":
        assert "pip install -r" in checks["renode-test"]["cure"]
        assert "tests/requirements.txt" in checks["renode-test"]["cure"]


@pytest.mark.compiler
def test_compilers_are_tried(desk: Desk, run: Run) -> None:
    """zig really compiles; a GCC that only knows its version is found out."""
    body = 'print("12.2.1") if "-dumpfullversion" in sys.argv else sys.exit("cc1: no such file")'
    desk.tool("arm-none-eabi-gcc", body)
    code, checks, _ = look(run)
    assert code == 0
    assert checks["zig cc (ziglang)"]["found"].startswith("zig cc 0.")
    assert checks["arm-none-eabi-gcc"]["state"] == "problem"
    assert checks["arm-none-eabi-gcc"]["found"] == "does not compile: cc1: no such file"


def test_tools_are_run_for_their_versions(bare: Desk, run: Run) -> None:
    bare.tool("openocd", 'print("Open On-Chip Debugger 0.12.0", file=sys.stderr)')
    bare.tool("qemu-system-arm", 'sys.exit("libglib-2.0.so.0: cannot open shared object file")')
    bare.tool("renode", 'sys.exit("cannot execute binary file")')
    bare.tool("arduino-cli", 'print("arduino-cli  Version: 1.0.4 Commit: 8f8b1a2 Date: 2024")')
    bare.tool("JLinkExe", "time.sleep(30)")
    _, checks, _ = look(run)
    assert checks["openocd"]["found"] == f"0.12.0 ({bare.bin}/openocd)"
    assert checks["arduino-cli"]["found"] == f"1.0.4 ({bare.bin}/arduino-cli)"
    assert checks["qemu-system-arm"]["state"] == "problem"
    assert "fails: libglib-2.0.so.0" in checks["qemu-system-arm"]["found"]
    assert checks["renode"]["state"] == "problem"
    assert "renode --version tells no version of Renode but: cannot execute binary file" in checks["renode"]["found"]
    assert checks["JLinkExe"]["state"] == "ok"
    assert [call["tool"] for call in bare.calls()].count("JLinkExe") == 0


def test_a_tool_that_hangs_does_not_run(bare: Desk, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_TOOL_TIMEOUT_S", 1.0)
    bare.tool("dfu-util", "time.sleep(30)")
    assert "does not run: " in look(run)[1]["dfu-util"]["found"]


def test_what_projects_are_built_with_is_looked_for(bare: Desk, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.tool("cmake", 'print("cmake version 3.25.1\\n\\nCMake suite maintained and supported by Kitware")')
    bare.tool("pio", 'print("PlatformIO Core, version 6.1.18")')
    core = bare.folder / ".arduino15/packages/arduino/hardware/mbed_nano/4.6.0"
    core.mkdir(parents=True)
    monkeypatch.setenv("TFLM_ROOT", str(bare.folder))
    checks = look(run)[1]
    assert checks["cmake"]["found"] == f"3.25.1 ({bare.bin}/cmake)"
    assert checks["pio"]["found"] == f"6.1.18 ({bare.bin}/pio)"
    assert checks["arduino:mbed_nano"]["found"] == f"4.6.0 ({core})"
    assert checks["arduino:mbed_nano"]["needed_for"].endswith(": nano33, nano33sense")
    assert checks["arduino:mbed_portenta"]["state"] == "missing"
    assert (checks["TFLM_ROOT"]["state"], checks["optuna"]["needed_for"]) == ("problem", "sweep")
    assert f"TFLM_ROOT={bare.folder} is no tree of TFLite Micro" in checks["TFLM_ROOT"]["found"]
    core.rename(bare.folder / "4.6.0")
    monkeypatch.setenv("ARDUINO_DIRECTORIES_DATA", str(bare.folder))
    for newest in ("4.9.0", "4.10.0"):
        (bare.folder / "packages/arduino/hardware/mbed_nano" / newest).mkdir(parents=True)
        assert look(run)[1]["arduino:mbed_nano"]["found"].startswith(f"{newest} ")


def test_pio_is_found_beside_this_python(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare.folder / "venv").mkdir()
    pio = bare.tool("pio", 'print("PlatformIO Core, version 6.1.18")')
    monkeypatch.setattr("sys.executable", str(bare.folder / "venv/python"))

    def found() -> check.Check:
        return next(one for one in software.project_tools([]) if one.name == "pio")

    assert found().state == "ok"
    pio.rename(bare.folder / "venv/pio")
    assert found().found == f"6.1.18 ({bare.folder}/venv/pio)"
    (bare.folder / "venv/pio").unlink()
    assert (found().state, "install 'platformio'`" in found().cure) == ("missing", True)


def test_a_bossac_that_does_not_know_the_board_is_a_problem(bare: Desk, run: Run) -> None:
    bare.tool("bossac", "")
    found = look(run)[1]["bossac"]
    assert (found["state"], found["found"]) == ("problem", f"{bare.bin}/bossac does not know nRF52840-QIAA")
    bare.tool("bossac", "", content="nRF52840-QIAA")
    assert look(run)[1]["bossac"]["state"] == "ok"


def test_boards_on_the_desk_are_named(bare: Desk, run: Run) -> None:
    bare.plug(("/dev/null", BOOTLOADER, "A"), ("/dev/ttyS0", "", ""), ("/dev/full", "0403:6001", "FT"))
    [found] = look(run)[2]["connected"]  # type: ignore[misc]
    assert set(found["boards"]) >= {"nano33"}
    assert (found["device"], found["what"], found["problem"]) == ("/dev/null", "in its bootloader", "")
    code, out, _ = run("doctor", "-q")
    assert code == 0
    assert "in its bootloader, 2341:005a, /dev/null" in out


def test_probes_without_a_serial_port_are_seen_too(bare: Desk, run: Run) -> None:
    bare.plug_usb(BOOTLOADER, "S1")
    (bare.usb / "1-2:1.0").mkdir()  # an interface
    [found] = look(run)[2]["connected"]  # type: ignore[misc]
    assert (found["device"], found["serial_number"]) == ("", "S1")
    assert found["problem"] == "no permission to open /dev/bus/usb/001/009"
    assert found["cure"] == f"`tinyprune doctor --udev | sudo tee {ports.UDEV_FILE}`, and plug it in again"
    assert ports.UDEV_FILE in run("doctor", "-q")[1]


def test_ports_that_may_not_be_opened(bare: Desk, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.plug(("/dev/null", BOOTLOADER, "A"))
    really = os.access
    monkeypatch.setattr("os.access", lambda path, mode, **more: path != "/dev/null" and really(path, mode, **more))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.getegid", lambda: 1000)
    monkeypatch.setattr("os.getgroups", lambda: [1000])
    monkeypatch.setattr("grp.getgrnam", lambda name: {"dialout": DIALOUT}[name])
    monkeypatch.setenv("USER", "ann")
    checks = look(run)[1]
    assert checks["/dev/null"]["found"] == "no permission to open it"
    assert checks["group dialout"]["cure"] == "`sudo usermod -aG dialout $USER`, then log out and in"
    monkeypatch.setenv("USER", "bob")
    assert look(run)[1]["group dialout"]["cure"] == "log out and in again"
    monkeypatch.setattr("os.getgroups", lambda: [1000, 20])
    assert look(run)[1]["group dialout"]["state"] == "ok"


class DIALOUT:
    gr_gid = 20
    gr_mem = ("bob",)


def test_every_flash_tool_of_the_board_files_is_looked_for() -> None:
    known = [boards.load(name) for name in boards.names()]
    methods = {method for board in known for method in board.flashing} - {"uf2", "massstorage"}
    names = {one.name for one in software.flash_tools(known)}
    assert {{"jlink": "JLinkExe", "dfu": "dfu-util"}.get(name, name) for name in methods} <= names


def test_pip_is_named_with_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/home/me/.venv/bin/python")
    assert check.pip("x") == "`/home/me/.venv/bin/python -m pip install 'x'`"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert check.pip("x") == "`python3 -m pip --python /home/me/.venv/bin/python install 'x'`"


def test_udev_rules_name_every_id_once(run: Run) -> None:
    code, out, _ = run("doctor", "--udev")
    rules = out.splitlines()[1:]
    ids = {usb_id for name in boards.names() for usb_id in ports.usb_ids(boards.load(name))}
    assert (code, len(rules)) == (0, len(ids))
    for usb_id in ids:
        vendor, product = usb_id.split(":")
        assert out.count(f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}"') == 1


def test_here_and_now(run: Run) -> None:
    """On the computer of whoever runs the tests: whatever it has, it is said without a traceback."""
    code, out, _ = run("doctor", "-q")
    assert code in (0, 2)
    assert out.startswith(("OK  ", "NOT OK  "))
    assert Path(out.split("Python ")[1].split("(")[1].split(")")[0]).exists()
