"""A Keras 3 model built again in tf_keras (Keras 2), which pruning and its constraints are written for.

The two share layers and the order of their weights, not files and not classes. Whatever only training needs is left
behind: initializers, regularizers, constraints.
"""

import inspect
from typing import Any

import numpy as np

from tinyprune.errors import ModelError, first_line
from tinyprune.training.keras_model import has_symbols

#: Settings of a layer that training alone needs, or that Keras 2 spells otherwise.
LEFT_BEHIND = ("_initializer", "_regularizer", "_constraint", "dtype", "seed_generator")
#: Of a layer's kind and setting, its name in Keras 2.
RENAMED = {("LeakyReLU", "negative_slope"): "alpha"}
#: How far answers may be apart, as a share of the largest: sums are taken in another order.
TOLERANCE = 1e-4


def is_keras_3(model: Any) -> bool:
    return type(model).__module__.startswith("keras.")


def rebuild(model: Any) -> Any:
    """The same network as a tf_keras model, with the same weights, checked on one random input.

    Raises ModelError for a layer that Keras 2 does not have, or a model whose answers would differ.
    """
    rebuilt = _rebuilt(model)
    _check(model, rebuilt)
    return rebuilt


def _rebuilt(model: Any) -> Any:
    from tf_keras import Model

    tensors: dict[int, Any] = {id(tensor): _input(tensor) for tensor in model.inputs}
    layers: dict[int, Any] = {}
    for node in _nodes(model):
        operation = node.operation
        if id(operation) not in layers:
            layers[id(operation)] = _layer(operation, model)
        sources = [tensors[id(tensor)] for tensor in node.input_tensors]
        if len(node.outputs) != 1:
            raise ModelError(_refusal(model, operation, "has several outputs"))
        try:
            tensors[id(node.outputs[0])] = layers[id(operation)](sources if len(sources) > 1 else sources[0])
        except Exception as error:  # Keras 2's layers raise what they please
            raise ModelError(_refusal(model, operation, f"cannot be called in Keras 2: {first_line(error)}")) from error
    rebuilt = Model([tensors[id(t)] for t in model.inputs], [tensors[id(t)] for t in model.outputs], name=model.name)
    for operation in model.layers:
        if id(operation) in layers and operation.weights and not hasattr(operation, "layers"):
            layers[id(operation)].set_weights([weight.numpy() for weight in operation.weights])
    return rebuilt


def _nodes(model: Any) -> list[Any]:
    """Calls of layers, each after those that it needs, without the inputs."""
    functional = getattr(model, "_functional", None) or model
    by_depth = functional._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if node.input_tensors]


def _input(tensor: Any) -> Any:
    from tf_keras import Input

    return Input(tensor.shape[1:], name=tensor.name)


def _layer(operation: Any, model: Any) -> Any:
    """A fresh layer of the same class and settings."""
    from tf_keras import layers

    if hasattr(operation, "layers"):
        return _rebuilt(operation)
    kind = type(operation).__name__
    twin = getattr(layers, kind, None)
    if twin is None:
        raise ModelError(_refusal(model, operation, "is no layer of Keras 2"))
    accepted = {*inspect.signature(twin.__init__).parameters, "name"}
    given = {RENAMED.get((kind, key), key): value for key, value in operation.get_config().items()}
    settings = {key: value for key, value in given.items() if key in accepted and value is not None}
    settings = {key: value for key, value in settings.items() if not key.endswith(LEFT_BEHIND)}
    try:
        layer = twin.from_config(settings)
        layer.trainable = getattr(operation, "trainable", True)  # an operation is no layer
        return layer
    except Exception as error:  # whatever a class of Keras 2 does with settings that it does not know
        raise ModelError(_refusal(model, operation, f"cannot be built in Keras 2: {first_line(error)}")) from error


def _check(model: Any, rebuilt: Any) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    shapes = [(2, *(axis or 1 for axis in tensor.shape[1:])) for tensor in model.inputs]
    numbers = [np.zeros(shape) if has_symbols(rebuilt) else rng.normal(size=shape) for shape in shapes]
    samples = [each.astype(np.float32) for each in numbers]
    inputs = samples if len(samples) > 1 else samples[0]
    answers = [tf.nest.flatten(network(inputs, training=False)) for network in (model, rebuilt)]
    for wanted, got in zip(*answers, strict=True):
        apart = float(np.abs(np.asarray(wanted) - np.asarray(got)).max())
        if not apart <= TOLERANCE * max(1e-6, float(np.abs(np.asarray(wanted)).max())):
            raise ModelError(
                f"model {model.name} of Keras 3 answers otherwise when it is built with tf_keras (by {apart:g}); "
                "build it with tf_keras yourself, then new.set_weights(old.get_weights())"
            )


def _refusal(model: Any, operation: Any, reason: str) -> str:
    return (
        f"model {model.name} is of Keras 3, and pruning rebuilds it in tf_keras (Keras 2): layer {operation.name} "
        f"({type(operation).__name__}) {reason}"
    )
