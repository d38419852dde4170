"""Pruning of tf_keras models: one mask from the dense weights, held while the network is fine-tuned.

The recipe of Mishra et al., "Accelerating Sparse Deep Neural Networks", arXiv:2104.08378: train dense, prune once,
train again with the mask fixed; or prune in steps (`schedule`) and train at each. With samples and no labels, the
weights that stay are adjusted to do the work of the others, layer by layer (`reconstruct.py`), then all
together (`match.py`). Channels may be reordered first, so that N:M loses less (`permute.py`);
each layer may have a pattern of its own (`sensitivity.py`); whole filters go by `filters.py`.

TensorFlow Model Optimization trains pruned networks with int8 simulated (`qat.py`), which it does well. It
does not prune here: its N:M pruning groups weights along input channels only, so a first
convolution with one input channel is accepted and silently left dense; its mask appears at the first training step, not
when asked for; and it has no schedule for N:M.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import sparsity
from tinyprune.compiler.corner import of_matrix
from tinyprune.compiler.sparsity import NM, Pattern, Threshold, Unstructured
from tinyprune.errors import ModelError, UsageError
from tinyprune.training import keras3, keras_model
from tinyprune.training.keras_model import check_samples
from tinyprune.training.prune import kernels, permute, reconstruct
from tinyprune.training.prune.chosen import NOT_CHOSEN
from tinyprune.training.prune.kernels import CONSTRAINTS, Bool, Kernel, LayerReport, kernels_of, matrix_of
from tinyprune.training.prune.match import match

__all__ = [
    "LayerReport", "Masks", "Method", "Patterns", "PrunedModel", "best_method", "masks_of", "matrix_of", "prune",
    "schedule", "unmasked", "verify",
]  # fmt: skip

TWO_OF_FOUR = NM(2, 4)
Masks = Mapping[str, Bool]
"""For each pruned kernel the weights to keep, `[out_channels, taps]`."""
Patterns = Mapping[str, Pattern]
"""For each kernel that shall be pruned, how."""
Method = Literal["magnitude", "reconstruct", "match"]


@dataclass(frozen=True, slots=True)
class PrunedModel:
    model: Any
    """A copy of the model, pruned, whose kernels are constrained to their masks in further training."""
    masks: Masks
    layers: tuple[LayerReport, ...]


def prune(
    model: Any,
    pattern: Pattern | str | Mapping[str, Pattern | str] = TWO_OF_FOUR,
    method: Method | None = None,
    samples: npt.NDArray[np.generic] | None = None,
    *,
    reorder: bool = False,
) -> PrunedModel:
    """Prune each convolution, dense and LSTM kernel of a Keras model; the model given is left as it was.

    A model of Keras 3 is rebuilt in tf_keras first (`tinyprune.training.keras3`), and what comes back is of tf_keras.

    `pattern` is one for all kernels, or one for each that shall be pruned. "magnitude" keeps the largest weights. The
    others need `samples` `[samples, *input shape]`, unlabelled: "reconstruct" removes the weights that each layer
    misses least and adjusts those it keeps; "match" goes on from there with the network as a whole. Without a method it
    is `best_method`. `reorder` first puts channels into the order in which an N:M pattern keeps most; the network
    computes the same.

    Raises ModelError, DataError and UsageError for what cannot be pruned, samples that are wrong, and arguments that do
    not go together.
    """
    if not hasattr(model, "layers") or not keras_model.has_inputs(model):
        raise ModelError("only a Keras model whose inputs are known can be pruned: functional, or Sequential and built")
    model = keras3.rebuild(model) if keras3.is_keras_3(model) else model
    wanted = _wanted(model, pattern)
    method = method or best_method(wanted.values(), samples)
    if method not in get_args(Method):
        raise UsageError(f"unknown method {method!r}: give one of {', '.join(get_args(Method))}")
    dense = _reordered(model, wanted) if reorder else model
    masks = masks_of(dense, wanted)
    if not masks:
        raise ModelError(_nothing_to_prune(model, wanted))
    copy = kernels.clone(dense, {})
    adjusted: Masks | None = None
    if method != "magnitude":
        adjustable, inputs = _adjustable(wanted, masks, method), _checked(model, method, samples)
        adjusted = reconstruct.reconstruct(dense, copy, adjustable, masks, inputs)
        masks = {**masks, **adjusted}
    pruned = kernels.clone(copy, masks)
    for kernel in kernels_of(pruned):
        if kernel.name in masks:
            kernel.assign(kernel.matrix() * masks[kernel.name])
    matched = match(dense, pruned, masks, inputs) if method == "match" else frozenset()
    verify(pruned, masks)
    return PrunedModel(pruned, masks, _reports(pruned, masks, wanted, adjusted, matched))


def best_method(patterns: Iterable[Pattern], samples: Any) -> Method:
    """With samples "match", but "magnitude" without any, or for a pattern that is a rule about magnitudes."""
    is_adjustable = samples is not None and not any(isinstance(pattern, Threshold) for pattern in patterns)
    return "match" if is_adjustable else "magnitude"


def masks_of(model: Any, pattern: Pattern | Patterns = TWO_OF_FOUR) -> Masks:
    """The mask of each prunable kernel by magnitude; of one that follows the pattern, a mask that keeps its weights."""
    wanted = pattern if isinstance(pattern, Mapping) else _wanted(model, pattern)
    prunable = [kernel for kernel in kernels_of(model) if not _refusal(kernel, wanted)]
    for kernel in prunable:
        if not np.isfinite(kernel.matrix()).all():
            raise ModelError(f"layer {kernel.name} has NaN or infinite weights: its training diverged")
    return {kernel.name: wanted[kernel.name].mask(kernel.matrix()) for kernel in prunable}


def schedule(pattern: Pattern, steps: int) -> tuple[Pattern, ...]:
    """Ever stricter patterns on the way to one, itself the last: prune to each in turn and train in between.

    N:M loses a weight of every group a step (1:4 in three steps: 3:4, 2:4, 1:4); unstructured sparsity rises along the
    cubic of Zhu and Gupta, arXiv:1710.01878. Raises UsageError where there are no such steps.
    """
    if steps < 1:
        raise UsageError(f"a schedule has at least one step, not {steps}")
    if isinstance(pattern, NM) and steps <= pattern.group - pattern.kept:
        return tuple(NM(pattern.kept + left, pattern.group, pattern.channels) for left in reversed(range(steps)))
    if isinstance(pattern, Unstructured):
        parts = [1 - (1 - step / steps) ** 3 for step in range(1, steps + 1)]
        return tuple(Unstructured(pattern.sparsity * part) for part in parts)
    if steps == 1:
        return (pattern,)
    raise UsageError(f"{pattern.name} cannot be reached in {steps} steps")


def unmasked(pruned: PrunedModel) -> Any:
    """A copy of the model without constraints, such as can be saved; refused if a weight violates its mask."""
    verify(pruned.model, pruned.masks)
    return kernels.clone(pruned.model, {})


def verify(model: Any, masks: Masks) -> None:
    """Refuse a model with a weight where a mask has none."""
    found = {kernel.name: kernel for kernel in kernels_of(model)}
    for name, mask in masks.items():
        if name not in found:
            raise ModelError(f"model {model.name} has no layer {name}, which a mask was made for")
        matrix = found[name].matrix()
        if matrix.shape != mask.shape:
            raise ModelError(f"layer {name} has weights {matrix.shape}, its mask is {mask.shape} [out_channels, taps]")
        violations = int(np.count_nonzero(matrix[~mask]))
        if violations:
            raise ModelError(
                f"layer {name} violates its mask: {violations} of {np.count_nonzero(~mask)} pruned weights "
                "are not zero; fine-tune the model that prune() returned, which holds the mask"
            )


def _reports(
    model: Any,
    masks: Masks,
    wanted: Patterns,
    adjusted: Masks | None = None,
    matched: frozenset[str] = frozenset(),
) -> tuple[LayerReport, ...]:
    """One line for each kernel, in the model's order; `adjusted` are those that reconstruction took, None if it was not
    asked for, `matched` the names of those that moved with the whole network, pruned or not."""
    return tuple(_layer_report(kernel, masks, wanted, adjusted, matched) for kernel in kernels_of(model))


def _layer_report(
    kernel: Kernel, masks: Masks, wanted: Patterns, adjusted: Masks | None, matched: frozenset[str]
) -> LayerReport:
    values = kernel.variable.numpy()
    pruned = kernel.name in masks
    is_matched = kernel.name in matched
    refusal = f"{_refusal(kernel, wanted)}{'; its weights were matched' if is_matched else ''}"
    reason = _reason(kernel, wanted[kernel.name], adjusted, is_matched) if pruned else refusal
    zeros = int((values == 0).sum())
    shown = of_matrix(kernel.matrix())
    return LayerReport(kernel.name, kernel.kind, pruned, reason, values.size, zeros, weights_corner=shown)


def _reason(kernel: Kernel, pattern: Pattern, adjusted: Masks | None, is_matched: bool) -> str:
    by = "by magnitude" if adjusted is None else "reconstructed"
    if adjusted is not None and kernel.name not in adjusted:
        by = f"by magnitude: {reconstruct.refusal(kernel)}"
    matched = "matched" if is_matched else ""
    return ", ".join(filter(None, (f"{pattern.name} along taps", by, matched, pattern.remark(*kernel.matrix().shape))))


def _refusal(kernel: Kernel, wanted: Patterns) -> str:
    """Why a kernel is not pruned; empty if it is."""
    if "Depthwise" in kernel.kind:
        return "depthwise: a filter has one input channel and few taps"
    if hasattr(kernel.layer, "layers"):
        return "a model inside the model; prune it by itself"
    if not kernel.option:
        return f"{kernel.kind} is not supported; {', '.join(CONSTRAINTS)} are"
    if kernel.name not in wanted:
        return NOT_CHOSEN
    return wanted[kernel.name].refusal(*kernel.matrix().shape)


def _wanted(model: Any, pattern: Pattern | str | Mapping[str, Pattern | str]) -> Patterns:
    names = [kernel.name for kernel in kernels_of(model)]
    if not isinstance(pattern, Mapping):
        return dict.fromkeys(names, _parsed(pattern))
    for name in pattern:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f' (did you mean "{near[0]}"?)' if near else f"; it has {', '.join(names)}"
            raise UsageError(f'a pattern is given for "{name}", but model {model.name} has no such layer{hint}')
    return {name: _parsed(each) for name, each in pattern.items()}


def _parsed(pattern: Pattern | str) -> Pattern:
    try:
        return sparsity.parse(pattern) if isinstance(pattern, str) else pattern
    except ValueError as error:
        raise UsageError(str(error)) from None


def _reordered(model: Any, wanted: Patterns) -> Any:
    distinct = set(wanted.values())
    pattern = distinct.pop() if len(distinct) == 1 else None
    if not isinstance(pattern, NM):
        raise UsageError("channels are reordered for one N:M pattern such as 2:4; others do not depend on their order")
    return permute.permute(model, pattern)


def _nothing_to_prune(model: Any, wanted: Patterns) -> str:
    reasons = [f"{line.name}: {line.reason}" for line in _reports(model, {}, wanted)]
    names = ", ".join(sorted({pattern.name for pattern in wanted.values()}))
    to = f" to {names}" if names else ""
    return f"model {model.name} has no layer to prune{to} ({'; '.join(reasons) or 'no layer has a kernel'})"


def _adjustable(wanted: Patterns, masks: Masks, method: str) -> dict[str, NM | Unstructured]:
    adjustable: dict[str, NM | Unstructured] = {}
    for name in masks:
        pattern = wanted[name]
        if isinstance(pattern, Threshold):
            raise UsageError(f"{pattern.name} is a rule about magnitudes: use it with method magnitude, not {method}")
        adjustable[name] = pattern
    return adjustable


def _checked(model: Any, method: str, samples: npt.NDArray[np.generic] | None) -> npt.NDArray[np.float32]:
    if samples is None:
        raise UsageError(f"method {method} needs samples: real inputs of the model, [samples, *input shape], no labels")
    checked = check_samples(model, np.asarray(samples), "pruning")
    if any(getattr(layer, "stateful", False) for layer in model._flatten_layers(include_self=False)):
        raise ModelError(
            f"model {model.name} keeps its state from batch to batch, which samples have no part in: build it without "
            "stateful=True"
        )
    return checked
