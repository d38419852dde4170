"""What an emulator tells about an inference."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerProfile:
    name: str
    instructions: int
    modelled_cycles: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One inference. The totals hold all of tp_network_run, the few instructions between layers too."""

    layers: tuple[LayerProfile, ...]
    instructions: int
    modelled_cycles: int
    stack_bytes: int  # the deepest since reset
    cost_model: str  # what the cycles are modelled on
