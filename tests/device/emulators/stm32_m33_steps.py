"""What the ports of the STM32U5 and H5 do, step by step, and a byte sent; and what a step left out, or done otherwise,
is told as."""

from tests.device.emulators.registers import Chip, Step

_U5_RCC, _H5_RCC = 0x46020C00, 0x44020C00


def _enable_empty_cache(chip: Chip) -> None:
    while chip.read(0x40030404) & 1:
        pass
    chip.set(0x40030400, 1)


U5_STEPS: dict[str, Step] = {
    "PWR clock": lambda chip: chip.set(_U5_RCC + 0x94, 1 << 2),
    "voltage": lambda chip: chip.set(0x4602080C, 3 << 16),
    "wait states": lambda chip: chip.write(0x40022000, 4),
    "HSI16": lambda chip: chip.set(_U5_RCC, 1 << 8),
    "PLL1CFGR": lambda chip: chip.write(_U5_RCC + 0x28, 1 << 18 | 3 << 8 | 2),
    "PLL1DIVR": lambda chip: chip.write(_U5_RCC + 0x34, 1 << 24 | 1 << 16 | 1 << 9 | 79),
    "booster": lambda chip: chip.set(0x4602080C, 1 << 18),
    "PLL": lambda chip: chip.set(_U5_RCC, 1 << 24),
    "switch": lambda chip: chip.write(_U5_RCC + 0x1C, 3),
    "cache": _enable_empty_cache,
    "GPIOA clock": lambda chip: chip.set(_U5_RCC + 0x8C, 1),
    "TX function": lambda chip: chip.set(0x42020024, 7 << 4),
    "TX mode": lambda chip: chip.write(0x42020000, 0xFFFBFFFF),
    "USART1 clock": lambda chip: chip.set(_U5_RCC + 0xA4, 1 << 14),
    "BRR": lambda chip: chip.write(0x4001380C, 1389),
    "CR1": lambda chip: chip.write(0x40013800, 1 << 3 | 1 << 2 | 1),
    "send": lambda chip: chip.write(0x40013828, ord("x")),
}
U5_FAULTS: dict[tuple[str, Step | None], str] = {
    ("PWR clock", None): "PWR is used while RCC_AHB3ENR.PWREN is 0",
    ("voltage", None): "160,000,000 Hz without voltage range 1",
    ("wait states", lambda chip: chip.write(0x40022000, 3)): "160,000,000 Hz with 3 flash wait states",
    ("HSI16", None): "a clock is selected that is not ready",
    ("PLL1CFGR", lambda chip: chip.write(_U5_RCC + 0x28, 1 << 18 | 2)): "the PLL cannot make",
    ("PLL1CFGR", lambda chip: chip.write(_U5_RCC + 0x28, 1 << 18 | 3 << 8 | 3 << 2 | 2)): "the PLL cannot make",
    ("PLL1CFGR", lambda chip: chip.write(_U5_RCC + 0x28, 3 << 8 | 2)): "a clock is selected that is not ready",
    ("PLL1DIVR", lambda chip: chip.write(_U5_RCC + 0x34, 1 << 24 | 89)): "180,000,000 Hz: more than the chip's 160 MHz",
    ("PLL1DIVR", lambda chip: chip.write(_U5_RCC + 0x34, 1 << 24 | 159)): "the PLL cannot make 640,000,000 Hz",
    ("booster", None): r"160,000,000 Hz without the booster",
    ("PLL", None): "a clock is selected that is not ready",
    ("switch", lambda chip: chip.write(_U5_RCC + 0x34, 0)): "RCC_PLL1DIVR is written while the PLL runs",
    ("switch", None): "the core runs at 4,000,000 Hz, not at 160,000,000 Hz",
    ("cache", None): "the cache is off",
    ("cache", lambda chip: chip.set(0x40030400, 1)): "the cache is enabled while ICACHE_SR.BUSYF",
    ("GPIOA clock", None): "GPIOA is used while RCC gives it no clock",
    ("USART1 clock", None): "USART1 is used while RCC gives it no clock",
    ("BRR", lambda chip: chip.write(0x4001380C, 35)): "USART1 sends at 4571429 baud",
}
H5_STEPS: dict[str, Step] = {
    "voltage": lambda chip: chip.set(0x44020810, 3 << 4),
    "wait states": lambda chip: chip.write(0x40022000, 2 << 4 | 5),
    "HSE": lambda chip: chip.set(_H5_RCC, 1 << 18 | 1 << 16),
    "PLL1CFGR": lambda chip: chip.write(_H5_RCC + 0x28, 1 << 16 | 2 << 8 | 2 << 2 | 3),
    "PLL1DIVR": lambda chip: chip.write(_H5_RCC + 0x34, 1 << 24 | 1 << 16 | 1 << 9 | 124),
    "PLL": lambda chip: chip.set(_H5_RCC, 1 << 24),
    "switch": lambda chip: chip.write(_H5_RCC + 0x1C, 3),
    "cache": _enable_empty_cache,
    "GPIOD clock": lambda chip: chip.set(_H5_RCC + 0x8C, 1 << 3),
    "TX function": lambda chip: chip.set(0x42020C24, 7),
    "TX mode": lambda chip: chip.write(0x42020C00, 0xFFFEFFFF),
    "USART3 clock": lambda chip: chip.set(_H5_RCC + 0x9C, 1 << 18),
    "BRR": lambda chip: chip.write(0x4000480C, 2170),
    "CR1": lambda chip: chip.write(0x40004800, 1 << 3 | 1 << 2 | 1),
    "send": lambda chip: chip.write(0x40004828, ord("x")),
}
H5_FAULTS: dict[tuple[str, Step | None], str] = {
    ("voltage", None): "250,000,000 Hz without voltage scale 0",
    ("wait states", None): "250,000,000 Hz with 3 flash wait states, WRHIGHFREQ 1",
    ("wait states", lambda chip: chip.write(0x40022000, 1 << 4 | 5)): "with 5 flash wait states, WRHIGHFREQ 1",
    ("HSE", lambda chip: chip.set(_H5_RCC, 1 << 16)): "a clock is selected that is not ready",  # no crystal there
    ("PLL1CFGR", lambda chip: chip.write(_H5_RCC + 0x28, 1 << 16 | 2 << 2 | 3)): "the PLL cannot make",  # M: off
    ("PLL1DIVR", lambda chip: chip.write(_H5_RCC + 0x34, 1 << 9 | 127)): "256,000,000 Hz: more than the chip's 250 MHz",
    ("PLL", None): "a clock is selected that is not ready",
    ("switch", None): "the core runs at 32,000,000 Hz, not at 250,000,000 Hz",
    ("cache", None): "the cache is off",
    ("TX mode", None): "USART3 is used while PD8 does not serve it",
}
