"""What the benchmarks find: engines in rows, layers in each, all of one network on one board."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    name: str
    op: str
    macs: int
    kernel: str
    instructions: int
    modelled_cycles: int


@dataclass(frozen=True, slots=True)
class Row:
    """One engine with weights of one pattern. RAM is static data, arena and the deepest stack; `zeros` a share of 1."""

    engine: str
    pattern: str
    zeros: float
    instructions: int
    modelled_cycles: int
    flash_bytes: int
    ram_bytes: int
    inputs_compared: int
    inputs_equal: int
    qemu_instructions: float | None  # None without QEMU
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`rows`: the dense peer first, against which `speed_up` is meant."""

    board: str
    model: str
    compiler: str
    cost_model: str
    judge: str
    left_out: tuple[str, ...]  # what this machine does not have, and why
    rows: tuple[Row, ...]

    @property
    def peer(self) -> Row | None:
        return self.rows[0] if self.rows and self.rows[0].engine.startswith("CMSIS-NN") else None

    def speed_up(self, row: Row) -> float | None:
        return self.peer.modelled_cycles / row.modelled_cycles if self.peer else None
