"""CAST and what stands for it; constants that operators make of constants; both as TFLite Micro computes the file."""

import numpy as np
import pytest
import tflite

from tests.tflite_file import Operator, Tensor, write
from tinyprune.compiler import lower, oracle, reader, reference, samples
from tinyprune.compiler.operators.concatenation import Concatenation
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.device import boards
from tinyprune.errors import ModelError

Code, Type = tflite.BuiltinOperator, tflite.TensorType
SHAPE = (1, 40)
X = Tensor("x", SHAPE, scales=(0.05,), zero_points=(3,))
FLAGS = Tensor("flags", SHAPE, Type.BOOL)
GREATER = Operator(Code.GREATER, (0, 1), (2,), "GreaterOptions")


def masked(scale: float, zero_point: int, kind: int = Type.FLOAT32) -> bytes:
    """x · (x > 0.1), as the converter writes it."""
    limit = Tensor("limit", (), scales=(0.1,), zero_points=(-1,), data=np.array(0, np.int8))
    real = Tensor("real", SHAPE, kind)
    mask = Tensor("mask", SHAPE, scales=(scale,), zero_points=(zero_point,))
    y = Tensor("y", SHAPE, scales=(0.05,), zero_points=(-7,))
    operators = [
        GREATER,
        Operator(Code.CAST, (2,), (3,)),
        Operator(Code.QUANTIZE, (3,), (4,), "QuantizeOptions"),
        Operator(Code.MUL, (0, 4), (5,), "MulOptions"),
    ]
    return write([X, limit, FLAGS, real, mask, y], operators, [0], [5])


def check(data: bytes) -> None:
    graph = reader.read(data)
    inputs = samples.make(graph, 8)
    np.testing.assert_array_equal(oracle.infer(data, inputs, graph), reference.infer(graph, inputs))


@pytest.mark.tflm
@pytest.mark.parametrize(("scale", "zero_point"), [(1 / 255, -128), (0.7, 5), (2 / 3, 0), (0.004, 100), (40.0, 0)])
def test_a_mask_that_was_float_is_a_table_of_the_bool(scale: float, zero_point: int) -> None:
    data = masked(scale, zero_point)
    check(data)
    graph = reader.read(data)
    assert [type(op).__name__ for op in graph.ops] == ["Greater", "Quantize", "Mul"]
    quantize = graph.ops[1]
    assert isinstance(quantize, Quantize)
    assert quantize.input.dtype == "bool"
    steps = lower.lower(graph, boards.load("nano33")).steps
    assert steps[1].kernel.name == "tp_lookup_s8_dense_c"


def test_a_cast_to_float_that_stays_is_refused() -> None:
    with pytest.raises(ModelError, match=r'operator "quantize_1": tensor "real" is INT32'):
        reader.read(masked(0.1, 0, Type.INT32))


@pytest.mark.tflm
@pytest.mark.parametrize("kind", [Type.INT8, Type.INT32])
def test_outputs_may_be_numbers_without_a_scale(kind: int) -> None:
    limit = Tensor("limit", (), scales=(0.1,), zero_points=(-1,), data=np.array(0, np.int8))
    data = write([X, limit, FLAGS, Tensor("y", SHAPE, kind)], [GREATER, Operator(Code.CAST, (2,), (3,))], [0], [3])
    check(data)
    lower.lower(reader.read(data), boards.load("nano33"))


def anchors(multiples: tuple[int, ...] = (2, 3), shape: tuple[int, ...] = (1, 48)) -> bytes:
    """x beside a constant that TILE and RESHAPE make: anchors of a detector."""
    few = np.arange(8, dtype=np.int8).reshape(2, 4) - 3
    quantized = {"scales": (0.05,), "zero_points": (3,)}
    tensors = [
        X,
        Tensor("few", few.shape, **quantized, data=few),
        Tensor("multiples", (2,), Type.INT32, data=np.array(multiples, np.int32)),
        Tensor("many", (4, 12), **quantized),
        Tensor("shape", (2,), Type.INT32, data=np.array(shape, np.int32)),
        Tensor("row", shape, **quantized),
        Tensor("y", (1, 88), **quantized),
    ]
    operators = [
        Operator(Code.TILE, (1, 2), (3,), "TileOptions"),
        Operator(Code.RESHAPE, (3, 4), (5,), "ReshapeOptions", {"NewShape": np.array(shape, np.int32)}),
        Operator(Code.CONCATENATION, (0, 5), (6,), "ConcatenationOptions", {"Axis": 1}),
    ]
    return write(tensors, operators, [0], [6])


@pytest.mark.tflm
def test_constants_that_are_repeated_are_constants() -> None:
    data = anchors()
    check(data)
    (op,) = reader.read(data).ops
    assert isinstance(op, Concatenation)
    few = np.arange(8, dtype=np.int8).reshape(2, 4) - 3
    np.testing.assert_array_equal(op.parts[1].values, np.tile(few, (2, 3)).ravel())  # type: ignore[attr-defined]


def test_constants_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ModelError, match=r'operator "reshape_1": it reshapes \[4, 12\] to \[40\]'):
        reader.read(anchors(shape=(1, 40)))
