"""Nordic's chips as data: where each has its peripherals, and what its port must have written before the UART is used.

nRF52840, nRF5340 and nRF54L15 Product Specifications, chapters NVMC, CACHE, CLOCK, GPIO, UARTE and TAMPC; register
maps: nrf52840.svd, nrf52833.svd, nrf5340_application.svd and nrf54l15_application.svd in bsp/stable/mdk of Nordic's
nrfx.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Register


@dataclass(frozen=True, slots=True)
class Offsets:
    """Where a UARTE has its registers; events and tasks by the names of the nRF52."""

    start_rx: int = 0x000
    stop_rx: int = 0x004
    start_tx: int = 0x008
    end_rx: int = 0x110  # an event, as the next three
    end_tx: int = 0x120
    rx_timeout: int = 0x144
    rx_started: int = 0x14C
    enable: int = 0x500
    tx_pin: int = 0x50C
    rx_pin: int = 0x514
    baud_rate: int = 0x524
    rx_pointer: int = 0x534
    rx_count: int = 0x538
    tx_pointer: int = 0x544
    tx_count: int = 0x548
    config: int = 0x56C
    config_8n1: int = 0  # its value, which is also that after reset
    end_rx_interrupt: int = 4  # bit of INTENSET


_OFFSETS_54 = Offsets(
    start_rx=0x028,
    stop_rx=0x02C,
    start_tx=0x050,
    end_rx=0x14C,
    end_tx=0x168,
    rx_timeout=0x124,
    rx_started=0x150,
    tx_pin=0x604,
    rx_pin=0x60C,
    rx_pointer=0x704,
    rx_count=0x708,
    tx_pointer=0x73C,
    tx_count=0x740,
    config_8n1=8 << 9,
    end_rx_interrupt=19,
)


@dataclass(frozen=True, slots=True)
class Pins:
    """A port of GPIO: where it begins, and its registers."""

    base: int
    count: int
    set: int = 0x008  # OUTSET; OUTCLR is the next
    configuration: int = 0x200  # PIN_CNF[0]


def _ports(base: int) -> dict[int, Pins]:
    return {0: Pins(base, 32), 1: Pins(base + 0x300, 16)}


@dataclass(frozen=True, slots=True)
class Chip:
    """Where its peripherals are. `must` be written before the UART is used: address → value, and what it is for."""

    clock: int
    uarte: int
    ports: Mapping[int, Pins]
    reads: Mapping[int, int]  # what the factory, or who programmed it, wrote: FICR and UICR
    must: Mapping[int, tuple[int, str]]
    offsets: Offsets = Offsets()


_OPEN_52, _OPEN_53 = 0x5A, 0x50FA50FA  # of UICR.APPROTECT: a debugger may come in
_DEBUG_PORT = "the debug port stays closed: APPROTECT.DISABLE is not what UICR.APPROTECT says"
TAMPER = "the debug port stays closed: TAMPC does not let it open"
_OPEN_54 = 1  # VALUE: high, of a signal of TAMPC
_CACHE = "the cache is off"
_TRIM = {0x50004704: 0x11, 0x5000470C: 0x65}  # some registers of the factory's; a real chip has others


def nrf52(board: Board) -> Chip:
    """Of the revisions that close the debug port at reset."""
    small = board.ram is not None and board.ram.bytes <= 131_072
    reads = {0x10000130: 0x0D if small else 0x08, 0x10000134: 1 if small else 5, 0x10001208: _OPEN_52}
    must = {0x40000558: (_OPEN_52, _DEBUG_PORT), 0x4001E540: (1, _CACHE)}  # NVMC.ICACHECNF
    return Chip(0x40000000, 0x40002000, _ports(0x50000500), reads, must)


def nrf53(board: Board) -> Chip:
    trims = [word for pair in _TRIM.items() for word in pair] + [0xFFFFFFFF]
    reads = {0x00FF0300 + 4 * i: word for i, word in enumerate(trims)}  # FICR.TRIMCNF
    reads |= {0x00FF8000: _OPEN_53, 0x00FF801C: _OPEN_53}  # UICR
    divider = 128_000_000 // board.cpu.clock_hz - 1
    must = {
        **{address: (value, "FICR.TRIMCNF is not copied") for address, value in _TRIM.items()},
        0x50006544: (_OPEN_53, _DEBUG_PORT),
        0x5000654C: (_OPEN_53, _DEBUG_PORT),
        0x50005558: (divider, f"CLOCK.HFCLKCTRL does not make {board.cpu.clock_hz / 1e6:g} MHz"),
        0x50001500: (1, _CACHE),
    }
    return Chip(0x50005000, 0x50008000, _ports(0x50842500), reads, must)


def nrf54l(board: Board) -> Chip:
    trims = [word for pair in _TRIM.items() for word in pair] + [0xFFFFFFFF]
    reads = {0x00FFC400 + 4 * i: word for i, word in enumerate(trims)}  # FICR.TRIMCNF
    frequency = 3 if board.cpu.clock_hz == 64_000_000 else 1
    must = {
        **{address: (value, "FICR.TRIMCNF is not copied") for address, value in _TRIM.items()},
        0x50120800: (frequency, f"OSCILLATORS.PLL.FREQ does not make {board.cpu.clock_hz / 1e6:g} MHz"),
        0x5005340C: (1, "erratum 37 is not minded"),
        **{0x500DC000 + signal: (_OPEN_54, TAMPER) for signal in (0x500, 0x508, 0x510, 0x518, 0x700)},
        0xE0082404: (1, _CACHE),
    }
    port = {1: Pins(0x500D8200, 16, 0x004, 0x080)}
    return Chip(0x5010E000, 0x500C6000, port, reads, must, _OFFSETS_54)


class Signal:
    """One of the nRF54L's TAMPC that open the debug port: a write counts with its key, behind one that clears the
    protection."""

    def __init__(self) -> None:
        self._value, self._writable = 0x10, False  # WRITEPROTECTION: enabled

    def register(self) -> Register:
        return Register(lambda: self._value, self._write)

    def _write(self, value: int) -> None:
        if value >> 16 != 0x50FA:
            raise FirmwareError("a signal of TAMPC is written without its key, which the hardware ignores")
        if value & 0xF0 == 0xF0:
            self._writable = True
        elif not self._writable:
            raise FirmwareError("a signal of TAMPC is written while it is protected")
        else:
            self._value, self._writable = value & 3, False
