"""The reference against TFLite Micro (the tflite-micro wheel), byte for byte, one layer at a time and in chains."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.tflite_models import Conv, Dense, Depthwise, Flatten, Input, Layer, Pool, Rescale, Soft, graph, model
from tinyprune.compiler import fixed_point, reference
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.reader import read
from tinyprune.errors import DataError, ModelError

Int8 = npt.NDArray[np.int8]
ARENA_BYTES = 1 << 20


def tflite_micro(data: bytes, inputs: Int8) -> Int8:
    runtime = pytest.importorskip(
        "tflite_micro.python.tflite_micro.runtime", reason="tflite-micro is not installed", exc_type=ImportError
    )
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=ARENA_BYTES)
    outputs = []
    for sample in inputs:
        interpreter.set_input(sample[None], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0)[0])
    return np.array(outputs)


def check(source: Input, layers: Sequence[Layer], inputs: Int8) -> Int8:
    data = model(source, layers)
    expected = tflite_micro(data, inputs)
    found = reference.infer(graph(source, layers), inputs)
    np.testing.assert_array_equal(found, expected.reshape(len(inputs), -1))
    return expected


def samples(count: int, shape: tuple[int, ...], seed: int = 0) -> Int8:
    """Random ones, and all −128, all 127."""
    random = np.random.default_rng(seed).integers(-128, 128, (count, *shape)).astype(np.int8)
    random[:2] = np.array([-128, 127], np.int8).reshape(2, *[1] * len(shape))
    return random


@pytest.mark.tflm
def test_any_change_of_scale() -> None:
    """Of all 256 values."""
    every = np.arange(-128, 128).astype(np.int8)[np.newaxis]
    for seed in range(100):
        op = OPERATORS["QUANTIZE"].case(np.random.default_rng(seed))
        source, target = op.inputs[0], op.outputs[0]
        layer = Rescale(scale=float(target.scale), zero_point=target.zero_point)
        check(Input((256,), float(source.scale), source.zero_point), [layer], every)


@pytest.mark.tflm
@pytest.mark.parametrize("scale", [0.02, 0.0625, 0.1, 0.5, 1.0])
def test_softmax_of_every_difference(scale: float) -> None:
    """All 256 differences of two inputs."""
    inputs = np.stack([np.full(256, 127), np.arange(-128, 128)], axis=1).astype(np.int8)
    outputs = check(Input((2,), scale, 5), [Soft()], inputs)
    assert len(np.unique(outputs)) > 3


@pytest.mark.tflm
@pytest.mark.parametrize("scale", [0.02, 0.05, 0.1])
def test_softmax_of_many_rows(scale: float) -> None:
    x = np.random.default_rng(2).integers(-40, 40, (1, 1500, 3)).astype(np.int8)
    check(Input((1500, 3), scale), [Soft()], x)


@pytest.mark.tflm
def test_one_scale_for_a_fully_connected_layer_and_one_for_each_channel() -> None:
    """Both multiply scales in double; accumulators on the edge between two outputs would tell float32 apart."""
    scale, weight_scale = 0.1, 0.7
    output_scale = float(np.float32(scale * weight_scale * 2**22))
    edges = (np.arange(255) + 0.5) * output_scale / (scale * weight_scale)
    bias = (np.round(edges)[:, None] + np.arange(-20, 21)).astype(np.int32).ravel()
    zeros = np.zeros((len(bias), 4), np.int8)
    one = Dense(weights=zeros, bias=bias, weight_scales=[weight_scale], scale=output_scale, zero_point=-128)
    each = replace(one, weight_scales=[weight_scale] * len(bias))
    source, x = Input((4,), scale), np.zeros((1, 4), np.int8)
    outputs = check(source, [one], x)
    np.testing.assert_array_equal(outputs, check(source, [each], x))
    np.testing.assert_array_equal(reference.infer(read(model(source, [one])), x), outputs.reshape(len(x), -1))
    in_float = fixed_point.quantize_multiplier(float(np.float32(scale) * np.float32(weight_scale)) / output_scale)
    other = fixed_point.multiply_by_quantized_multiplier(bias, *in_float).astype(np.int64) - 128
    assert (np.clip(other, -128, 127) != outputs[0]).sum() > 10  # so this test would tell


@pytest.mark.tflm
def test_ties_of_both_roundings() -> None:
    """Biases alone make the accumulators; with powers of two for scales, all kinds of ties are among them."""
    bias = np.arange(-3000, 3000, dtype=np.int32)
    for exponent in range(1, 9):
        for three in (1.0, 1.5):
            zeros = np.zeros((len(bias), 1), np.int8)
            layer = Dense(weights=zeros, bias=bias, weight_scales=[three], scale=2.0**exponent)
            check(Input((1,), 1.0), [layer], np.zeros((1, 1), np.int8))


@pytest.mark.tflm
@pytest.mark.parametrize("dynamic_batch", [False, True])
def test_a_chain_through_the_reader(dynamic_batch: bool) -> None:
    random = np.random.default_rng(3)

    def weights(*shape: int) -> Int8:
        return random.integers(-127, 128, shape).astype(np.int8)

    def biases(channels: int) -> Any:
        return random.integers(-2000, 2000, channels).astype(np.int32)

    scales = [float(s) for s in random.uniform(0.001, 0.004, 12)]
    first = Conv(weights=weights(12, 5, 4, 1), weight_scales=scales, bias=biases(12), padding="SAME", stride=(2, 2))
    second = Depthwise(weights=weights(3, 3, 12), weight_scales=scales, bias=biases(12), padding="SAME")
    layers: list[Layer] = [
        replace(first, activation="RELU", zero_point=-128),
        replace(second, activation="RELU6", scale=0.02, zero_point=-20),
        Conv(weights=weights(9, 1, 1, 12), weight_scales=scales[:9], bias=biases(9), scale=0.02, zero_point=3),
        Pool(kernel=(3, 2), stride=(2, 2), padding="SAME"),
        Flatten(),
        Dense(weights=weights(7, 7 * 2 * 9), weight_scales=scales[:7], bias=biases(7), scale=0.08, zero_point=10),
        Soft(),
    ]
    source = Input((25, 6, 1), 0.02, 4)
    inputs = samples(40, source.shape)
    expected = check(source, layers, inputs)
    assert len(np.unique(expected)) > 20
    data = model(source, layers, dynamic_batch)
    np.testing.assert_array_equal(reference.infer(read(data), inputs), expected.reshape(len(inputs), -1))


def test_run_returns_every_activation() -> None:
    whole = graph(Input((2, 2, 3)), [Pool(kernel=(2, 2)), Flatten(), Dense(weights=np.ones((4, 3), np.int8))])
    activations = reference.run(whole, samples(3, (2, 2, 3)))
    assert [activations[op.outputs[0].index].shape for op in whole.ops] == [(3, 1, 1, 3), (3, 3), (3, 4)]
    assert sorted(activations) == [0, *(op.outputs[0].index for op in whole.ops)]


def test_wrong_inputs_are_refused() -> None:
    whole = graph(Input((2, 3)), [Flatten()])
    with pytest.raises(DataError, match=r'rows of 6 bytes, \[samples, …\]: "input" int8 \[2, 3\]; got int8 \[1, 5\]'):
        reference.infer(whole, np.zeros((1, 5), np.int8))
    with pytest.raises(DataError, match="got float64"):
        reference.infer(whole, np.zeros((1, 2, 3)))  # type: ignore[arg-type]


def test_a_softmax_of_too_many_values_is_refused() -> None:
    whole = graph(Input((4096,)), [Soft()])
    with pytest.raises(ModelError, match='softmax "layer0" is over 4096 values; 4095 is the most'):
        reference.infer(whole, np.zeros((1, 4096), np.int8))
