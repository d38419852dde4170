"""What kernels take, from the cycle model: counts of an operator's work, times coefficients.

`python -m benchmarks.coefficients FOLDER` fits those of each kernel to what the cycle model says of layers that it
runs, and writes cycles.json.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

FILE = Path(__file__).with_name("cycles.json")
#: An operator's work, of the kinds that a kernel's time depends on: pixels, multiplications, runs of taps and so on.
Work: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Profiled:
    """The cycles of `kernel`: a Cortex-M4's with ideal memory."""

    kernel: str
    work: Callable[[Any], Work]

    def __call__(self, op: Any) -> float:
        return cycles(self.kernel, self.work(op))


def cycles(kernel: str, work: Sequence[float]) -> float:
    """Of so much work. Work that the file has no coefficients for yet counts as it is."""
    known = coefficients().get(kernel, (1.0,) * len(work))
    return sum(one * count for one, count in zip(known, work, strict=True))


@cache
def coefficients() -> dict[str, tuple[float, ...]]:
    """Kernel → cycles for each of the counts of its work."""
    return {name: tuple(values) for name, values in json.loads(FILE.read_text(encoding="utf-8")).items()}
