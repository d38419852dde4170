"""STM32L4, L4+ and G4 as their port uses them: RCC, PWR and FLASH from reset to the PLL.

RM0432 (L4+) and RM0440 (G4), chapters PWR (dynamic voltage scaling), FLASH (read access latency) and RCC. The model
computes the clock from the registers and refuses what may crash a board, or not start on it: too few flash wait states,
no boost mode where the clock needs it, the step above 80 MHz without AHB / 2, a PLL outside its range or changed while
it runs, a clock that is not ready.
"""

from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Mcu, Register
from tinyprune.device.emulators.stm32 import Layout, Stm32
from tinyprune.device.emulators.stm32_rcc import Cell, Rcc, apb_divider, gpio_bits

_MHZ = 1_000_000
_LAYOUT = Layout(
    gpio=0x48000000,
    moder=0xFFFFFFFF,
    uarts={
        "LPUART1": 0x40008000,
        "USART1": 0x40013800,
        "USART2": 0x40004400,
        "USART3": 0x40004800,
        "UART4": 0x40004C00,
        "UART5": 0x40005000,
    },
)
_ENABLE_BITS = {
    **gpio_bits("AHB2", "ABCDEFGHI"),
    "LPUART1": ("APB1_2", 0),
    "USART1": ("APB2", 14),
    "USART2": ("APB1", 17),
    "USART3": ("APB1", 18),
    "UART4": ("APB1", 19),
    "UART5": ("APB1", 20),
}
_MSI, _HSI16, _HSE, _PLL = range(4)  # CFGR.SW
_AHB_DIVIDERS = {8: 2, 9: 4, 10: 8, 11: 16, 12: 64, 13: 128, 14: 256, 15: 512}  # CFGR.HPRE; others: 1


@dataclass(frozen=True, slots=True)
class Line:
    """What differs between them; clocks in MHz."""

    cr: int  # after reset, as cfgr
    cfgr: int
    has_msi: bool
    port_g_has_own_supply: bool
    highest: int
    boost_above: int
    wait: int  # a flash wait state for each of so many, as boosted_wait in boost mode
    boosted_wait: int
    vco_lowest: int


_L4 = Line(0x63, 0, True, True, 120, 80, 20, 20, 64)  # from MSI at 4 MHz
_G4 = Line(0x500, 1, False, False, 170, 150, 30, 34, 96)  # from HSI16


class LgClock(Rcc):
    hsi_bits = 8, 10  # HSI16

    def __init__(self, board: Board, line: Line) -> None:
        super().__init__(board, _ENABLE_BITS, cr=line.cr, pllcfgr=0x1000, cfgr=line.cfgr)
        self._line = line
        self._acr = Cell(0x600)
        self._cr2 = Cell(check=self._require_power_clock)
        self._cr5 = Cell(0x100, self._require_power_clock)  # R1MODE
        self.registers = {
            0x40021000: Register(self._read_cr, self._write_cr),
            0x40021008: Register(self._read_cfgr, self._write_cfgr),
            0x4002100C: self._while_off(self._pllcfgr, "PLLCFGR"),
            0x4002104C: self._enables["AHB2"].register(),
            0x40021058: self._enables["APB1"].register(),
            0x4002105C: self._enables["APB1_2"].register(),
            0x40021060: self._enables["APB2"].register(),
            0x40007004: self._cr2.register(),
            0x40007080: self._cr5.register(),
            0x40022000: Register(lambda: self._acr.value, self._write_acr),
        }

    # Rcc

    def core_hz(self) -> int:
        return self._system_hz(self._cfgr.bits(0, 2)) // _AHB_DIVIDERS.get(self._cfgr.bits(4, 4), 1)

    def uart_hz(self, uart: str) -> int:
        return self.core_hz() // apb_divider(self._cfgr, 11 if uart == "USART1" else 8)

    def is_powered(self, pin: str) -> bool:
        supplied = not self._line.port_g_has_own_supply or bool(self._cr2.bits(9))  # IOSV
        return pin[1] != "G" or int(pin[2:]) < 2 or supplied

    # Inside

    def _require_power_clock(self) -> None:
        if not self._enables["APB1"].bits(28):
            raise FirmwareError("PWR is used while RCC_APB1ENR1.PWREN is 0")

    def _check_pll(self) -> None:
        source_hz = self._system_hz(self._pllcfgr.bits(0, 2) - 1)
        input_hz = source_hz // (self._pllcfgr.bits(4, 4) + 1)
        vco_hz = input_hz * self._pllcfgr.bits(8, 7)
        if not 2.66 * _MHZ <= input_hz <= 16 * _MHZ or not self._line.vco_lowest * _MHZ <= vco_hz <= 344 * _MHZ:
            raise FirmwareError(f"the PLL cannot make {vco_hz:,} Hz of {input_hz:,} Hz")

    def _system_hz(self, source: int) -> int:
        if source == _MSI and self._line.has_msi:
            return 4 * _MHZ
        if source == _HSI16 and self._cr.bits(8):
            return 16 * _MHZ
        if source == _HSE and self._is_hse_ready():
            return self._source.hz
        if source == _PLL and self._cr.bits(24) and self._pllcfgr.bits(24):
            input_hz = self._system_hz(self._pllcfgr.bits(0, 2) - 1) // (self._pllcfgr.bits(4, 4) + 1)
            return input_hz * self._pllcfgr.bits(8, 7) // (2 * self._pllcfgr.bits(25, 2) + 2)
        raise FirmwareError("a clock is selected that is not ready")

    def _write_cfgr(self, value: int) -> None:
        switches = (value ^ self._cfgr.value) & 3
        self._cfgr.value = value
        if switches and self._cfgr.bits(4, 4) < 8 and self.core_hz() > 80 * _MHZ:
            raise FirmwareError("the clock steps above 80 MHz at once: the manual wants AHB / 2 for a microsecond")
        self._check_speed()

    def _write_acr(self, value: int) -> None:
        self._acr.value = value
        self._check_speed()

    def _check_speed(self) -> None:
        core_hz, line, boosted = self.core_hz(), self._line, not self._cr5.bits(8)
        if core_hz > line.highest * _MHZ:
            raise FirmwareError(f"{core_hz:,} Hz: more than the chip's {line.highest} MHz")
        if core_hz > line.boost_above * _MHZ and not boosted:
            raise FirmwareError(f"{core_hz:,} Hz without the boost mode of PWR_CR5.R1MODE")
        if core_hz > (line.boosted_wait if boosted else line.wait) * _MHZ * (self._acr.bits(0, 4) + 1):
            raise FirmwareError(f"{core_hz:,} Hz with {self._acr.bits(0, 4)} flash wait states")


def stm32l4(machine: Machine, board: Board) -> Mcu:
    return Stm32(machine, board, LgClock(board, _L4), _LAYOUT)


def stm32g4(machine: Machine, board: Board) -> Mcu:
    return Stm32(machine, board, LgClock(board, _G4), _LAYOUT)
