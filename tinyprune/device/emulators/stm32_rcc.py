"""RCC as STM32s share it: HSE and the first PLL have the same bits of CR in L4, F4, F7 and H7, each series the rest.

RM0432, RM0090, RM0410 and RM0399, chapter RCC.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyprune.device.boards import Board
from tinyprune.device.emulators.cortex_m import FirmwareError, Register

PLL_ON = 1 << 24  # of CR

#: Peripheral, such as "USART1" → the bus of its enable register, and its bit there.
EnableBits = Mapping[str, tuple[str, int]]


class Cell:
    """A register that holds what was written, if `check` lets it be touched."""

    def __init__(self, value: int = 0, check: Callable[[], None] = lambda: None) -> None:
        self.value = value
        self._check = check

    def bits(self, low: int, count: int = 1) -> int:
        return self.value >> low & (1 << count) - 1

    def register(self) -> Register:
        return Register(self._read, self._write)

    def _read(self) -> int:
        self._check()
        return self.value

    def _write(self, value: int) -> None:
        self._check()
        self.value = value


def gpio_bits(bus: str, ports: str) -> dict[str, tuple[str, int]]:
    """The EnableBits of GPIO ports, from bit 0 on."""
    return {f"GPIO{port}": (bus, bit) for bit, port in enumerate(ports)}


def apb_divider(register: Cell, low: int) -> int:
    """Of three bits, as in CFGR.PPRE1."""
    return {4: 2, 5: 4, 6: 8, 7: 16}.get(register.bits(low, 3), 1)


class Rcc(ABC):
    """A clock tree, computed from the registers of RCC, PWR and FLASH."""

    registers: dict[int, Register]
    hsi_bits: ClassVar[tuple[int, int]]  # of CR: HSION, HSIRDY
    plls_on: ClassVar[int] = PLL_ON  # of CR, all PLLs; each RDY is the bit above

    def __init__(self, board: Board, enable_bits: EnableBits, *, cr: int, pllcfgr: int, cfgr: int = 0) -> None:
        assert board.clock is not None
        self._source = board.clock
        self._enable_bits = enable_bits
        self._enables = {bus: Cell() for bus, _ in enable_bits.values()}
        self._cr = Cell(cr)
        self._pllcfgr = Cell(pllcfgr)
        self._cfgr = Cell(cfgr)

    @abstractmethod
    def core_hz(self) -> int: ...

    @abstractmethod
    def uart_hz(self, uart: str) -> int: ...

    def is_enabled(self, peripheral: str) -> bool:
        """Whether RCC gives "GPIOA" or "USART2" a clock."""
        if peripheral not in self._enable_bits:
            return False
        bus, bit = self._enable_bits[peripheral]
        return bool(self._enables[bus].bits(bit))

    def is_powered(self, pin: str) -> bool:  # noqa: ARG002 (most series supply all pins)
        return True

    # Inside

    @abstractmethod
    def _system_hz(self, source: int) -> int:
        """Of a CFGR.SW. Raises FirmwareError if that clock does not run."""

    @abstractmethod
    def _check_pll(self) -> None:
        """Raises FirmwareError if it cannot make what its registers say."""

    def _is_hse_ready(self) -> bool:
        wanted = {"crystal": 0, "external": 1}.get(self._source.source)
        return bool(self._cr.bits(16)) and self._cr.bits(18) == wanted

    def _read_cr(self) -> int:
        hsi_on, hsi_ready = self.hsi_bits
        value = self._cr.value & ~(1 << hsi_ready | 1 << 17 | self.plls_on << 1)
        plls_ready = (self._cr.value & self.plls_on) << 1
        return value | self._cr.bits(hsi_on) << hsi_ready | self._is_hse_ready() << 17 | plls_ready

    def _write_cr(self, value: int) -> None:
        starts_pll = value & PLL_ON and not self._cr.value & PLL_ON
        self._cr.value = value
        if starts_pll:
            self._check_pll()

    def _read_cfgr(self) -> int:
        return self._cfgr.value & ~0xC | self._cfgr.bits(0, 2) << 2  # SWS follows SW

    def _while_off(self, cell: Cell, name: str, plls: int = PLL_ON) -> Register:
        """A register of RCC that cannot be written while one of these PLLs runs."""
        which = "the PLL" if self.plls_on == PLL_ON else "a PLL"

        def write(value: int) -> None:
            if self._cr.value & plls:
                raise FirmwareError(f"RCC_{name} is written while {which} runs")
            cell.value = value

        return Register(lambda: cell.value, write)
