"""What a board file may hold: a class for each table, a field for each key. A field without default must be there."""

from dataclasses import dataclass, field

from tinyprune.device.flash_methods import FlashMethod


@dataclass(frozen=True, slots=True)
class Cpu:
    core: str  # a key of CORES
    fpu: bool
    clock_hz: int = 0  # 0: not known (the PC)


@dataclass(frozen=True, slots=True)
class Memory:
    origin: int
    bytes: int
    stack_bytes: int = 0

    @property
    def end(self) -> int:
        return self.origin + self.bytes


@dataclass(frozen=True, slots=True)
class Clock:
    """What the port makes the core's clock of."""

    source: str  # "crystal", "external" (a signal), "internal" (the chip's oscillator) or "reset" (what reset leaves)
    hz: int
    enable: str = ""  # the pin that must be high for a clock from outside to run


@dataclass(frozen=True, slots=True)
class Usb:
    """Vendor:product ids, four hexadecimal digits each, as the board shows them in its different states."""

    sketch: str = ""  # a program with USB, such as an Arduino sketch; ours has none
    bootloader: str = ""
    probe: tuple[str, ...] = ()  # the debug probe on the board, any of these
    enter_bootloader: str = ""  # what a person does to get there: "double-tap the reset button"


@dataclass(frozen=True, slots=True)
class Serial:
    """The serial port that the firmware answers on, at 115200 8N1; how a port writes its pins is the family's."""

    uart: str  # as the data sheet calls it
    tx: str  # e.g. "P1.03", "PG7", "GP0"
    rx: str
    via: str  # how a PC gets at it, for people to read
    function: int = 0  # of both pins, where the family's pins are told which peripheral they serve
    probe: bool = False  # whether the board's debug probe (usb.probe) carries it to the PC; else an adapter does

    @property
    def at(self) -> str:
        """Where a person finds it."""
        return f"{self.uart}, TX {self.tx}, RX {self.rx}, 115200 8N1: {self.via}"


@dataclass(frozen=True, slots=True)
class Microphone:
    """A PDM microphone, and the light that shows that it has heard something: pins."""

    clock: str
    data: str
    power: str  # high: it has power
    light: str  # high: it is on


@dataclass(frozen=True, slots=True)
class Qemu:
    machine: str  # of `qemu-system-arm -machine help`
    counter_hz: int = 0  # what the port's counter of cycles counts a virtual second there; 0: cpu.clock_hz


@dataclass(frozen=True, slots=True)
class Platformio:
    """What PlatformIO calls a board that its framework `arduino` knows."""

    platform: str
    board: str


@dataclass(frozen=True, slots=True)
class Renode:
    platform: str  # a file of Renode's: "platforms/boards/arduino_nano_33_ble.repl"
    uart: str  # what that calls the serial port: "uart0"


#: More than a cache of a Cortex-M holds, and than a read takes.
MOST_BYTES, MOST_CYCLES = 1 << 20, 100_000


@dataclass(frozen=True, slots=True)
class Reads:
    """How the core reads a memory that is slower than itself: through lines that are held near it, one (a read buffer)
    or many (a cache). An uncertain number is a range: what takes the fewest cycles, and what takes the most."""

    miss_cycles: tuple[int, int]  # that the core waits for a line
    line_bytes: tuple[int, int]
    cache_bytes: tuple[int, int]  # of all lines; those of one line make a read buffer
    ways: int = 0  # lines that a set has; 0: all of them, in one set
    prefetch: bool = False  # the line behind the one before is on its way and costs nothing

    def problem(self) -> str | None:
        """What is wrong with the numbers, as the end of a sentence."""
        for miss, line, cache in zip(self.miss_cycles, self.line_bytes, self.cache_bytes, strict=True):
            if not 0 <= miss <= MOST_CYCLES:
                return f"miss_cycles must be from 0 to {MOST_CYCLES:,}"
            if not 4 <= line <= MOST_BYTES or line & (line - 1):
                return f"line_bytes must be a power of two from 4 to {MOST_BYTES:,}"
            if self.ways < 0 or not line <= cache <= MOST_BYTES or cache % (line * max(self.ways, 1)):
                return f"cache_bytes must be a multiple of line_bytes × ways, and at most {MOST_BYTES:,}"
        return None


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    title: str
    family: str
    emulators: tuple[str, ...]
    cpu: Cpu
    flash: Memory | None = None  # None: an operating system provides memory (the PC)
    ram: Memory | None = None
    clock: Clock | None = None
    usb: Usb | None = None
    serial: Serial | None = None
    microphone: Microphone | None = None
    platformio: Platformio | None = None
    qemu: Qemu | None = None
    renode: Renode | None = None
    reads: dict[str, Reads] = field(default_factory=dict, hash=False)  # a key of READS → how the core reads it
    flashing: dict[str, FlashMethod] = field(default_factory=dict, hash=False)  # the preferred method first

    @property
    def isas(self) -> tuple[str, ...]:
        """Instruction sets that kernels may use here, the most capable first."""
        return CORES[self.cpu.core]


#: What a board file may name as an emulator: the keys of `emulators.EMULATORS`, which is above this module.
EMULATOR_NAMES = ("host", "sim", "qemu", "renode")

#: What a core may wait for; `flash` stands for `code` and `data`, where both go through the same lines.
READS = ("code", "data", "flash", "ram")

#: Core → instruction sets of kernels that run on it, best first.
CORES: dict[str, tuple[str, ...]] = {
    "host": ("c",),
    "cortex-m0": ("c",),
    "cortex-m0plus": ("c",),
    "cortex-m3": ("c",),
    "cortex-m4": ("dsp", "c"),
    "cortex-m7": ("dsp", "c"),
    "cortex-m33": ("dsp", "c"),
    "cortex-m55": ("dsp", "c"),
}

#: Core → build attribute Tag_CPU_arch (Addenda to the ABI for the Arm Architecture, 3.3.5.2) of the code that it runs.
RUNS: dict[str, frozenset[int]] = {
    "cortex-m0": frozenset({11, 12}),
    "cortex-m0plus": frozenset({11, 12}),
    "cortex-m3": frozenset({10, 11, 12}),
    "cortex-m4": frozenset({10, 11, 12, 13}),
    "cortex-m7": frozenset({10, 11, 12, 13}),
    "cortex-m33": frozenset({10, 11, 12, 13, 16, 17}),
    "cortex-m55": frozenset({10, 11, 12, 13, 16, 17, 21}),
}

#: What people call them.
ARCHITECTURES = {
    10: "Armv7-M", 11: "Armv6-M", 12: "Armv6S-M", 13: "Armv7E-M", 16: "Armv8-M Baseline", 17: "Armv8-M",
    21: "Armv8.1-M",
}  # fmt: skip
