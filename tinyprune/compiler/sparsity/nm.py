"""N:M sparsity: at most N non-zeros in every group of M neighbouring weights of an output channel.

2:4 is the pattern of NVIDIA's sparse tensor cores (Mishra et al., "Accelerating Sparse Deep Neural Networks",
arXiv:2104.08378). Grouped, as in 2:4g2, neighbouring output channels also share the positions that they keep, so that
one load of activations serves all of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class NM:
    """`kept` of every `group` taps; `channels` neighbouring output channels keep the same ones."""

    kept: int
    group: int
    channels: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.kept < self.group:
            raise ValueError(f"{self.kept}:{self.group} is no N:M pattern: N must be at least 1 and less than M")
        if self.channels < 1:
            raise ValueError(f"channels share positions in groups of at least 1, not of {self.channels}")

    @property
    def name(self) -> str:
        return f"{self.kept}:{self.group}" + (f"g{self.channels}" if self.channels > 1 else "")

    @property
    def sparsity(self) -> float:
        """The share of weights that it removes."""
        return 1 - self.kept / self.group

    def refusal(self, out_channels: int, taps: int) -> str:
        """Why a layer cannot take the pattern; empty if it can."""
        if taps < self.group:
            return f"only {taps} taps, a group has {self.group}"
        if out_channels < self.channels:
            return f"only {out_channels} output channels, {self.channels} have to share positions"
        return ""

    def remark(self, out_channels: int, taps: int) -> str:
        """What is irregular about a layer that takes the pattern; empty if nothing is."""
        short_taps, short_channels = taps % self.group, out_channels % self.channels
        taps_remark = f"the last group has {short_taps} taps" if short_taps else ""
        channels_remark = f"the last {short_channels} channels share among themselves" if short_channels else ""
        return ", ".join(filter(None, (taps_remark, channels_remark)))

    def mask(self, weights: npt.NDArray[np.floating]) -> Bool:
        """Which weights of `[out_channels, taps]` to keep: those of largest magnitude in every group, the first ones on
        ties; where channels share, of largest sum of squares over the channels."""
        rows, taps = weights.shape
        score = _blocks(weights.astype(np.float64) ** 2, self.group, self.channels).sum(axis=1)
        rank = np.argsort(np.argsort(-score, axis=2, kind="stable"), axis=2, kind="stable")
        kept = (rank < self.kept).reshape(len(rank), -1)
        return kept.repeat(self.channels, axis=0)[:rows, :taps]

    def matches(self, weights: npt.NDArray[np.generic]) -> bool:
        """Whether no group of `[out_channels, taps]` has a non-zero too many."""
        occupied = _blocks(weights != 0, self.group, self.channels).any(axis=1)
        return bool((occupied.sum(axis=2) <= self.kept).all())


def _blocks(matrix: npt.NDArray[np.generic], group: int, channels: int) -> npt.NDArray[np.generic]:
    """`[out_channels, taps]` → `[channel groups, channels, tap groups, taps of a group]`, padded with zeros."""
    rows, taps = matrix.shape
    padded = np.pad(matrix, ((0, -rows % channels), (0, -taps % group)))
    return padded.reshape(padded.shape[0] // channels, channels, -1, group)
