"""Filter pruning: whole channels removed, so that layers become smaller and stay dense.

Li et al., "Pruning Filters for Efficient ConvNets", arXiv:1608.08710: the filters of least norm go, and with them
everything that later layers did with their channels. A filter's norm counts after the batch normalization that scales
it, as in Liu et al., "Learning Efficient Convolutional Networks through Network Slimming", arXiv:1708.06519.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.corner import of_matrix
from tinyprune.errors import ModelError, UsageError
from tinyprune.training.prune import channels as channel
from tinyprune.training.prune.channels import Channels, Int64
from tinyprune.training.prune.kernels import Kernel, LayerReport, kernels_of, with_settings

#: Channels are kept in fours: kernels for the DSP extension and 2:4 groups take four at a time.
MULTIPLE = 4


def shrink(model: Any, share: float) -> tuple[Any, tuple[LayerReport, ...]]:
    """A smaller tf_keras model without `share` of the channels between its layers, and what became of each layer.

    Raises UsageError for a share that is not between 0 and 1, ModelError where no channels can go.
    """
    if not 0 < share < 1:
        raise UsageError(f"{100 * share:g} % of the channels is out of range: give more than 0 and less than 100")
    found = channel.find(model)
    channel.require_any(found, model, "remove")
    chosen = [(channels, _strongest(channels, share)) for channels in found if not channels.fixed]
    if all(len(order) == channels.count for channels, order in chosen):
        raise ModelError(
            f"model {model.name} would lose no channel: its layers keep a multiple of {MULTIPLE}, at least "
            f"{MULTIPLE}; remove more than {100 * share:g} %"
        )
    smaller = with_settings(model, {
        layer.name: {"units" if type(layer).__name__ == "Dense" else "filters": len(order)}
        for channels, order in chosen for layer in channels.makers
    })  # fmt: skip
    smaller.set_weights(channel.take(model, chosen))
    fixed = {
        layer.name: channels.fixed or f"all {channels.count} channels stay: they go in fours"
        for channels in found
        for layer in channels.makers
    }
    pairs = zip(kernels_of(model), kernels_of(smaller), strict=True)
    return smaller, tuple(_report(before, after, fixed) for before, after in pairs)


def _report(before: Kernel, after: Kernel, fixed: Mapping[str, str]) -> LayerReport:
    old, new = before.matrix(), after.matrix()
    (rows, taps), (kept_rows, kept_taps) = old.shape, new.shape
    reason = fixed.get(before.name) or "its channels are another layer's"
    if old.size != new.size:
        reason = f"{rows} → {kept_rows} channels, {taps} → {kept_taps} taps"
    zeros = int((new == 0).sum())
    removed = old.size - new.size
    return LayerReport(before.name, before.kind, bool(removed), reason, old.size, zeros, removed, of_matrix(new))


def _strongest(channels: Channels, share: float) -> Int64:
    """The channels that stay, in their order, `[kept]`."""
    wanted = channels.count * (1 - share)
    kept = min(channels.count, max(MULTIPLE, round(wanted / MULTIPLE) * MULTIPLE))
    strength = _strength(channels)
    return np.sort(np.argsort(-strength, kind="stable")[:kept])


def _strength(channels: Channels) -> npt.NDArray[np.float64]:
    """`[channels]`: energy of the filters that make a channel, scaled by the batch normalization right behind them."""
    total = np.zeros(channels.count)
    for layer in channels.makers:
        energy = (channel.made_by(layer).astype(np.float64) ** 2).sum(axis=1)
        readers = [node.layer for node in layer.outbound_nodes]
        if len(readers) == 1 and type(readers[0]).__name__ == "BatchNormalization":
            energy = energy * _scale(readers[0]) ** 2
        total += energy / (energy.sum() or 1.0)
    return total


def _scale(layer: Any) -> npt.NDArray[np.float64]:
    """By which a batch normalization multiplies each channel."""
    deviation = np.sqrt(layer.moving_variance.numpy().astype(np.float64) + layer.epsilon)
    return np.asarray((layer.gamma.numpy() if layer.scale else 1.0) / deviation)
