"""Full int8 conversion: judged by the bytes, with TFLite's own schema."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tflite

from tinyprune.compiler import oracle, reader
from tinyprune.errors import DataError, MissingDependency, ModelError
from tinyprune.training import keras_model, quantize, zoo
from tinyprune.training.models import ds_cnn

OPERATORS = {"CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX"}


@pytest.fixture(scope="module")
def model():
    return zoo.build_model(zoo.load("ds-cnn-s-2x4"))


@pytest.fixture(scope="module")
def content(model) -> bytes:
    return quantize.quantize(model)


@pytest.fixture
def small():
    """A tf_keras model without recorded ranges."""
    from tf_keras import Sequential, layers

    return Sequential(
        [layers.Input((8, 6, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)],
        name="small",
    )


def samples(count: int = 8, shape=(8, 6, 1)) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


def graph_of(content: bytes) -> tflite.SubGraph:
    return tflite.Model.GetRootAs(content, 0).Subgraphs(0)


def operators_of(content: bytes) -> list[str]:
    codes = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
    model, graph = tflite.Model.GetRootAs(content, 0), graph_of(content)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    return [codes[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()] for operator in operators]


def test_the_graph_is_int8_from_input_to_output(content):
    graph = graph_of(content)
    names = operators_of(content)
    assert set(names) <= OPERATORS
    assert names.count("CONV_2D") == 5
    assert names.count("DEPTHWISE_CONV_2D") == 4
    types = {graph.Tensors(index).Type() for index in range(graph.TensorsLength())}
    assert types <= {tflite.TensorType.INT8, tflite.TensorType.INT32}
    for index in (graph.Inputs(0), graph.Outputs(0)):
        assert graph.Tensors(index).Type() == tflite.TensorType.INT8
    assert list(graph.Tensors(graph.Inputs(0)).ShapeAsNumpy()) == [1, 49, 10, 1]


def test_weights_are_symmetric_per_channel_and_dense_ones_per_tensor(content):
    graph, model = graph_of(content), tflite.Model.GetRootAs(content, 0)
    scales_of = {}
    for name, operator in zip(operators_of(content), map(graph.Operators, range(graph.OperatorsLength())), strict=True):
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            tensor = graph.Tensors(operator.Inputs(1))
            assert model.Buffers(tensor.Buffer()).DataLength() == np.prod(tensor.ShapeAsNumpy())
            assert not tensor.Quantization().ZeroPointAsNumpy().any()
            scales_of.setdefault(name, set()).add(tensor.Quantization().ScaleLength())
    assert scales_of == {"CONV_2D": {64}, "DEPTHWISE_CONV_2D": {64}, "FULLY_CONNECTED": {1}}


def test_scales_come_from_the_recorded_ranges(content):
    entry, graph = zoo.load("ds-cnn-s-2x4"), graph_of(content)
    tensor = graph.Tensors(graph.Inputs(0)).Quantization()
    low, high = entry.ranges["features"]
    assert tensor.Scale(0) == pytest.approx((high - low) / 255, rel=1e-5)
    assert tensor.ZeroPoint(0) == round(-128 - low / tensor.Scale(0))
    first = graph.Tensors(graph.Operators(0).Outputs(0)).Quantization()
    assert first.Scale(0) == pytest.approx(entry.ranges["conv_relu"][1] / 255, rel=1e-5)


def test_pruned_zeros_stay_exactly_zero_in_the_bytes(model, content):
    entry, graph = zoo.load("ds-cnn-s-2x4"), graph_of(content)
    sparse = [op for op in reader.read(content).ops if type(op).__name__ in ("Conv2D", "FullyConnected")]
    assert len(sparse) == len(entry.pruned_layers)
    assert graph.OperatorsLength() >= len(sparse)
    for op, name in zip(sparse, entry.pruned_layers, strict=True):
        kernel = model.get_layer(name).kernel.numpy()
        zeros = kernel.reshape(-1, kernel.shape[-1]).T == 0
        assert zeros.mean() >= 0.5
        assert not op.weights.reshape(zeros.shape)[zeros].any()
        assert np.abs(op.weights).max() == 127


def test_weights_are_those_of_keras_with_batch_normalization_folded(model, content):
    weighted = [op for op in reader.read(content).ops if hasattr(op, "weights")]
    names = [layer.name for layer in model.layers if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D")]
    for op, name in zip(weighted[:-1], names, strict=True):
        layer, normalization = model.get_layer(name), model.get_layer(f"{name}_bn")
        gamma, beta, mean, variance = (array.astype(np.float64) for array in normalization.get_weights())
        factor = gamma / np.sqrt(variance + normalization.epsilon)
        kernel = layer.get_weights()[0].astype(np.float64)
        if name.startswith("depthwise"):
            folded = kernel[..., 0] * factor
            ours = np.round(folded / op.weight_scales)
        else:
            folded = (kernel * factor).transpose(3, 0, 1, 2)
            ours = np.round(folded / op.weight_scales[:, None, None, None])
        assert np.abs(ours - op.weights).max() <= 1
        assert (ours == op.weights).mean() > 0.999
        bias = (beta - mean * factor) / (op.weight_scales * op.input.scale)
        np.testing.assert_allclose(op.bias, bias, atol=1.01)


def test_equal_models_give_equal_bytes(content):
    assert quantize.quantize(zoo.build_model(zoo.load("ds-cnn-s-2x4"))) == content


@pytest.mark.tflm
def test_int8_follows_the_float_network(model, content):
    features = np.random.default_rng(1).normal(scale=8, size=(64, 49, 10, 1)).astype(np.float32).cumsum(axis=1) / 4
    graph_input = reader.read(content).inputs[0]
    quantized = np.clip(np.round(features / graph_input.scale) + graph_input.zero_point, -128, 127).astype(np.int8)
    probabilities = (oracle.infer(content, quantized).astype(np.float32) + 128) / 256
    expected = model.predict(features, verbose=0)
    assert np.abs(probabilities - expected).mean() < 0.02
    assert (probabilities.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.9
    assert len(np.unique(expected.argmax(axis=1))) > 1


def test_calibration_samples_set_the_ranges(small):
    calibration = samples() * 3
    graph = graph_of(quantize.quantize(small, calibration))
    low, high = float(calibration.min()), float(calibration.max())
    assert graph.Tensors(graph.Inputs(0)).Quantization().Scale(0) == pytest.approx((high - low) / 255, rel=1e-4)
    assert {graph.Tensors(index).Type() for index in range(graph.TensorsLength())} <= {9, 2}


def test_extremes_are_what_the_converter_takes_by_itself(small):
    import tensorflow as tf

    calibration = samples(50)
    signature = tf.TensorSpec((1, 8, 6, 1), tf.float32)
    function = tf.function(lambda x: small(x, training=False)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], small)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.representative_dataset = lambda: ([sample[None]] for sample in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    theirs = reader.read(converter.convert())
    ours = reader.read(quantize.quantize(small, calibration, "extremes"))
    assert [op.output.scale for op in ours.ops] == [op.output.scale for op in theirs.ops]


@pytest.mark.tflm
def test_ranges_of_least_error_lose_less_than_extremes():
    """A corner of one sample in 400 is three times as strong as all the rest."""
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    model = Sequential([layers.Input((16, 16, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()])
    inputs = np.random.default_rng(0).uniform(size=(400, 16, 16, 1)).astype(np.float32)
    inputs[7, :3, :3] *= 3
    wanted = model.predict(inputs, verbose=0)
    errors = {}
    for rule in ("extremes", "least-error"):
        content = quantize.quantize(model, inputs, rule)
        graph = reader.read(content)
        source, output = graph.inputs[0], graph.outputs[0]
        stored = np.clip(np.round(inputs / source.scale) + source.zero_point, -128, 127).astype(np.int8)
        shown = (oracle.infer(content, stored).astype(np.float64) - output.zero_point) * output.scale
        errors[rule] = ((shown.reshape(wanted.shape) - wanted) ** 2).mean()
    assert errors["least-error"] < 0.9 * errors["extremes"]


def test_calibration_samples_replace_recorded_ranges(model):
    calibration = samples(4, (49, 10, 1)) * 50
    graph = graph_of(quantize.quantize(model, calibration))
    width = float(calibration.max() - calibration.min())
    assert graph.Tensors(graph.Inputs(0)).Quantization().Scale(0) == pytest.approx(width / 255, rel=1e-4)


def test_record_ranges_covers_input_activations_and_logits():
    model = ds_cnn("S", 3)
    features = samples(300, (49, 10, 1))
    ranges = quantize.record_ranges(model, features)
    relus = [layer.name for layer in model.layers if layer.name.endswith("_relu")]
    assert list(ranges) == ["features", *relus, "dense"]
    low, high = ranges["features"]
    assert features.min() <= low < -3 < 3 < high <= features.max()
    assert all(ranges[name][0] == 0 < ranges[name][1] for name in relus)
    assert ranges["dense"][0] <= 0 <= ranges["dense"][1]


def test_without_ranges_calibration_is_asked_for(small):
    with pytest.raises(ModelError, match="model small carries no activation ranges: give calibration samples"):
        quantize.quantize(small)


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (samples(4, (8, 6)), r"calibration samples have shape \[4, 8, 6\]; this model needs \[samples, 8, 6, 1\]"),
        (samples(0), r"calibration samples have shape \[0, 8, 6, 1\]"),
        (np.full((3, 8, 6, 1), "x"), r"calibration samples are <U1; expected numbers \[samples, 8, 6, 1\]"),
    ],
)
def test_calibration_of_the_wrong_kind_is_refused(small, calibration, message):
    with pytest.raises(DataError, match=message):
        quantize.quantize(small, calibration)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e300])
def test_calibration_must_be_finite(small, poison):
    calibration = samples(5).astype(np.float64)
    calibration[3, 2, 1, 0] = poison
    with pytest.raises(DataError, match=r"1 of 5 calibration samples hold NaN or Inf, first sample 3; remove them"):
        quantize.quantize(small, calibration)


def test_a_model_with_two_inputs_is_refused():
    from tf_keras import Model, layers

    a, b = layers.Input((4,)), layers.Input((4,))
    with pytest.raises(ModelError, match="expected one input, all of whose axes are fixed"):
        quantize.quantize(Model([a, b], layers.Add()([a, b])), samples(4, (4,)))


def test_a_dynamic_input_is_refused():
    from tf_keras import Sequential, layers

    model = Sequential([layers.Input((None, 6, 1)), layers.Conv2D(4, 3)])
    with pytest.raises(ModelError, match=r"has input \(None, None, 6, 1\); expected one input"):
        quantize.quantize(model, samples())


def test_what_the_converter_refuses_is_a_model_error():
    import tensorflow as tf
    from tf_keras import Sequential, layers

    model = Sequential([layers.Input((8,)), layers.Lambda(tf.math.bessel_i0)], name="odd")
    with pytest.raises(ModelError, match="TensorFlow Lite cannot convert odd to int8"):
        quantize.quantize(model, samples(4, (8,)))


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved_model"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_keras_2_files_give_the_same_bytes(model, content, tmp_path, name):
    model.save(tmp_path / name)
    assert quantize.quantize(keras_model.load(tmp_path / name)) == content


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_keras_3_files_are_converted_too(tmp_path, name):
    import keras

    layers = keras.layers
    keras.Sequential(
        [layers.Input((8, 6, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten()]
    ).save(tmp_path / name)
    converted = quantize.quantize(keras_model.load(tmp_path / name), samples())
    assert set(operators_of(converted)) == {"CONV_2D", "RESHAPE"}


def test_a_float16_file_is_refused_with_what_would_do(small):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(small)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    with pytest.raises(ModelError, match=r"it is a float model; quantize it: convert it again with"):
        reader.read(converter.convert())


def test_conversion_writes_nothing_to_the_terminal():
    """In a process of its own: TensorFlow's C++ writes when it is first loaded, past Python's streams."""
    script = (
        "import sys; from tinyprune.training import quantize, zoo; "
        "content = quantize.quantize(zoo.build_model(zoo.load('ds-cnn-s-2x4'))); "
        "print(len(content)); print('still here', file=sys.stderr)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True, timeout=120
    )
    assert int(done.stdout) > 40_000
    assert done.stderr == "still here\n"


def test_a_missing_tensorflow_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    with pytest.raises(MissingDependency, match=r"tf_keras is not installed: `pip install 'tinyprune\[kws\]'`"):
        ds_cnn("S", 10)
