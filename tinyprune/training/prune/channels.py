"""Which layers of a tf_keras model speak of the same channels, so that these can be reordered or removed together.

A convolution makes channels; batch normalization, activations, depthwise convolutions and pooling pass them on;
further convolutions and dense layers read them. An addition ties the channels of its inputs together. Channels that
come from the input, leave through an output, or reach a layer of another kind stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError
from tinyprune.training.prune.kernels import Float32, matrix_of

Int64 = npt.NDArray[np.int64]

MAKERS = ("Conv1D", "Conv2D", "Dense")
#: Layers that leave the last axis alone, or repeat it once for each position.
PASSING = (
    "Activation", "ActivationRange", "AveragePooling1D", "AveragePooling2D", "Dropout", "ELU", "Flatten",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "LeakyReLU",
    "MaxPooling1D", "MaxPooling2D", "ReLU", "SpatialDropout1D", "SpatialDropout2D", "ZeroPadding1D", "ZeroPadding2D",
)  # fmt: skip
TYING = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")


@dataclass(slots=True, eq=False)
class Channels:
    """Channels that go together, and everything that has an axis of them."""

    count: int
    fixed: str = ""
    """Why they must stay as they are; empty if they need not."""
    makers: list[Any] = field(default_factory=list)
    """Layers whose last kernel axis and bias they are."""
    followers: list[Any] = field(default_factory=list)
    """Batch normalizations and depthwise convolutions."""
    readers: list[Any] = field(default_factory=list)
    """Layers whose input channels they are; a dense layer behind a Flatten reads them once for each position."""


def find(model: Any) -> tuple[Channels, ...]:
    """All channels that layers of a model make, in the model's order; those that cannot change say why."""
    of_tensor: dict[int, Channels] = {}
    for layer in model.layers:
        _visit(layer, of_tensor)
    for output in model.outputs:
        _channels_of(output, of_tensor).fixed = "they are an output of the model"
    distinct = {id(channels): channels for channels in of_tensor.values()}
    return tuple(channels for channels in distinct.values() if channels.makers)


def take(model: Any, chosen: Sequence[tuple[Channels, Int64]]) -> list[Float32]:
    """What `model.set_weights` takes, with only the chosen channels of each variable, in that order."""
    weights = {id(variable): variable.numpy() for variable in model.weights}  # nested models may share names
    for channels, order in chosen:
        for layer in channels.makers:
            for variable in layer.weights:
                weights[id(variable)] = np.take(weights[id(variable)], order, axis=-1)
        for layer in channels.followers:
            for variable in layer.weights:
                axis = -2 if len(variable.shape) > 1 else -1
                weights[id(variable)] = np.take(weights[id(variable)], order, axis=axis)
        for layer in channels.readers:
            kernel = weights[id(layer.kernel)]
            seen = kernel.reshape(*kernel.shape[:-2], -1, channels.count, kernel.shape[-1])
            kernel = np.take(seen, order, axis=-2).reshape(*kernel.shape[:-2], -1, kernel.shape[-1])
            weights[id(layer.kernel)] = kernel
    return [weights[id(variable)] for variable in model.weights]


def made_by(layer: Any) -> Float32:
    """A maker's weights `[channels, taps]`."""
    return matrix_of(layer.kernel.numpy())


def read_by(layer: Any, channels: Channels) -> Float32:
    """A reader's weights `[out_channels, positions, channels]`."""
    matrix = matrix_of(layer.kernel.numpy())
    return matrix.reshape(len(matrix), -1, channels.count)


def require_any(found: Sequence[Channels], model: Any, purpose: str) -> None:
    """Raises ModelError, with the reason of each, where all channels must stay as they are."""
    if any(not channels.fixed for channels in found):
        return
    reasons = [f"{channels.makers[0].name}: {channels.fixed}" for channels in found]
    raise ModelError(
        f"model {model.name} has no channels to {purpose} ({'; '.join(reasons) or 'no layer makes channels'})"
    )


def _visit(layer: Any, of_tensor: dict[int, Channels]) -> None:
    """Gives the output of a layer its channels."""
    kind = type(layer).__name__
    if kind == "InputLayer":
        return
    if len(layer.inbound_nodes) != 1 or isinstance(layer.output, list | tuple | dict):
        _fix_all(layer, of_tensor, f"{layer.name} is used several times or has several outputs")
        return
    known = [_channels_of(tensor, of_tensor) for tensor in layer.inbound_nodes[0].keras_inputs]
    if kind in MAKERS and getattr(layer, "groups", 1) == 1 and getattr(layer, "data_format", "") != "channels_first":
        known[0].readers.append(layer)
        of_tensor[id(layer.output)] = Channels(layer.output_shape[-1], makers=[layer])
    elif _follows(layer, kind, known[0]):
        known[0].followers.append(layer)
        of_tensor[id(layer.output)] = known[0]
    elif kind in PASSING and getattr(layer, "data_format", "channels_last") == "channels_last":
        of_tensor[id(layer.output)] = known[0]
    elif kind in TYING and len({channels.count for channels in known}) == 1:
        of_tensor[id(layer.output)] = _tie(known, of_tensor)
    else:
        _fix_all(layer, of_tensor, f"{layer.name}, a {kind}, needs them as they are")


def _follows(layer: Any, kind: str, before: Channels) -> bool:
    """A normalization behind a Flatten does not: it has numbers of its own for each position."""
    if kind == "BatchNormalization":
        return list(layer.axis) == [len(layer.output_shape) - 1] and layer.output_shape[-1] == before.count
    return kind == "DepthwiseConv2D" and layer.depth_multiplier == 1 and layer.data_format == "channels_last"


def _channels_of(tensor: Any, of_tensor: dict[int, Channels]) -> Channels:
    """Those of a tensor that no layer has made are its own, and stay."""
    return of_tensor.setdefault(id(tensor), Channels(tensor.shape[-1] or 0, "they come from outside"))


def _tie(known: Sequence[Channels], of_tensor: dict[int, Channels]) -> Channels:
    first = known[0]
    for other in {id(channels): channels for channels in known[1:] if channels is not first}.values():
        first.fixed = first.fixed or other.fixed
        first.makers += other.makers
        first.followers += other.followers
        first.readers += other.readers
        of_tensor.update({tensor: first for tensor, channels in of_tensor.items() if channels is other})
    return first


def _fix_all(layer: Any, of_tensor: dict[int, Channels], reason: str) -> None:
    for node in layer.inbound_nodes:
        for tensor in node.keras_inputs:  # `input_tensors` are the first argument's alone
            channels = _channels_of(tensor, of_tensor)
            channels.fixed = channels.fixed or reason
