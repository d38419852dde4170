"""Channels in another order, so that N:M pruning finds its zeros where the small weights are.

Pool and Yu, "Channel Permutations for N:M Sparsity", NeurIPS 2021. Reordering the channels between two layers changes
neither the network nor its cost, but which weights are neighbours: in the groups of four that a reader's weights are
cut into and, where neighbouring output channels share positions (2:4g2), in the makers. The order is found by swaps:
the best pair of channels changes places until no swap keeps more of the weights' energy.
"""

from collections.abc import Callable
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity import NM
from tinyprune.training.prune import channels as channel
from tinyprune.training.prune.channels import Channels, Int64
from tinyprune.training.prune.kernels import clone

Float64 = npt.NDArray[np.float64]
#: Energy, `[groups]`, that a pattern keeps in groups of channels `[groups, channels of a group]`.
Score = Callable[[Int64], Float64]

#: A swap must gain this share of the energy: rounding errors do not count.
LEAST_GAIN = 1e-9


def permute(model: Any, pattern: NM) -> Any:
    """A copy of a tf_keras model that computes the same, up to the order of sums, with channels in the best order.

    Raises ModelError where no channels of the model can move.
    """
    found = channel.find(model)
    channel.require_any(found, model, "reorder")
    chosen = [(channels, best_order(channels, pattern)) for channels in found if not channels.fixed]
    copy = clone(model, {})
    copy.set_weights(channel.take(model, chosen))
    return copy


def best_order(channels: Channels, pattern: NM) -> Int64:
    """Where each channel `[channels]` comes from."""
    size = lcm(pattern.group, pattern.channels)
    order = np.arange(channels.count)
    whole = channels.count // size * size  # the channels of a last, smaller group stay
    score = _score(channels, pattern)
    if whole < 2 * size or score is None:
        return order
    groups = order[:whole].reshape(-1, size)
    kept = score(groups)
    fresh = np.ones(len(groups), dtype=np.bool_)
    gains = np.full((len(groups), len(groups)), -np.inf)
    swaps = np.zeros((len(groups), len(groups)), dtype=np.int64)
    while True:
        for first in range(len(groups)):
            later = np.arange(first + 1, len(groups))
            later = later if fresh[first] else later[fresh[later]]
            if len(later):
                gains[first, later], swaps[first, later] = _best_swaps(groups, kept, first, later, score)
        best = int(np.argmax(gains))
        first, second = divmod(best, len(groups))
        if gains[first, second] <= LEAST_GAIN * kept.sum():
            return np.concatenate([groups.reshape(-1), order[whole:]])
        left, right = divmod(int(swaps[first, second]), size)
        groups[first, left], groups[second, right] = groups[second, right], groups[first, left]
        fresh[:] = False
        fresh[[first, second]] = True
        kept[[first, second]] = score(groups[[first, second]])


def _best_swaps(groups: Int64, kept: Float64, first: int, others: Int64, score: Score) -> tuple[Float64, Int64]:
    """What the best swap of group `first` with each other group gains, and which: `left * size + right`, `[others]`."""
    size = groups.shape[1]
    left, right = np.divmod(np.arange(size * size), size)
    mine = np.tile(groups[first], (len(others), size * size, 1))
    theirs = np.repeat(groups[others][:, np.newaxis], size * size, axis=1)
    pair = np.arange(size * size)
    mine[:, pair, left] = groups[others][:, right]
    theirs[:, pair, right] = groups[first][left]
    after = (score(mine.reshape(-1, size)) + score(theirs.reshape(-1, size))).reshape(len(others), -1)
    best = after.argmax(axis=1)
    return after[np.arange(len(others)), best] - kept[first] - kept[others], best


def _score(channels: Channels, pattern: NM) -> Score | None:
    """None where no layer has weights whose neighbours are these channels."""
    readers = [_relative(channel.read_by(layer, channels)) for layer in channels.readers]
    readers = [weights for weights in readers if weights.shape[1] * weights.shape[2] >= pattern.group]
    makers = [_relative(channel.made_by(layer)) for layer in channels.makers] if pattern.channels > 1 else []
    if channels.count % pattern.group:  # the groups of the next position begin elsewhere
        readers = [weights for weights in readers if weights.shape[1] == 1]
    if not readers and not makers:
        return None
    shared = [_shared(weights.reshape(len(weights), -1), pattern.channels) for weights in readers]

    def score(groups: Int64) -> Float64:
        total = np.zeros(len(groups))
        for weights in shared:
            rows = weights.reshape(-1, channels.count)[:, groups]  # [rows, groups, channels of a group]
            total += _kept(rows.reshape(*rows.shape[:2], -1, pattern.group), pattern.kept).sum(axis=(0, 2))
        for weights in makers:
            blocks = weights[groups].reshape(len(groups), -1, pattern.channels, weights.shape[1]).sum(axis=2)
            taps = np.pad(blocks, ((0, 0), (0, 0), (0, -weights.shape[1] % pattern.group)))
            total += _kept(taps.reshape(len(groups), -1, pattern.group), pattern.kept).sum(axis=1)
        return total

    return score


def _relative(weights: npt.NDArray[np.float32]) -> Float64:
    """Their energy, which adds up to 1."""
    energy = weights.astype(np.float64) ** 2
    return np.asarray(energy / (energy.sum() or 1.0))


def _shared(energy: Float64, sharing: int) -> Float64:
    """`[out_channels, taps]` → what neighbouring output channels have together, `[groups of them, taps]`."""
    padded = np.pad(energy, ((0, -len(energy) % sharing), (0, 0)))
    return np.asarray(padded.reshape(-1, sharing, energy.shape[1]).sum(axis=1))


def _kept(energy: Float64, count: int) -> Float64:
    """The sum of the largest `count` along the last axis."""
    size = energy.shape[-1]
    return np.asarray(np.partition(energy, size - count, axis=-1)[..., size - count :].sum(axis=-1))
