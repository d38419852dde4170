"""As much of Renode's languages as our files use, strictly: what is not known here is an error, as unknown things are
there.

Commands: renode/renode 1.16.1, tests/platforms and scripts, and the classes that implement them in
renode/renode-infrastructure (Monitor.cs, MonitorTimeExtensions.cs, ServerSocketTerminal.cs, DWT.cs, NVIC.cs).
"""

import re
from dataclasses import dataclass

#: In platforms/ of Renode 1.16.1.
PLATFORMS = {
    "platforms/boards/arduino_nano_33_ble.repl": {"nvic", "uart0", "cpu"},
    "platforms/boards/nrf52840dk_nrf52840.repl": {"nvic", "uart0", "cpu"},
    "platforms/boards/stm32f4_discovery.repl": {"nvic", "usart2", "cpu"},
}
#: Type → its constructor's arguments.
TYPES = {"Miscellaneous.DWT": {"frequency"}}
UPDATES = {"nvic": {"systickFrequency"}}
TAG = r'Tag <0x[0-9A-Fa-f]{8}, 0x[0-9A-Fa-f]{8}> "[\w:]+"( 0x[0-9A-F]+)?'
COMMANDS = {
    "using": r"sysbus",
    "mach": r'create "[\w-]+"',
    "machine": r"LoadPlatformDescription (\S+)",
    "cpu": r"(PerformanceInMips \d+|VectorTableOffset 0x[0-9a-f]{8})",
    "emulation": r'(SetGlobalAdvanceImmediately true|CreateServerSocketTerminal \d+ "\w+" false)',
    "sysbus": r"LoadELF (\S+)",
    "include": r"(\S+)",
    "connector": r"Connect sysbus\.\w+ \w+",
    "start": r"",
}


class LanguageError(Exception):
    pass


@dataclass(frozen=True)
class Platform:
    using: str
    attributes: dict[str, dict[str, int]]  # of each entry
    init: tuple[str, ...]  # of sysbus: in place of the platform's own


def parse_platform(text: str) -> Platform:
    """A .repl file."""
    using, entry, attributes, init = "", "", {}, []
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.split("//")[0].rstrip()
        if not code:
            continue
        if found := re.fullmatch(r'using "([^"]+)"', code):
            using = found[1]
        elif found := re.fullmatch(r"(\w+): (\w+\.\w+) @ sysbus (0x[0-9A-F]{8})", code):
            entry, known = found[1], TYPES.get(found[2])
            attributes[entry] = {"@": int(found[3], 16)}
        elif code == "sysbus:":
            entry, known = "sysbus", set()
        elif code == "    init:" and entry == "sysbus":
            entry = "init"
        elif (found := re.fullmatch(f"        ({TAG})", code)) and entry == "init":
            init.append(found[1])
        elif found := re.fullmatch(r"(\w+):", code):
            entry, known = found[1], UPDATES.get(found[1])
            if entry not in PLATFORMS.get(using, set()):
                raise LanguageError(f"line {number}: {using} has no {entry}")
            attributes[entry] = {}
        elif (found := re.fullmatch(r"    (\w+): (\d+)", code)) and entry:
            if known is None or found[1] not in known:
                raise LanguageError(f"line {number}: {entry} has no {found[1]}")
            attributes[entry][found[1]] = int(found[2])
        else:
            raise LanguageError(f"line {number}: {line}")
    if using not in PLATFORMS:
        raise LanguageError(f"Renode has no {using}")
    return Platform(using, attributes, tuple(init))


def parse_script(text: str) -> list[tuple[str, str]]:
    """(command, arguments) of each line of a .resc file; the two lines of its title are no commands."""
    commands = []
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", ":name: ", ":description: ")):
            continue
        command, _, arguments = line.partition(" ")
        if command not in COMMANDS or not re.fullmatch(COMMANDS[command], arguments):
            raise LanguageError(line)
        commands.append((command, arguments))
    return commands
