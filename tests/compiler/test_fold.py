"""Folding: fewer operators, the same answers."""

from dataclasses import replace

import numpy as np
import pytest

from tests import tflite_models
from tests.graphs import NETWORKS, Build, Network
from tests.tflite_models import Depthwise, Input
from tinyprune.compiler import lower, oracle, reader, reference
from tinyprune.compiler.fold import fold
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.max_pool_2d import MaxPool2D
from tinyprune.compiler.operators.pad import Pad
from tinyprune.compiler.operators.transpose import Transpose
from tinyprune.device import boards
from tinyprune.errors import ModelError

HOST = boards.load("host")
RING = ((1, 1), (1, 1), (0, 0))


def kinds(graph: Graph) -> list[str]:
    return [type(op).__name__ for op in fold(graph).ops]


def check(network: Network) -> Graph:
    """The folded graph, which answers as the one that was read, and as TFLite Micro does."""
    graph = reader.read(network.file)
    folded = fold(graph)
    inputs = np.random.default_rng(3).integers(-128, 128, (30, graph.input_bytes)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    wanted = reference.infer(graph, inputs)
    np.testing.assert_array_equal(reference.infer(folded, inputs), wanted)
    if oracle.version():
        np.testing.assert_array_equal(oracle.infer(network.file, inputs, graph), wanted)
    return folded


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_answers_as_before(name: str) -> None:
    folded = check(NETWORKS[name]())
    assert fold(folded).ops == folded.ops


def test_pads_become_padding_of_windows() -> None:
    graph = NETWORKS["padded"]().graph
    assert [op.window.padding for op in fold(graph).ops if isinstance(op, (Conv2D, DepthwiseConv2D, MaxPool2D))] == [
        (1, 1), (1, 1), (1, 1), (0, 0)
    ]  # fmt: skip
    (pad,) = [step for step in lower.lower(graph, HOST).steps if isinstance(step.op, Pad)]
    assert pad.input_offsets[0] - pad.output_offsets[0] == pad.op.moves[0].target_offset  # in place


def test_a_pad_stays_where_its_value_or_its_reader_is_another() -> None:
    b = Build(1)
    x = b.tensor((6, 6, 4), zero_point=3)
    assert kinds(b.network([x], [b.valid_conv(b.pad(x, *RING, value=4), 4)]).graph) == ["PadV2", "Conv2D"]
    b = Build(1)
    x = b.tensor((6, 6, 4), zero_point=3)
    assert kinds(b.network([x], [b.max_pool(b.pad(x, *RING))]).graph) == ["Pad", "MaxPool2D"]
    b = Build(1)
    x = b.tensor((6, 6, 4), zero_point=3)
    wide = b.pad(x, *RING)
    assert kinds(b.network([x], [b.valid_conv(wide, 4), b.add(wide, wide)]).graph) == ["Pad", "Conv2D", "Add"]
    b = Build(1)
    x = b.tensor((6, 6, 4), zero_point=3)
    wide = b.pad(x, *RING)
    assert kinds(b.network([x], [wide, b.valid_conv(wide, 4)]).graph) == ["Pad", "Conv2D"]
    b = Build(1)
    x = b.tensor((6, 6, 4), zero_point=3)
    assert kinds(b.network([x], [b.valid_conv(b.pad(x, (0, 0), (1, 1), (0, 4)), 4)]).graph) == ["Pad", "Conv2D"]
    b = Build(1)
    x = b.tensor((6, 6, 4), zero_point=3)
    assert kinds(b.network([x], [b.valid_conv(b.pad(x, (3, 0), (1, 1), (0, 0)), 4)]).graph) == ["Pad", "Conv2D"]


@pytest.mark.parametrize(("value", "kinds_left"), [(-32768, ["MaxPool2D"]), (-128, ["PadV2", "MaxPool2D"])])
def test_a_pad_of_int16_before_a_max_pool(value: int, kinds_left: list[str]) -> None:
    b = Build(1, "int16")
    x = b.tensor((6, 6, 4))
    network = b.network([x], [b.max_pool(b.pad(x, (1, 0), (1, 0), (0, 0), value=value))])
    assert kinds(network.graph) == kinds_left


def test_two_readers_and_two_pads_are_folded() -> None:
    b = Build(2)
    x = b.tensor((6, 7, 4))
    wide = b.pad(b.pad(x, (1, 0), (0, 1), (0, 0)), (0, 1), (1, 0), (0, 0))
    network = b.network([x], [b.valid_conv(wide, 4), b.depthwise(wide, same=False)])
    folded = check(network)
    assert kinds(network.graph) == ["Conv2D", "DepthwiseConv2D"]
    assert folded.ops[0].window.padding == (1, 1)  # type: ignore[attr-defined]


def test_convolutions_between_batches_are_dilated() -> None:
    folded = fold(NETWORKS["dilated"]().graph)
    windows = [(op.window.dilation, op.window.padding) for op in folded.ops]  # type: ignore[attr-defined]
    assert windows == [((2, 2), (0, 0)), ((4, 4), (4, 3)), ((1, 1), (0, 0))]


def test_a_depthwise_convolution_of_one_channel_is_a_convolution() -> None:
    """As converters from PyTorch write first layers: many times as fast, and there is an axis to prune along."""
    weights = np.random.default_rng(2).integers(-127, 128, (5, 3, 24)).astype(np.int8)
    source = Input((20, 12, 1), 0.1, 7)
    layers = [
        Depthwise(weights=weights, stride=(2, 1), padding="SAME", activation="RELU", weight_scales=[0.01] * 24),
        Depthwise(weights=weights, dilation=(1, 2)),
    ]
    file, graph = tflite_models.model(source, layers), tflite_models.graph(source, layers)
    folded = fold(graph)
    assert kinds(graph) == ["Conv2D", "DepthwiseConv2D"]
    assert folded.ops[0].matrix is not None
    assert folded.ops[0].macs == graph.ops[0].macs
    inputs = np.random.default_rng(3).integers(-128, 128, (8, graph.input_bytes)).astype(np.int8)
    np.testing.assert_array_equal(reference.infer(folded, inputs), reference.infer(graph, inputs))
    if oracle.version():
        np.testing.assert_array_equal(oracle.infer(file, inputs, graph), reference.infer(folded, inputs))


def test_a_relu_becomes_the_fused_activation_of_what_is_before_it() -> None:
    graph = NETWORKS["clamped"]().graph
    folded = fold(graph)
    assert kinds(graph) == ["Conv2D", "Conv2D", "Add", "Conv2D", "Relu", "Conv2D", "Relu"]
    first = folded.ops[0]
    assert isinstance(first, Conv2D)
    assert first.activation_min == first.output.zero_point < first.activation_max < 127


def test_what_cannot_be_folded_is_refused_in_words() -> None:
    b = Build(3)
    x = b.tensor((8, 8, 4))
    y = b.batch_to_space(b.valid_conv(b.space_to_batch(x, 2, 2), 4), 2)
    with pytest.raises(ModelError, match="leaves open with what it fills them") as caught:
        lower.lower(b.network([x], [y]).graph, HOST)
    assert 'layer "conv_2" runs on a batch of 4; needed: a batch of 1' in str(caught.value)
    b = Build(3)
    x = replace(b.tensor((4, 8, 8, 4)), batched=False)
    with pytest.raises(ModelError, match="in a batch of 1 or between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND"):
        reader.read(b.network([x], [b.valid_conv(x, 4)]).file)


def test_views_back_to_the_same_shape_vanish() -> None:
    network = NETWORKS["shuffled"]()
    assert kinds(network.graph) == [
        "Transpose", "Conv2D", "Conv2D", "Conv2D", "Transpose", "Reshape"
    ]  # fmt: skip
    lowered = lower.lower(network.graph, HOST)
    assert [step.op.name.split("_")[0] for step in lowered.steps] == ["transpose", "conv", "conv", "conv", "transpose"]


def test_transposes_join_and_vanish() -> None:
    b = Build(4)
    x = b.tensor((4, 6, 8))
    there = b.transpose(b.transpose(b.transpose(b.conv(x, 8), 2, 0, 1), 1, 0, 2), 2, 1, 0)
    back = b.transpose(b.transpose(b.conv(x, 8), 2, 0, 1), 1, 2, 0)
    network = b.network([x], [there, b.conv(back, 4), b.transpose(b.transpose(x, 1, 2, 0), 2, 0, 1)])
    folded = check(network)
    assert [type(op).__name__ for op in folded.ops] == ["Conv2D", "Transpose", "Conv2D", "Conv2D", "Transpose"]
    assert [op.order for op in folded.ops if isinstance(op, Transpose)] == [(0, 2, 3, 1), (0, 1, 2, 3)]
    assert folded.ops[-1].is_view


def test_a_transpose_that_others_read_stays_and_is_not_read_around() -> None:
    b = Build(4)
    x = b.tensor((4, 6, 8))
    first = b.transpose(x, 2, 0, 1)
    assert kinds(b.network([x], [first, b.transpose(first, 1, 2, 0)]).graph) == ["Transpose", "Transpose"]


def test_a_transpose_before_a_fully_connected_layer_is_in_its_weights() -> None:
    """As PyTorch flattens a map: channels first."""
    b = Build(5)
    x = b.tensor((4, 3, 8))
    network = b.network([x], [b.dense(b.reshape(b.transpose(b.conv(x, 8), 2, 0, 1), (96,)), 5)])
    check(network)
    assert kinds(network.graph) == ["Conv2D", "FullyConnected"]
    b = Build(5, "int16")
    x = b.tensor((4, 3, 8))
    network = b.network([x], [b.dense(b.transpose(x, 1, 2, 0), 5)])
    assert kinds(network.graph) == ["FullyConnected"]


def test_a_transpose_stays_before_rows_a_pattern_and_other_readers() -> None:
    b = Build(6)
    x = b.tensor((4, 3, 8))
    b.dense(b.transpose(x, 2, 0, 1), 5)
    dense = b.ops[-1]
    assert isinstance(dense, FullyConnected)
    sparse = replace(dense, weights=dense.weights * (np.arange(96) % 4 < 2).astype(np.int8))
    b.ops[-1] = sparse
    assert kinds(b.network([x], [dense.output]).graph) == ["Transpose", "FullyConnected"]
    b = Build(6)
    x = b.tensor((4, 3, 8))
    turned = b.transpose(x, 2, 0, 1)
    assert kinds(b.network([x], [b.dense(turned, 5), turned]).graph) == ["Transpose", "FullyConnected"]
