"""Inputs and outputs of other types around an int8 network: what falls away, and that TFLite Micro agrees on the whole
file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tflite

from tests.tflite_file import Operator, Tensor, write
from tinyprune.compiler import lower, oracle, reader, reference, samples
from tinyprune.compiler.edges import quantized
from tinyprune.compiler.graph import Int8
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.device import boards
from tinyprune.errors import DataError, ModelError
from tinyprune.tasks import runtimes

Code, Type = tflite.BuiltinOperator, tflite.TensorType
STORED = np.arange(-128, 128)
SAME = None  # the int8 tensor's scale, and its zero point, in uint8 more by 128


def end(name: str, dtype: str, scale: float, zero_point: int, shape: Sequence[int] = (1, 300)) -> Tensor:
    kind = getattr(Type, dtype.upper())
    if dtype == "float32":
        return Tensor(name, tuple(shape), kind)
    return Tensor(name, tuple(shape), kind, (scale,), (zero_point,))


def around(
    input_type: str,
    output_type: str,
    input_scale: float | None = SAME,
    output_scale: float | None = SAME,
    inner: tuple[float, int] = (0.05, -3),
) -> bytes:
    """A QUANTIZE in the middle, which changes the scale, between an input and an output of some type."""
    scale, zero_point = inner
    here = scale if input_scale is None else input_scale
    there = scale * 1.3 if output_scale is None else output_scale
    tensors = [
        end("x", input_type, here, zero_point + 128 if input_type == "uint8" else 0),
        end("q", "int8", scale, zero_point),
        end("r", "int8", scale * 1.3, 5),
        end("y", output_type, there, 5 + 128 if output_type == "uint8" else 0),
    ]
    operators = [
        Operator(Code.QUANTIZE, (0,), (1,), "QuantizeOptions"),
        Operator(Code.QUANTIZE, (1,), (2,), "QuantizeOptions"),
        Operator(Code.DEQUANTIZE if output_type == "float32" else Code.QUANTIZE, (2,), (3,)),
    ]
    return write(tensors, operators, (0,), (3,))


def every_value(count: int = 3) -> np.ndarray:
    random = np.random.default_rng(5)
    return np.concatenate([STORED, random.integers(-128, 128, 44)]).astype(np.int8)[None].repeat(count, 0)


def check(data: bytes, operators: int, inputs: Int8 | None = None) -> None:
    graph = reader.read(data)
    assert len(graph.ops) == operators
    inputs = every_value() if inputs is None else inputs
    wanted = reference.infer(graph, inputs)
    np.testing.assert_array_equal(oracle.infer(data, inputs, graph), wanted)
    assert len(np.unique(wanted)) > 60


@pytest.mark.tflm
@pytest.mark.parametrize("output_type", ["float32", "uint8", "int16", "int32"])
@pytest.mark.parametrize("input_type", ["float32", "uint8", "int16", "int32"])
def test_quantize_and_dequantize_at_the_edges_fall_away(input_type: str, output_type: str) -> None:
    scales = [None if kind in ("float32", "uint8") else 0.001 for kind in (input_type, output_type)]
    data = around(input_type, output_type, *scales)
    check(data, operators=1)
    graph = reader.read(data)
    assert (graph.input_names, graph.output_names) == (("x",), ("y",))
    assert [tensor.name for tensor in (*graph.inputs, *graph.outputs)] == ["q", "r"]
    assert len(graph.notes) == 2
    assert graph.notes[0].startswith(f'input "x" is {input_type} in the model: give it int8')
    assert graph.notes[1].startswith(f'output "y" is {output_type} in the model: it is int8 here')


@pytest.mark.tflm
@pytest.mark.parametrize("seed", range(12))
def test_any_scale_and_zero_point(seed: int) -> None:
    random = np.random.default_rng(seed)
    inner = float(np.float32(10.0 ** random.uniform(-30 if seed % 2 else -3, 3))), int(random.integers(-128, 128))
    check(around("float32", "float32", inner=inner), operators=1)


@pytest.mark.tflm
def test_uint8_with_another_scale_is_quantized_as_the_file_says() -> None:
    data = around("uint8", "uint8", 0.04, 0.09)
    check(data, operators=3)
    graph = reader.read(data)
    assert [type(op) for op in graph.ops] == [Quantize] * 3
    assert graph.inputs[0].zero_point == -3
    assert graph.inputs[0].scale == np.float32(0.04)
    assert graph.notes == (
        'input "x" is uint8 in the model: give it int8 = uint8 - 128',
        'output "y" is uint8 in the model: it is int8 here, uint8 = int8 + 128',
    )


def test_the_notes_tell_how_to_quantize() -> None:
    notes = reader.read(around("float32", "float32")).notes
    assert notes[0] == 'input "x" is float32 in the model: give it int8, quantized with scale 0.05 and zero point -3'
    assert notes[1] == 'output "y" is float32 in the model: it is int8 here, with scale 0.065 and zero point 5'
    tensors = [end("x", "int8", 0.1, 0), end("y", "int8", 0.1, 0)]
    plain = write(tensors, [Operator(Code.QUANTIZE, (0,), (1,))], (0,), (1,))
    assert reader.read(plain).notes == ()


@pytest.mark.tflm
@pytest.mark.parametrize("real", [True, False])
def test_int16_networks_take_and_give_int16(real: bool) -> None:
    """With float32 at their edges, which falls away, or as they are."""
    bias = np.random.default_rng(3).integers(-6_000_000, 6_000_000, 300)
    tensors = [
        end("q", "int16", 2e-4, 0), end("r", "int16", 3e-4, 0),
        Tensor("weights", (300, 300), Type.INT8, (0.004,), (0,), data=np.ones((300, 300), np.int8)),
        Tensor("bias", (300,), Type.INT64, (8e-7,), (0,), data=bias),
        *(end(name, "float32", 0, 0) for name in ("x", "y") if real),
    ]  # fmt: skip
    layer = Operator(Code.FULLY_CONNECTED, (0, 2, 3), (1,), "FullyConnectedOptions", {})
    before, behind = Operator(Code.QUANTIZE, (4,), (0,)), Operator(Code.DEQUANTIZE, (1,), (5,))
    data = write(tensors, [before, layer, behind], (4,), (5,)) if real else write(tensors, [layer], (0,), (1,))
    graph = reader.read(data)
    inputs = samples.make(graph, 9)
    wanted = reference.infer(graph, inputs)
    np.testing.assert_array_equal(oracle.infer(data, inputs, graph), wanted)
    assert len(np.unique(wanted.view(np.int16))) > 300
    np.testing.assert_array_equal(graph.classes(wanted), np.argmax(wanted.view(np.int16), axis=1))
    assert graph.inputs[0].dtype == graph.outputs[0].dtype == "int16"
    if real:
        assert graph.notes == (
            'input "x" is float32 in the model: give it int16, quantized with scale 0.0002 and zero point 0',
            'output "y" is float32 in the model: it is int16 here, with scale 0.0003 and zero point 0',
        )
        stored = np.arange(-150, 150, dtype=np.int16)
        for values in (stored, stored * np.float32(2e-4)):
            np.testing.assert_array_equal(samples.quantize(values, graph.inputs[0], "x", graph.input_edges[0]), stored)


@pytest.mark.tflm
def test_nothing_but_edges() -> None:
    tensors = [end("x", "float32", 0, 0), end("q", "int8", 0.1, 3), end("y", "float32", 0, 0)]
    operators = [Operator(Code.QUANTIZE, (0,), (1,)), Operator(Code.DEQUANTIZE, (1,), (2,))]
    data = write(tensors, operators, (0,), (2,))
    check(data, operators=0)
    graph = reader.read(data)
    assert graph.inputs == graph.outputs


@pytest.mark.tflm
def test_an_input_that_is_quantized_twice_alike_is_one() -> None:
    tensors = [
        end("x", "float32", 0, 0), end("q", "int8", 0.1, 3), end("q2", "int8", 0.1, 3), end("y", "int8", 0.2, 3),
    ]  # fmt: skip
    operators = [
        Operator(Code.QUANTIZE, (0,), (1,)),
        Operator(Code.QUANTIZE, (0,), (2,)),
        Operator(Code.ADD, (1, 2), (3,), "AddOptions", {}),
    ]
    check(write(tensors, operators, (0,), (3,)), operators=1)
    tensors[2] = end("q2", "int8", 0.2, 3)
    with pytest.raises(ModelError, match='tensor "x" is FLOAT32'):
        reader.read(write(tensors, operators, (0,), (3,)))


@pytest.mark.tflm
def test_what_bytes_cannot_tell_stays_as_it_is() -> None:
    coarse = around("int16", "float32", 0.06)  # its steps are coarser than those of int8
    graph = reader.read(coarse)
    assert graph.inputs[0].dtype == "int16"
    values = np.arange(-130, 130, dtype=np.int16)
    check(coarse, operators=2, inputs=np.resize(values, (3, graph.inputs[0].count)).view(np.int8))
    check(around("float32", "int32", SAME, 0.08), operators=2)


def test_what_bytes_cannot_tell_is_refused() -> None:
    with pytest.raises(ModelError, match='tensor "x" is FLOAT32'):
        reader.read(around("float32", "float32", inner=(1e37, 0)))


def test_edges_map_every_int8_value_there_and_back() -> None:
    graph = reader.read(around("float32", "int16", SAME, 0.001))
    for tensor, edge in ((graph.inputs[0], graph.input_edges[0]), (graph.outputs[0], graph.output_edges[0])):
        assert edge is not None
        values = edge.to_file(STORED.astype(np.int8))
        np.testing.assert_array_equal(edge.from_file(values), STORED)
        if edge.dtype == "float32":
            real = np.float32(tensor.scale * (STORED - tensor.zero_point))
            np.testing.assert_allclose(values, real, rtol=1e-6)
        with pytest.raises(ModelError, match="belong to no int8 value"):
            edge.from_file(values + values.dtype.type(1))


@pytest.mark.tflm
def test_float32_values_are_quantized_as_tflite_micro_does() -> None:
    """Ties and their neighbours, and values far out, through a file that quantizes them and nothing else."""
    from tflite_micro import runtime

    scale = np.float32(0.05)
    tensors = [end("x", "float32", 0, 0, (1, 3000)), end("q", "int8", float(scale), -3, (1, 3000))]
    data = write(tensors, [Operator(Code.QUANTIZE, (0,), (1,))], (0,), (1,))
    graph = reader.read(data)
    middle = ((np.arange(1000) - 500) / 2 * scale).astype(np.float32)
    values = np.concatenate([middle, np.nextafter(middle, np.float32(9)), np.nextafter(middle, np.float32(-9))])
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=1 << 20)
    interpreter.set_input(values[None], 0)
    interpreter.invoke()
    edge = graph.input_edges[0]
    assert edge is not None
    np.testing.assert_array_equal(quantized(edge, values[None], float(scale), -3), interpreter.get_output(0))


def test_inputs_are_given_in_the_model_s_type_or_int8_or_real(tmp_path: Path) -> None:
    graph = reader.read(around("uint8", "float32"))
    stored = every_value(2)
    path = tmp_path / "x.npy"
    for values in (stored, (stored.astype(int) + 128).astype(np.uint8), (stored.astype(float) + 3) * 0.05):
        np.save(path, values)
        np.testing.assert_array_equal(samples.read([str(path)], graph), stored)
    np.save(path, stored.astype(np.int16))
    with pytest.raises(DataError, match="int8, uint8 or real values are needed, not int16"):
        samples.read([str(path)], graph)
    graph = reader.read(around("int16", "float32", 0.001))
    assert graph.input_edges[0] is not None
    np.save(path, graph.input_edges[0].to_file(stored))
    np.testing.assert_array_equal(samples.read([str(path)], graph), stored)
    graph = reader.read(around("float32", "float32"))
    np.save(path, ((stored.astype(np.float64) + 3) * 0.05).astype(np.float32))
    np.testing.assert_array_equal(samples.read([str(path)], graph), stored)
    np.save(path, stored.view(np.uint8))
    with pytest.raises(DataError, match="int8 or real values are needed, not uint8"):
        samples.read([str(path)], graph)


def dense(x: str, weights: str, y: str) -> bytes:
    """A fully connected layer with activations and weights of some type."""
    values = np.ones((4, 4), np.float32 if weights == "float32" else np.int8)
    tensors = [
        end("x", x, 0.1, 0, (1, 4)), Tensor("w", (4, 4), getattr(Type, weights.upper()), (0.1,), (0,), data=values),
        end("y", y, 0.1, 0, (1, 4)), end("z", "float32", 0.1, 0, (1, 4)),
    ]  # fmt: skip
    operators = [
        Operator(Code.FULLY_CONNECTED, (0, 1, -1), (2,), "FullyConnectedOptions"),
        Operator(Code.DEQUANTIZE if y == "int8" else Code.TANH, (2,), (3,)),
        *([Operator(Code.TANH, (3,), (0,))] if y == "int8" else []),
    ]
    return write(tensors, operators, (0,) if y != "int8" else (3,), (3,) if y != "int8" else (0,))


def test_float_and_hybrid_models_are_told_in_one_sentence() -> None:
    convert = "convert it again with a representative dataset and supported_ops"
    for data, sentence in (
        (dense("float32", "float32", "float32"), f"model: it is a float model; quantize it: {convert}"),
        (
            dense("float32", "int8", "float32"),
            f"model: it is a hybrid model: its weights are int8, but .*; {convert}",
        ),
    ):
        with pytest.raises(ModelError, match=sentence) as caught:
            reader.read(data)
        assert "\n" not in str(caught.value)
        assert len(caught.value.obstacles) == 1


def test_floats_in_the_middle_of_an_int8_network_are_refused_with_all_obstacles() -> None:
    data = write(
        [end("x", "int8", 0.1, 0), end("f", "float32", 0, 0), end("g", "float32", 0, 0), end("y", "int8", 0.1, 0)],
        [
            Operator(Code.DEQUANTIZE, (0,), (1,)),
            Operator(Code.TANH, (1,), (2,)),
            Operator(Code.QUANTIZE, (2,), (3,)),
        ],
        (0,), (3,),
    )  # fmt: skip
    with pytest.raises(ModelError) as caught:
        reader.read(data)
    kinds = [obstacle.operator for obstacle in caught.value.obstacles]
    assert kinds[0] == "DEQUANTIZE"
    assert kinds[-1] == "QUANTIZE"
    assert "is not supported but at outputs of the network" in str(caught.value)


def test_the_interpreter_s_firmware_takes_plain_models_only() -> None:
    program = lower.lower(reader.read(around("float32", "float32")), boards.load("nano33"))
    with pytest.raises(ModelError, match=r'input "x" is float32 .*; --runtime tflm takes plain int8 models only'):
        runtimes.check_as_in_the_file(program)
