"""QEMU as a link: what it computes, whose time it tells, and what is said when it cannot or will not run."""

import shutil
import stat
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.conftest import COMPILERS
from tests.device.emulators import firmware
from tests.tables import half
from tinyprune.cli import show
from tinyprune.device import boards, emulators
from tinyprune.device.emulators import EMULATORS, qemu
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import MissingDependency, TargetError
from tinyprune.firmware import toolchain
from tinyprune.measure import benchmark
from tinyprune.tasks import bench as bench_task
from tinyprune.tasks import build as build_task

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
needs_qemu = pytest.mark.skipif(firmware.missing("qemu") is not None, reason=str(firmware.missing("qemu")))
MACHINES = [name for name in boards.names() if "qemu" in boards.load(name).emulators]
BOARD = boards.load("mps2-an386")
HEAD = "LAYER void tp_layer_00_mix(int8_t *map) {\n"
HANG = '    while (map[0] == 1) { __asm__ volatile("" ::: "memory"); }\n'


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """The app with the hand-written network, which hangs where the first input byte is 1."""
    text = (firmware.NETWORK / "network.c").read_text()
    assert HEAD in text
    text = text.replace(HEAD, HEAD + HANG)
    return firmware.make(tmp_path_factory.mktemp("qemu"), BOARD.name, toolchain.find(BOARD), text)


@needs_qemu
def test_an_m55_runs_what_a_compiler_makes_for_it(tmp_path: Path) -> None:
    """Not as our builds are compiled, for the M33, but with all that the core has but Helium's vectors of floats."""
    board = boards.load("mps3-an547")
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("compiler gcc for Arm is not installed")
    gcc = toolchain.find(board, "gcc")
    own = [
        tuple("-mcpu=cortex-m55" if flag == "-mcpu=cortex-m33" else flag for flag in flags)
        for flags in (gcc.compile_flags, gcc.link_flags)
    ]
    own = [tuple("-mfpu=auto" if flag.startswith("-mfpu") else flag for flag in flags) for flags in own]
    built = firmware.make(tmp_path, board.name, replace(gcc, compile_flags=(*own[0], "-O2"), link_flags=own[1]))
    inputs = np.random.default_rng(3).integers(-128, 128, (4, firmware.INPUT_BYTES), dtype=np.int8)
    outputs = benchmark.outputs(EMULATORS["qemu"], built, board, inputs)
    for data, output in zip(inputs, outputs, strict=True):
        assert output.tolist() == firmware.expected_output(data.tobytes()).tolist()


@needs_qemu
@pytest.mark.parametrize(("compiler", "name"), half(COMPILERS, MACHINES), indirect=["compiler"])
def test_machines_answer(compiler: str, name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    built = firmware.make(tmp_path, name, toolchain.find(board, compiler))
    inputs = np.random.default_rng(3).integers(-128, 128, (4, firmware.INPUT_BYTES), dtype=np.int8)
    outputs = benchmark.outputs(EMULATORS["qemu"], built, board, inputs)
    np.testing.assert_array_equal(outputs, [firmware.expected_output(row.tobytes()) for row in inputs])


@needs_qemu
@pytest.mark.parametrize(("name", "instructions_a_us"), [(BOARD.name, 1000), ("netduinoplus2", 16)])
def test_a_virtual_microsecond_is_so_many_instructions(name: str, instructions_a_us: int, tmp_path: Path) -> None:
    """The same image in sim, which counts one by one; between two inferences the app has some of its own."""
    board = boards.load(name)
    image = firmware.make(tmp_path, name, toolchain.find(board))
    assert emulators.instructions_a_us("qemu", board) == instructions_a_us
    data, runs = bytes(70), 400
    with closing(EMULATORS["sim"](image, board, profile=True)) as link:
        device = Device(link)
        device.connect()
        device.load(data)
        device.infer()
        counted = link.profile().instructions
    with closing(EMULATORS["qemu"](image, board)) as link:
        assert link.clock == "virtual"
        device = Device(link)
        device.connect()
        device.load(data)
        first, again = device.infer(runs), device.infer(runs)
        assert 0 < first * instructions_a_us / runs - counted < 300
        assert abs(first - again) <= 1, "virtual time repeats"
        with pytest.raises(TargetError, match="counts no instructions of single layers"):
            link.profile()


@needs_qemu
def test_a_long_write_does_not_block_on_its_answers(image: FirmwareImage) -> None:
    with closing(qemu.start(image, BOARD)) as link:
        link.write(b"help%" * 300)
        received = b""
        while received.count(b"m-ready") < 301:
            data = link.read(10)
            assert data
            received += data


@needs_qemu
def test_a_hang_is_a_time_out_and_leaves_no_process(image: FirmwareImage) -> None:
    link = qemu.start(image, BOARD)
    device = Device(link, timeout_s=5)
    device.connect()
    device.load(bytes([1]) + bytes(69))
    started = time.monotonic()
    with pytest.raises(
        TargetError, match='did not complete its answer to "infer 1 0" in time; it sent m-warmup-start-0'
    ):
        device.infer(timeout_s=0.5)
    assert time.monotonic() - started < 5
    link.close()
    link.close()
    with pytest.raises(TargetError, match="closed"):
        link.write(b"name%")


@needs_qemu
def test_an_unknown_machine_is_told_in_qemus_words(image: FirmwareImage) -> None:
    board = replace(BOARD, qemu=boards.Qemu("mps2-an9"))
    with (
        closing(qemu.start(image, board)) as link,
        pytest.raises(TargetError, match=r"QEMU \(machine mps2-an9\) ended with exit code 1: .*unsupported machine"),
    ):
        Device(link).connect()


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A qemu-system-arm of our own, the only one on PATH."""
    path = folder / qemu.PROGRAM
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_crash_is_told_without_the_registers(
    image: FirmwareImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "qemu: fatal: Lockup: can't escalate 3 to HardFault (current priority -1)\\n\\nR00=00000000 R01=1\\n"
    fake(tmp_path, monkeypatch, f'printf "m-ready\\r\\n"; printf "{said}" >&2; kill -ABRT $$')
    with closing(qemu.start(image, BOARD)) as link, pytest.raises(TargetError) as caught:
        Device(link).connect()
    assert str(caught.value) == (
        "QEMU (machine mps2-an386) was ended by signal 6: "
        "qemu: fatal: Lockup: can't escalate 3 to HardFault (current priority -1)"
    )


def test_the_command_line(image: FirmwareImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, 'printf "m-name-dut-[$*]\\r\\nm-ready\\r\\n"; cat >/dev/null')
    with closing(qemu.start(image, BOARD)) as link:
        said = link.read(10).decode()
    assert "-machine mps2-an386 -icount shift=0" in said
    assert f"-serial stdio -kernel {image.elf.resolve()}" in said


def test_what_it_cannot_start(image: FirmwareImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TargetError, match=r"qemu has no machine for nano33: its board file has no table \[qemu\]"):
        qemu.start(image, boards.load("nano33"))
    with pytest.raises(TargetError, match="profile in sim"):
        qemu.start(image, BOARD, profile=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="qemu-system-arm is not installed: `apt-get install qemu-system-arm`"):
        qemu.start(image, BOARD)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mps2-an385", "is for Armv7E-M, which the cortex-m3 of mps2-an385 does not run: build it for mps2-an385"),
        ("mps2-an505", "has bytes for 0x00000000, outside the flash of mps2-an505"),
    ],
)
@pytest.mark.parametrize("emulator", ["sim", "qemu"])
def test_an_image_for_another_board(image: FirmwareImage, emulator: str, name: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        EMULATORS[emulator](image, boards.load(name))


@pytest.mark.parametrize("emulator", ["sim", "qemu"])
def test_an_image_that_is_none(host_image: FirmwareImage, image: FirmwareImage, tmp_path: Path, emulator: str) -> None:
    with pytest.raises(TargetError, match=r"is for a PC .*, mps2-an386 has a cortex-m4: build it for mps2-an386"):
        EMULATORS[emulator](host_image, BOARD)
    no_fpu = replace(BOARD, cpu=replace(BOARD.cpu, fpu=False))
    with pytest.raises(TargetError, match="uses an FPU, mps2-an386 has none"):
        EMULATORS[emulator](image, no_fpu)
    for content in (b"", b"no ELF", image.elf.read_bytes()[:100]):
        (tmp_path / "firmware.elf").write_bytes(content)
        with pytest.raises(TargetError, match="not a linked firmware"):
            EMULATORS[emulator](replace(image, elf=tmp_path / "firmware.elf"), BOARD)


@needs_qemu
def test_bench_tells_instructions_and_no_throughput(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(networks.ds_cnn())
    request = build_task.BuildRequest(BOARD, tmp_path / "out", tmp_path / "net.tflite", run=False)
    build_task.run_build(request, lambda _stage: None)
    found = {}
    for emulator in ("sim", "qemu"):
        asked = bench_task.BenchRequest(BOARD, tmp_path / "out", emulator, count=3, runs=20)
        bench = bench_task.run_bench(asked, lambda *_: None)
        assert bench.report.bit_exact
        assert bench.report.instructions is not None
        found[emulator] = bench.report.instructions.median
        lines = show.bench_lines(bench)
    assert 0 < found["qemu"] - found["sim"] < 1500, "the app's own instructions around an inference"
    assert "by virtual time, which is told in microseconds" in "\n".join(lines)
    assert not any("throughput" in line or "ms (not" in line for line in lines)
