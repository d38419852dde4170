"""A .tflite written again, and what of it becomes a custom operator."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import tflite

from tests import networks
from tests import tflite_models as t
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.compiler.kernels import KERNELS
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.device import boards
from tinyprune.errors import ModelError, UsageError
from tinyprune.firmware import tflm
from tinyprune.firmware.tflm import layers, source
from tinyprune.firmware.tflm.file import rewrite
from tinyprune.firmware.tflm.tree import Tree
from tinyprune.training import zoo

BOARD = boards.load("nano33")
MODELS = {
    "every operator": networks.every_operator(),
    "ds-cnn": networks.ds_cnn(),
    "zoo": zoo.int8_model(zoo.load("ds-cnn-s-2x4")),
}
needs_wheel = pytest.mark.skipif(oracle.version() is None, reason="tflite-micro is not installed")


def choices(model: bytes, optimize: str = "speed", board: boards.Board = BOARD) -> tuple[layers.Choice, ...]:
    return tflm.choose(model, lower.lower(reader.read(model), board), optimize)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MODELS)
def test_written_again_the_model_is_the_same_network(name: str) -> None:
    model = MODELS[name]
    again = rewrite(model, {})
    old, new = reader.read(model), reader.read(again)
    assert [(type(op), op.name, op.input.shape, op.output.zero_point) for op in old.ops] == [
        (type(op), op.name, op.input.shape, op.output.zero_point) for op in new.ops
    ]
    for one, two in zip(old.ops, new.ops, strict=True):
        if isinstance(one, Weighted) and isinstance(two, Weighted):
            np.testing.assert_array_equal(one.weights, two.weights)
            np.testing.assert_array_equal(one.weight_scales, two.weight_scales)
            np.testing.assert_array_equal(one.bias, two.bias)
            assert (one.activation_min, one.activation_max) == (two.activation_min, two.activation_max)


@needs_wheel
@pytest.mark.tflm
@pytest.mark.parametrize("name", MODELS)
def test_written_again_tflite_micro_answers_the_same(name: str) -> None:
    model = MODELS[name]
    inputs = samples.make(reader.read(model), 8)
    np.testing.assert_array_equal(oracle.infer(rewrite(model, {}), inputs), oracle.infer(model, inputs))


def test_sparse_layers_become_custom_operators() -> None:
    model = MODELS["ds-cnn"]
    network = tflm.sparse(model, choices(model))
    file = tflite.Model.GetRootAsModel(network.model, 0)
    subgraph = file.Subgraphs(0)
    codes = [file.OperatorCodes(subgraph.Operators(i).OpcodeIndex()) for i in range(subgraph.OperatorsLength())]
    names = [code.CustomCode() for code in codes]
    assert names.count(b"TinypruneSparseConv2D") == 4
    assert [one.kind == "CUSTOM" for one in network.operators] == [name is not None for name in names]
    assert {code.BuiltinCode() for code in codes if code.CustomCode()} == {tflite.BuiltinOperator.CUSTOM}
    assert set(network.kernels) == {"tp_conv_2d_s8_pairs_dsp"}
    with pytest.raises(ModelError, match=r'operator CUSTOM "TinypruneSparseConv2D" .* is not supported'):
        reader.read(network.model)


def test_options_and_constants_of_a_custom_operator() -> None:
    """As docs/formats.md has them."""
    model = MODELS["ds-cnn"]
    chosen = choices(model, "size")
    network = tflm.sparse(model, chosen)
    file = tflite.Model.GetRootAsModel(network.model, 0)
    subgraph, graph = file.Subgraphs(0), reader.read(model)
    op, kernel = graph.ops[0], chosen[0].kernel
    assert kernel is not None
    table = subgraph.Operators(0)
    options = bytes(table.CustomOptionsAsNumpy())
    magic, version, size, weights_bytes, scratch_bytes = struct.unpack_from("<4s4I", options)
    assert (magic, version, size, len(options)) == (b"TPSC", 2, 148, 148)
    assert scratch_bytes == kernel.scratch_bytes(op)
    assert struct.unpack_from("<2f", options, 20) == (op.input.scale, op.output.scale)
    layer = struct.unpack_from("<18i", options, 28)
    assert layer[:6] == (*op.input.shape, *op.output.shape)
    assert layer[14:16] == (op.input.zero_point, op.output.zero_point)
    assert options[100:].rstrip(b"\0").decode() == kernel.name
    weights = subgraph.Tensors(table.InputsAsNumpy()[1])
    data = file.Buffers(weights.Buffer()).DataAsNumpy()
    assert data.size == weights_bytes == weights.ShapeAsNumpy()[0]


def test_the_example_of_the_formats_page() -> None:
    rng = np.random.default_rng(1)
    weights = networks.weights(rng, 12, 1, 1, 8, pruned=True)
    layer = t.Conv(weights=weights, weight_scales=[0.004], scale=0.1, zero_point=-128, activation="RELU")
    op = reader.read(t.model(t.Input((6, 5, 8), 0.1, 4), [layer])).ops[0]
    (kernel,) = (kernel for kernel in KERNELS if kernel.name == "tp_conv_1x1_s8_sp24_dsp")
    options = layers.custom(kernel, op).options
    page = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
    shown = re.search(r"```options\n(.*?)\n```", page, re.DOTALL)
    assert shown is not None
    assert [f"{word:08X}" for word in struct.unpack("<25I", options[:100])] == shown[1].split()


@pytest.mark.parametrize("name", MODELS)
def test_constants_lie_at_multiples_of_16(name: str) -> None:
    """The kernels read words; a model is aligned to 16 itself."""
    model = MODELS[name]
    data = tflm.sparse(model, choices(model)).model
    file = tflite.Model.GetRootAsModel(data, 0)
    for number in range(1, file.BuffersLength()):
        held = file.Buffers(number).DataAsNumpy()
        assert (
            held.__array_interface__["data"][0] - np.frombuffer(data, np.uint8).__array_interface__["data"][0]
        ) % 16 == 0


def test_what_would_gain_nothing_stays_a_builtin_operator() -> None:
    chosen = {choice.operator.name: choice for choice in choices(MODELS["ds-cnn"])}
    assert chosen["conv_2"].kernel is not None
    assert "weights are 2:4; about" in chosen["conv_2"].reason
    last = chosen["fully_connected_1"]
    assert last.kernel is None
    assert last.reason.startswith("weights are 2:4, but tp_conv_1x1_s8_twins_dsp would gain nothing")
    assert chosen["depthwise_1"].reason == "its weights are dense"
    dense = choices(networks.ds_cnn(pruned=False))
    assert not any(choice.kernel for choice in dense)
    assert tflm.sparse(b"as it was", dense).model == b"as it was"


@pytest.mark.parametrize("name", ["pico", "mps2-an385"])
def test_without_dsp_instructions_there_is_more_to_gain(name: str) -> None:
    """CMSIS-NN takes two to four times the cycles there: kernels in portable C are faster than it is dense."""
    chosen = {choice.operator.name: choice for choice in choices(MODELS["zoo"], board=boards.load(name))}
    kernels = {name: choice.kernel.name for name, choice in chosen.items() if choice.kernel is not None}
    pointwise = [name for name in kernels if name.startswith(("conv", "pointwise"))]
    assert [kernels[name] for name in pointwise] == ["tp_conv_2d_s8_sp24x4_c"] * 5
    assert kernels["dense"] == "tp_conv_1x1_s8_sp24_c"


def test_for_size_packed_weights_are_smaller() -> None:
    model = MODELS["zoo"]
    fast, small = (tflm.sparse(model, choices(model, optimize)).model for optimize in ("speed", "size"))
    assert len(small) < len(fast) < len(model)


def test_an_operator_that_this_tflite_micro_has_not() -> None:
    model = MODELS["ds-cnn"]
    program = lower.lower(reader.read(model), BOARD)
    library = boards.BOARDS / "lib.a"
    symbols = frozenset({"_ZN6tflite16Register_CONV_2DEv", "_ZN6tflite16Register_RESHAPEEv"})
    with pytest.raises(UsageError, match=r"lib\.a has no operator AVERAGE_POOL_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED"):
        source.generate(program, tflm.dense(model, program), "m", Tree(library, (), library, symbols), 1024)
