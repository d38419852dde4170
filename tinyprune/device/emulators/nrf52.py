"""nRF52833, nRF52840 and nRF5340 as their port uses them: UARTE0 with EasyDMA, crystal oscillator, cache and pins.

nRF52840 and nRF5340 Product Specifications, chapters NVMC, CACHE, CLOCK, GPIO and UARTE; register maps: nrf52840.svd,
nrf52833.svd and nrf5340_application.svd in bsp/stable/mdk of Nordic's nrfx. The model refuses what real hardware would
answer with silence: a transfer while the UARTE is off, at another baud rate than 115200, on other pins than the
board's, before the crystal runs or the chip is set up, or from flash, which EasyDMA cannot read. Bytes take no time on
the wire.

Where a bootloader lies before the program, reset leaves the UARTE as Arduino's does (bootloaders/nano33ble and
initVariant() of variant.cpp in ArduinoCore-mbed): on, at 9600 baud, receiving. Firmware must stop that reception and
switch the UARTE off first.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Register, stored, write_only
from tinyprune.device.emulators.nrf52_pdm import Pdm

_END_RX = 1 << 4  # of INTENSET
_BAUD_9600, _BAUD_115200, _BAUD_AT_RESET = 0x00275000, 0x01D60000, 0x04000000


@dataclass(frozen=True, slots=True)
class Chip:
    """Where its peripherals are. `must` be written before the UART is used: address → value, and what it is for."""

    clock: int
    uarte: int
    gpio: int  # of port 0, at its register OUT - 4
    reads: Mapping[int, int]  # what the factory, or who programmed it, wrote: FICR and UICR
    must: Mapping[int, tuple[int, str]]


_OPEN_52, _OPEN_53 = 0x5A, 0x50FA50FA  # of UICR.APPROTECT: a debugger may come in
_DEBUG_PORT = "the debug port stays closed: APPROTECT.DISABLE is not what UICR.APPROTECT says"
_CACHE = "the cache is off"
_TRIM = {0x50004704: 0x11, 0x5000470C: 0x65}  # some registers of the factory's; a real chip has others


def _nrf52(board: Board) -> Chip:
    """Of the revisions that close the debug port at reset."""
    small = board.ram is not None and board.ram.bytes <= 131_072
    reads = {0x10000130: 0x0D if small else 0x08, 0x10000134: 1 if small else 5, 0x10001208: _OPEN_52}
    must = {0x40000558: (_OPEN_52, _DEBUG_PORT), 0x4001E540: (1, _CACHE)}  # NVMC.ICACHECNF
    return Chip(0x40000000, 0x40002000, 0x50000500, reads, must)


def _nrf53(board: Board) -> Chip:
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
    return Chip(0x50005000, 0x50008000, 0x50842500, reads, must)


def nrf53(machine: Machine, board: Board) -> "Nrf52":
    """The application core in the secure state."""
    return Nrf52(machine, board, _nrf53(board))


def pin_select(name: str) -> int:
    """As a PSEL register holds it: "P1.03" is 35."""
    return int(name[1]) << 5 | int(name[3:])


class Nrf52:
    def __init__(self, machine: Machine, board: Board, chip: Chip | None = None) -> None:
        assert board.serial is not None
        assert board.flash is not None
        self._tx_pin, self._rx_pin = pin_select(board.serial.tx), pin_select(board.serial.rx)
        bootloader = board.flash.origin > 0
        self.to_firmware: deque[int] = deque()
        self.from_firmware = bytearray()
        self._machine = machine
        self.high: set[int] = set()  # pins that are driven high, as PSEL registers count them
        self._receiving = bytearray()
        self._rx_started = bootloader
        self._rx_timeout = 0
        self._end_rx = 0
        self._end_tx = 0
        self._crystal = 0
        self._interrupts = 0
        self._settings = {
            0x500: stored(8 if bootloader else 0),  # ENABLE
            0x50C: self._pin_select("PSEL.TXD"),
            0x514: self._pin_select("PSEL.RXD"),
            0x524: stored(_BAUD_9600 if bootloader else _BAUD_AT_RESET),  # BAUDRATE
            **{offset: stored() for offset in (0x534, 0x538, 0x544, 0x548, 0x56C)},  # RXD, TXD and CONFIG
        }
        chip = chip or _nrf52(board)
        self._must = chip.must
        uarte, gpio = chip.uarte, chip.gpio
        self.registers: dict[int, Register] = {
            **{address: Register(lambda value=value: value, None) for address, value in chip.reads.items()},  # type: ignore[misc]
            **{address: stored(0xFFFFFFFF) for address in chip.must},
            chip.clock + 0x000: write_only(self._start_crystal),  # TASKS_HFCLKSTART
            chip.clock + 0x100: Register(lambda: self._crystal, self._clear_crystal),  # EVENTS_HFCLKSTARTED
            **{gpio + 0x300 * port + 0x008: self._drive(port, self.high.add) for port in range(2)},  # OUTSET
            **{gpio + 0x300 * port + 0x00C: self._drive(port, self.high.discard) for port in range(2)},  # OUTCLR
            **{gpio + 0x200 + 4 * pin: stored() for pin in range(32)},  # P0.PIN_CNF
            **{gpio + 0x500 + 4 * pin: stored() for pin in range(16)},  # P1.PIN_CNF
            **{uarte + offset: register for offset, register in self._settings.items()},
            uarte + 0x000: write_only(self._start_rx),  # TASKS_STARTRX
            uarte + 0x004: write_only(self._stop_rx),  # TASKS_STOPRX
            uarte + 0x008: write_only(self._start_tx),  # TASKS_STARTTX
            uarte + 0x110: Register(self._read_end_rx, self._write_end_rx),  # EVENTS_ENDRX
            uarte + 0x120: Register(lambda: self._end_tx, self._write_end_tx),  # EVENTS_ENDTX
            uarte + 0x144: Register(lambda: self._rx_timeout, self._write_rx_timeout),  # EVENTS_RXTO
            uarte + 0x14C: stored(int(bootloader)),  # EVENTS_RXSTARTED
            uarte + 0x304: write_only(self._enable_interrupts),  # INTENSET
            uarte + 0x308: write_only(self._disable_interrupts),  # INTENCLR
        }

        self.pdm: Pdm | None = None
        if board.microphone:
            self.pdm = Pdm(machine, board.microphone, pin_select, self.high, lambda: self._crystal)
            self.registers |= self.pdm.registers

    @staticmethod
    def _drive(port: int, change: Callable[[int], None]) -> Register:
        def write(bits: int) -> None:
            for pin in range(32):
                if bits >> pin & 1:
                    change(port << 5 | pin)

        return write_only(write)

    def _setting(self, offset: int) -> int:
        read = self._settings[offset].read
        assert read is not None
        return read()

    def _pin_select(self, name: str) -> Register:
        cell = stored(0xFFFFFFFF)  # no pin
        assert cell.write is not None
        store = cell.write

        def write(value: int) -> None:
            if self._setting(0x500):
                raise FirmwareError(f"UARTE0.{name} is written while the UARTE is on, which the hardware may ignore")
            store(value)

        return Register(cell.read, write)

    def _start_crystal(self, value: int) -> None:
        self._crystal |= value & 1

    def _clear_crystal(self, value: int) -> None:
        self._crystal &= value

    def _enable_interrupts(self, value: int) -> None:
        self._interrupts |= value

    def _disable_interrupts(self, value: int) -> None:
        self._interrupts &= ~value

    def _require_ready(self, task: str, pin_select: int, pin: int) -> None:
        if self._setting(0x500) != 8:
            raise FirmwareError(f"UARTE0.{task} while UARTE0.ENABLE is not 8")
        if self._setting(0x524) != _BAUD_115200 or self._setting(0x56C) != 0:
            raise FirmwareError(f"UARTE0.{task} with another setting than 115200 baud, 8N1, no flow control")
        if self._setting(pin_select) != pin:
            raise FirmwareError(f"UARTE0.{task} on another pin than the board's serial port")
        for address, (value, problem) in self._must.items():
            read = self.registers[address].read
            if read is None or read() != value:
                raise FirmwareError(f"UARTE0.{task}, and {problem} (0x{address:08x})")
        if not self._crystal:
            raise FirmwareError(f"UARTE0.{task} before the crystal oscillator runs: the baud rate would be wrong")

    def _start_tx(self, value: int) -> None:
        if value & 1:
            self._require_ready("TASKS_STARTTX", 0x50C, self._tx_pin)
            self.from_firmware += self._machine.read_ram(self._setting(0x544), self._setting(0x548))
            self._end_tx = 1

    def _write_end_tx(self, value: int) -> None:
        self._end_tx = value

    def _start_rx(self, value: int) -> None:
        if value & 1:
            self._require_ready("TASKS_STARTRX", 0x514, self._rx_pin)
            if self._rx_started:
                raise FirmwareError("UARTE0.TASKS_STARTRX while an earlier reception runs; stop it, or await its end")
            self._receiving.clear()
            self._rx_started = True

    def _stop_rx(self, value: int) -> None:
        if value & 1:
            self._rx_started = False
            self._rx_timeout = 1

    def _write_rx_timeout(self, value: int) -> None:
        self._rx_timeout = value

    def _read_end_rx(self) -> int:
        """Reading it without a received byte means waiting, unless its interrupt ends the sleep that follows."""
        if self._end_rx:
            return 1
        if not self._rx_started:
            raise FirmwareError("UARTE0.EVENTS_ENDRX is awaited without UARTE0.TASKS_STARTRX")
        while self.to_firmware and len(self._receiving) < self._setting(0x538):
            self._receiving.append(self.to_firmware.popleft())
        if len(self._receiving) < self._setting(0x538):
            if not self._interrupts & _END_RX:
                self._machine.wait_for_input()
            return 0
        self._machine.write_ram(self._setting(0x534), bytes(self._receiving))
        self._rx_started = False
        self._end_rx = 1
        return 1

    def _write_end_rx(self, value: int) -> None:
        self._end_rx = value
