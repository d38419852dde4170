"""Which range of a tensor int8 is to cover: the one that rounds what was seen with the least squared error.

Behind a ReLU a few values are often several times as large as nearly all others. A range up to the largest gives all of
them coarse steps; a smaller one clips a few. Nagel et al., "A White Paper on Neural Network Quantization",
arXiv:2106.08295, section 3.1 ("MSE").
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

BINS = 8192
LEVELS = 256
#: Parts of the whole range that are tried, the whole first: of equals the larger is taken.
SHARES = np.linspace(1.0, 0.2, 33)


@dataclass(slots=True)
class Histogram:
    """How often each value of a tensor was seen; zero belongs to every range, since padding has to be exact."""

    smallest: float
    largest: float
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def __post_init__(self) -> None:
        self.smallest, self.largest = min(0.0, self.smallest), max(0.0, self.largest)

    def add(self, values: npt.NDArray[np.float32]) -> None:
        if self.largest > self.smallest:
            self.counts += np.histogram(values, BINS, (self.smallest, self.largest))[0]

    def best(self) -> tuple[float, float]:
        """Smallest and largest value to cover."""
        if not self.counts.any():
            return self.smallest, self.largest
        share = SHARES[int(np.argmin([self._error(share) for share in SHARES]))]
        return float(self.smallest * share), float(self.largest * share)

    def _error(self, share: float) -> float:
        """Sum of squares over all values that were seen, as if each lay in the middle of its bin."""
        width = (self.largest - self.smallest) / BINS
        seen = self.smallest + width * (np.arange(BINS) + 0.5)
        step = share * (self.largest - self.smallest) / (LEVELS - 1)
        zero_point = np.round(-share * self.smallest / step)
        shown = (np.clip(np.round(seen / step) + zero_point, 0, LEVELS - 1) - zero_point) * step
        return float(self.counts @ (seen - shown) ** 2)
