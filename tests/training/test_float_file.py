"""Float .tflite files rebuilt in tf_keras: beside the networks that they were made from, and file by file where
converters would not write such a thing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tflite

from tests import networks
from tests.tflite_file import Operator, Tensor, write
from tinyprune.errors import ModelError, UsageError
from tinyprune.training import float_file
from tinyprune.training.prune import kernels
from tinyprune.training.quantize import convert_float

Code = tflite.BuiltinOperator
FLOAT = tflite.TensorType.FLOAT32
RNG = np.random.default_rng


def convolutions(x: Any) -> Any:
    from tf_keras import layers

    x = layers.Conv2D(8, (3, 2), (2, 1), "same", use_bias=False, name="conv")(x)
    x = layers.ReLU(6.0, name="act")(layers.BatchNormalization(name="bn")(x))
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="dw")(x)
    z = layers.Conv2D(16, 1, dilation_rate=2, activation="relu", name="pw")(x)
    x = layers.Concatenate(name="both")([y, layers.MaxPooling2D(2, 1, "same", name="max")(z)])
    return layers.ZeroPadding2D(((0, 1), (2, 0)), name="pad")(x)


def arithmetic(x: Any) -> Any:
    from tf_keras import layers

    x = layers.Rescaling([2.0, -1.0], [0.5, 0.25], name="scaled")(x)
    y = layers.Activation("tanh", name="tanh")(x)
    x = layers.Subtract(name="sub")([layers.Multiply(name="mul")([x, y]), layers.LeakyReLU(0.2, name="leaky")(x)])
    x = layers.Maximum(name="most")([layers.Add(name="add")([x, y]), layers.Activation("sigmoid", name="sig")(y)])
    return layers.Permute((2, 1, 3), name="turn")(1.5 - layers.PReLU(shared_axes=(1, 2), name="prelu")(x))


def ends(x: Any) -> Any:
    from tf_keras import layers

    x = layers.AveragePooling2D((3, 2), name="average")(x)
    most = layers.GlobalMaxPooling2D(name="most")(x)
    flat = layers.Dense(12, "relu", use_bias=False, name="wide")(layers.Flatten(name="flat")(x))
    mean = layers.Dense(5, name="on_pixels")(layers.GlobalAveragePooling2D(keepdims=True, name="gap")(x))
    x = layers.Concatenate(name="all")([most, flat, layers.Reshape((5,), name="five")(mean)])
    return layers.Softmax(name="softmax")(layers.Dense(4, name="dense")(x))


def moves(x: Any) -> Any:
    import tensorflow as tf
    from tf_keras import layers

    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    x = x * tf.nn.relu6(x + 3.0) * (1 / 6)  # a HARD_SWISH in the file
    x = layers.Conv2DTranspose(6, 3, 2, "same", activation="relu", name="up")(x[:, 1:9:2, :, 1:])
    x = layers.UpSampling2D(2, interpolation="bilinear", name="twice")(layers.Cropping2D(1, name="crop")(x))
    return layers.Resizing(7, 5, "nearest", name="small")(x)


def sequence(x: Any) -> Any:
    from tf_keras import layers

    x = layers.LSTM(6, return_sequences=True, name="steps")(layers.Reshape((10, 18), name="pixels")(x))
    return layers.Dense(3, name="dense")(layers.LSTM(5, name="last")(x))


#: Files do not tell what a recurrent layer was called.
LSTMS = ("lstm_1", "lstm_2")
NETWORKS = {
    convolutions: ["conv", "dw", "pw"],
    arithmetic: ["prelu"],
    ends: ["dense", "on_pixels", "wide"],
    moves: ["conv", "up"],
    sequence: ["dense", *(f"{lstm}{kernel}" for lstm in LSTMS for kernel in ("", "/recurrent_kernel"))],
}


def network(body: Callable[[Any], Any]) -> Any:
    from tf_keras import Model, layers, utils

    utils.set_random_seed(0)
    x = layers.Input((10, 9, 2))
    model = Model(x, body(x), name="a_network_of_a_long_name")
    model.set_weights([value + RNG(1).uniform(0, 0.3, value.shape) for value in model.get_weights()])
    return model


def inputs(count: int = 6) -> np.ndarray:
    return RNG(2).normal(size=(count, 10, 9, 2)).astype(np.float32)


@pytest.mark.parametrize("body", NETWORKS, ids=lambda body: body.__name__)
def test_a_file_answers_as_the_network_that_it_was_made_from(body: Callable[[Any], Any]) -> None:
    model = network(body)
    content = convert_float(model)
    rebuilt = float_file.rebuild(content, "m.tflite")
    float_file.compare(rebuilt, content, "m.tflite", inputs())
    np.testing.assert_allclose(rebuilt.predict_on_batch(inputs()), model.predict_on_batch(inputs()), atol=1e-5)
    assert sorted(kernel.name for kernel in kernels.kernels_of(rebuilt)) == NETWORKS[body]


def test_everything_that_stands_in_the_way_is_named_at_once() -> None:
    x, y, z, w = (Tensor(name, (1, 4), FLOAT, (), ()) for name in "xyzw")
    operators = [
        Operator(Code.CEIL, (0,), (1,)),
        Operator(Code.CONCATENATION, (1, 1), (2,), "ConcatenationOptions", {"Axis": 0}),
        Operator(Code.COS, (2,), (3,)),
    ]
    with pytest.raises(ModelError, match="3 obstacles") as caught:
        float_file.rebuild(write([x, y, z, w], operators, (0,), (3,)), "m.tflite")
    assert [each.operator for each in caught.value.obstacles] == ["CEIL", "CONCATENATION", "COS"]
    assert "is not supported; supported: ADD, AVERAGE_POOL_2D, " in str(caught.value)
    assert 'it joins along the batch (CONCATENATION, number 1, tensor "z")' in str(caught.value)


@pytest.mark.parametrize("kind", ["hybrid", "float16", "any batch"])
def test_weights_of_other_types_and_an_open_batch(kind: str) -> None:
    import tensorflow as tf
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    model = Sequential([layers.Input((10, 9, 2)), layers.Conv2D(64, 5, name="conv"), layers.Flatten(), layers.Dense(4)])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [] if kind == "any batch" else [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16] if kind == "float16" else []
    content = converter.convert()
    rebuilt = float_file.rebuild(content, "m.tflite")
    float_file.compare(rebuilt, content, "m.tflite")
    wanted = model.predict_on_batch(inputs())
    within = {"hybrid": 2e-2, "float16": 2e-3, "any batch": 1e-5}[kind] * np.abs(wanted).max()
    apart = np.abs(rebuilt.predict_on_batch(inputs()) - wanted).max()
    assert apart < within
    assert kind == "any batch" or apart > 1e-5
    assert kernels.kernels_of(rebuilt)[0].name == "conv"


def test_a_depthwise_layer_of_one_channel_is_a_convolution_and_its_strides_may_differ() -> None:
    weights = RNG(0).normal(size=(1, 3, 3, 8)).astype(np.float32)
    tensors = [
        Tensor("x", (1, 8, 9, 1), FLOAT, (), ()), Tensor("w", (1, 3, 3, 8), FLOAT, (), (), data=weights),
        Tensor("y", (1, 3, 7, 8), FLOAT, (), ()), Tensor("b", (8,), FLOAT, (), (), data=weights[0, 0, 0]),
    ]  # fmt: skip
    options = {"Padding": 1, "StrideH": 2, "StrideW": 1, "DepthMultiplier": 8}
    options |= {"DilationHFactor": 1, "DilationWFactor": 1}
    content = write(
        tensors, [Operator(Code.DEPTHWISE_CONV_2D, (0, 1, 3), (2,), "DepthwiseConv2DOptions", options)], (0,), (2,)
    )
    rebuilt = float_file.rebuild(content, "m.tflite")
    float_file.compare(rebuilt, content, "m.tflite")
    (kernel,) = kernels.kernels_of(rebuilt)
    assert (kernel.kind, kernel.matrix().shape) == ("Conv2D", (8, 9))


def test_another_answer_than_the_files_is_refused() -> None:
    content = convert_float(network(ends))
    rebuilt = float_file.rebuild(content, "m.tflite")
    weights = rebuilt.get_layer("wide").get_weights()
    rebuilt.get_layer("wide").set_weights([weights[0] * 1.01])
    for samples in (None, inputs()):
        with pytest.raises(ModelError, match=r"m\.tflite: rebuilt in Keras it answers otherwise than TensorFlow Lite"):
            float_file.compare(rebuilt, content, "m.tflite", samples)


def test_what_is_no_float_file() -> None:
    with pytest.raises(UsageError, match=r"m\.tflite is quantized already"):
        float_file.rebuild(networks.every_operator(), "m.tflite")
    with pytest.raises(ModelError, match=r"m\.tflite: not a \.tflite file"):
        float_file.rebuild(b"nothing of the kind", "m.tflite")
    two = [Tensor("x", (2, 4), FLOAT, (), ()), Tensor("y", (2, 4), FLOAT, (), ())]
    with pytest.raises(ModelError, match=r'its input "x" is FLOAT32 \[2, 4\]; float32 with a batch of 1'):
        float_file.rebuild(write(two, [Operator(Code.RELU, (0,), (1,))], (0,), (1,)), "m.tflite")
