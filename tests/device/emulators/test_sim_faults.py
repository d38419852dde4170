"""What a board would not survive, the emulator names; and what an inference costs in stack and time."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.device.emulators import firmware
from tinyprune.device import boards
from tinyprune.device.emulators import sim
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError
from tinyprune.firmware import toolchain

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
BOARD = boards.load("nano33")

WORD = "*(volatile uint32_t *)"
START_TX = f"{WORD}0x40002008 = 1;"
NO_REGISTER = "where the MCU's model has no register"
NO_MEMORY = "where nothing may be"
#: Statement → message; FUNCTION stands for the function that holds it.
FAULTS = {
    "map[1] = *(volatile int8_t *)0x30000000;": rf"read 0x30000000, {NO_MEMORY} \(in FUNCTION,",
    "*(volatile int8_t *)0x30000000 = 1;": rf"wrote 0x30000000, {NO_MEMORY} \(in FUNCTION,",
    "*(volatile int8_t *)0x00010000 = 1;": rf"wrote 0x00010000, {NO_MEMORY} \(in FUNCTION,",
    "((void (*)(void))0x30000001)();": rf"jumped to 0x30000000, {NO_MEMORY} \(in unknown code,",
    f"map[1] = (int8_t){WORD}0x40002124;": rf"reads 32 bits at 0x40002124, {NO_REGISTER} \(in FUNCTION,",
    "map[1] = *(volatile int8_t *)0x40002110;": rf"reads 8 bits at 0x40002110, {NO_REGISTER} \(in FUNCTION,",
    f"{WORD}0x40000200 = 1;": rf"writes 32 bits at 0x40000200, {NO_REGISTER} \(in FUNCTION,",
    f"{WORD}0xE000E018 = 1;": f"writes 32 bits at 0xe000e018, {NO_REGISTER}",
    f"{WORD}0x40002544 = 0x10000; {START_TX}": "DMA at 0x00010000, outside RAM",
    f"{WORD}0x40002500 = 0; {START_TX}": "STARTTX while UARTE0.ENABLE is not 8",
    f"{WORD}0x40002524 = 0; {START_TX}": "another setting than 115200 baud",
    f"{WORD}0x4000250C = 6;": "PSEL.TXD is written while the UARTE is on",
    f"{WORD}0x40002500 = 0; {WORD}0x4000250C = 6; {WORD}0x40002500 = 8; {START_TX}": "on another pin",
    f"{WORD}0x40002000 = 1; {WORD}0x40002000 = 1;": "STARTRX while an earlier reception runs",
    f"{WORD}0x40000558 = 0; {START_TX}": "STARTTX, and the debug port stays closed: APPROTECT.DISABLE is not what",
    f"{WORD}0x4001E540 = 0; {START_TX}": r"STARTTX, and the cache is off \(0x4001e540\)",
    f"{WORD}0x40000100 = 0; {START_TX}": "before the crystal oscillator runs",
    f"{WORD}0xE000EDFC = 0; map[1] = (int8_t){WORD}0xE0001004;": "DEMCR.TRCENA is 0",
    f"{WORD}0xE000E180 = 0xFFFFFFFF;": r"sleeps \(WFI\), and no interrupt is enabled that could wake it",
    '__asm__ volatile("msr basepri, %0" ::"r"(32));': r"sleeps \(WFI\) with BASEPRI or FAULTMASK set",
    '__asm__ volatile("udf #0");': r"faulted: .*\(in FUNCTION,",
    "USE_STACK(5000);": "the stack of 2,048 bytes overflowed",
}
USE_STACK = "USE_STACK(1200);"
HANG = 'volatile int go = 1; while (go) { __asm__ volatile("" ::: "memory"); }'
LOOP = "for (volatile int32_t i = 0; i < 1500000; i++) {}"
STATEMENTS = [*FAULTS, USE_STACK, HANG, LOOP]


def input_for(statement: str) -> bytes:
    """The first input byte selects the statement that runs; 0 none."""
    return bytes([STATEMENTS.index(statement) + 1]) + bytes(firmware.INPUT_BYTES - 1)


def function_of(statement: str) -> str:
    return rf"case_{STATEMENTS.index(statement) + 1}(\.\w+)*"  # GCC may append .constprop.0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """One firmware with all statements, each in a function `case_<number>` of its own."""
    head = "LAYER void tp_layer_00_mix(int8_t *map) {\n"
    network = (firmware.NETWORK / "network.c").read_text()
    assert head in network
    functions = [
        f"LAYER void case_{i}(int8_t *map) {{ (void)map; {text} }}\n" for i, text in enumerate(STATEMENTS, start=1)
    ]
    cases = [f"case {i}: case_{i}(map); break;\n" for i in range(1, len(STATEMENTS) + 1)]
    stack = '#define USE_STACK(n) uint8_t big[n]; __asm__ volatile("" ::"r"(big) : "memory"); big[0] = (uint8_t)*map; '
    stack += '__asm__ volatile("" ::"r"(big) : "memory")\n'
    switch = f"switch (map[0]) {{\n{''.join(cases)}default: break;\n}}\n"
    folder: Path = tmp_path_factory.mktemp("faults")
    text = network.replace(head, stack + "".join(functions) + head + switch)
    compiler = toolchain.find(BOARD)
    if compiler.name == "zig":  # clang would move what two statements have in common into a function without their name
        compiler = replace(compiler, compile_flags=(*compiler.compile_flags, "-mno-outline"))
    return firmware.make(folder, "nano33", compiler, text)


def started(image: FirmwareImage, profile: bool = False) -> tuple[sim.SimLink, Device]:
    link = sim.start(image, BOARD, profile=profile)
    device = Device(link)
    device.connect()
    return link, device


@pytest.mark.parametrize("statement", FAULTS)
def test_faults_are_named(image: FirmwareImage, statement: str) -> None:
    link, device = started(image)
    device.load(input_for(statement))
    message = FAULTS[statement].replace("FUNCTION", function_of(statement))
    with pytest.raises(TargetError, match=message) as first:
        device.infer()
    assert re.search(r"\(in [.\w]+( code)?, at 0x[0-9a-f]{8}\)$", str(first.value))
    with pytest.raises(TargetError, match=message):  # it stays dead
        link.write(b"name%")


@pytest.mark.parametrize("profile", [False, True])
def test_a_hang_ends(image: FirmwareImage, profile: bool) -> None:
    link = sim.start(image, BOARD, profile=profile, patience_s=0.5)
    message = rf"does not wait for input within 0.5 s of computing: it hangs, .* \(in {function_of(HANG)},"
    with pytest.raises(TargetError, match=message):
        link.write(firmware.load_commands(input_for(HANG)) + b"infer 1 0%")


def test_stack_use_is_measured(image: FirmwareImage) -> None:
    link, device = started(image)
    device.load(bytes(firmware.INPUT_BYTES))
    device.infer()
    plain = link.stack_bytes
    assert 64 < plain < 1024
    device.load(input_for(USE_STACK))
    device.infer()
    assert plain + 1000 < link.stack_bytes < plain + 1300


def test_speed(image: FirmwareImage) -> None:
    """Ten million profiled instructions take well under the three seconds that a DS-CNN may take."""
    link, device = started(image, profile=True)
    device.load(input_for(LOOP))
    before = os.times()
    device.infer()
    profile = link.profile()
    after = os.times()
    assert profile.instructions > 7_000_000
    assert after.user - before.user < 3
