"""What is flashed: the finished build of this board, for its core, inside its flash, by a method that it has."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import networks
from tests.device.flashers import elf
from tests.device.flashers.conftest import REAL_PATH, Desk, Run
from tinyprune.device import boards, flash_methods, flashers
from tinyprune.device.flashers import job
from tinyprune.errors import TargetError, UsageError
from tinyprune.tasks import flash


def test_every_method_of_board_files_has_its_flasher() -> None:
    assert list(flashers.FLASHERS) == list(flash_methods.FLASH_METHODS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": elf.ARMV8M_MAIN}, "made for Armv8-M, which a cortex-m4 does not run; build"),
        ({"machine": elf.EM_386}, "made for 386, not for Arm"),
        ({"address": 0x0800_0000}, r"5,000 bytes at 0x8000000, outside the flash of Arduino Nano 33 BLE \(0x10000 to"),
        ({"address": 0xFF000}, "outside the flash"),
    ],
)
def test_an_image_for_something_else_is_refused(
    desk: Desk, built: Callable[..., Path], changes: dict[str, int], message: str
) -> None:
    assert desk
    board = boards.load("nano33")
    with pytest.raises(TargetError, match=message):
        flash.load_image(built("nano33", **changes), board)


def test_code_for_a_smaller_core_runs_on_a_larger_one(built: Callable[..., Path]) -> None:
    flash.load_image(built("nano33", architecture=elf.ARMV6SM), boards.load("nano33"))


def test_segments_are_what_was_linked(built: Callable[..., Path]) -> None:
    folder = built("nano33")
    [(address, data)] = job.segments(folder / "firmware.elf")
    assert (address, data) == (0x10000, (folder / "firmware.bin").read_bytes())


def test_no_build_another_boards_build_a_changed_build(desk: Desk, run: Run, built: Callable[..., Path]) -> None:
    assert desk
    code, _, err = run("flash", "--board", "nano33")
    assert code == 2
    assert "build/nano33 has no finished build; run `tinyprune build --board nano33 -o build/nano33` first" in err
    folder = built("nano33")
    (folder / "firmware.hex").unlink()
    with pytest.raises(UsageError, match=r"firmware.hex is missing; run `tinyprune build --board nano33` again"):
        flash.load_image(folder, boards.load("nano33"))
    (folder / "firmware.hex").write_text("edited")
    assert "firmware.hex is not what the build wrote; run" in run("flash", "--board", "nano33")[2]
    (folder / "firmware.elf").write_bytes(b"edited")
    assert "do not belong together" in run("flash", "--board", "nano33")[2]


def test_methods_that_the_board_has_not(run: Run) -> None:
    code, _, err = run("flash", "--board", "nano33", "--method", "uf2")
    assert code == 2
    assert 'nano33 cannot be flashed by "uf2"; it has: bossac, arduino-cli, openocd, pyocd, jlink' in err
    assert "`tinyprune bench --board host` runs it in an emulator: host" in run("flash", "--board", "host")[2]


def test_control_c_says_that_the_board_may_be_half_written(
    desk: Desk, run: Run, built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built("nano33")
    desk.tool("openocd", "")

    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("tinyprune.device.flashers.tool.run", interrupted)
    code, out, err = run("flash", "--board", "nano33", "--method", "openocd")
    assert (code, out) == (130, "")
    assert "the program on Arduino Nano 33 BLE may be incomplete; run the same command again" in err


@pytest.mark.compiler
def test_what_the_build_leaves_is_what_flash_takes(compiler: str, run: Run, desk: Desk, tmp_path: Path) -> None:
    """Both compilers' images pass the check of the core; a real build is loaded, not one of this folder's making."""
    (tmp_path / "tiny.tflite").write_bytes(networks.every_operator())
    command = ["build", "--board", "nano33", "--model", "tiny.tflite", "--no-run", "-q", "--compiler", compiler]
    with pytest.MonkeyPatch.context() as paths:
        paths.setenv("PATH", REAL_PATH)
        assert run(*command)[0] == 0
    desk.tool("openocd", 'print("** Verified OK **")')
    code, out, _ = run("flash", "--board", "nano33", "--method", "openocd")
    assert code == 0
    assert "flashed and verified" in out
