"""STM32H747's Cortex-M7 as its port uses it: RCC, PWR and FLASH, from what a bootloader left to the PLL.

RM0399, chapters PWR (voltage scaling), FLASH (wait states) and RCC. The model begins as a bootloader may end: at full
speed on PLL1, PLL3 on, HSE on as for a crystal, HSI divided, UARTs on another clock. It computes the clocks from the
registers and refuses changes of a PLL or an HSE that runs, a PLL outside its range, buses that are too fast, too little
flash latency, and a clock that is not ready.
"""

from collections.abc import Callable

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Mcu, Register
from tinyprune.device.emulators.cortex_m7 import cortex_m7_registers
from tinyprune.device.emulators.stm32 import Layout, Stm32
from tinyprune.device.emulators.stm32_rcc import PLL_ON, Cell, Rcc, apb_divider, gpio_bits

_MHZ = 1_000_000
_HSI_HZ = 64 * _MHZ
_LAYOUT = Layout(
    gpio=0x58020000,
    moder=0xFFFFFFFF,
    uarts={
        "USART1": 0x40011000,
        "USART2": 0x40004400,
        "USART3": 0x40004800,
        "UART4": 0x40004C00,
        "UART5": 0x40005000,
        "USART6": 0x40011400,
        "UART7": 0x40007800,
        "UART8": 0x40007C00,
    },
)
_ENABLE_BITS = {
    **gpio_bits("AHB4", "ABCDEFGHIJK"),
    "USART1": ("APB2", 4),
    "USART2": ("APB1", 17),
    "USART3": ("APB1", 18),
    "UART4": ("APB1", 19),
    "UART5": ("APB1", 20),
    "USART6": ("APB2", 5),
    "UART7": ("APB1", 30),
    "UART8": ("APB1", 31),
}
_INPUT_RANGES = ((1, 2), (2, 4), (4, 8), (8, 16))  # MHz, by PLLCFGR.PLL1RGE
#: At voltage scale 1: of the core, of AXI and AHB, of each APB.
_CORE_MAX_HZ, _AHB_MAX_HZ, _APB_MAX_HZ = 400 * _MHZ, 200 * _MHZ, 100 * _MHZ


class Stm32h7Clock(Rcc):
    hsi_bits = 0, 2
    plls_on = PLL_ON | 1 << 26 | 1 << 28  # PLL1, PLL2, PLL3

    def __init__(self, board: Board) -> None:
        # HSION, HSIDIV: / 2, HSEON, PLL1ON, PLL3ON; CFGR: PLL1
        cr = 1 | 1 << 3 | 1 << 16 | PLL_ON | 1 << 28
        super().__init__(board, _ENABLE_BITS, cr=cr, pllcfgr=1 << 16 | 3 << 2, cfgr=3)
        self.is_high: Callable[[str], bool] = lambda _pin: False
        self._d1, self._d2, self._d3 = Cell(0x48), Cell(0x440), Cell(0x40)
        self._pllcksel = Cell(2 << 4)  # HSI / 2 / 2
        self._pll1div = Cell(1 << 9 | 59)  # × 60 / 2 = 480 MHz
        self._d2ccip2 = Cell(0x12)
        self._d3cr = Cell(2 << 14)
        self._acr = Cell(0x24)
        self.registers = {
            0x58024400: Register(self._read_cr, self._write_cr),
            0x58024410: Register(self._read_cfgr, lambda value: self._write_checked(self._cfgr, value)),
            0x58024418: Register(None, lambda value: self._write_checked(self._d1, value)),
            0x5802441C: Register(None, lambda value: self._write_checked(self._d2, value)),
            0x58024420: Register(None, lambda value: self._write_checked(self._d3, value)),
            0x58024428: self._while_off(self._pllcksel, "PLLCKSELR", self.plls_on),
            0x5802442C: self._while_off(self._pllcfgr, "PLLCFGR"),
            0x58024430: self._while_off(self._pll1div, "PLL1DIVR"),
            0x58024454: self._d2ccip2.register(),
            0x580244E0: self._enables["AHB4"].register(),
            0x580244E8: self._enables["APB1"].register(),
            0x580244F0: self._enables["APB2"].register(),
            0x58024818: Register(lambda: self._d3cr.value | 1 << 13, self._d3cr.register().write),  # VOSRDY
            0x52002000: Register(lambda: self._acr.value, lambda value: self._write_checked(self._acr, value)),
        }

    # Rcc

    def core_hz(self) -> int:
        if self._d1.bits(11):
            raise FirmwareError("RCC_D1CFGR.D1CPRE divides the core's clock, which the port does not need")
        return self._system_hz(self._cfgr.bits(0, 3))

    def uart_hz(self, uart: str) -> int:
        on_apb2 = _ENABLE_BITS[uart][0] == "APB2"
        if self._d2ccip2.bits(3 if on_apb2 else 0, 3):
            raise FirmwareError(f"RCC_D2CCIP2R gives {uart} another clock than its bus")
        return self._apb_hz(self._d2, 8 if on_apb2 else 4)

    # Inside

    def _ahb_hz(self) -> int:
        return self.core_hz() // (2 if self._d1.bits(0, 4) == 8 else 1)

    def _apb_hz(self, register: Cell, low: int) -> int:
        return self._ahb_hz() // apb_divider(register, low)

    def _read_cr(self) -> int:
        return super()._read_cr() | 1 << 5  # HSIDIVF

    def _is_hse_ready(self) -> bool:
        runs = not self._source.enable or self.is_high(self._source.enable)
        return super()._is_hse_ready() and runs

    def _write_cr(self, value: int) -> None:
        if not value >> 24 & 1 and self._cfgr.bits(0, 3) == 3:
            raise FirmwareError("PLL1 is stopped while the core runs on it")
        if (value ^ self._cr.value) >> 18 & 1 and self._cr.bits(16) and value >> 16 & 1:
            raise FirmwareError("RCC_CR.HSEBYP is changed while HSE is on")
        if (value ^ self._cr.value) >> 3 & 3 and self._cr.value & self.plls_on:
            raise FirmwareError("RCC_CR.HSIDIV is changed while a PLL may run on HSI")
        super()._write_cr(value)

    def _pll_input_hz(self) -> int:
        source = self._pllcksel.bits(0, 2)
        if source not in (0, 2) or not self._pllcksel.bits(4, 6):
            raise FirmwareError("PLL1 has no input")
        return self._system_hz(source) // self._pllcksel.bits(4, 6)

    def _check_pll(self) -> None:
        input_hz = self._pll_input_hz()
        low, high = _INPUT_RANGES[self._pllcfgr.bits(2, 2)]
        if not low * _MHZ <= input_hz <= high * _MHZ:
            raise FirmwareError(f"PLL1's input of {input_hz:,} Hz is not in the range of PLL1RGE")
        vco_hz = input_hz * (self._pll1div.bits(0, 9) + 1)
        if self._pllcfgr.bits(1) or not 192 * _MHZ <= vco_hz <= 836 * _MHZ:
            raise FirmwareError(f"PLL1 cannot make {vco_hz:,} Hz of {input_hz:,} Hz")

    def _system_hz(self, source: int) -> int:
        """Of HSI, CSI, HSE, PLL1."""
        if source == 0 and self._cr.bits(0):
            return _HSI_HZ >> self._cr.bits(3, 2)
        if source == 2 and self._is_hse_ready():
            return self._source.hz
        if source == 3 and self._cr.bits(24) and self._pllcfgr.bits(16):
            return self._pll_input_hz() * (self._pll1div.bits(0, 9) + 1) // (self._pll1div.bits(9, 7) + 1)
        raise FirmwareError("a clock is selected that is not ready")

    def _read_cfgr(self) -> int:
        return self._cfgr.value & ~0x38 | self._cfgr.bits(0, 3) << 3  # SWS follows SW

    def _write_checked(self, cell: Cell, value: int) -> None:
        cell.value = value
        core_hz, ahb_hz = self.core_hz(), self._ahb_hz()
        apb_hz = max(self._apb_hz(*where) for where in ((self._d1, 4), (self._d2, 4), (self._d2, 8), (self._d3, 4)))
        if core_hz > _HSI_HZ and self._d3cr.bits(14, 2) != 3:
            raise FirmwareError(f"{core_hz:,} Hz without voltage scale 1")
        if core_hz > _CORE_MAX_HZ or ahb_hz > _AHB_MAX_HZ or apb_hz > _APB_MAX_HZ:
            raise FirmwareError(f"core at {core_hz:,} Hz, AHB at {ahb_hz:,} Hz, APB at {apb_hz:,} Hz: too fast")
        latency, high_frequency = self._acr.bits(0, 4), self._acr.bits(4, 2)
        if ahb_hz > 70 * _MHZ * (latency + 1) or high_frequency < (ahb_hz > 70 * _MHZ) + (ahb_hz > 185 * _MHZ):
            raise FirmwareError(f"AHB at {ahb_hz:,} Hz with {latency} flash wait states, WRHIGHFREQ {high_frequency}")


def stm32h7(machine: Machine, board: Board) -> Mcu:
    clock = Stm32h7Clock(board)
    chip = Stm32(machine, board, clock, _LAYOUT)
    clock.is_high = chip.is_high
    chip.registers |= cortex_m7_registers(machine)
    return chip
