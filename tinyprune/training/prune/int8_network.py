"""Pruning of an int8 network as its file has it, from unlabelled inputs, without Keras and without training.

Two networks run side by side, the dense one and the one that is pruned so far. A layer of the pruned one is to answer
to its input x what the dense one answers to its own, x_d: so errors of the layers before are made good as far as this
layer can. With the second moments H = E[x xᵀ] and C = E[x_d xᵀ], around the means, the best weights without zeros are
W + W (C − H) H⁻¹; from there weights go by `reconstruct.prune_matrix`. Then each tap in turn is rounded to int8 and
hands its error on to the taps behind it (Frantar et al., "GPTQ", arXiv:2210.17323). The bias takes over the mean, and
the scale of a channel grows where its weights have outgrown it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from tinyprune.compiler.graph import Array, ConstantTensor, Float32, Graph, Int8, Op
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.window import taps
from tinyprune.compiler.reference import run_op
from tinyprune.compiler.sparsity import NM, Pattern, Unstructured
from tinyprune.training.prune.int8_file import File, Layer, Revision
from tinyprune.training.prune.kernels import Bool
from tinyprune.training.prune.reconstruct import Float64, Moments, answering, damped, prune_matrix

BATCH_SAMPLES = 32
_LARGEST = 127
_INT32 = np.iinfo(np.int32)


def magnitude(op: Layer, pattern: Pattern) -> Revision:
    """The largest weights stay, as they were."""
    mask = pattern.mask(_real(op))
    return Revision((_matrix(op) * mask).astype(np.int8), op.weight_scales, None)


def reconstruct(
    graph: Graph,
    patterns: Mapping[Layer, NM | Unstructured],
    inputs: Int8,
    file: File,
    begin: Callable[[Layer], None],
) -> dict[Op, Revision]:
    """New constants for the layers that have a pattern. `inputs`: `[samples, input_bytes]`, of a network without
    variables; `begin` is called before each layer."""
    parts = graph.split_inputs(inputs)
    dense: dict[int, Array] = {tensor.index: part for tensor, part in zip(graph.inputs, parts, strict=True)}
    pruned, found = dict(dense), dict[Op, Revision]()
    last = {tensor.index: op for op in graph.ops for tensor in op.activations}
    for op in graph.ops:
        new = op
        if isinstance(op, Layer) and op in patterns:
            begin(op)
            found[op] = _reconstructed(op, dense[op.input.index], pruned[op.input.index], patterns[op], file.bias(op))
            new = _revised(op, found[op])
        same = new is op and all(dense[tensor.index] is pruned[tensor.index] for tensor in op.activations)
        answers = _run(op, dense, len(inputs))
        dense |= answers
        pruned |= answers if same else _run(new, pruned, len(inputs))
        for tensor in op.activations:
            if last[tensor.index] is op:
                del dense[tensor.index], pruned[tensor.index]
    return found


def _revised(op: Layer, revision: Revision) -> Layer:
    """The layer with its new constants."""
    bias = op.bias if revision.bias is None else revision.bias
    return replace(op, weights=revision.weights.reshape(op.weights.shape), weight_scales=revision.scales, bias=bias)


def _run(op: Op, values: Mapping[int, Array], samples: int) -> dict[int, Array]:
    """The results of an operator, by index."""
    batches = []
    for start in range(0, samples, BATCH_SAMPLES):
        batch = slice(start, start + BATCH_SAMPLES)
        operands = (
            tensor.values[None] if isinstance(tensor, ConstantTensor) else values[tensor.index][batch]
            for tensor in op.inputs
        )
        batches.append(run_op(op, *operands))
    return {
        tensor.index: np.concatenate(some) for tensor, some in zip(op.outputs, zip(*batches, strict=True), strict=True)
    }


def _reconstructed(op: Layer, dense: Array, pruned: Array, pattern: NM | Unstructured, bias: str) -> Revision:
    moments = _moments(op, dense, pruned, centred=bias == "own")
    weights = _real(op)
    kept, mask = prune_matrix(answering(weights, moments), moments.second, pattern)
    scales = op.weight_scales if bias == "shared" else _grown(kept, op.weight_scales)
    steps = np.broadcast_to(scales.astype(np.float64), op.out_channels)
    whole = _rounded(kept / steps[:, None], mask, damped(moments.second))
    if bias != "own":
        return Revision(whole.astype(np.int8), scales, None)
    answer = op.bias * op.weight_scales.astype(np.float64) + weights @ moments.dense_mean
    sums = np.rint((answer - whole * steps[:, None] @ moments.mean) / steps)
    return Revision(whole.astype(np.int8), scales, sums.clip(_INT32.min, _INT32.max).astype(np.int32))


def _moments(op: Layer, dense: Array, pruned: Array, *, centred: bool) -> Moments:
    """Of differences from the zero point; around the means if a bias can take these over."""
    width = _matrix(op).shape[1]
    count, sums, products = 0, np.zeros((2, width)), np.zeros((2, width, width))
    for start in range(0, len(dense), BATCH_SAMPLES):
        batch = slice(start, start + BATCH_SAMPLES)
        x = _columns(op, pruned[batch])
        x_dense = x if dense is pruned else _columns(op, dense[batch])
        count += len(x)
        sums += [x_dense.sum(axis=0, dtype=np.float64), x.sum(axis=0, dtype=np.float64)]
        products += [x.T @ x, x_dense.T @ x]
    means = sums / count if centred else np.zeros_like(sums)
    second, shared = products / count
    return Moments(means[0], means[1], second - np.outer(means[1], means[1]), shared - np.outer(means[0], means[1]))


def _columns(op: Layer, x: Array) -> Float32:
    """What the taps see: `[positions, taps]`, differences from the zero point."""
    values = x.astype(np.float32) - np.float32(op.input.zero_point)
    if not isinstance(op, Conv2D):
        return values.reshape(-1, op.weights.shape[1])
    maps = values.reshape(-1, *op.input.shape[-3:])
    seen = np.concatenate([pixels for _, _, pixels in taps(op.window, maps, op.output.shape[-3:])], axis=-1)
    return np.asarray(seen.reshape(-1, seen.shape[-1]))


def _matrix(op: Layer) -> Int8:
    return op.weights.reshape(op.out_channels, -1)


def _real(op: Layer) -> Float64:
    """The real weights `[out_channels, taps]`."""
    return _matrix(op) * np.broadcast_to(op.weight_scales.astype(np.float64), op.out_channels)[:, None]


def _grown(weights: Float64, scales: Float32) -> Float32:
    """The scales, or larger ones, as many as they were, so that all weights are int8."""
    largest = np.abs(weights).max(axis=1 if len(scales) > 1 else None)
    grown: Float32 = np.maximum(scales, largest / _LARGEST).astype(np.float32)
    return grown


def _rounded(weights: Float64, mask: Bool, second: Float64) -> Float64:
    """Whole weights on the mask, tap by tap, each error handed on to the taps that are left."""
    left, whole = weights.copy(), np.zeros_like(weights)
    upper = np.linalg.cholesky(np.linalg.inv(second)).T
    for tap in range(weights.shape[1]):
        whole[:, tap] = np.rint(left[:, tap]).clip(-_LARGEST, _LARGEST) * mask[:, tap]
        error = (left[:, tap] - whole[:, tap]) / upper[tap, tap]
        left[:, tap:] -= np.outer(error, upper[tap, tap:])
    return whole
