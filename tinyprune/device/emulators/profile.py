"""What an emulator tells about an inference."""

from dataclasses import dataclass

from tinyprune.device.cost import Instruction


@dataclass(frozen=True, slots=True)
class Span:
    """A modelled figure that is not certain: the lowest and the highest that it may be."""

    low: float
    high: float

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def ms(self, clock_hz: int) -> "Span":
        """Of cycles."""
        return Span(1e3 * self.low / clock_hz, 1e3 * self.high / clock_hz)


@dataclass(frozen=True, slots=True)
class LayerProfile:
    """`modelled_cycles`: with ideal memory. `board_cycles`: with the board's own, modelled as well."""

    name: str
    instructions: int
    modelled_cycles: int | None
    board_cycles: Span | None = None


@dataclass(frozen=True, slots=True)
class FunctionProfile:
    """All calls since reset of a function outside the network that is watched, with what it calls."""

    name: str
    calls: int
    instructions: int
    modelled_cycles: int | None


@dataclass(frozen=True, slots=True)
class BlockProfile:
    """Straight-line code that ran in one layer; `taken` of its `visits` ended in a branch to elsewhere."""

    layer: str | None  # None: between layers
    function: str
    instructions: tuple[Instruction, ...]
    visits: int
    taken: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One inference. The totals hold all of tp_network_run, the few instructions between layers too.

    Cycles are None where the core's are not modelled; `cost_model` then says why.
    """

    layers: tuple[LayerProfile, ...]
    instructions: int
    modelled_cycles: int | None
    stack_bytes: int  # the deepest since reset
    blocks: tuple[BlockProfile, ...]
    cost_model: str  # what the cycles are modelled on
    board_cycles: Span | None = None
    functions: tuple[FunctionProfile, ...] = ()
