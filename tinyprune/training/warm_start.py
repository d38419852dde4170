"""A network for keywords that begins with what a network of the zoo knows: training needs less data and time."""

from collections.abc import Sequence
from typing import Any

from tinyprune.compiler.sparsity import DENSE
from tinyprune.sound.features import FrontEnd
from tinyprune.training import zoo
from tinyprune.training.models import BUILDERS, Architecture, Size

#: Batch statistics follow a short training; Keras's 0.99 would still remember the start.
MOMENTUM = 0.9


def known(size: Size, front_end: FrontEnd, architecture: Architecture) -> zoo.ZooEntry | None:
    """The first dense entry of the zoo that has the weights of such a network."""
    wanted = (size, front_end.name, architecture, DENSE)
    return next(
        (
            entry
            for entry in map(zoo.load, zoo.list_entries())
            if (entry.size, entry.front_end, entry.architecture, entry.pattern) == wanted and zoo.has_weights(entry)
        ),
        None,
    )


def start(
    size: Size, labels: Sequence[str], seed: int, front_end: FrontEnd, architecture: Architecture = "ds-cnn"
) -> Any:
    """A network to begin with: the zoo's weights if it has some, of the last layer those of shared labels only."""
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    model = BUILDERS[architecture](size, len(labels), front_end=front_end)
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    entry = known(size, front_end, architecture)
    if entry is None:
        return model
    taught = zoo.build_model(entry)
    for layer in model.layers:
        if layer.weights and layer.name != "dense":
            layer.set_weights(taught.get_layer(layer.name).get_weights())
    kernel, bias = model.get_layer("dense").get_weights()
    old_kernel, old_bias = taught.get_layer("dense").get_weights()
    for number, label in enumerate(labels):
        if label in entry.labels:
            old = entry.labels.index(label)
            kernel[:, number], bias[number] = old_kernel[:, old], old_bias[old]
    model.get_layer("dense").set_weights([kernel, bias])
    return model
