"""STM32U5 and H5 as their port uses them: RCC, PWR, FLASH and ICACHE from reset to the PLL.

RM0456 (U5) and RM0481 (H5), chapters PWR (voltage scaling, EPOD booster), FLASH (read access latency), RCC and ICACHE.
TrustZone is off, as the chips leave the factory. The model computes the clock from the registers and refuses too few
flash wait states, too low a voltage, a PLL outside its range or changed while it runs, a clock that is not ready, and
work with the cache off, which the board's figures count on.
"""

from abc import abstractmethod
from typing import ClassVar

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Mcu, Register
from tinyprune.device.emulators.stm32 import Layout, Stm32
from tinyprune.device.emulators.stm32_rcc import Cell, EnableBits, Rcc, gpio_bits

_MHZ = 1_000_000
_UARTS = {"USART1": 0x40013800, "USART2": 0x40004400, "USART3": 0x40004800, "UART4": 0x40004C00, "UART5": 0x40005000}
_ENABLE_BITS: EnableBits = {
    **gpio_bits("AHB2", "ABCDEFGHI"),
    "PWR": ("AHB3", 2),
    "LPUART1": ("APB3", 6),
    "USART1": ("APB2", 14),
    "USART2": ("APB1", 17),
    "USART3": ("APB1", 18),
    "UART4": ("APB1", 19),
    "UART5": ("APB1", 20),
}
_BUSES = {"AHB2": 0x8C, "AHB3": 0x94, "APB1": 0x9C, "APB2": 0xA4, "APB3": 0xA8}
_PLL = 3  # CFGR1.SW
_CACHE_LOOKS = 2  # at ICACHE_SR.BUSYF, until reset has emptied the cache


class M33Clock(Rcc):
    base: ClassVar[int]  # of RCC
    highest: ClassVar[int]  # MHz, of the core
    switch_status: ClassVar[int]  # where CFGR1 has SWS
    output: ClassVar[tuple[int, int]]  # of the PLL, to the core: its bit in PLL1CFGR, its divider's place in PLL1DIVR
    input_range: ClassVar[int]  # PLL1CFGR.PLL1RGE for 4 to 8 MHz
    vco: ClassVar[tuple[int, int]]  # MHz

    def __init__(self, board: Board, *, cr: int, acr: int = 0) -> None:
        super().__init__(board, _ENABLE_BITS, cr=cr, pllcfgr=0)
        self._plldiv = Cell(0x01010280)
        self._acr = Cell(acr)
        self._cache = Cell(4, self._require_empty_cache)  # ICACHE_CR.WAYSEL
        self._busy_looks = _CACHE_LOOKS
        self.registers = {
            self.base + 0x00: Register(self._read_cr, self._write_cr),
            self.base + 0x1C: Register(self._read_cfgr, self._write_cfgr),
            self.base + 0x28: self._while_off(self._pllcfgr, "PLL1CFGR"),
            self.base + 0x34: self._while_off(self._plldiv, "PLL1DIVR"),
            **{self.base + offset: self._enables[bus].register() for bus, offset in _BUSES.items()},
            0x40022000: Register(lambda: self._acr.value, self._write_acr),
            0x40030400: self._cache.register(),
            0x40030404: Register(self._read_cache_status, None),
        }

    # Rcc

    def core_hz(self) -> int:
        return self._system_hz(self._cfgr.bits(0, 2))

    def uart_hz(self, uart: str) -> int:  # noqa: ARG002 (all buses run at the core's clock)
        if not self._cache.value & 1:
            raise FirmwareError("the cache is off (ICACHE_CR.EN)")
        return self.core_hz()

    # Inside

    @abstractmethod
    def _source_hz(self, source: int) -> int:
        """Of a PLL1CFGR.PLL1SRC, as of a CFGR1.SW but for the PLL."""

    @abstractmethod
    def _divider(self) -> int:
        """PLL1CFGR.PLL1M as it divides."""

    @abstractmethod
    def _check_speed(self) -> None:
        """Raises FirmwareError where voltage or wait states do not bear the core's clock."""

    def _pll_input_hz(self) -> int:
        return self._source_hz(self._pllcfgr.bits(0, 2)) // self._divider()

    def _vco_hz(self) -> int:
        return self._pll_input_hz() * (self._plldiv.bits(0, 9) + 1)

    def _check_pll(self) -> None:
        input_hz, vco_hz = self._pll_input_hz(), self._vco_hz()
        in_range = 4 * _MHZ <= input_hz <= 8 * _MHZ and self._pllcfgr.bits(2, 2) == self.input_range
        if not in_range or not self.vco[0] * _MHZ <= vco_hz <= self.vco[1] * _MHZ:
            raise FirmwareError(f"the PLL cannot make {vco_hz:,} Hz of {input_hz:,} Hz")

    def _system_hz(self, source: int) -> int:
        if source != _PLL:
            return self._source_hz(source + 1)
        on, divider = self.output
        if self._cr.bits(24) and self._pllcfgr.bits(on):
            return self._vco_hz() // (self._plldiv.bits(divider, 7) + 1)
        raise FirmwareError("a clock is selected that is not ready")

    def _read_cfgr(self) -> int:
        return self._cfgr.bits(0, 2) << self.switch_status | self._cfgr.bits(0, 2)

    def _write_cfgr(self, value: int) -> None:
        self._cfgr.value = value
        core_hz = self.core_hz()
        if core_hz > self.highest * _MHZ:
            raise FirmwareError(f"{core_hz:,} Hz: more than the chip's {self.highest} MHz")
        self._check_speed()

    def _write_acr(self, value: int) -> None:
        self._acr.value = value
        self._check_speed()

    def _require_empty_cache(self) -> None:
        if self._busy_looks:
            raise FirmwareError("the cache is enabled while ICACHE_SR.BUSYF says that it is being emptied")

    def _read_cache_status(self) -> int:
        self._busy_looks = max(self._busy_looks - 1, 0)
        return int(self._busy_looks > 0)


class U5Clock(M33Clock):
    hsi_bits = 8, 10
    base = 0x46020C00
    highest = 160
    switch_status = 2
    output = 18, 24
    input_range = 0
    vco = 128, 544

    def __init__(self, board: Board) -> None:
        super().__init__(board, cr=0x35)  # MSI at 4 MHz
        self._vosr = Cell()
        self.registers[0x4602080C] = Register(self._read_vosr, self._write_vosr)

    def _source_hz(self, source: int) -> int:
        if source == 1:
            return 4 * _MHZ  # MSIS
        if source == 2 and self._cr.bits(8):
            return 16 * _MHZ
        if source == 3 and self._is_hse_ready():
            return self._source.hz
        raise FirmwareError("a clock is selected that is not ready")

    def _divider(self) -> int:
        return self._pllcfgr.bits(8, 4) + 1

    def _require_power_clock(self) -> None:
        if not self.is_enabled("PWR"):
            raise FirmwareError("PWR is used while RCC_AHB3ENR.PWREN is 0")

    def _read_vosr(self) -> int:
        self._require_power_clock()
        return self._vosr.value | 1 << 15 | self._vosr.bits(18) << 14  # VOSRDY, BOOSTRDY

    def _write_vosr(self, value: int) -> None:
        self._require_power_clock()
        if value >> 18 & 1 and not 4 * _MHZ <= self._source_hz(self._pllcfgr.bits(0, 2)) <= 16 * _MHZ:
            raise FirmwareError("the booster's clock, the PLL's source, is not of 4 to 16 MHz")
        self._vosr.value = value

    def _check_speed(self) -> None:
        core_hz = self.core_hz()
        if core_hz > 55 * _MHZ and not self._vosr.bits(18):
            raise FirmwareError(f"{core_hz:,} Hz without the booster (PWR_VOSR.BOOSTEN)")
        if core_hz > 24 * _MHZ and self._vosr.bits(16, 2) != 3:
            raise FirmwareError(f"{core_hz:,} Hz without voltage range 1")
        wait = 32 if self._vosr.bits(16, 2) == 3 else 8
        if core_hz > wait * _MHZ * (self._acr.bits(0, 4) + 1):
            raise FirmwareError(f"{core_hz:,} Hz with {self._acr.bits(0, 4)} flash wait states")


class H5Clock(M33Clock):
    hsi_bits = 0, 1
    base = 0x44020C00
    highest = 250
    switch_status = 3
    output = 16, 9
    input_range = 2
    vco = 192, 836

    def __init__(self, board: Board) -> None:
        super().__init__(board, cr=0x2B, acr=0x13)  # HSI / 2
        self._voscr = Cell()
        self.registers |= {
            0x44020810: self._voscr.register(),
            0x44020814: Register(lambda: 1 << 3 | 1 << 13 | self._voscr.bits(4, 2) << 14, None),
        }

    def _source_hz(self, source: int) -> int:
        if source == 1 and self._cr.bits(0):
            return 64 * _MHZ >> self._cr.bits(3, 2)
        if source == 3 and self._is_hse_ready():
            return self._source.hz
        raise FirmwareError("a clock is selected that is not ready")

    def _divider(self) -> int:
        return self._pllcfgr.bits(8, 6) or 1 << 30  # 0: off

    def _check_speed(self) -> None:
        core_hz = self.core_hz()
        if core_hz > 64 * _MHZ and self._voscr.bits(4, 2) != 3:
            raise FirmwareError(f"{core_hz:,} Hz without voltage scale 0")
        latency, high_frequency = self._acr.bits(0, 4), self._acr.bits(4, 2)
        wait = 42 if self._voscr.bits(4, 2) == 3 else 16
        if core_hz > wait * _MHZ * (latency + 1) or core_hz > 84 * _MHZ * (high_frequency + 1):
            raise FirmwareError(f"{core_hz:,} Hz with {latency} flash wait states, WRHIGHFREQ {high_frequency}")


def _layout(apb3: int) -> Layout:
    return Layout(gpio=0x42020000, moder=0xFFFFFFFF, uarts={**_UARTS, "LPUART1": apb3 + 0x2400})


def stm32u5(machine: Machine, board: Board) -> Mcu:
    return Stm32(machine, board, U5Clock(board), _layout(0x46000000))


def stm32h5(machine: Machine, board: Board) -> Mcu:
    return Stm32(machine, board, H5Clock(board), _layout(0x44000000))
