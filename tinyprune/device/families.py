"""MCU families as data: which folders of firmware_templates/ports make up a port, and what its board files may say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """`folders`: later ones replace files of earlier ones. The rest is empty where the port takes no choice."""

    folders: tuple[str, ...]
    pin: str = ""  # regular expression of a pin's name
    pin_example: str = ""
    uarts: tuple[str, ...] = ()  # that [serial] may name
    clocks: tuple[str, ...] = ()  # that [clock] may name
    core: str = ""  # empty: any, for boards that exist only to count
    microphone: str = ""  # the folder that takes one, which boards may have

    def serial_problem(self, uart: str, tx: str, rx: str, function: int) -> str | None:
        """What is wrong with a table [serial], or None."""
        if self.uarts and uart not in self.uarts:
            return f'serial.uart "{uart}" is not one of this family: {", ".join(self.uarts)}'
        for key, pin in (("tx", tx), ("rx", rx)):
            if self.pin and not re.fullmatch(self.pin, pin):
                return f'serial.{key} "{pin}" is no pin of this family; write it like {self.pin_example}'
        if self.pin and tx == rx:
            return f"serial.tx and serial.rx are the same pin, {tx}"
        if not 0 <= function <= 15:
            return f"serial.function must be 0 to 15, not {function}"
        return None

    def microphone_problem(self, pins: Mapping[str, str]) -> str | None:
        """What is wrong with a table [microphone], or None."""
        if not self.microphone:
            return "this family's port takes no microphone: leave the table [microphone] out"
        wrong = next((key for key, pin in pins.items() if not re.fullmatch(self.pin, pin)), None)
        if wrong:
            return f'microphone.{wrong} "{pins[wrong]}" is no pin of this family; write it like {self.pin_example}'
        return "two of microphone's pins are the same" if len(set(pins.values())) < len(pins) else None

    def clock_problem(self, source: str, enable: str) -> str | None:
        """What is wrong with a table [clock], or None."""
        if source not in self.clocks:
            return f'clock.source "{source}" is not one of this family: {", ".join(self.clocks) or "it takes none"}'
        if enable and (source != "external" or not re.fullmatch(self.pin, enable)):
            return f'clock.enable "{enable}" must be a pin, like {self.pin_example}, and clock.source "external"'
        return None


def _stm32(core: str, *folders: str, uarts: str, more_clocks: tuple[str, ...] = ()) -> Family:
    clocks = ("internal", "crystal", "external", *more_clocks)
    return Family(("cortex_m", "stm32", *folders), r"P[A-K]([0-9]|1[0-5])", "PG7", tuple(uarts.split()), clocks, core)


_LPUART_AND_FIVE = "LPUART1 USART1 USART2 USART3 UART4 UART5"
_NORDIC_PIN = r"P0\.([0-2]\d|3[01])|P1\.(0\d|1[0-5])"


def _rp2(core: str, chip: str) -> Family:
    return Family(("cortex_m", "rp2", chip), r"GP([0-9]|[12][0-9])", "GP0", ("UART0", "UART1"), ("crystal",), core)


#: Name in board files → what it is.
FAMILIES: dict[str, Family] = {
    "host": Family(("host",)),
    "mps2": Family(("cortex_m", "mps2")),
    "mps3": Family(("cortex_m", "mps2", "mps3"), core="cortex-m55"),
    "nrf51": Family(("cortex_m", "nrf51"), r"P0\.([0-2]\d|30)", "P0.24", ("UART0",), core="cortex-m0"),
    "nrf52": Family(("cortex_m", "nrf52"), _NORDIC_PIN, "P1.03", ("UARTE0",), microphone="nrf52_pdm"),
    "nrf53": Family(("cortex_m", "nrf52", "nrf53"), _NORDIC_PIN, "P1.03", ("UARTE0",)),
    "nrf54l": Family(("cortex_m", "nrf52", "nrf54l"), r"P1\.(0\d|1[0-5])", "P1.04", ("UARTE20",), core="cortex-m33"),
    "rp2040": _rp2("cortex-m0plus", "rp2040"),
    "rp2350": _rp2("cortex-m33", "rp2350"),
    "stm32f4": _stm32(
        "cortex-m4",
        "stm32f",
        "stm32f4",
        uarts="USART1 USART2 USART3 UART4 UART5 USART6",
        more_clocks=("reset",),
    ),
    "stm32f7": _stm32("cortex-m7", "cortex_m7", "stm32f", "stm32f7", uarts="USART1 USART2 USART3 UART4 UART5 USART6"),
    "stm32g4": _stm32("cortex-m4", "stm32lg", "stm32g4", uarts=_LPUART_AND_FIVE),
    "stm32h5": _stm32("cortex-m33", "stm32m33", "stm32h5", uarts=_LPUART_AND_FIVE),
    "stm32h7": _stm32("cortex-m7", "cortex_m7", "stm32h7", uarts="USART1 USART2 USART3 UART4 UART5 USART6 UART7 UART8"),
    "stm32l4": _stm32("cortex-m4", "stm32lg", "stm32l4", uarts=_LPUART_AND_FIVE),
    "stm32u5": _stm32("cortex-m33", "stm32m33", "stm32u5", uarts=_LPUART_AND_FIVE),
}
