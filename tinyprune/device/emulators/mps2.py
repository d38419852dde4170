"""Arm's MPS2 as its port uses it: the CMSDK's UART0 and TIMER0, at their addresses in the images for the M33 (AN505)
or the others (AN385, AN386, AN500).

Arm Application Notes DAI 0385 and DAI 0505, chapter 3; Cortex-M System Design Kit TRM (DDI 0479), 4.2 and 4.3. The
model refuses what the hardware would answer with silence: a byte sent or received while the UART is off or at another
baud rate, a timer that is read while it stands. Bytes take no time on the wire; WFI waits for one.
"""

from collections import deque

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Register, ignored, stored, write_only

_TX_ENABLE, _RX_ENABLE = 1, 2
_RX_FULL = 2
_BAUD = 115200


class Mps2:
    def __init__(self, machine: Machine, board: Board) -> None:
        self.to_firmware: deque[int] = deque()
        self.from_firmware = bytearray()
        self._machine = machine
        self._divider = board.cpu.clock_hz // _BAUD
        secure = board.cpu.core in ("cortex-m33", "cortex-m55")
        uart, timer = (0x50200000, 0x50000000) if secure else (0x40004000, 0x40000000)
        self._start = 0  # the modelled cycles at which the timer's value was all ones
        self._uart_control, self._uart_divider = 0, 0
        self._timer_control = 0
        self.registers: dict[int, Register] = {
            uart + 0x0: Register(self._receive, self._send),  # DATA
            uart + 0x4: Register(self._state, None),  # STATE
            uart + 0x8: write_only(self._set_uart_control),  # CTRL
            uart + 0xC: ignored(),  # INTCLEAR
            uart + 0x10: write_only(self._set_divider),  # BAUDDIV
            timer + 0x0: write_only(self._set_timer_control),  # CTRL
            timer + 0x4: Register(self._timer_value, self._set_timer_value),  # VALUE
            timer + 0x8: stored(),  # RELOAD
        }

    def _set_uart_control(self, value: int) -> None:
        self._uart_control = value

    def _set_divider(self, value: int) -> None:
        self._uart_divider = value

    def _require_ready(self, action: str, enable: int) -> None:
        if not self._uart_control & enable:
            raise FirmwareError(f"UART0 {action} a byte while UART0.CTRL does not enable it")
        if self._uart_divider != self._divider:
            raise FirmwareError(
                f"UART0 {action} a byte with BAUDDIV {self._uart_divider}, not {self._divider} (115200)"
            )

    def _send(self, value: int) -> None:
        self._require_ready("sends", _TX_ENABLE)
        self.from_firmware.append(value & 0xFF)

    def _state(self) -> int:
        return _RX_FULL if self.to_firmware and self._uart_control & _RX_ENABLE else 0

    def _receive(self) -> int:
        self._require_ready("receives", _RX_ENABLE)
        if not self.to_firmware:
            raise FirmwareError("UART0.DATA is read while UART0.STATE has no byte")
        return self.to_firmware.popleft()

    def _set_timer_control(self, value: int) -> None:
        self._timer_control = value

    def _set_timer_value(self, value: int) -> None:
        self._start = self._machine.cycles() - (0xFFFFFFFF - value)

    def _timer_value(self) -> int:
        if not self._timer_control & 1:
            raise FirmwareError("TIMER0.VALUE is read while TIMER0.CTRL is off")
        return 0xFFFFFFFF - (self._machine.cycles() - self._start)
