"""A board's peripherals without a core: a test writes registers itself, as a port does step by step."""

from collections.abc import Callable

from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import sim
from tinyprune.device.emulators.cortex_m import Mcu


class Chip:
    """The peripherals of a board without a core: a test writes registers itself."""

    def __init__(self, name: str) -> None:
        self.board: Board = boards.load(name)
        self.mcu: Mcu = sim.MCUS[self.board.family](self, self.board)
        self.waits = 0

    def read(self, address: int) -> int:
        read = self.mcu.registers[address].read
        assert read is not None
        return read()

    def write(self, address: int, value: int) -> None:
        write = self.mcu.registers[address].write
        assert write is not None
        write(value)

    def set(self, address: int, bits: int) -> None:
        self.write(address, self.read(address) | bits)

    def clear(self, address: int, bits: int) -> None:
        self.write(address, self.read(address) & ~bits)

    # Machine

    def wait_for_input(self) -> None:
        self.waits += 1

    def cycles(self) -> int:
        return 0

    def read_ram(self, address: int, size: int) -> bytes:
        raise AssertionError((address, size))

    def write_ram(self, address: int, data: bytes) -> None:
        raise AssertionError((address, data))


Step = Callable[[Chip], object]


def poll(chip: Chip, status: int) -> None:
    """Long enough to count as waiting for input."""
    for _ in range(10):
        chip.read(status)


def run(chip: Chip, steps: dict[str, Step], without: str = "", instead: Step | None = None) -> None:
    for name, step in steps.items():
        if name != without:
            step(chip)
        elif instead:
            instead(chip)
