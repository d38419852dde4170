"""The weights of a tf_keras model that can be pruned: where they are, and how a mask is held on them.

A layer's weights are seen as `[out_channels, taps]` (see `compiler/sparsity`). A mask is a constraint of the kernel:
the optimizer applies it after every step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]

#: Kind of layer → its weights as attribute, with the option of the layer that constrains them.
CONSTRAINTS: Mapping[str, Mapping[str, str]] = {
    "Conv1D": {"kernel": "kernel_constraint"},
    "Conv2D": {"kernel": "kernel_constraint"},
    "Dense": {"kernel": "kernel_constraint"},
    "LSTM": {"kernel": "kernel_constraint", "recurrent_kernel": "recurrent_constraint"},
}


@dataclass(frozen=True, slots=True)
class Kernel:
    """One matrix of weights in a model."""

    name: str
    """That of its layer; of the second in a layer, `layer/attribute`."""
    layer: Any
    variable: Any
    option: str
    """Which option of the layer constrains it; empty where pruning knows no way to hold a mask."""

    @property
    def kind(self) -> str:
        return type(self.layer).__name__

    @property
    def is_used_once(self) -> bool:
        """Whether its layer is called once."""
        return len(self.layer.inbound_nodes) == 1

    def matrix(self) -> Float32:
        """`[out_channels, taps]`."""
        return matrix_of(self.variable.numpy())

    def assign(self, matrix: Float32) -> None:
        """Set the weights from `[out_channels, taps]`."""
        self.variable.assign(as_kernel(matrix, tuple(self.variable.shape)))


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What pruning did with one layer that has a kernel."""

    name: str
    kind: str
    pruned: bool
    reason: str
    weights: int
    zeros: int
    removed: int = 0
    """Weights that are gone, with whole channels."""
    weights_corner: tuple[str, ...] = ()
    """Some output channels and taps: "#" a weight, "." a zero."""


@cache
def hold_constraint() -> Any:
    """The class Hold: a constraint that keeps pruned weights at zero, behind the one that the layer had before.

    It is no part of a saved model: save what `tinyprune.training.prune.unmasked` returns.
    """
    from tf_keras import constraints

    class Hold(constraints.Constraint):  # type: ignore[misc]
        def __init__(self, mask: Float32, before: Any = None) -> None:
            self.mask, self.before = mask, before

        def __call__(self, kernel: Any) -> Any:
            return (kernel if self.before is None else self.before(kernel)) * self.mask

    return Hold


def kernels_of(model: Any) -> tuple[Kernel, ...]:
    """Everything in a model that has two or more axes of weights, in the model's order, prunable or not."""
    return tuple(kernel for layer in model.layers for kernel in _of_layer(layer))


def _of_layer(layer: Any) -> Iterator[Kernel]:
    options = CONSTRAINTS.get(type(layer).__name__)
    if options is None:
        matrices = [weights for weights in layer.weights if len(weights.shape) > 1]
        for weights in matrices:
            name = layer.name if len(matrices) == 1 else f"{layer.name}/{weights.name.removesuffix(':0')}"
            yield Kernel(name, layer, weights, "")
        return
    holder = getattr(layer, "cell", layer)
    for attribute, option in options.items():
        name = layer.name if attribute == "kernel" else f"{layer.name}/{attribute}"
        yield Kernel(name, layer, getattr(holder, attribute), option)


def matrix_of(kernel: Float32) -> Float32:
    """A Keras kernel `[height, width, in_channels, out_channels]` or `[inputs, outputs]` → `[out_channels, taps]`."""
    return kernel.reshape(-1, kernel.shape[-1]).T


def as_kernel(matrix: npt.NDArray[np.generic], shape: tuple[int, ...]) -> Float32:
    """The inverse of `matrix_of`."""
    return matrix.T.reshape(shape).astype(np.float32)


def clone(model: Any, masks: Mapping[str, Bool]) -> Any:
    """A copy of a model whose kernels are held to the masks, and to no mask of an earlier pruning."""
    held: dict[str, dict[str, Any]] = {}
    for kernel in kernels_of(model):
        if kernel.option:
            constraint = getattr(kernel.layer, kernel.option)
            before = constraint.before if isinstance(constraint, hold_constraint()) else constraint
            mask = masks.get(kernel.name)
            hold = before if mask is None else hold_constraint()(as_kernel(mask, tuple(kernel.variable.shape)), before)
            held.setdefault(kernel.layer.name, {})[kernel.option] = hold
    copy = with_settings(model, held)
    copy.set_weights(model.get_weights())
    return copy


def with_settings(model: Any, settings: Mapping[str, Mapping[str, Any]]) -> Any:
    """The same layers, with other settings for those of these names, and fresh weights."""
    from tf_keras.models import clone_model

    return clone_model(
        model, clone_function=lambda layer: type(layer).from_config(layer.get_config() | settings.get(layer.name, {}))
    )
