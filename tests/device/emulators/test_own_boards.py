"""A board of a known family is a TOML file and no Python: users' own files run in the emulator, or are refused."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import COMPILERS
from tests.device.emulators import firmware
from tests.tables import half
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.errors import UsageError
from tinyprune.firmware import toolchain
from tinyprune.measure import benchmark

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]

Changes = tuple[tuple[str, str], ...]


def serial(uart: str, tx: str, rx: str, function: int) -> str:
    return f'uart = "{uart}"\ntx = "{tx}"\nrx = "{rx}"\nfunction = {function}'


LPUART1, USART2, USART3 = (
    serial("LPUART1", "PG7", "PG8", 8),
    serial("USART2", "PA2", "PA3", 7),
    serial("USART3", "PD8", "PD9", 7),
)
HSI16, HSE8 = 'source = "internal"\nhz = 16_000_000', 'source = "crystal"\nhz = 8_000_000'
OSCILLATOR = 'source = "external"\nhz = 25_000_000\nenable = "PH1"'
#: Shipped board → what differs on a user's.
OWN: dict[str, tuple[str, Changes]] = {
    "Nucleo-L476RG, 80 MHz": (
        "nucleo-l4r5zi",
        (("120_000_000", "80_000_000"), ("2_097_152", "1_048_576"), ("655_360", "98_304"), (LPUART1, USART2)),
    ),
    "L4 with a crystal": (
        "nucleo-l4r5zi",
        ((HSI16, 'source = "crystal"\nhz = 12_000_000'), ("120_000_000", "72_000_000")),
    ),
    "Feather F405, 12 MHz crystal": (
        "stm32f4-discovery",
        (("hz = 8_000_000", "hz = 12_000_000"), (USART2, serial("USART3", "PB10", "PB11", 7))),
    ),
    "F4 with 25 MHz": ("stm32f4-discovery", (("hz = 8_000_000", "hz = 25_000_000"),)),
    "F4 on its internal oscillator": ("stm32f4-discovery", ((HSE8, HSI16),)),
    "F7 below over-drive": (
        "nucleo-f767zi",
        (("216_000_000", "168_000_000"), (USART3, serial("USART6", "PG14", "PG9", 8))),
    ),
    "G4 on its internal oscillator, 80 MHz": (
        "nucleo-g474re",
        (('source = "crystal"', 'source = "internal"'), ("24_000_000", "16_000_000"), ("170_000_000", "80_000_000")),
    ),
    "H5 on its internal oscillator": (
        "nucleo-h563zi",
        (('source = "external"', 'source = "internal"'), ("hz = 8_000_000", "hz = 32_000_000")),
    ),
    "U5 with a crystal": ("nucleo-u575zi-q", ((HSI16, 'source = "crystal"\nhz = 8_000_000'), ("160_000", "100_000"))),
    "nRF54L at half speed": ("nrf54l15dk", (("128_000_000", "64_000_000"),)),
    "H7 on its internal oscillator": ("portenta-h7", ((OSCILLATOR, 'source = "internal"\nhz = 64_000_000'),)),
    "Pico on UART1, 100 MHz": (
        "pico",
        (("125_000_000", "100_000_000"), (serial("UART0", "GP0", "GP1", 2), serial("UART1", "GP4", "GP5", 2))),
    ),
}
#: Shipped board, a number and another one → message.
REFUSED: dict[tuple[str, str, str], str] = {
    ("nucleo-l4r5zi", "120_000_000", "119_500_000"): "the PLL cannot make cpu.clock_hz of clock.hz",
    (
        "nucleo-l4r5zi",
        "120_000_000",
        "128_000_000",
    ): r"cpu.clock_hz must be above 48 MHz and at most 120 \(L4\+\) or 170 MHz \(G4\)",
    ("nucleo-l4r5zi", "hz = 16_000_000", "hz = 8_000_000"): "the internal clock, HSI16, has 16 MHz",
    (
        "nucleo-g474re",
        "170_000_000",
        "172_000_000",
    ): r"cpu.clock_hz must be above 48 MHz and at most 120 \(L4\+\) or 170 MHz \(G4\)",
    ("nucleo-h563zi", "250_000_000", "251_000_000"): "cpu.clock_hz must be an even number of MHz",
    ("nucleo-u575zi-q", "160_000_000", "168_000_000"): r"cpu.clock_hz must be 64 to 160 MHz \(U5\)",
    ("nucleo-u575zi-q", '"PA9"', '"PG9"'): "serial.tx and serial.rx must not be of port G",
    ("nrf54l15dk", "128_000_000", "100_000_000"): "cpu.clock_hz must be 128 or 64 MHz",
    ("stm32f4-discovery", "168_000_000", "180_000_000"): "cpu.clock_hz is beyond what the PLL is set up for",
    ("stm32f4-discovery", "hz = 8_000_000", "hz = 12_288_000"): "clock.hz must be whole MHz, 4 to 50",
    ("netduinoplus2", "clock_hz = 16_000_000", "clock_hz = 32_000_000"): "reset leaves HSI, so both clocks have 16 MHz",
    ("nucleo-f767zi", "216_000_000", "215_500_000"): "cpu.clock_hz must be whole MHz",
    ("portenta-h7", "400_000_000", "480_000_000"): "cpu.clock_hz must be 100 to 400 MHz",
    ("pico", "125_000_000", "126_500_000"): "the PLL cannot make cpu.clock_hz of clock.hz",
    ("pico2", "150_000_000", "180_000_000"): "cpu.clock_hz is out of range",
}


def board_file(folder: Path, base: str, changes: Changes) -> Path:
    text = boards.path_of(base).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", OWN)
def test_runs_without_a_line_of_python(name: str, tmp_path: Path) -> None:
    base, changes = OWN[name]
    path = board_file(tmp_path, base, changes)
    board = boards.load(str(path))
    image = firmware.make(tmp_path, str(path), toolchain.find(board))
    data = bytes(range(firmware.INPUT_BYTES))
    outputs = benchmark.outputs(EMULATORS["sim"], image, board, np.frombuffer(data, np.int8)[None])
    assert outputs.tolist() == [firmware.expected_output(data).tolist()]


@pytest.mark.parametrize(("compiler", "refused"), half(COMPILERS, list(REFUSED)), indirect=["compiler"])
def test_what_a_port_cannot_do_is_told(compiler: str, refused: tuple[str, str, str], tmp_path: Path) -> None:
    base, number, other = refused
    path = board_file(tmp_path, base, ((number, other),))
    message = f"cannot do what the board file of {base} says: {REFUSED[refused]}"
    with pytest.raises(UsageError, match=message):
        firmware.make(tmp_path, str(path), toolchain.find(boards.load(str(path)), compiler))
