"""A DS-CNN that begins with what a network of the zoo knows: training needs less data and time."""

from collections.abc import Sequence
from typing import Any

from tinyprune.sound.features import FrontEnd
from tinyprune.training import zoo
from tinyprune.training.models import Size, ds_cnn

#: Batch statistics follow a short training; Keras's 0.99 would still remember the start.
MOMENTUM = 0.9


def is_warm(size: Size, front_end: FrontEnd) -> bool:
    """Whether the zoo has weights to begin with."""
    entry = _entry(size)
    return zoo.has_weights(entry) and entry.front_end == front_end.name


def _entry(size: Size) -> zoo.ZooEntry:
    return zoo.load(f"ds-cnn-{size.lower()}-dense")


def start(size: Size, labels: Sequence[str], seed: int, front_end: FrontEnd) -> Any:
    """A network to begin with: the zoo's weights if it has some, of the last layer those of shared labels only."""
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    model = ds_cnn(size, len(labels), front_end=front_end)
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    if not is_warm(size, front_end):
        return model
    entry = _entry(size)
    known = zoo.build_model(entry)
    for layer in model.layers:
        if layer.weights and layer.name != "dense":
            layer.set_weights(known.get_layer(layer.name).get_weights())
    kernel, bias = model.get_layer("dense").get_weights()
    old_kernel, old_bias = known.get_layer("dense").get_weights()
    for number, label in enumerate(labels):
        if label in entry.labels:
            old = entry.labels.index(label)
            kernel[:, number], bias[number] = old_kernel[:, old], old_bias[old]
    model.get_layer("dense").set_weights([kernel, bias])
    return model
