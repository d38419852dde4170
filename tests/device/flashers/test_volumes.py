"""UF2 and drag-and-drop: folders play the volumes, threads the bootloader and the probe behind them."""

import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.device.flashers.conftest import PROGRAM, Desk, Run, board_file, sketch_port
from tinyprune.device.flashers import massstorage, uf2, volumes

BOARD = """[usb]
bootloader = "2e8a:0003"
enter_bootloader = "hold BOOTSEL while plugging it in"
[flashing.uf2]
family = 0xe48bff56
board_ids = ["RPI-RP2"]
label = "RPI-RP2"
[flashing.massstorage]
board_codes = ["9904", "9906"]
label = "MICROBIT"
"""
INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
UNIQUE_ID = "9904360258434e45003e400e00000059000000009796990b"
DETAILS = f"# DAPLink Firmware - see https://mbed.com/daplink\r\nUnique ID: {UNIQUE_ID}\r\nDaplink Mode: Interface\r\n"


@pytest.fixture
def copied(tmp_path: Path, built: Callable[..., Path]) -> list[str]:
    path = board_file(tmp_path, "copied", "Copied board", BOARD)
    return ["flash", "--board", str(path), "--build", str(built(str(path)))]


@pytest.fixture
def mounts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose folders are the mounted volumes; there is one that belongs to nobody's board."""
    media = desk.folder / "media"
    (media / "STICK").mkdir(parents=True)
    (media / "STICK/INFO_UF2.TXT").write_text("Board-ID: SAMD51-Feather\r\n")
    monkeypatch.setattr(volumes, "mounted", lambda: sorted(media.iterdir()))
    monkeypatch.setattr(uf2, "_TAKE_TIMEOUT_S", 1.0)
    monkeypatch.setattr(massstorage, "_PROGRAM_TIMEOUT_S", 2.0)
    monkeypatch.setattr(massstorage, "_RETURN_TIMEOUT_S", 1.0)
    return media


def volume(media: Path, name: str, **files: str) -> Path:
    (media / name).mkdir()
    for file, text in files.items():
        (media / name / f"{file}.TXT").write_text(text)
    return media / name


@contextmanager
def player(target: Path, act: Callable[[bytes], None]) -> Iterator[None]:
    """Does `act` with the file's content once it is complete, as the device behind a volume does."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if target.exists():
                data = target.read_bytes()
                time.sleep(0.05)
                if data and data == target.read_bytes():
                    act(data)
                    return
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def blocks_of(data: bytes) -> list[tuple[int, ...]]:
    assert len(data) % 512 == 0
    return [struct.unpack("<8I476s4s", data[i : i + 512]) for i in range(0, len(data), 512)]


def memory_of(data: bytes, family: int) -> dict[int, int]:
    """What a bootloader would program, checked as the format says: github.com/microsoft/uf2."""
    memory: dict[int, int] = {}
    blocks = blocks_of(data)
    for number, (first, second, flags, address, size, index, total, kind, payload, end) in enumerate(blocks):
        assert (first, second, end) == (0x0A324655, 0x9E5D5157, b"\x30\x6f\xb1\x0a")
        assert (flags, size, index, total, kind) == (0x2000, 256, number, len(blocks), family)
        assert address % 256 == 0
        assert isinstance(payload, bytes)
        memory.update(enumerate(payload[:256], address))
    return memory


def test_uf2_blocks_hold_the_program_at_its_address() -> None:
    memory = memory_of(uf2.convert([(0x1010, b"abc"), (0x10FF, b"xy"), (0x5000, b"z")], 7), 7)
    assert [memory[at] for at in (0x1010, 0x1011, 0x1012, 0x10FF, 0x1100, 0x5000)] == list(b"abcxyz")
    assert {address >> 8 for address in memory} == {0x10, 0x11, 0x50}
    assert sorted(memory.values()) == sorted(b"abcxyz" + b"\xff" * (3 * 256 - 6))


def test_uf2_finds_the_bootloader_by_its_info_file(mounts: Path, run: Run, copied: list[str]) -> None:
    drive, taken = volume(mounts, "RPI-RP2", INFO_UF2=INFO), bytearray()

    def reboot(data: bytes) -> None:
        taken.extend(data)
        (drive / "INFO_UF2.TXT").unlink()

    with player(drive / "FIRMWARE.UF2", reboot):
        code, out, _ = run(*copied)
    assert code == 0
    memory = memory_of(bytes(taken), 0xE48BFF56)
    assert bytes(memory[0x10000 + i] for i in range(len(PROGRAM))) == PROGRAM
    assert "the bootloader took all 20 blocks and started the program; UF2 does not read back" in out
    assert "flashed, not read back" in out
    assert "hold BOOTSEL while plugging it in, then run the command again" in out
    assert [path.name for path in (mounts / "STICK").iterdir()] == ["INFO_UF2.TXT"]


def test_uf2_touches_a_running_sketch(
    mounts: Path, desk: Desk, run: Run, built: Callable[..., Path], tmp_path: Path
) -> None:
    path = board_file(tmp_path, "copied", "Copied board", BOARD.replace("[usb]", '[usb]\nsketch = "2e8a:000a"'))
    built(str(path))
    drive = mounts / "RPI-RP2"
    with (
        sketch_port(desk, lambda: volume(mounts, "RPI-RP2", INFO_UF2=INFO)) as (port, _),
        player(drive / "FIRMWARE.UF2", lambda _: (drive / "INFO_UF2.TXT").unlink()),
    ):
        desk.plug((port, "2e8a:000a", "S"))
        code, _, err = run("flash", "--board", str(path))
    assert code == 0, err
    assert f"touching {port} at 1200 baud" in err


def test_uf2_leaves_another_board_alone(
    mounts: Path, desk: Desk, run: Run, built: Callable[..., Path], tmp_path: Path
) -> None:
    """A volume tells no serial number, so one that is there already is not taken for the board that is meant."""
    path = board_file(tmp_path, "copied", "Copied board", BOARD.replace("[usb]", '[usb]\nsketch = "2e8a:000a"'))
    built(str(path))
    other = volume(mounts, "RPI-RP2", INFO_UF2=INFO)
    code, _, err = run("flash", "--board", str(path), "--serial-number", "MINE")
    assert code == 2
    assert f"volumes do not tell serial numbers: name the board's by --port FOLDER; there are: {other}" in err
    code, _, err = run("flash", "--board", str(path), "--port", "/dev/nope")
    assert code == 1
    assert "/dev/nope: no such port" in err
    drive = mounts / "RPI-RP21"
    for which in (["--serial-number", "MINE"], ["--port"]):
        with (
            sketch_port(desk, lambda: volume(mounts, "RPI-RP21", INFO_UF2=INFO)) as (port, _),
            player(drive / "FIRMWARE.UF2", lambda _: shutil.rmtree(drive)),
        ):
            desk.plug((port, "2e8a:000a", "MINE"))
            named = [*which, port] if which == ["--port"] else which
            code, out, err = run("flash", "--board", str(path), *named)
        assert (code, f" on {drive}" in out) == (0, True), err
    assert [file.name for file in other.iterdir()] == ["INFO_UF2.TXT"]


def test_uf2_that_is_not_taken(mounts: Path, run: Run, copied: list[str]) -> None:
    drive = volume(mounts, "RPI-RP2", INFO_UF2=INFO)
    code, out, err = run(*copied)
    assert (code, out) == (1, "")
    assert f"the bootloader did not take the image: its volume {drive} is still there" in err


def test_nothing_is_written_to_other_volumes(mounts: Path, run: Run, copied: list[str]) -> None:
    before = sorted(mounts.rglob("*"))
    code, _, err = run(*copied)
    assert code == 1
    assert "no Copied board was found: no volume RPI-RP2 with INFO_UF2.TXT with Board-ID RPI-RP2, no port" in err
    assert "hold BOOTSEL while plugging it in" in err
    code, _, err = run(*copied, "--port", str(mounts / "STICK"))
    assert code == 2
    assert "STICK is not a volume of Copied board: INFO_UF2.TXT with Board-ID RPI-RP2 would say so; nothing was" in err
    assert sorted(mounts.rglob("*")) == before


def test_two_bootloaders_are_not_mixed_up(mounts: Path, run: Run, copied: list[str]) -> None:
    volume(mounts, "RPI-RP2", INFO_UF2=INFO)
    second = volume(mounts, "RPI-RP21", INFO_UF2=INFO)
    code, _, err = run(*copied)
    assert code == 2
    assert "2 volumes could be Copied board" in err
    assert "say which with --port FOLDER" in err
    with player(second / "FIRMWARE.UF2", lambda _: (second / "INFO_UF2.TXT").unlink()):
        assert run(*copied, "--port", str(second))[0] == 0
    assert not (mounts / "RPI-RP2/FIRMWARE.UF2").exists()


def test_a_volume_that_is_not_mounted_is_named(
    mounts: Path, run: Run, copied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mounts
    monkeypatch.setattr(volumes, "_BY_LABEL", mounts / "by-label")
    (mounts / "by-label").mkdir()
    (mounts / "by-label/RPI-RP2").symlink_to("../../sdb1")
    code, _, err = run(*copied)
    assert code == 1
    assert f"its volume RPI-RP2 is there but not mounted: `udisksctl mount -b {mounts}/by-label/RPI-RP2`" in err


def test_the_probes_volume_takes_the_hex_file(mounts: Path, run: Run, copied: list[str], tmp_path: Path) -> None:
    drive, taken = volume(mounts, "MICROBIT", DETAILS=DETAILS + "Remount count: 0\r\n"), bytearray()

    def program(data: bytes) -> None:
        taken.extend(data)
        (drive / "FIRMWARE.HEX").unlink()
        (drive / "DETAILS.TXT").write_text(DETAILS + "Remount count: 1\r\n")

    with player(drive / "FIRMWARE.HEX", program):
        code, out, _ = run(*copied, "--method", "massstorage", "--serial-number", UNIQUE_ID.upper())
    assert code == 0
    assert bytes(taken) == (tmp_path / "build/copied/firmware.hex").read_bytes()
    assert "the probe reports no failure (no FAIL.TXT); it does not read the flash back" in out


def test_fail_txt_is_shown(mounts: Path, run: Run, copied: list[str]) -> None:
    drive = volume(mounts, "MICROBIT", DETAILS=DETAILS)

    def refuse(_: bytes) -> None:
        (drive / "FAIL.TXT").write_text("error: The application image is not compatible with the target.\r\ntype: user")
        (drive / "FIRMWARE.HEX").unlink()

    with player(drive / "FIRMWARE.HEX", refuse):
        code, out, err = run(*copied, "--method", "massstorage")
    assert (code, out) == (1, "")
    assert f"the probe failed to program Copied board; FAIL.TXT on {drive} says: error: The application image" in err


def test_a_volume_that_does_not_come_back_is_no_success_story(mounts: Path, run: Run, copied: list[str]) -> None:
    drive = volume(mounts, "MICROBIT", DETAILS=DETAILS)

    def leave(_: bytes) -> None:
        (drive / "FIRMWARE.HEX").unlink()
        (drive / "DETAILS.TXT").unlink()
        drive.rmdir()

    with player(drive / "FIRMWARE.HEX", leave):
        code, out, _ = run(*copied, "--method", "massstorage")
    assert code == 0
    assert "flashed, not read back" in out
    assert "did not come back, so its FAIL.TXT could not be read" in out


def test_a_probe_that_ignores_the_file(mounts: Path, run: Run, copied: list[str]) -> None:
    volume(mounts, "MICROBIT", DETAILS=DETAILS)
    code, _, err = run(*copied, "--method", "massstorage")
    assert code == 1
    assert "the probe did not program the board" in err


def test_an_st_link_is_known_by_its_link(mounts: Path, run: Run, copied: list[str]) -> None:
    drive = volume(mounts, "NODE", DETAILS="Version: 0221\r\nBuild: Mar 6 2018\r\n")
    (drive / "MBED.HTM").write_text('<meta http-equiv="refresh" content="0; url=https://x.org/device/?code=99061234"/>')
    with player(drive / "FIRMWARE.HEX", lambda _: (drive / "FIRMWARE.HEX").unlink()):
        assert run(*copied, "--method", "massstorage")[0] == 0


REFUSED = {
    "another code": ("Unique ID: 9900000031324e45\r\n", [], 1, "no Copied board was found: no volume MICROBIT with"),
    "another serial number": (DETAILS, ["--serial-number", "9904aaaa"], 1, "no Copied board was found"),
    "maintenance": (DETAILS.replace("Interface", "Bootloader"), [], 2, "the probe is in MAINTENANCE mode"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_wrong_probe_is_left_alone(mounts: Path, run: Run, copied: list[str], case: str) -> None:
    details, more, exit_code, message = REFUSED[case]
    drive = volume(mounts, "MICROBIT", DETAILS=details)
    code, _, err = run(*copied, "--method", "massstorage", *more)
    assert code == exit_code
    assert message in err
    assert [path.name for path in drive.iterdir()] == ["DETAILS.TXT"]


def test_real_mounts_are_listed() -> None:
    assert all(isinstance(path, Path) for path in volumes.mounted())
