"""Keras 3 models become tf_keras models that answer the same, or are refused by the layer's name."""

import numpy as np
import pytest

from tinyprune.compiler import reader
from tinyprune.compiler.operators.lstm import Lstm
from tinyprune.errors import ModelError
from tinyprune.training import keras3
from tinyprune.training.prune import prune
from tinyprune.training.quantize import quantize

keras = pytest.importorskip("keras", reason="keras is not installed")


def randomized(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, weights.shape) for weights in model.get_weights()])
    return model


def functional():
    layers = keras.layers
    start = layers.Input((6, 4, 1))
    maps = layers.Conv2D(8, 3, padding="same", activation="relu", kernel_regularizer="l2", name="conv")(start)
    maps = layers.BatchNormalization()(maps)
    maps = layers.ReLU(max_value=6.0)(layers.DepthwiseConv2D(3, padding="same", name="depthwise")(maps))
    maps = layers.Dropout(0.3)(layers.Add()([maps, layers.Conv2D(8, 1, name="beside")(maps)]))
    answer = layers.Dense(3, activation="softmax", name="dense")(layers.GlobalAveragePooling2D()(maps))
    return randomized(keras.Model(start, answer, name="branched"))


def recurrent():
    layers = keras.layers
    return randomized(keras.Sequential([layers.Input((5, 4)), layers.LSTM(6, name="memory"), layers.Dense(2)]))


@pytest.mark.parametrize(
    "make", [functional, recurrent, lambda: transferred(), lambda: of_any_size(), lambda: embedded()]
)
def test_a_rebuilt_model_has_the_same_layers_and_answers(make):
    model = make()
    rebuilt = keras3.rebuild(model)
    assert type(rebuilt).__module__.startswith("tf_keras.")
    assert not keras3.is_keras_3(rebuilt)
    assert [layer.name for layer in rebuilt.layers if layer.weights] == [
        layer.name for layer in model.layers if layer.weights
    ]
    samples = np.random.default_rng(1).uniform(0, 8, size=(3, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(rebuilt.predict(samples, verbose=0), model.predict(samples, verbose=0), rtol=1e-4)


def test_loops_become_an_lstm_operator():
    """TensorFlow Lite's calibration crashes on the loop that it makes of Keras 3's."""
    samples = np.random.default_rng(2).normal(size=(8, 5, 4)).astype(np.float32)
    (op, *_) = reader.read(quantize(recurrent(), samples)).ops
    assert isinstance(op, Lstm)


def transferred():
    """A frozen base, nested, behind which a head is trained."""
    layers = keras.layers
    base = keras.Sequential([layers.Input((6, 4, 2)), layers.Conv2D(4, 3), layers.BatchNormalization()], name="base")
    base.trainable = False
    head = [layers.LeakyReLU(negative_slope=0.1), layers.Flatten(), layers.Dense(3, name="head")]
    return randomized(keras.Sequential([layers.Input((6, 4, 2)), base, *head]))


def of_any_size():
    """A nested base that takes maps of any size."""
    layers = keras.layers
    base = keras.Sequential([layers.Input((None, None, 2)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()])
    return randomized(keras.Sequential([layers.Input((6, 4, 2)), base, layers.Dense(3)]))


def embedded():
    layers = keras.layers
    return randomized(keras.Sequential([layers.Input((6,)), layers.Embedding(9, 4), layers.Flatten(), layers.Dense(2)]))


def test_frozen_layers_stay_frozen():
    rebuilt = keras3.rebuild(transferred())
    assert [weights.name for weights in rebuilt.trainable_weights] == ["head/kernel:0", "head/bias:0"]


def test_answers_may_be_a_dictionary():
    layers = keras.layers
    start = layers.Input((8,))
    model = keras.Model(start, {"one": layers.Dense(2)(start), "other": layers.Dense(3)(start)})
    assert [tensor.shape[-1] for tensor in keras3.rebuild(randomized(model)).outputs] == [2, 3]


def test_pruning_takes_a_keras_3_model():
    model = functional()
    pruned = prune(model, "2:4")
    assert {layer.name for layer in pruned.layers if layer.pruned} == {"conv", "beside", "dense"}
    kept = pruned.model.get_layer("beside").kernel.numpy()
    assert (kept == 0).mean() == 0.5
    assert set(kept[kept != 0]) <= set(model.get_layer("beside").kernel.numpy().ravel())


def test_a_layer_that_keras_2_lacks_is_named():
    layers = keras.layers
    model = keras.Sequential([layers.Input((8,)), layers.RMSNormalization(name="norm"), layers.Dense(2)], name="new")
    wanted = r"model new is of Keras 3.*layer norm \(RMSNormalization\) is no layer of Keras 2"
    with pytest.raises(ModelError, match=wanted):
        prune(model)


def test_an_operation_that_keras_2_calls_otherwise_is_named():
    start = keras.layers.Input((8,))
    model = keras.Model(start, keras.layers.Dense(2)(start * 2.0), name="scaled")
    with pytest.raises(ModelError, match=r"model scaled is of Keras 3.* \(Multiply\) cannot be called in Keras 2"):
        prune(model)
