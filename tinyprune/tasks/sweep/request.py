"""What a sweep is asked for, and what it answers."""

from dataclasses import dataclass, field
from pathlib import Path

from tinyprune.compiler.samples import Source
from tinyprune.compiler.sparsity import DENSE
from tinyprune.device.boards import Board

PATTERNS = (DENSE, "2:4", "1:4", "unstructured-75", "unstructured-90")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a network must stay within; None where there is no limit but the board's own. RAM includes the stack."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    cycles: int | None = None
    ms: float | None = None  # of an inference on the board, modelled with its memory


@dataclass(frozen=True, slots=True, eq=False)
class SweepRequest:
    board: Board
    models: tuple[Path, ...]
    data: Source  # [samples, *input shape]
    output: Path  # folder for the networks of the front, and the database unless `storage` says otherwise
    labels: Source | None = None  # [samples], whole numbers
    trials: int = 50  # finished ones that the study shall have
    patterns: tuple[str, ...] = PATTERNS
    limits: Limits = field(default_factory=Limits)
    most_lost_points: float | None = None  # of accuracy beside dense, for what to take
    storage: str | None = None  # URL of a database; None: SQLite in the output folder
    study: str = "tinyprune"
    seed: int | None = None
    trust: bool = False  # the models' files may run code
