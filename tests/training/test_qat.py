"""Quantization-aware training of pruned models: the mask survives training and conversion."""

import numpy as np
import pytest

from tinyprune.compiler import oracle, reader, reference, sparsity
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.errors import ModelError
from tinyprune.training.prune import prune, qat, unmasked
from tinyprune.training.quantize import quantize

CLASSES = 4


@pytest.fixture(scope="module")
def pruned():
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    model = Sequential(
        [
            layers.Input((8, 6, 1)),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise"),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.Conv2D(12, 1, use_bias=False, name="pointwise"),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.AveragePooling2D((8, 6)),
            layers.Flatten(),
            layers.Dense(CLASSES, name="dense"),
            layers.Softmax(),
        ]
    )
    return prune(model, "2:4")


def clips(seed, count=256):
    """Flat, rows, columns or checks, which is the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    maps = rng.normal(scale=0.3, size=(count, 8, 6, 1)).astype(np.float32)
    row, column = np.indices((8, 6)) % 2
    textures = np.stack([np.ones((8, 6)), row, column, row ^ column]).astype(np.float32)
    return maps + textures[labels][..., np.newaxis], labels


def test_masks_survive_training_and_conversion_and_the_network_learns(pruned):
    model = qat.quantization_aware(unmasked(pruned))
    model.compile("adam", "sparse_categorical_crossentropy")
    before = [weights.copy() for weights in model.get_weights()]
    for seed in range(12):
        model.fit(*clips(seed), batch_size=32, verbose=0)
    assert any(not np.array_equal(was, now) for was, now in zip(before, model.get_weights(), strict=True))
    content = quantize(model)
    graph = reader.read(content)
    assert any(isinstance(op, Quantize) for op in graph.ops)  # the pool's output has a range of its own
    patterns = {op.name: sparsity.discover(op.matrix) for op in graph.ops if op.matrix is not None}
    assert list(patterns.values()) == ["2:4"] * 3
    maps, labels = clips(99)
    samples = np.clip(np.round(maps / graph.inputs[0].scale) + graph.inputs[0].zero_point, -128, 127).astype(np.int8)
    outputs = reference.infer(graph, samples)
    assert (outputs.reshape(len(maps), -1).argmax(axis=1) == labels).mean() > 0.9
    if oracle.version():
        np.testing.assert_array_equal(oracle.infer(content, samples[:16]), outputs.reshape(len(maps), -1)[:16])


def test_a_model_that_cannot_be_trained_so_is_refused():
    from tf_keras import Sequential, layers

    model = Sequential([layers.Input((4, 8)), layers.LSTM(8, name="memory"), layers.Dense(2)])
    with pytest.raises(ModelError, match="cannot be trained quantization-aware"):
        qat.quantization_aware(model)
