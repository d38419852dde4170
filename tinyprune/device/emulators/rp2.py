"""RP2040 and RP2350 as their port uses them: resets, crystal, PLL, clocks, pins, a PL011 UART and the timer.

RP2040 Datasheet, 2.14 to 2.19, 4.2, 4.6 and 4.7; RP2350 Datasheet, 7.5, 8, 9, 12.1 and 12.8. The model computes the
clock from the registers and refuses what real hardware would answer with silence or a fault: a block that is in reset,
a clock that is not ready, a PLL outside its range, another baud rate than 115200, pins that do not serve the UART, a
timer without ticks. Bytes take no time on the wire.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Register, stored, write_only

_MHZ = 1_000_000
_BAUD, _BAUD_TOLERANCE = 115_200, 0.01
_TXFE, _RXFE = 1 << 7, 1 << 4  # UARTFR
_SET, _CLEAR = 0x2000, 0x3000  # atomic aliases of a register
#: So many looks at the flags in a row, with nothing sent or received, only waiting for input explains.
_WAITING_LOOKS = 8


@dataclass(frozen=True, slots=True)
class Chip:
    """Addresses, and the bit of each block in RESETS."""

    clocks: int
    resets: int
    io_bank0: int
    pads_bank0: int
    xosc: int
    pll_sys: int
    uarts: dict[str, int]
    timer: int
    ticks: tuple[int, ...]  # registers that start the ticks
    reset_bits: dict[str, int]
    pad_reset: int
    core_max_hz: int


class Ticks:
    """What makes the timer count microseconds: clk_ref divided by `cycles`."""

    cycles = 0
    enabled = False


class Rp2:
    def __init__(self, machine: Machine, board: Board, chip: Chip) -> None:
        assert board.serial is not None
        assert board.clock is not None
        self.to_firmware: deque[int] = deque()
        self.from_firmware = bytearray()
        self.ticks = Ticks()
        self._machine, self._board, self._chip = machine, board, chip
        self._serial, self._crystal_hz = board.serial, board.clock.hz
        self._looks = 0
        self._reset = (1 << 29) - 1
        self._crystal = False
        self._sources = {"ref": 0, "sys": 0, "peri": 0}  # CTRL of each clock
        self._pll = {"CS": 1, "PWR": 0x2D, "FBDIV_INT": 0, "PRIM": 0x77000}
        self._uart = {"IBRD": 0, "FBRD": 0, "LCR_H": 0, "CR": 0x300}
        self._pads = dict.fromkeys(range(30), chip.pad_reset)
        self._functions = dict.fromkeys(range(30), 0x1F)
        self.registers: dict[int, Register] = {
            **self._reset_registers(),
            **self._clock_registers(),
            **self._pin_registers(),
            **self._uart_registers(),
            chip.timer + 0x24: Register(lambda: self._time_us() >> 32, None),  # TIMERAWH
            chip.timer + 0x28: Register(lambda: self._time_us() & 0xFFFFFFFF, None),  # TIMERAWL
        }

    # Resets and clocks

    def _reset_registers(self) -> dict[int, Register]:
        base = self._chip.resets
        return {
            base + _SET: write_only(lambda bits: self._write_reset(self._reset | bits)),
            base + _CLEAR: write_only(lambda bits: self._write_reset(self._reset & ~bits)),
            base + 8: Register(lambda: ~self._reset & (1 << 29) - 1, None),  # RESET_DONE
        }

    def _write_reset(self, value: int) -> None:
        pll = 1 << self._chip.reset_bits["PLL_SYS"]
        if value & pll and self._sources["sys"] & 1:
            raise FirmwareError("PLL_SYS is reset while clk_sys runs on it")
        self._reset = value

    def _require(self, block: str) -> None:
        if self._reset >> self._chip.reset_bits[block] & 1:
            raise FirmwareError(f"{block} is used while it is in reset")

    def _clock_registers(self) -> dict[int, Register]:
        clocks, xosc, pll = self._chip.clocks, self._chip.xosc, self._chip.pll_sys
        return {
            clocks + 0x30: write_only(lambda value: self._select("ref", value)),
            clocks + 0x38: Register(lambda: 1 << (self._sources["ref"] & 3), None),
            clocks + 0x3C: write_only(lambda value: self._select("sys", value)),
            clocks + 0x44: Register(lambda: 1 << (self._sources["sys"] & 1), None),
            clocks + 0x48: write_only(lambda value: self._select("peri", value)),
            xosc + 0x0: write_only(self._write_crystal),
            xosc + 0x4: Register(lambda: self._crystal << 31, None),
            xosc + 0xC: stored(),  # STARTUP
            pll + 0x0: Register(self._read_pll, lambda value: self._write_pll("CS", value)),
            pll + 0x4 + _CLEAR: write_only(lambda bits: self._write_pll("PWR", self._pll["PWR"] & ~bits)),
            pll + 0x8: write_only(lambda value: self._write_pll("FBDIV_INT", value)),
            pll + 0xC: write_only(lambda value: self._write_pll("PRIM", value)),
        }

    def _write_crystal(self, value: int) -> None:
        if value != 0xFAB << 12 | 0xAA0:
            raise FirmwareError(f"XOSC.CTRL = 0x{value:x} does not start a crystal of 1 to 15 MHz")
        self._crystal = True

    def _select(self, clock: str, value: int) -> None:
        self._sources[clock] = value
        if clock != "peri":
            self.core_hz()

    def _read_pll(self) -> int:
        self._require("PLL_SYS")
        return self._pll["CS"] | self._is_locked() << 31

    def _write_pll(self, name: str, value: int) -> None:
        self._require("PLL_SYS")
        running = not self._pll["PWR"] & 0x21
        if running and name in ("CS", "FBDIV_INT"):
            raise FirmwareError(f"PLL_SYS.{name} is written while the PLL runs")
        self._pll[name] = value

    def _is_locked(self) -> bool:
        return not self._pll["PWR"] & 0x21 and self._crystal  # VCOPD, PD

    def _pll_hz(self) -> int:
        if not self._is_locked() or self._pll["PWR"] & 8:
            raise FirmwareError("clk_sys is switched to a PLL that does not run")
        vco_hz = self._crystal_hz // (self._pll["CS"] & 0x3F) * self._pll["FBDIV_INT"]
        if not 750 * _MHZ <= vco_hz <= 1600 * _MHZ:
            raise FirmwareError(f"the PLL's oscillator cannot run at {vco_hz:,} Hz")
        return vco_hz // (self._pll["PRIM"] >> 16 & 7) // (self._pll["PRIM"] >> 12 & 7)

    def _ref_hz(self) -> int:
        if self._sources["ref"] & 3 == 2:
            if not self._crystal:
                raise FirmwareError("clk_ref is switched to a crystal that does not run")
            return self._crystal_hz
        return 6 * _MHZ  # ring oscillator: 1.8 to 12 MHz

    def core_hz(self) -> int:
        """clk_sys. Raises FirmwareError if it would not run."""
        core_hz = self._pll_hz() if self._sources["sys"] & 1 else self._ref_hz()
        if self._sources["sys"] >> 5 & 7:
            raise FirmwareError("CLK_SYS_CTRL.AUXSRC is not PLL_SYS")
        if core_hz > self._chip.core_max_hz:
            raise FirmwareError(f"{core_hz:,} Hz is more than the chip's {self._chip.core_max_hz:,} Hz")
        return core_hz

    # Timer

    def _time_us(self) -> int:
        self._require("TIMER")
        if not self.ticks.enabled or self.ticks.cycles * _MHZ != self._ref_hz():
            raise FirmwareError("the timer is read while its ticks are not microseconds")
        return self._machine.cycles() * _MHZ // self._board.cpu.clock_hz

    # Pins

    def _pin_registers(self) -> dict[int, Register]:
        registers = {}
        for pin in range(30):
            registers[self._chip.io_bank0 + 8 * pin + 4] = write_only(
                self._pin_writer("IO_BANK0", self._functions, pin)
            )
            registers[self._chip.pads_bank0 + 4 * pin + 4] = write_only(self._pin_writer("PADS_BANK0", self._pads, pin))
        return registers

    def _pin_writer(self, block: str, values: dict[int, int], pin: int) -> Callable[[int], None]:
        def write(value: int) -> None:
            self._require(block)
            values[pin] = value

        return write

    def _require_pin(self, name: str, needs_input: bool) -> None:
        pin = int(name[2:])
        pad = self._pads[pin]
        if self._functions[pin] & 0x1F != self._serial.function or pad & 0x180:  # OD, and ISO of the RP2350
            raise FirmwareError(f"{self._serial.uart} is used while {name} does not serve it")
        if needs_input and not (pad & 1 << 6 and pad & 1 << 3):
            raise FirmwareError(f"{name} is read without input buffer or pull-up")

    # UART

    def _uart_registers(self) -> dict[int, Register]:
        base = self._chip.uarts[self._serial.uart]
        registers = {
            base + 0x00: Register(self._receive, self._send),
            base + 0x18: Register(self._flags, None),
        }
        for offset, name in ((0x24, "IBRD"), (0x28, "FBRD"), (0x2C, "LCR_H"), (0x30, "CR")):
            registers[base + offset] = write_only(lambda value, name=name: self._set_up(name, value))  # type: ignore[misc]
        return registers

    def _set_up(self, name: str, value: int) -> None:
        self._require(self._serial.uart)
        if name != "CR" and self._uart["CR"] & 1:
            raise FirmwareError(f"{self._serial.uart}.{name} is written while the UART is on")
        self._uart[name] = value

    def _flags(self) -> int:
        self._require(self._serial.uart)
        if self.to_firmware:
            return _TXFE
        self._looks += 1
        if self._looks >= _WAITING_LOOKS:
            self._require_ready(self._serial.rx)
            self._machine.wait_for_input()
        return _TXFE | _RXFE

    def _receive(self) -> int:
        self._require_ready(self._serial.rx)
        self._looks = 0
        if not self.to_firmware:
            raise FirmwareError(f"{self._serial.uart} is read without a received byte")
        return self.to_firmware.popleft()

    def _send(self, value: int) -> None:
        self._require_ready(self._serial.tx)
        self._looks = 0
        self.from_firmware.append(value & 0xFF)

    def _require_ready(self, pin: str) -> None:
        uart = self._serial.uart
        self._require(uart)
        if self._uart["CR"] != 0x301 or self._uart["LCR_H"] & ~0x10 != 0x60:
            raise FirmwareError(f"{uart} is used without being on for 8N1 in both directions")
        if not self._sources["peri"] & 1 << 11 or self._sources["peri"] & 0xE0:
            raise FirmwareError(f"{uart} is used while clk_peri is not clk_sys")
        if self.core_hz() != self._board.cpu.clock_hz:
            told = self._board.cpu.clock_hz
            raise FirmwareError(f"the core runs at {self.core_hz():,} Hz, not at {told:,} Hz")
        baud = self.core_hz() / 16 / max(self._uart["IBRD"] + self._uart["FBRD"] / 64, 1)
        if abs(baud / _BAUD - 1) > _BAUD_TOLERANCE:
            raise FirmwareError(f"{uart} runs at {baud:.0f} baud, not {_BAUD}")
        self._require_pin(pin, needs_input=pin == self._serial.rx)
