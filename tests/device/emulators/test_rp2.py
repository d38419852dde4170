"""RP2040 and RP2350: what their boot ROMs want of an image, the port in the emulator, what the chips would not bear."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.device.emulators import firmware
from tests.device.emulators.registers import Chip, Step, poll, run
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS, rp2040, rp2350, sim
from tinyprune.device.emulators.cortex_m import FirmwareError
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import TargetError
from tinyprune.firmware import toolchain
from tinyprune.measure import benchmark

BOARDS = ["pico", "pico2"]
_built: dict[tuple[str, str], FirmwareImage] = {}


def image_for(name: str, compiler: str, factory: pytest.TempPathFactory) -> FirmwareImage:
    if (name, compiler) not in _built:
        found = toolchain.find(boards.load(name), compiler)
        _built[name, compiler] = firmware.make(factory.mktemp(f"{name}-{compiler}"), name, found)
    return _built[name, compiler]


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("name", BOARDS)
def test_a_board_infers(name: str, compiler: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    image = image_for(name, compiler, tmp_path_factory)
    inputs = np.random.default_rng(2).integers(-128, 128, (3, firmware.INPUT_BYTES), dtype=np.int8)
    outputs = benchmark.outputs(EMULATORS["sim"], image, boards.load(name), inputs)
    np.testing.assert_array_equal(outputs, [firmware.expected_output(row.tobytes()) for row in inputs])


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("name", BOARDS)
def test_many_commands_at_once(name: str, compiler: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """More than the port keeps while it sends."""
    with closing(sim.start(image_for(name, compiler, tmp_path_factory), boards.load(name))) as link:
        link.read(1)
        link.write(b"name%" * 200)
        assert link.read(1) == b"m-name-dut-[tinyprune]\r\nm-ready\r\n" * 200


# What the boot ROMs want


def test_the_crc_is_that_of_the_datasheet() -> None:
    assert rp2040.crc32(b"123456789") == 0x0376E6E7  # CRC-32/MPEG-2: same polynomial, start and order, its check value


@pytest.mark.compiler
def test_the_second_stage_is_what_the_rp2040_starts(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    flash = image_for("pico", compiler, tmp_path_factory).elf.with_suffix(".bin").read_bytes()
    found = rp2040.crc32(flash[:252])
    assert found == int.from_bytes(flash[252:256], "little"), f"set BOOT2_CRC in boot2.c to 0x{found:08x}"
    stack, reset = (int.from_bytes(flash[i : i + 4], "little") for i in (256, 260))
    assert 0x20000000 < stack <= 0x20042000
    assert 0x10000100 < reset < 0x10000000 + len(flash)


@pytest.mark.compiler
def test_the_rp2350_finds_the_image_definition(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    flash = image_for("pico2", compiler, tmp_path_factory).elf.with_suffix(".bin").read_bytes()
    where = flash.index(bytes.fromhex("d3deffff 42012110 ff010000 00000000 793512ab"))
    assert where < 4096
    assert where % 4 == 0


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("pico", b"\x00\x21", "does not start: the boot ROM refuses a second stage whose CRC is"),
        ("pico2", b"\xd3\xde\xff\xff", "does not start: the boot ROM finds no image definition"),
        ("pico2", b"\x42\x01\x21\x10", "does not start: the image definition is not the least one"),
    ],
)
def test_a_broken_image_does_not_start(
    name: str, where: bytes, message: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = image_for(name, "zig", tmp_path_factory)
    data = bytearray(image.elf.read_bytes())
    at = data.index(where)
    data[at] ^= 1
    broken = tmp_path / "firmware.elf"
    broken.write_bytes(data)
    with pytest.raises(TargetError, match=message):
        sim.start(FirmwareImage(name, "", "", broken, 0, 0), boards.load(name))


# What the chips would not bear


class Ram:
    def write_ram(self, address: int, data: bytes) -> None:
        self.written = (address, data)


def test_the_second_stage_runs_at_the_end_of_sram() -> None:
    stage = bytes(252)
    ram = Ram()
    flash = stage + rp2040.crc32(stage).to_bytes(4, "little")
    assert rp2040.boot(ram, flash) == (0x20041F00, 0x20041F01)  # type: ignore[arg-type]
    assert ram.written == (0x20041F00, flash)


RESET_CLEAR, RESET_SET = 0x4000F000, 0x4000E000
PICO_STEPS: dict[str, Step] = {
    "SSI off": lambda chip: chip.write(0x18000008, 0),
    "SSI clock": lambda chip: chip.write(0x18000014, 4),
    "SSI frame": lambda chip: (chip.write(0x18000000, 0x1F0300), chip.write(0x18000004, 0)),
    "SSI command": lambda chip: chip.write(0x180000F4, 0x03000218),
    "SSI on": lambda chip: chip.write(0x18000008, 1),
    "crystal": lambda chip: chip.write(0x40024000, 0xFABAA0),
    "clk_ref": lambda chip: chip.write(0x40008030, 2),
    "PLL reset": lambda chip: chip.write(RESET_CLEAR, 1 << 12),
    "PLL factor": lambda chip: chip.write(0x40028008, 125),
    "PLL": lambda chip: chip.write(0x40028004 + 0x3000, 1 << 5 | 1),
    "PLL divider": lambda chip: chip.write(0x4002800C, 6 << 16 | 2 << 12),
    "PLL output": lambda chip: chip.write(0x40028004 + 0x3000, 1 << 3),
    "clk_sys": lambda chip: chip.write(0x4000803C, 1),
    "clk_peri": lambda chip: chip.write(0x40008048, 1 << 11),
    "ticks": lambda chip: chip.write(0x4005802C, 1 << 9 | 12),
    "resets": lambda chip: chip.write(RESET_CLEAR, 1 << 5 | 1 << 8),
    "timer reset": lambda chip: chip.write(RESET_CLEAR, 1 << 21),
    "time": lambda chip: chip.read(0x40054028),
    "UART0 reset": lambda chip: chip.write(RESET_CLEAR, 1 << 22),
    "UART0 off": lambda chip: chip.write(0x40034030, 0),
    "baud": lambda chip: (chip.write(0x40034024, 67), chip.write(0x40034028, 52)),
    "8N1": lambda chip: chip.write(0x4003402C, 0x70),
    "UART0 on": lambda chip: chip.write(0x40034030, 0x301),
    "TX pin": lambda chip: chip.write(0x40014004, 2),
    "RX pin": lambda chip: (chip.write(0x4001C008, 0x5A), chip.write(0x4001400C, 2)),
    "send": lambda chip: chip.write(0x40034000, ord("x")),
    "wait": lambda chip: poll(chip, 0x40034018),
}
PICO_FAULTS: dict[tuple[str, Step | None], str] = {
    ("SSI off", None): "SSI is set up while SSI.SSIENR is 1",
    ("SSI clock", lambda chip: chip.write(0x18000014, 2)): "flash that the second stage has not made readable",
    ("SSI command", lambda chip: chip.write(0x180000F4, 0xEB000218)): "second stage has not made readable",
    ("SSI on", None): "second stage has not made readable",
    ("crystal", None): "clk_ref is switched to a crystal that does not run",
    ("crystal", lambda chip: chip.write(0x40024000, 0xD1EAA0)): "does not start a crystal",
    ("clk_ref", None): "ticks are not microseconds",
    ("PLL reset", None): "PLL_SYS is used while it is in reset",
    ("PLL factor", lambda chip: chip.write(0x40028008, 200)): "cannot run at 2,400,000,000 Hz",
    ("PLL", None): "switched to a PLL that does not run",
    (
        "PLL",
        lambda chip: (PICO_STEPS["PLL"](chip), chip.write(0x40028008, 99)),
    ): "FBDIV_INT is written while",
    ("PLL divider", lambda chip: chip.write(0x4002800C, 5 << 16 | 2 << 12)): "more than the chip's 133,000,000 Hz",
    ("PLL divider", lambda chip: chip.write(0x4002800C, 7 << 16 | 2 << 12)): "the core runs at 107,142,857 Hz",
    ("PLL output", None): "switched to a PLL that does not run",
    ("clk_sys", None): "the core runs at 12,000,000 Hz, not at 125,000,000 Hz",
    ("clk_sys", lambda chip: chip.write(0x4000803C, 1 << 5 | 1)): "AUXSRC is not PLL_SYS",
    ("clk_peri", None): "UART0 is used while clk_peri is not clk_sys",
    ("ticks", None): "ticks are not microseconds",
    ("ticks", lambda chip: chip.write(0x4005802C, 1 << 9 | 1)): "ticks are not microseconds",
    ("resets", None): "IO_BANK0 is used while it is in reset",
    ("timer reset", None): "TIMER is used while it is in reset",
    ("UART0 reset", None): "UART0 is used while it is in reset",
    ("baud", lambda chip: (chip.write(0x40034024, 71), chip.write(0x40034028, 0))): "UART0 runs at 110035 baud",
    ("8N1", lambda chip: chip.write(0x4003402C, 0x78)): "without being on for 8N1",
    (
        "8N1",
        lambda chip: (chip.write(0x40034030, 0x301), chip.write(0x4003402C, 0x70)),
    ): "LCR_H is written while",
    ("UART0 on", None): "without being on for 8N1",
    ("TX pin", None): "UART0 is used while GP0 does not serve it",
    ("RX pin", None): "UART0 is used while GP1 does not serve it",
    ("RX pin", lambda chip: chip.write(0x4001400C, 2)): "GP1 is read without input buffer or pull-up",
    ("send", lambda chip: chip.read(0x40034000)): "UART0 is read without a received byte",
    ("wait", lambda chip: chip.write(RESET_SET, 1 << 12)): "PLL_SYS is reset while clk_sys runs on it",
}


def test_the_steps_are_enough() -> None:
    chip = Chip("pico")
    run(chip, PICO_STEPS)
    assert chip.mcu.from_firmware == b"x"
    assert chip.waits > 0


@pytest.mark.parametrize(("without", "instead", "message"), [(*fault, text) for fault, text in PICO_FAULTS.items()])
def test_without_one_step(without: str, instead: Step | None, message: str) -> None:
    assert without in PICO_STEPS
    with pytest.raises(FirmwareError, match=message):
        run(Chip("pico"), PICO_STEPS, without, instead)


def test_pads_of_the_rp2350_are_isolated_after_reset() -> None:
    chip = Chip("pico2")
    with pytest.raises(FirmwareError, match="PADS_BANK0 is used while it is in reset"):
        chip.write(0x40038004, 0x56)
    with pytest.raises(FirmwareError, match="GP0 does not serve it"):
        chip.mcu._require_pin("GP0", needs_input=False)  # type: ignore[attr-defined]


def test_what_only_the_rp2350_has() -> None:
    chip = Chip("pico2")
    chip.write(0x4010801C, 12)
    chip.write(0x40108018, 1)
    with pytest.raises(FirmwareError, match="TIMER0_CYCLES is written while the ticks run"):
        chip.write(0x4010801C, 12)
    with pytest.raises(FirmwareError, match="no image definition"):
        rp2350.boot(chip, bytes(4096))
