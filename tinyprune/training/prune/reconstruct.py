"""Pruning without labels or training: in each layer the weights that stay take over the work of those that go.

Layer by layer, from the input on, the pruned layer is to answer to its input x, which is that of the network pruned so
far, what the dense network's layer answers to its own, x_d: so it also makes good what the layers before have done.
With the second moments H = E[x xᵀ] and C = E[x_d xᵀ], the best weights without zeros are W + W (C − H) H⁻¹. From there,
removing weight p of an output channel costs w_p² / [H⁻¹]_pp, once the others have moved by -w_p / [H⁻¹]_pp · H⁻¹_p
(Hassibi and Stork, "Optimal Brain Surgeon", 1993). Weights go one at a time, the cheapest that the pattern allows
first, H⁻¹ being kept that of the weights left (Frantar and Alistarh, "Optimal Brain Compression", arXiv:2208.11580). In
a layer too wide for that, all go at once, by their first cost, and the others are solved for. Where a bias or a batch
normalization follows, it takes over the mean, and H and C are covariances.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity import NM, Unstructured
from tinyprune.errors import ModelError
from tinyprune.training.prune.kernels import Bool, Float32, Kernel, kernels_of

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: Part of the mean second moment that is added to each: inputs that never vary must not make H singular.
DAMPING = 0.01
#: Operations, about half a minute's worth, up to which weights of a layer go one at a time.
ONE_AT_A_TIME = 3e10
#: Of conjugate gradients: the part of the first residual that may be left, and the most steps.
CLOSE_ENOUGH, MOST_STEPS = 1e-2, 100
BATCH_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Moments:
    """Of what a layer's taps see in the dense network and in the pruned one, around the means; these are zeros where
    nothing behind the layer can take them over."""

    dense_mean: Float64
    """`[taps]`."""
    mean: Float64
    """`[taps]`."""
    second: Float64
    """`[taps, taps]`, of the pruned network."""
    shared: Float64
    """`[taps, taps]`, of the dense network with the pruned one."""


def reconstruct(
    dense: Any, model: Any, patterns: Mapping[str, NM | Unstructured], masks: Mapping[str, Bool], samples: Float32
) -> dict[str, Bool]:
    """Prune in place the kernels of `model`, a copy of `dense`, that have a mask by magnitude; returns the masks that
    it found better.

    Kernels that cannot be reconstructed get the one by magnitude.
    """
    better = {}
    for original, kernel in zip(kernels_of(dense), kernels_of(model), strict=True):
        if kernel.name not in masks:
            continue
        if refusal(kernel):
            kernel.assign(kernel.matrix() * masks[kernel.name])
            continue
        before = kernel.matrix().astype(np.float64)
        moments = _moments((dense, original), (model, kernel), samples)
        weights, mask = prune_matrix(answering(before, moments), moments.second, patterns[kernel.name])
        kernel.assign(weights.astype(np.float32))
        _take_over(model, kernel, weights @ moments.mean - before @ moments.dense_mean)
        better[kernel.name] = mask
    return better


def answering(weights: Float64, moments: Moments) -> Float64:
    """The weights `[out_channels, taps]` that answer to the pruned network's input as these do to the dense one's."""
    change = weights @ (moments.shared - moments.second)
    return weights + np.linalg.solve(damped(moments.second), change.T).T


def damped(second: Float64) -> Float64:
    """Moments `[taps, taps]` that have an inverse."""
    held: Float64 = second + (DAMPING * np.trace(second) / len(second) or 1.0) * np.eye(len(second))
    return held


def refusal(kernel: Kernel) -> str:
    """Why a kernel is not reconstructed; empty if it can be."""
    layer = kernel.layer
    if kernel.kind == "LSTM":
        return "an LSTM's answer is not linear in its weights"
    if not kernel.is_used_once:
        return "the layer is called several times"
    if getattr(layer, "groups", 1) != 1:
        return "its channels are in groups"
    if getattr(layer, "data_format", None) == "channels_first":
        return "its channels come first"
    return ""


def prune_matrix(dense: Float64, second: Float64, pattern: NM | Unstructured) -> tuple[Float64, Bool]:
    """Weights `[out_channels, taps]` and moments `[taps, taps]` → pruned weights and mask."""
    rows, taps = dense.shape
    held = damped(second)
    inverse = np.asarray(np.linalg.inv(held), np.float64)
    first = pattern.mask(dense / np.sqrt(np.diag(inverse)))
    shared = pattern.channels if isinstance(pattern, NM) else 1
    if rows / shared * taps**3 > ONE_AT_A_TIME:
        return _solve(dense, held, first), first
    weights, mask = dense.copy(), first.copy()
    for start in range(0, rows, shared):
        channels = slice(start, start + shared)
        kept = _eliminate(weights[channels], inverse.copy(), *_quotas(first[start], pattern))
        mask[channels] = kept
        weights[channels] *= kept
    return weights, mask


def _quotas(first: Bool, pattern: NM | Unstructured) -> tuple[Int64, Int64]:
    """The group of each tap `[taps]`, and how many weights each group loses `[groups]`: as many as the first mask."""
    size = pattern.group if isinstance(pattern, NM) else len(first)
    group = np.arange(len(first)) // size
    return group, np.bincount(group, weights=~first).astype(np.int64)


def _eliminate(weights: Float64, inverse: Float64, group: Int64, quota: Int64) -> Bool:
    """Remove weights `[channels, taps]` of channels that share positions, in place; returns what is kept `[taps]`."""
    kept = np.ones(len(group), dtype=np.bool_)
    for _ in range(quota.sum()):
        candidates = kept & (quota[group] > 0)
        costs = (weights**2).sum(axis=0) / np.where(candidates, inverse.diagonal(), 1.0)
        out = int(np.argmin(np.where(candidates, costs, np.inf)))
        move = inverse[out] / inverse[out, out]
        weights -= weights[:, out : out + 1] * move
        inverse -= np.outer(inverse[out], move)
        kept[out] = False
        quota[group[out]] -= 1
    return kept


def _solve(dense: Float64, second: Float64, kept: Bool) -> Float64:
    """The weights on kept positions, both `[channels, taps]`, whose answers come closest to the dense ones.

    Conjugate gradients, all channels at once: there is no time to factor the moments of each one's positions.
    """
    weights = dense * kept
    left = (dense - weights) @ second * kept
    direction, size = left.copy(), (left**2).sum(axis=1, keepdims=True)
    enough = CLOSE_ENOUGH**2 * size
    for _ in range(MOST_STEPS):
        curved = direction @ second * kept
        step = size / np.maximum((direction * curved).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        weights += step * direction
        left -= step * curved
        before, size = size, (left**2).sum(axis=1, keepdims=True)
        if (size <= enough).all():
            break
        direction = left + size / np.maximum(before, np.finfo(np.float64).tiny) * direction
    return weights


def _moments(dense: tuple[Any, Kernel], pruned: tuple[Any, Kernel], samples: Float32) -> Moments:
    """Of a layer, in a model and in its pruned copy."""
    from tf_keras import Model

    inputs = [Model(model.inputs, kernel.layer.input) for model, kernel in (dense, pruned)]
    kernel = pruned[1]
    taps = kernel.matrix().shape[1]
    count, sums, products = 0, np.zeros((2, taps)), np.zeros((2, taps, taps))
    for start in range(0, len(samples), BATCH_SAMPLES):
        maps = [each.predict_on_batch(samples[start : start + BATCH_SAMPLES]) for each in inputs]
        x_dense, x = (_columns(kernel.layer, each).astype(np.float64) for each in maps)
        count += len(x)
        sums += [x_dense.sum(axis=0), x.sum(axis=0)]
        products += [x.T @ x, x_dense.T @ x]
    if not np.isfinite(products).all():
        raise ModelError(f"the input of layer {kernel.name} becomes NaN or infinite on these samples")
    means = sums / count if _taker(*pruned) is not None else np.zeros_like(sums)
    second, shared = products / count
    return Moments(means[0], means[1], second - np.outer(means[1], means[1]), shared - np.outer(means[0], means[1]))


def _columns(layer: Any, maps: Float32) -> Float32:
    """What the taps of a layer see: `[positions, taps]`."""
    import tensorflow as tf

    if type(layer).__name__ == "Dense":
        return maps.reshape(-1, maps.shape[-1])
    if type(layer).__name__ == "Conv1D":
        reach = layer.dilation_rate[0] * (layer.kernel_size[0] - 1) if layer.padding == "causal" else 0
        maps = np.pad(maps, ((0, 0), (reach, 0), (0, 0)))[:, :, np.newaxis]
    window, strides, rates = ((*axes, 1)[:2] for axes in (layer.kernel_size, layer.strides, layer.dilation_rate))
    padding = "SAME" if layer.padding == "same" else "VALID"
    patches = tf.image.extract_patches(maps, (1, *window, 1), (1, *strides, 1), (1, *rates, 1), padding).numpy()
    return np.asarray(patches.reshape(-1, patches.shape[-1]))


def _taker(model: Any, kernel: Kernel) -> Any:
    """The variable that takes over a change of the layer's mean answer; None where there is none."""
    layer = kernel.layer
    if layer.use_bias:
        return layer.bias
    if any(layer.output is output for output in model.outputs):
        return None
    readers = [node.layer for node in layer.outbound_nodes]
    if len(readers) != 1 or type(readers[0]).__name__ != "BatchNormalization" or len(readers[0].inbound_nodes) != 1:
        return None
    is_linear = getattr(layer.activation, "__name__", "") == "linear"
    last_axis = len(readers[0].input_shape) - 1
    return readers[0].moving_mean if is_linear and list(readers[0].axis) == [last_axis] else None


def _take_over(model: Any, kernel: Kernel, change: Float64) -> None:
    """The mean answer of each channel `[out_channels]` changed by this much: undo it."""
    taker = _taker(model, kernel)
    if taker is not None:
        sign = -1 if kernel.layer.use_bias else 1
        taker.assign_add((sign * change).astype(np.float32))
