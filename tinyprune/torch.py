"""Masks of tinyprune's patterns in the training of PyTorch networks.

    from tinyprune.torch import mask, finish

    for layer in mask(model, "2:4"):
        print(layer.name, layer.reason)
    train(model)  # as before; the zeros stay
    finish(model)

PyTorch's own pruning (`torch.nn.utils.prune`) holds the masks; this says where they have their zeros: along input
channels, then along the kernel, as the kernels for Cortex-M read the weights. Masks may be made stricter on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import sparsity
from tinyprune.compiler.sparsity import Pattern
from tinyprune.errors import MissingDependency, ModelError, UsageError

_KINDS = ("Conv1d", "Conv2d", "Linear")


@dataclass(frozen=True, slots=True)
class MaskedLayer:
    """What became of one layer with weights."""

    name: str
    kind: str
    masked: bool
    reason: str
    """The pattern, or why the layer has no mask."""
    weights: int
    zeros: int


def mask(model: Any, pattern: str | Pattern, *, only: tuple[str, ...] | None = None) -> tuple[MaskedLayer, ...]:
    """Set weights of the convolutions and linear layers of a `torch.nn.Module` to zero, and keep them so in training.

    The largest weights stay. `pattern` is N:M such as "2:4", "2:4g2", "unstructured-75" or "threshold-0.8"; `only` are
    names of layers. A second call makes masks stricter. Raises UsageError for the pattern or a name, ModelError where
    no layer can take it.
    """
    wanted = _parsed(pattern)
    layers = dict(_layers(model))
    unknown = [name for name in only or () if name not in layers]
    if unknown:
        raise UsageError(f'the model has no layer "{unknown[0]}" with weights; it has {", ".join(layers)}')
    found = tuple(_masked(name, layer, wanted, only) for name, layer in layers.items())
    if not any(each.masked for each in found):
        told = "; ".join(f"{each.name}: {each.reason}" for each in found)
        raise ModelError(f"the model has no layer to mask with {wanted.name} ({told or 'no layer has weights'})")
    return found


def finish(model: Any) -> None:
    """Make the zeros part of the weights and take the masks away: to export or save the model."""
    prune = _pruning()
    for _, layer in _layers(model):
        if prune.is_pruned(layer):
            prune.remove(layer, "weight")


def _pruning() -> Any:
    try:
        from torch.nn.utils import prune
    except ImportError:
        raise MissingDependency("PyTorch is not installed: `pip install torch`") from None
    return prune


def _parsed(pattern: str | Pattern) -> Pattern:
    try:
        return sparsity.parse(pattern) if isinstance(pattern, str) else pattern
    except ValueError as error:
        raise UsageError(str(error)) from None


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    for name, layer in model.named_modules():
        if getattr(layer, "weight", None) is not None and layer.weight.dim() > 1:
            yield name, layer


def _masked(name: str, layer: Any, pattern: Pattern, only: tuple[str, ...] | None) -> MaskedLayer:
    prune = _pruning()
    kind, weights = type(layer).__name__, layer.weight.detach()
    matrix = _matrix(weights)
    reason = _refusal(name, layer, kind, pattern, only, matrix)
    if not reason:
        kept = np.moveaxis(pattern.mask(matrix).reshape(_taps_last(weights.shape)), -1, 1)
        prune.custom_from_mask(layer, "weight", weights.new_tensor(kept))
    zeros = int((layer.weight == 0).sum())
    return MaskedLayer(name, kind, not reason, reason or f"{pattern.name} along taps", weights.numel(), zeros)


def _refusal(
    name: str,
    layer: Any,
    kind: str,
    pattern: Pattern,
    only: tuple[str, ...] | None,
    matrix: npt.NDArray[np.float32],
) -> str:
    """Why a layer gets no mask; empty if it gets one."""
    if only is not None and name not in only:
        return "not chosen"
    if kind not in _KINDS:
        return f"{kind} is not supported; {', '.join(_KINDS)} are"
    if getattr(layer, "groups", 1) > 1:
        return "depthwise or grouped: a filter has few taps"
    return pattern.refusal(*matrix.shape)


def _taps_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """`[out_channels, in_channels, *kernel]` → `[out_channels, *kernel, in_channels]`."""
    return (shape[0], *shape[2:], shape[1])


def _matrix(weights: Any) -> npt.NDArray[np.float32]:
    """`[out_channels, taps]`, input channels fastest, as .tflite files have them."""
    values: npt.NDArray[np.float32] = weights.cpu().numpy().astype(np.float32)
    return np.moveaxis(values, 1, -1).reshape(len(values), -1)
