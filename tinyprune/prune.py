"""2:4 pruning of tf_keras models: one mask from the magnitudes, held while the network is fine-tuned.

The recipe of Mishra et al., "Accelerating Sparse Deep Neural Networks", arXiv:2104.08378: train dense, prune once,
train again with the mask fixed. TensorFlow Model Optimization is not used: its N:M pruning groups weights along input
channels only, so a first convolution with one input channel is accepted and silently left dense, and its mask appears
at the first training step, not when asked for. Here a layer's weights are seen as `[out_channels, taps]` (see
`tinyprune.sparsity.two_of_four`), which covers that convolution along its taps, and the mask is a constraint of the
kernel: the optimizer applies it after every step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError
from tinyprune.sparsity import two_of_four

Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Masks = Mapping[str, Bool]
"""For each pruned layer the weights to keep, `[out_channels, taps]`."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What pruning did with one layer that has a kernel."""

    name: str
    kind: str
    pruned: bool
    reason: str
    weights: int
    zeros: int


@dataclass(frozen=True, slots=True)
class PrunedModel:
    model: Any
    """A copy of the model, pruned, whose kernels are constrained to their masks in further training."""
    masks: Masks
    layers: tuple[LayerReport, ...]


def prune(model: Any) -> PrunedModel:
    """Prune every convolution and dense layer of a tf_keras model to 2:4; the model given is left as it was."""
    from tf_keras.models import clone_model

    masks = masks_of(model)
    if not masks:
        raise ModelError(f"model {model.name} has no layer to prune: no Conv2D or Dense layer with four or more taps")
    pruned = clone_model(model, clone_function=lambda layer: _constrained(layer, masks))
    pruned.set_weights(model.get_weights())
    for name, mask in masks.items():
        kernel = pruned.get_layer(name).kernel
        kernel.assign(kernel.numpy() * _as_kernel(mask, kernel.shape))
    verify(pruned, masks)
    return PrunedModel(pruned, masks, report(pruned, masks))


def masks_of(model: Any) -> Masks:
    """The 2:4 mask of each prunable layer by magnitude; of one that is 2:4 already, a mask that keeps its weights."""
    layers = [layer for layer in model.layers if not _refusal(layer)]
    return {layer.name: two_of_four.mask(matrix_of(layer.kernel.numpy())) for layer in layers}


def verify(model: Any, masks: Masks) -> None:
    """Refuse a model with a weight where a mask has none."""
    for name, mask in masks.items():
        try:
            matrix = matrix_of(model.get_layer(name).kernel.numpy())
        except ValueError as error:
            raise ModelError(f"model {model.name} has no layer {name}, which a mask was made for") from error
        if matrix.shape != mask.shape:
            raise ModelError(f"layer {name} has weights {matrix.shape}, its mask is {mask.shape} [out_channels, taps]")
        violations = int(np.count_nonzero(matrix[~mask]))
        if violations:
            raise ModelError(
                f"layer {name} violates its 2:4 mask: {violations} of {np.count_nonzero(~mask)} pruned weights "
                "are not zero; fine-tune the model that prune() returned, which holds the mask"
            )


def report(model: Any, masks: Masks) -> tuple[LayerReport, ...]:
    """One line for each layer with a kernel, in the model's order."""
    return tuple(_layer_report(layer, masks) for layer in model.layers if _kernel(layer) is not None)


def matrix_of(kernel: Float32) -> Float32:
    """A Keras kernel `[height, width, in_channels, out_channels]` or `[inputs, outputs]` → `[out_channels, taps]`."""
    return kernel.reshape(-1, kernel.shape[-1]).T


def _as_kernel(mask: Bool, shape: tuple[int, ...]) -> Float32:
    return mask.T.reshape(shape).astype(np.float32)


def _kernel(layer: Any) -> Any:
    return getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))


def _refusal(layer: Any) -> str:
    """Why a layer is not pruned; empty if it is."""
    kind = type(layer).__name__
    if "Depthwise" in kind:
        return "depthwise: a filter has one input channel and few taps"
    if kind not in ("Conv2D", "Dense"):
        return f"{kind} is not supported"
    taps = int(np.prod(layer.kernel.shape[:-1]))
    return "" if taps >= two_of_four.GROUP else f"only {taps} taps, a group has {two_of_four.GROUP}"


def _layer_report(layer: Any, masks: Masks) -> LayerReport:
    kernel = _kernel(layer).numpy()
    pruned = layer.name in masks
    reason = "2:4 along taps" if pruned else _refusal(layer)
    return LayerReport(layer.name, type(layer).__name__, pruned, reason, kernel.size, int((kernel == 0).sum()))


def _constrained(layer: Any, masks: Masks) -> Any:
    clone = type(layer).from_config(layer.get_config())
    if layer.name in masks:
        clone.kernel_constraint = _hold(_as_kernel(masks[layer.name], layer.kernel.shape))
    return clone


def _hold(mask: Float32) -> Callable[[Any], Any]:
    return lambda kernel: kernel * mask
