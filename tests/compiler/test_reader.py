"""Reading .tflite files: right, refused with a reason, or damaged; never a crash."""

import contextlib
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import tflite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import tflite_models as t
from tests.operator_files import file_of
from tinyprune.compiler import oracle, reader, reference, samples
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.average_pool_2d import AveragePool2D
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.reshape import Reshape
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.errors import ModelError, UsageError
from tinyprune.firmware.tflm.file import rewrite

RNG = np.random.default_rng(3)


def weights(*shape: int) -> np.ndarray:
    return RNG.integers(-127, 128, shape).astype(np.int8)


SOURCE = t.Input((9, 6, 2), 0.1, -3)
LAYERS = [
    t.Conv(
        weights=weights(8, 3, 2, 2),
        bias=np.arange(8, dtype=np.int32),
        stride=(2, 1),
        padding="SAME",
        activation="RELU",
        zero_point=-128,
    ),
    t.Depthwise(weights=weights(3, 3, 8), padding="SAME", activation="RELU6", scale=0.04, zero_point=-100),
    t.Conv(weights=weights(4, 1, 1, 8), scale=0.2, zero_point=5),
    t.Pool(kernel=(5, 6)),
    t.Flatten(),
    t.Dense(weights=weights(3, 4), scale=0.3, zero_point=7),
    t.Soft(),
]
MODEL = t.model(SOURCE, LAYERS)


def test_a_chain_is_read_as_it_was_written() -> None:
    graph, wanted = reader.read(MODEL), t.graph(SOURCE, LAYERS)
    kinds = [Conv2D, DepthwiseConv2D, Conv2D, AveragePool2D, Reshape, FullyConnected, Softmax]
    assert [type(op) for op in graph.ops] == kinds
    assert [op.name for op in graph.ops][:3] == ["conv_1", "depthwise_1", "conv_2"]
    for op, want in zip(graph.ops, wanted.ops, strict=True):
        assert (op.input.shape, op.output.shape) == (want.input.shape, want.output.shape)
        assert (op.output.scale, op.output.zero_point) == (want.output.scale, want.output.zero_point)
        assert getattr(op, "window", None) == getattr(want, "window", None)
    inputs = RNG.integers(-128, 128, (5, *SOURCE.shape)).astype(np.int8)
    np.testing.assert_array_equal(reference.infer(graph, inputs), reference.infer(wanted, inputs))


def test_all_obstacles_are_told_at_once() -> None:
    def change(model: Any) -> None:
        _softmax_becomes(CODE.EXP)(model)
        for name in ("layer0/weights", "layer1/weights"):
            tensor(model, name).quantization.zeroPoint = [5]
        _set("2.builtinOptions.strideH", 0)(model)
        tensor(model, "layer4").name = b"\x1b[31mred" + b"x" * 500

    with pytest.raises(ModelError) as caught:
        reader.read(edited(change), "net.tflite")
    first, *lines = str(caught.value).splitlines()
    assert first == "net.tflite: 4 obstacles stand in the way:"
    beginnings = (
        'operator "conv_1": weights "layer0/weights" have zero points',
        'operator "depthwise_1": weights "layer1/weights" have zero points',
        'operator "conv_2": it has the impossible geometry',
        'operator EXP (number 6, tensor "layer6") is not supported',
    )
    assert all(line.startswith(f"  {text}") for line, text in zip(lines, beginnings, strict=True))
    assert lines[-1].endswith(f"supported: {', '.join(sorted(reader.OPERATORS))}")
    found = caught.value.obstacles
    assert [(one.operator, one.number) for one in found] == [
        ("CONV_2D", 0), ("DEPTHWISE_CONV_2D", 1), ("CONV_2D", 2), ("EXP", 6),
    ]  # fmt: skip
    assert [one.tensor for one in found] == ["layer0", "layer1", "layer2", "layer6"]


def test_obstacles_of_one_kind_are_told_together() -> None:
    def change(model: Any) -> None:
        for number in (3, 6):
            code = model.operatorCodes[operator(model, number).opcodeIndex]
            code.builtinCode = code.deprecatedBuiltinCode = CODE.SIN

    with pytest.raises(
        ModelError, match=r'operator SIN \(number 3, tensor "layer3"; number 6, tensor "layer6"\) is not'
    ):
        reader.read(edited(change))


def test_names_of_a_file_are_shown_printable_and_short() -> None:
    def change(model: Any) -> None:
        tensor(model, "layer0").name = b"\x1b[31mred\n" + b"x" * 500
        _softmax_becomes(CODE.EXP)(model)
        tensor(model, "layer6").name = b"\x1b]0;evil\x07" + b"y" * 500

    with pytest.raises(ModelError) as caught:
        reader.read(edited(change))
    assert str(caught.value).isprintable()
    assert 'tensor "�]0;evil�yyy' in str(caught.value)
    assert "y" * 101 not in str(caught.value)


def test_a_batch_of_minus_one_is_fixed_to_one() -> None:
    assert reader.read(t.model(SOURCE, LAYERS, dynamic_batch=True)).inputs[0].shape == SOURCE.shape


def test_weights_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="read-only"):
        reader.read(MODEL).ops[0].weights[0] = 1  # type: ignore[union-attr]


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "{}")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"model: not a .tflite file \(it is empty\); copy or convert the model again"),
        (
            b"some text",
            r"not a .tflite file \(the identifier TFL3 is missing\); convert the model to int8 .tflite first",
        ),
        (b"PK\x03\x04" + bytes(100), r"not a .tflite file \(the identifier TFL3 is missing\)"),
        (zipped("metadata.json"), r"not a .tflite file \(it is a Keras model\); it must be called .keras"),
        (zipped("it/data.pkl"), r"not a .tflite file \(it is a PyTorch file\); convert the model to int8 .tflite"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), r"not a .tflite file \(it is HDF5\); a Keras model must be called .h5"),
        (MODEL[: len(MODEL) // 2], "damaged or truncated"),
        (MODEL[:16], "damaged or truncated"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        reader.read(data)


def test_onnx_has_nothing_but_its_name() -> None:
    with pytest.raises(
        ModelError, match=r"net.onnx: not a .tflite file \(it is called ONNX\); convert the model to int8"
    ):
        reader.read(b"\x08\x07\x12\x07pytorch", "net.onnx")


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the model: No such file"):
        reader.read_bytes(tmp_path / "no.tflite")


def edited(change: Callable[[Any], None], data: bytes = MODEL) -> bytes:
    """`data` after a change to its object tree, of which TFLite Micro's wheel brings the classes."""
    schema = pytest.importorskip(
        "tflite_micro.tensorflow.lite.micro.python.schema_py_generated",
        reason="the tflite-micro wheel is not installed",
    )
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(model: Any, name: str) -> Any:
    return next(t for t in model.subgraphs[0].tensors if t.name == name.encode())


def operator(model: Any, number: int) -> Any:
    return model.subgraphs[0].operators[number]


def _set(path: str, value: object) -> Callable[[Any], None]:
    """An edit: "input.type" sets a field of that tensor, "0.builtinOptions.strideH" one of that operator."""
    first, *middle, last = path.split(".")

    def change(model: Any) -> None:
        target = operator(model, int(first)) if first.isdigit() else tensor(model, first)
        for field in middle:
            target = getattr(target, field)
        setattr(target, last, value)

    return change


def _softmax_becomes(code: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        entry = model.operatorCodes[operator(model, 6).opcodeIndex]
        entry.builtinCode, entry.deprecatedBuiltinCode = code, min(code, 127)

    return change


def _two_inputs(model: Any) -> None:
    model.subgraphs[0].inputs = [0, 1]


def _backwards(model: Any) -> None:
    model.subgraphs[0].operators.reverse()


def _no_operators(model: Any) -> None:
    model.subgraphs[0].operators = []


CODE = tflite.BuiltinOperator
REFUSED = {
    "float": (
        _set("input.type", tflite.TensorType.FLOAT32),
        r'tensor "input" is FLOAT32, INT8 is needed; quantize it to full int8',
    ),
    "int16": (
        _set("input.type", tflite.TensorType.INT16),
        r'tensor "input" is INT16, INT8 is needed; docs/operators.md says which operators take int16',
    ),
    "uint8": (
        _set("layer0.type", tflite.TensorType.UINT8),
        r'tensor "layer0" is UINT8.*TensorFlow 1.*convert the model to int8',
    ),
    "dynamic": (
        _set("input.shapeSignature", [-1, -1, 6, 2]),
        r'tensor "input" has the dynamic shape \[-1, -1, 6, 2\]; only the batch',
    ),
    "operator": (
        _softmax_becomes(CODE.EXP),
        r'operator EXP \(number 6, tensor "layer6"\) is not supported: '
        "TensorFlow Lite Micro computes it in float32 only; supported: ABS, ADD",
    ),
    "no such operator": (
        _softmax_becomes(CODE.RELU_N1_TO_1),
        r"operator RELU_N1_TO_1 .* is not supported: TensorFlow Lite Micro does not have it; supported: ABS",
    ),
    "unknown": (_softmax_becomes(9999), r"operator number 9999 \(number 6"),
    "inputs": (_two_inputs, 'tensor "layer0/weights" is one of the model.s inputs, but has constant data'),
    "constant input": (_set("input.buffer", 1), 'tensor "input" is one of the model\'s inputs, but has constant data'),
    "constant result": (_set("layer2.buffer", 1), 'operator CONV_2D writes tensor "layer2", which has constant data'),
    "variable": (_set("layer2.isVariable", True), 'tensor "layer2" is a variable tensor'),
    "variable weights": (_set("layer0/weights.isVariable", True), 'tensor "layer0/weights" is a variable tensor'),
    "buffer": (_set("layer2.buffer", 999), 'tensor "layer2" is in buffer 999, which does not exist'),
    "order": (_backwards, r'reads tensor ".*", which operator ".*" writes later: the model has a cycle'),
    "empty": (_no_operators, "no operator computes the model's output"),
    "multiplier": (
        _set("1.builtinOptions.depthMultiplier", 3),
        r'"depthwise_1": its depth multiplier is 3 for 8 → 8 channels; needed: it has depth_multiplier output channels',
    ),
    "scale": (
        _set("layer0.quantization.scale", [float("nan")]),
        r'tensor "layer0" has a scale that is not a positive number',
    ),
    "no scale": (_set("layer0.quantization", None), r'tensor "layer0" has no quantization scale'),
    "zero point": (
        _set("layer0.quantization.zeroPoint", [300]),
        r'tensor "layer0" must have one scale and one zero point',
    ),
    "asymmetric": (
        _set("layer0/weights.quantization.zeroPoint", [5]),
        r'"layer0/weights" have zero points other than 0',
    ),
    "scales": (
        _set("layer0/weights.quantization.scale", [0.1] * 3),
        r"one scale, or one for each of the 8 output channels",
    ),
    "batch": (
        _set("input.shape", [2, 9, 6, 2]),
        r'"conv_1": "input" has the shape \[2, 9, 6, 2\]; needed: .* a batch of 1',
    ),
    "shape": (_set("layer0.shape", [1, 4, 6, 8]), r'operator "conv_1": it should make a 5×6 map, the file says'),
    "stride": (_set("0.builtinOptions.strideH", 0), r'operator "conv_1": it has the impossible geometry'),
    "channels": (
        _set("input.shape", [1, 9, 6, 3]),
        r'"conv_1": it has weights for 2 → 8 channels, but maps of 3 → 8; needed: it is not grouped',
    ),
    "activation": (
        _set("0.builtinOptions.fusedActivationFunction", 4),
        r'"conv_1": it has the fused activation TANH; needed: the fused activation is NONE, RELU',
    ),
    "shuffled": (_set("5.builtinOptions.weightsFormat", 1), "shuffled weights"),
    "data": (
        _set("layer0/weights.shape", [8, 3, 2, 3]),
        r'"layer0/weights" of shape \[8, 3, 2, 3\] has 96 bytes of data',
    ),
    "computed weights": (_set("layer0/weights.buffer", 0), r"must be a constant, but the model computes it"),
    "bias type": (_set("layer0/bias.type", tflite.TensorType.INT64), r'"layer0/bias" is INT64, INT32 is needed'),
    "pool scale": (_set("layer3.quantization.scale", [0.5]), "must not change scale or zero point"),
    "softmax scale": (_set("layer6.quantization.scale", [0.5]), "scale 1/256 and zero point −128"),
    "softmax beta": (_set("6.builtinOptions.beta", -1.0), "beta is -1.0; needed: beta is a positive number"),
    "operand": (_set("0.inputs", [0, 99]), "tensor number 99 does not exist"),
    "operands": (_set("0.inputs", [0]), r'"conv_1": it has 1 inputs, 2 are needed'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_run_is_refused_with_the_reason(case: str) -> None:
    change, message = REFUSED[case]
    data = edited(change)
    with pytest.raises(ModelError, match=message):
        reader.read(data)


@pytest.mark.tflm
def test_a_shape_that_is_an_input_of_the_network_is_left_out() -> None:
    """TRANSPOSE_CONV does not look at its first operand; as an output of the network the shape would be needed."""
    op = OPERATORS["TRANSPOSE_CONV"].case(np.random.default_rng(1))
    data = file_of([op], op.activations, op.outputs)

    def change(model: Any) -> None:
        shape = model.subgraphs[0].operators[0].inputs[0]
        model.subgraphs[0].tensors[shape].buffer = 0
        model.subgraphs[0].inputs = [shape, *model.subgraphs[0].inputs]

    def change_more(model: Any) -> None:
        change(model)
        model.subgraphs[0].outputs = [*model.subgraphs[0].outputs, model.subgraphs[0].inputs[0]]

    model = edited(change, data)
    graph, inputs = reader.read(model), samples.make(reader.read(data), 5)
    assert [tensor.shape for tensor in graph.inputs] == [op.inputs[0].shape]
    assert any("is left out" in note for note in graph.notes)
    np.testing.assert_array_equal(oracle.infer(model, inputs, graph), reference.infer(reader.read(data), inputs))
    assert reader.read(rewrite(model, {})).notes == ()
    with pytest.raises(ModelError, match="is INT32"):
        reader.read(edited(change_more, data))


def test_the_unedited_model_passes_through_the_editor() -> None:
    assert len(reader.read(edited(lambda _model: None)).ops) == 7


def read_or_refuse(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        assert reader.read(data).ops


@given(st.data())
@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_files_are_read_or_refused(data: st.DataObject) -> None:
    """Bytes, words and lengths changed at random places: ModelError or a graph, nothing else, and soon."""
    content = bytearray(MODEL)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(8, len(content) - 4))
        word = data.draw(st.sampled_from([0, 1, 0xFF, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 4, len(content)]))
        size = data.draw(st.sampled_from([1, 2, 4]))
        content[place : place + size] = word.to_bytes(4, "little")[:size]
    read_or_refuse(bytes(content))


def test_a_clamp_beyond_all_steps_of_a_tiny_scale_is_read_or_refused() -> None:
    weights = np.ones((4, 1, 1, 4), np.int8)
    layer = t.Conv(weights=weights, weight_scales=[0.1] * 4, scale=1e-39, zero_point=0, activation="RELU6")
    read_or_refuse(t.model(t.Input((5, 5, 4), 0.1, 3), [layer]))


def test_every_truncation_is_read_or_refused() -> None:
    for end in range(0, len(MODEL), 7):
        read_or_refuse(MODEL[:end])


def test_random_bytes_are_refused() -> None:
    rng = random.Random(5)
    for length in range(8, 400, 3):
        read_or_refuse(rng.randbytes(4) + b"TFL3" + rng.randbytes(length))


def test_a_change_of_scale_is_read_and_an_extreme_one_refused() -> None:
    graph = reader.read(t.model(t.Input((6,), 0.1, 3), [t.Rescale(scale=0.25, zero_point=-7)]))
    (op,) = graph.ops
    assert (type(op), op.name, op.input.scale, op.output.zero_point) == (Quantize, "quantize_1", np.float32(0.1), -7)
    with pytest.raises(
        ModelError, match=r'"quantize_1": it changes the scale from 1000 to 0\.0001; needed: it multiplies by'
    ):
        reader.read(t.model(t.Input((6,), 1000.0), [t.Rescale(scale=1e-4)]))
