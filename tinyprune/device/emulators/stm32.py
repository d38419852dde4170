"""What STM32s share, as their port uses it: GPIO and a USART or LPUART; each series brings its Rcc.

Reference manuals, chapters GPIO and USART; RM0432 for the USART with ISR, RM0090 for the older one without. The model
refuses what real hardware would answer with silence: a register of a peripheral whose clock is off, a transfer with
another baud rate than 115200 (as it follows from BRR and the clock tree), on pins that do not serve the UART, or while
the core does not run at the board's clock. Bytes take no time on the wire.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Register, write_only
from tinyprune.device.emulators.stm32_rcc import Cell, Rcc

_BAUD, _BAUD_TOLERANCE = 115_200, 0.01
_RXNE, _TC, _TXE = 1 << 5, 1 << 6, 1 << 7
#: So many looks at the status in a row, with nothing sent or received, only waiting for input explains.
_WAITING_LOOKS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a series has its GPIO and UARTs."""

    gpio: int
    moder: int  # after reset
    uarts: dict[str, int]
    has_isr: bool = True


class Stm32:
    def __init__(self, machine: Machine, board: Board, clock: Rcc, layout: Layout) -> None:
        assert board.serial is not None
        self.to_firmware: deque[int] = deque()
        self.from_firmware = bytearray()
        self._machine = machine
        self._board = board
        self._serial = board.serial
        self._clock = clock
        self._has_isr = layout.has_isr
        self._looks = 0
        self._enabled_bit = 0 if layout.has_isr else 13  # CR1.UE
        self._cr1 = Cell(check=self._require_uart_clock)
        self._brr = Cell(check=self._require_uart_clock)
        self._outputs: dict[str, int] = {}
        self._gpio: dict[tuple[str, str], Cell] = {}
        self.registers = {**clock.registers, **self._gpio_registers(layout), **self._uart_registers(layout)}

    # GPIO

    def _gpio_registers(self, layout: Layout) -> dict[int, Register]:
        registers = {}
        for number, port in enumerate("ABCDEFGHIJK"):
            registers[layout.gpio + 0x400 * number + 0x18] = write_only(self._setter(f"GPIO{port}"))
            for offset, name in ((0x00, "MODER"), (0x0C, "PUPDR"), (0x20, "AFRL"), (0x24, "AFRH")):
                reset = layout.moder if name == "MODER" else 0
                cell = Cell(reset, lambda peripheral=f"GPIO{port}": self._require_clock(peripheral))  # type: ignore[misc]
                self._gpio[port, name] = cell
                registers[layout.gpio + 0x400 * number + offset] = cell.register()
        return registers

    def _setter(self, peripheral: str) -> Callable[[int], None]:
        """BSRR: the lower half sets outputs, the upper half clears them."""

        def write(value: int) -> None:
            self._require_clock(peripheral)
            self._outputs[peripheral[4]] = self._outputs.get(peripheral[4], 0) & ~(value >> 16) | value & 0xFFFF

        return write

    def is_high(self, pin: str) -> bool:
        """Whether the firmware drives it so."""
        port, number = pin[1], int(pin[2:])
        return self._gpio[port, "MODER"].bits(2 * number, 2) == 1 and bool(self._outputs.get(port, 0) >> number & 1)

    def _require_clock(self, peripheral: str) -> None:
        if not self._clock.is_enabled(peripheral):
            raise FirmwareError(f"{peripheral} is used while RCC gives it no clock")

    def _require_pin(self, pin: str) -> None:
        port, number = pin[1], int(pin[2:])
        alternate = self._gpio[port, "MODER"].bits(2 * number, 2) == 2
        function = self._gpio[port, "AFRH" if number > 7 else "AFRL"].bits(4 * (number % 8), 4)
        if not alternate or function != self._serial.function:
            raise FirmwareError(f"{self._serial.uart} is used while {pin} does not serve it")
        if not self._clock.is_powered(pin):
            raise FirmwareError(f"{pin} is used while it has no supply")

    # UART

    def _uart_registers(self, layout: Layout) -> dict[int, Register]:
        base = layout.uarts[self._serial.uart]
        brr = Register(self._brr.register().read, self._write_brr)
        receive, send = Register(self._receive, None), write_only(self._send)
        if self._has_isr:
            clear = write_only(lambda _value: self._require_uart_clock())
            offsets = {0x00: self._cr1.register(), 0x0C: brr, 0x1C: Register(self._status, None), 0x20: clear}
            offsets |= {0x24: receive, 0x28: send}
        else:
            data = Register(receive.read, send.write)
            offsets = {0x00: Register(self._status, None), 0x04: data, 0x08: brr, 0x0C: self._cr1.register()}
        return {base + offset: register for offset, register in offsets.items()}

    def _require_uart_clock(self) -> None:
        self._require_clock(self._serial.uart)

    def _write_brr(self, value: int) -> None:
        self._require_uart_clock()
        if self._cr1.bits(self._enabled_bit):
            raise FirmwareError(f"{self._serial.uart}.BRR is written while the UART is on, which the hardware ignores")
        self._brr.value = value

    def _status(self) -> int:
        self._require_uart_clock()
        if self.to_firmware and self._cr1.bits(2):
            self._require_ready("receives", 2, self._serial.rx)
            return _RXNE | _TC | _TXE
        self._looks += 1
        if self._looks >= _WAITING_LOOKS:
            self._require_ready("receives", 2, self._serial.rx)
            self._machine.wait_for_input()
        return _TC | _TXE

    def _receive(self) -> int:
        self._require_ready("receives", 2, self._serial.rx)
        self._looks = 0
        if not self.to_firmware:
            raise FirmwareError(f"{self._serial.uart} is read without a received byte")
        return self.to_firmware.popleft()

    def _send(self, value: int) -> None:
        self._require_ready("sends", 3, self._serial.tx)
        self._looks = 0
        self.from_firmware.append(value & 0xFF)

    def _require_ready(self, does: str, direction_bit: int, pin: str) -> None:
        uart = self._serial.uart
        self._require_uart_clock()
        settings = 1 << self._enabled_bit | 1 << 3 | 1 << 2
        if self._cr1.value & ~settings or not self._cr1.bits(self._enabled_bit) or not self._cr1.bits(direction_bit):
            raise FirmwareError(f"{uart} {does} with CR1 = 0x{self._cr1.value:x}, which is not 8N1 in that direction")
        if self._clock.core_hz() != self._board.cpu.clock_hz:
            raise FirmwareError(
                f"the core runs at {self._clock.core_hz():,} Hz, not at {self._board.cpu.clock_hz:,} Hz"
            )
        scale = 256 if uart.startswith("LP") else 1
        baud = scale * self._clock.uart_hz(uart) / max(self._brr.value, 1)
        if abs(baud / _BAUD - 1) > _BAUD_TOLERANCE:
            raise FirmwareError(f"{uart} {does} at {baud:.0f} baud, not {_BAUD}")
        self._require_pin(pin)
