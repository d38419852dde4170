"""STM32F405/407 and F76x as their port uses them: RCC, PWR and FLASH from reset to the PLL, and TIM2.

RM0090, 3.5.1 (wait states), 5.4 (PWR), 7.2 and 7.3 (RCC), 18.4 (TIM2); RM0410, 3.3.2, 4.1.4 (over-drive), 5.2
and 5.3. The model computes the clocks from the registers and refuses too few flash wait states, a bus or a PLL outside
its range, more than 180 MHz without over-drive, and a clock that is not ready.
"""

from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Mcu, Register
from tinyprune.device.emulators.cortex_m7 import cortex_m7_registers
from tinyprune.device.emulators.stm32 import Layout, Stm32
from tinyprune.device.emulators.stm32_rcc import Cell, Rcc, apb_divider, gpio_bits

_MHZ = 1_000_000
_UARTS = {
    "USART1": 0x40011000,
    "USART2": 0x40004400,
    "USART3": 0x40004800,
    "UART4": 0x40004C00,
    "UART5": 0x40005000,
    "USART6": 0x40011400,
}
_HSI, _HSE, _PLL = range(3)  # CFGR.SW
_ENABLE_BITS = {
    **gpio_bits("AHB1", "ABCDEFGHIJK"),
    "TIM2": ("APB1", 0),
    "USART1": ("APB2", 4),
    "USART2": ("APB1", 17),
    "USART3": ("APB1", 18),
    "UART4": ("APB1", 19),
    "UART5": ("APB1", 20),
    "USART6": ("APB2", 5),
}
_OVERDRIVE_ON, _OVERDRIVE_SWITCHED = 1 << 16, 1 << 17  # CR1.ODEN, ODSWEN; CSR1.ODRDY, ODSWRDY


@dataclass(frozen=True, slots=True)
class _Line:
    core_max_hz: int
    overdrive_above_hz: int  # as core_max_hz: there is none
    apb1_max_hz: int
    apb2_max_hz: int
    cr_reset: int  # of PWR_CR, or CR1
    acr_bits: int  # of FLASH_ACR that can be written
    layout: Layout


_F4 = _Line(168 * _MHZ, 168 * _MHZ, 42 * _MHZ, 84 * _MHZ, 0x4000, 0x707, Layout(0x40020000, 0, _UARTS, has_isr=False))
_F7 = _Line(216 * _MHZ, 180 * _MHZ, 54 * _MHZ, 108 * _MHZ, 0xC000, 0x30F, Layout(0x40020000, 0, _UARTS))


class Stm32fClock(Rcc):
    hsi_bits = 0, 1

    def __init__(self, board: Board, line: _Line) -> None:
        super().__init__(board, _ENABLE_BITS, cr=0x83, pllcfgr=0x24003010)  # HSI
        self._line = line
        self._acr = Cell()
        self._power = Cell(line.cr_reset, self._require_power_clock)
        self.registers = {
            0x40023800: Register(self._read_cr, self._write_cr),
            0x40023804: self._while_off(self._pllcfgr, "PLLCFGR"),
            0x40023808: Register(self._read_cfgr, self._write_cfgr),
            0x40023830: self._enables["AHB1"].register(),
            0x40023840: self._enables["APB1"].register(),
            0x40023844: self._enables["APB2"].register(),
            0x40007000: Register(lambda: self._power.value, self._write_power),
            0x40007004: Register(self._read_power_status, None),
            0x40023C00: Register(lambda: self._acr.value, self._write_acr),
        }

    # Rcc

    def core_hz(self) -> int:
        if self._cfgr.bits(7):
            raise FirmwareError("RCC_CFGR.HPRE divides the core's clock, which the port does not need")
        return self._system_hz(self._cfgr.bits(0, 2))

    def uart_hz(self, uart: str) -> int:
        return self._apb_hz(10 if _ENABLE_BITS[uart][0] == "APB1" else 13)

    def timer_hz(self) -> int:
        """Of TIM2: APB1's, twice that where APB1 is divided. RM0090, 7.2."""
        return min(2 * self._apb_hz(10), self.core_hz())

    # Inside

    def _apb_hz(self, prescaler_bit: int) -> int:
        return self.core_hz() // apb_divider(self._cfgr, prescaler_bit)

    def _require_power_clock(self) -> None:
        if not self._enables["APB1"].bits(28):
            raise FirmwareError("PWR is used while RCC_APB1ENR.PWREN is 0")

    def _write_power(self, value: int) -> None:
        self._require_power_clock()
        if value & _OVERDRIVE_SWITCHED and not self._power.value & _OVERDRIVE_ON:
            raise FirmwareError("PWR_CR1.ODSWEN is set before PWR_CSR1.ODRDY")
        self._power.value = value

    def _read_power_status(self) -> int:
        self._require_power_clock()
        return self._power.value & (_OVERDRIVE_ON | _OVERDRIVE_SWITCHED) | 1 << 14  # VOSRDY

    def _pll_input_hz(self) -> int:
        return self._system_hz(_HSE if self._pllcfgr.bits(22) else _HSI) // max(self._pllcfgr.bits(0, 6), 1)

    def _check_pll(self) -> None:
        input_hz = self._pll_input_hz()
        vco_hz = input_hz * self._pllcfgr.bits(6, 9)
        if not 1 * _MHZ <= input_hz <= 2 * _MHZ or not 100 * _MHZ <= vco_hz <= 432 * _MHZ:
            raise FirmwareError(f"the PLL cannot make {vco_hz:,} Hz of {input_hz:,} Hz")
        if self._pllcfgr.bits(24, 4) < 2:
            raise FirmwareError("RCC_PLLCFGR.PLLQ must be 2 or more")

    def _system_hz(self, source: int) -> int:
        if source == _HSI and self._cr.bits(0):
            return 16 * _MHZ
        if source == _HSE and self._is_hse_ready():
            return self._source.hz
        if source == _PLL and self._cr.bits(24):
            return self._pll_input_hz() * self._pllcfgr.bits(6, 9) // (2 * self._pllcfgr.bits(16, 2) + 2)
        raise FirmwareError("a clock is selected that is not ready")

    def _write_cfgr(self, value: int) -> None:
        self._cfgr.value = value
        self._check_speed()

    def _write_acr(self, value: int) -> None:
        self._acr.value = value & self._line.acr_bits
        self._check_speed()

    def _check_speed(self) -> None:
        core_hz, line = self.core_hz(), self._line
        if core_hz > line.core_max_hz:
            raise FirmwareError(f"{core_hz:,} Hz is more than the chip's {line.core_max_hz:,} Hz")
        if core_hz > line.overdrive_above_hz and not self._power.value & _OVERDRIVE_SWITCHED:
            raise FirmwareError(f"{core_hz:,} Hz without over-drive")
        if core_hz > 30 * _MHZ * (self._acr.bits(0, 4) + 1):
            raise FirmwareError(f"{core_hz:,} Hz with {self._acr.bits(0, 4)} flash wait states")
        if self._apb_hz(10) > line.apb1_max_hz or self._apb_hz(13) > line.apb2_max_hz:
            raise FirmwareError(f"APB1 at {self._apb_hz(10):,} Hz and APB2 at {self._apb_hz(13):,} Hz are too fast")


class Tim2:
    """Counts up from 0, as reset leaves it, once CR1.CEN is set."""

    def __init__(self, machine: Machine, clock: Stm32fClock) -> None:
        self._machine = machine
        self._clock = clock
        self._cr1 = Cell(check=self._require_clock)
        self._start = 0
        self.registers = {
            0x40000000: Register(self._cr1.register().read, self._write_cr1),
            0x40000024: Register(self._read_count, None),
        }

    def _require_clock(self) -> None:
        if not self._clock.is_enabled("TIM2"):
            raise FirmwareError("TIM2 is used while RCC gives it no clock")

    def _write_cr1(self, value: int) -> None:
        self._require_clock()
        self._cr1.value = value
        self._start = self._machine.cycles()

    def _read_count(self) -> int:
        self._require_clock()
        if self._cr1.value != 1:
            raise FirmwareError(f"TIM2_CNT is read while CR1 = 0x{self._cr1.value:x}: it does not count up")
        cycles = self._machine.cycles() - self._start
        return cycles * self._clock.timer_hz() // self._clock.core_hz() & 0xFFFFFFFF


def stm32f4(machine: Machine, board: Board) -> Mcu:
    clock = Stm32fClock(board, _F4)
    chip = Stm32(machine, board, clock, _F4.layout)
    chip.registers |= Tim2(machine, clock).registers
    return chip


def stm32f7(machine: Machine, board: Board) -> Mcu:
    chip = Stm32(machine, board, Stm32fClock(board, _F7), _F7.layout)
    chip.registers |= cortex_m7_registers(machine)
    return chip
