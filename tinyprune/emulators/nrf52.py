"""nRF52833 and nRF52840 as their port uses them: UARTE0 with EasyDMA, crystal oscillator, instruction cache, pins.

nRF52840 Product Specification, chapters NVMC, CLOCK, GPIO and UARTE; register maps: bsp/stable/mdk/nrf52840.svd and
nrf52833.svd in Nordic's nrfx. The model refuses what real hardware would answer with silence: a transfer while the
UARTE is off, at another baud rate than 115200, on other pins than the board's, before the crystal runs, or from flash,
which EasyDMA cannot read. Bytes take no time on the wire.

Where a bootloader lies before the program, reset leaves the UARTE as Arduino's does (bootloaders/nano33ble and
initVariant() of variant.cpp in ArduinoCore-mbed): on, at 9600 baud, receiving. Firmware must stop that reception and
switch the UARTE off first.
"""

from collections import deque

from tinyprune.boards import Board
from tinyprune.emulators.cortex_m import FirmwareError, Machine, Register, ignored, stored, write_only

_UARTE = 0x40002000
_BAUD_9600, _BAUD_115200, _BAUD_AT_RESET = 0x00275000, 0x01D60000, 0x04000000


def pin_select(name: str) -> int:
    """As a PSEL register holds it: "P1.03" is 35."""
    return int(name[1]) << 5 | int(name[3:])


class Nrf52:
    def __init__(self, machine: Machine, board: Board) -> None:
        assert board.serial is not None
        assert board.flash is not None
        self._tx_pin, self._rx_pin = pin_select(board.serial.tx), pin_select(board.serial.rx)
        bootloader = board.flash.origin > 0
        self.to_firmware: deque[int] = deque()
        self.from_firmware = bytearray()
        self._machine = machine
        self._receiving = bytearray()
        self._rx_started = bootloader
        self._rx_timeout = 0
        self._end_rx = 0
        self._end_tx = 0
        self._crystal = 0
        self._settings = {
            0x500: stored(8 if bootloader else 0),  # ENABLE
            0x50C: self._pin_select("PSEL.TXD"),
            0x514: self._pin_select("PSEL.RXD"),
            0x524: stored(_BAUD_9600 if bootloader else _BAUD_AT_RESET),  # BAUDRATE
            **{offset: stored() for offset in (0x534, 0x538, 0x544, 0x548, 0x56C)},  # RXD, TXD and CONFIG
        }
        self.registers: dict[int, Register] = {
            0x40000000: write_only(self._start_crystal),  # CLOCK.TASKS_HFCLKSTART
            0x40000100: Register(lambda: self._crystal, self._clear_crystal),  # CLOCK.EVENTS_HFCLKSTARTED
            0x4001E540: stored(),  # NVMC.ICACHECNF
            **{0x50000508 + 0x300 * port: ignored() for port in range(2)},  # P0 and P1: OUTSET
            **{0x50000700 + 4 * pin: stored() for pin in range(32)},  # P0.PIN_CNF
            **{0x50000A00 + 4 * pin: stored() for pin in range(16)},  # P1.PIN_CNF
            **{_UARTE + offset: register for offset, register in self._settings.items()},
            _UARTE + 0x000: write_only(self._start_rx),  # TASKS_STARTRX
            _UARTE + 0x004: write_only(self._stop_rx),  # TASKS_STOPRX
            _UARTE + 0x008: write_only(self._start_tx),  # TASKS_STARTTX
            _UARTE + 0x110: Register(self._read_end_rx, self._write_end_rx),  # EVENTS_ENDRX
            _UARTE + 0x120: Register(lambda: self._end_tx, self._write_end_tx),  # EVENTS_ENDTX
            _UARTE + 0x144: Register(lambda: self._rx_timeout, self._write_rx_timeout),  # EVENTS_RXTO
            _UARTE + 0x14C: stored(int(bootloader)),  # EVENTS_RXSTARTED
        }

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

    def _require_ready(self, task: str, pin_select: int, pin: int) -> None:
        if self._setting(0x500) != 8:
            raise FirmwareError(f"UARTE0.{task} while UARTE0.ENABLE is not 8")
        if self._setting(0x524) != _BAUD_115200 or self._setting(0x56C) != 0:
            raise FirmwareError(f"UARTE0.{task} with another setting than 115200 baud, 8N1, no flow control")
        if self._setting(pin_select) != pin:
            raise FirmwareError(f"UARTE0.{task} on another pin than the board's serial port")
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
        """Reading it without a received byte means waiting: there are no interrupts and nothing else to do."""
        if self._end_rx:
            return 1
        if not self._rx_started:
            raise FirmwareError("UARTE0.EVENTS_ENDRX is awaited without UARTE0.TASKS_STARTRX")
        while self.to_firmware and len(self._receiving) < self._setting(0x538):
            self._receiving.append(self.to_firmware.popleft())
        if len(self._receiving) < self._setting(0x538):
            self._machine.wait_for_input()
            return 0
        self._machine.write_ram(self._setting(0x534), bytes(self._receiving))
        self._rx_started = False
        self._end_rx = 1
        return 1

    def _write_end_rx(self, value: int) -> None:
        self._end_rx = value
