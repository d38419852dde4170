"""nRF52833, nRF52840, nRF5340 and nRF54L15 as their port uses them: UARTE with EasyDMA, crystal oscillator and pins.

nordic_chips.py says where each has what. The model refuses what real hardware would answer with silence: a transfer
while the UARTE is off, at another baud rate than 115200, on other pins than the board's, before the crystal runs or
the chip is set up, or from flash, which EasyDMA cannot read. Bytes take no time on the wire.

Where a bootloader lies before the program, reset leaves the UARTE as Arduino's does (bootloaders/nano33ble and
initVariant() of variant.cpp in ArduinoCore-mbed): on, at 9600 baud, receiving. Firmware must stop that reception and
switch the UARTE off first.
"""

from collections import deque
from collections.abc import Callable

from tinyprune.device.boards import Board
from tinyprune.device.emulators import nordic_chips
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Register, stored, write_only
from tinyprune.device.emulators.nordic_chips import TAMPER, Chip, Signal
from tinyprune.device.emulators.nrf52_pdm import Pdm

_BAUD_9600, _BAUD_115200, _BAUD_AT_RESET = 0x00275000, 0x01D60000, 0x04000000


def nrf53(machine: Machine, board: Board) -> "Nrf52":
    """The application core in the secure state."""
    return Nrf52(machine, board, nordic_chips.nrf53(board))


def nrf54l(machine: Machine, board: Board) -> "Nrf52":
    """Its Cortex-M33 in the secure state, of a chip after the engineering samples."""
    chip = nordic_chips.nrf54l(board)
    mcu = Nrf52(machine, board, chip)
    mcu.registers |= {at: Signal().register() for at, (value, why) in chip.must.items() if why == TAMPER}
    return mcu


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
        chip = chip or nordic_chips.nrf52(board)
        self._must, self._uart, self._at = chip.must, board.serial.uart, chip.offsets
        uarte, at = chip.uarte, chip.offsets
        self._settings = {
            at.enable: stored(8 if bootloader else 0),
            at.tx_pin: self._pin_select("PSEL.TXD"),
            at.rx_pin: self._pin_select("PSEL.RXD"),
            at.baud_rate: stored(_BAUD_9600 if bootloader else _BAUD_AT_RESET),
            at.config: stored(at.config_8n1),
            **{offset: stored() for offset in (at.rx_pointer, at.rx_count, at.tx_pointer, at.tx_count)},
        }
        self.registers: dict[int, Register] = {
            **{address: Register(lambda value=value: value, None) for address, value in chip.reads.items()},  # type: ignore[misc]
            **{address: stored(0xFFFFFFFF) for address in chip.must},
            chip.clock + 0x000: write_only(self._start_crystal),  # TASKS_HFCLKSTART
            chip.clock + 0x100: Register(lambda: self._crystal, self._clear_crystal),  # EVENTS_HFCLKSTARTED
            **{pins.base + pins.set: self._drive(port, self.high.add) for port, pins in chip.ports.items()},
            **{pins.base + pins.set + 4: self._drive(port, self.high.discard) for port, pins in chip.ports.items()},
            **{
                pins.base + pins.configuration + 4 * pin: stored()
                for pins in chip.ports.values()
                for pin in range(pins.count)
            },
            **{uarte + offset: register for offset, register in self._settings.items()},
            uarte + at.start_rx: write_only(self._start_rx),
            uarte + at.stop_rx: write_only(self._stop_rx),
            uarte + at.start_tx: write_only(self._start_tx),
            uarte + at.end_rx: Register(self._read_end_rx, self._write_end_rx),
            uarte + at.end_tx: Register(lambda: self._end_tx, self._write_end_tx),
            uarte + at.rx_timeout: Register(lambda: self._rx_timeout, self._write_rx_timeout),
            uarte + at.rx_started: stored(int(bootloader)),
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
            if self._setting(self._at.enable):
                raise FirmwareError(f"{self._uart}.{name} is written while the UARTE is on; it may be ignored")
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
        task, at = f"{self._uart}.{task}", self._at
        if self._setting(at.enable) != 8:
            raise FirmwareError(f"{task} while {self._uart}.ENABLE is not 8")
        if self._setting(at.baud_rate) != _BAUD_115200 or self._setting(at.config) != at.config_8n1:
            raise FirmwareError(f"{task} with another setting than 115200 baud, 8N1, no flow control")
        if self._setting(pin_select) != pin:
            raise FirmwareError(f"{task} on another pin than the board's serial port")
        for address, (value, problem) in self._must.items():
            read = self.registers[address].read
            if read is None or read() != value:
                raise FirmwareError(f"{task}, and {problem} (0x{address:08x})")
        if not self._crystal:
            raise FirmwareError(f"{task} before the crystal oscillator runs: the baud rate would be wrong")

    def _start_tx(self, value: int) -> None:
        if value & 1:
            self._require_ready("TASKS_STARTTX", self._at.tx_pin, self._tx_pin)
            pointer, count = self._setting(self._at.tx_pointer), self._setting(self._at.tx_count)
            self.from_firmware += self._machine.read_ram(pointer, count)
            self._end_tx = 1

    def _write_end_tx(self, value: int) -> None:
        self._end_tx = value

    def _start_rx(self, value: int) -> None:
        if value & 1:
            self._require_ready("TASKS_STARTRX", self._at.rx_pin, self._rx_pin)
            if self._rx_started:
                raise FirmwareError(f"{self._uart}.TASKS_STARTRX while an earlier reception runs; stop it first")
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
            raise FirmwareError(f"{self._uart}.EVENTS_ENDRX is awaited without {self._uart}.TASKS_STARTRX")
        while self.to_firmware and len(self._receiving) < self._setting(self._at.rx_count):
            self._receiving.append(self.to_firmware.popleft())
        if len(self._receiving) < self._setting(self._at.rx_count):
            if not self._interrupts >> self._at.end_rx_interrupt & 1:
                self._machine.wait_for_input()
            return 0
        self._machine.write_ram(self._setting(self._at.rx_pointer), bytes(self._receiving))
        self._rx_started = False
        self._end_rx = 1
        return 1

    def _write_end_rx(self, value: int) -> None:
        self._end_rx = value
