"""Unstructured sparsity: zeros wherever the weights are least, in no pattern that a kernel could be compiled for.

By a share of the weights, or by the threshold of Han et al., "Learning both Weights and Connections for Efficient
Neural Networks", arXiv:1506.02626: below λ = s·σ, where σ is the standard deviation of the layer's dense weights.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]

NAME = "unstructured"
#: From this share of zeros on, weights count as pruned: quantization alone leaves fewer.
LEAST_SPARSITY = 0.3


def matches(weights: npt.NDArray[np.generic]) -> bool:
    """Whether `[out_channels, taps]` has zeros enough to have been pruned."""
    return bool((weights == 0).mean() >= LEAST_SPARSITY)


@dataclass(frozen=True, slots=True)
class Unstructured:
    """A share of each layer's weights is removed."""

    sparsity: float

    def __post_init__(self) -> None:
        if not 0 < self.sparsity < 1:
            raise ValueError(f"sparsity {self.sparsity:g} is out of range: give a share between 0 and 1, such as 0.5")

    @property
    def name(self) -> str:
        return f"{NAME}-{100 * self.sparsity:g}"

    def refusal(self, out_channels: int, taps: int) -> str:
        """Why a layer cannot take the pattern; empty if it can."""
        return "" if self._zeros(out_channels * taps) > 0 else f"only {out_channels * taps} weights"

    def remark(self, _out_channels: int, _taps: int) -> str:
        return ""

    def mask(self, weights: npt.NDArray[np.floating]) -> Bool:
        """Which weights of `[out_channels, taps]` to keep: those of largest magnitude, the first ones on ties."""
        order = np.argsort(-np.abs(weights.reshape(-1)), kind="stable")
        kept = np.ones(weights.size, dtype=np.bool_)
        kept[order[weights.size - self._zeros(weights.size) :]] = False
        return kept.reshape(weights.shape)

    def matches(self, weights: npt.NDArray[np.generic]) -> bool:
        """Whether `[out_channels, taps]` has zeros enough."""
        return bool((weights == 0).sum() >= self._zeros(weights.size))

    def _zeros(self, weights: int) -> int:
        """One weight always stays."""
        return min(round(self.sparsity * weights), weights - 1)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Weights below `deviations` times the standard deviation of their layer are removed."""

    deviations: float

    def __post_init__(self) -> None:
        if not 0 < self.deviations < np.inf:
            raise ValueError(f"a threshold of {self.deviations:g} standard deviations is out of range: give 0.5, say")

    @property
    def name(self) -> str:
        return f"threshold-{self.deviations:g}"

    def refusal(self, _out_channels: int, _taps: int) -> str:
        return ""

    def remark(self, _out_channels: int, _taps: int) -> str:
        return ""

    def mask(self, weights: npt.NDArray[np.floating]) -> Bool:
        """Which weights of the dense `[out_channels, taps]` to keep; the largest one always."""
        magnitude = np.abs(weights)
        return np.asarray((magnitude >= self.deviations * weights.std()) | (magnitude == magnitude.max()))
