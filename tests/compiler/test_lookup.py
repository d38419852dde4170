"""Operators of one value each: all 256 stored values, at many scales and zero points, against TFLite Micro."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.operator_files import file_of, graph_of
from tinyprune.compiler import fixed_functions, lower, oracle, reader, reference
from tinyprune.compiler.graph import Activation, Op
from tinyprune.compiler.kernels.unary import table
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.elu import Elu
from tinyprune.compiler.operators.hard_swish import HardSwish
from tinyprune.compiler.operators.l2_normalization import L2Normalization
from tinyprune.compiler.operators.log_softmax import LogSoftmax
from tinyprune.compiler.operators.logistic import Logistic, Tanh
from tinyprune.compiler.operators.lookup import Lookup
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.relu import Abs, LeakyRelu, Relu
from tinyprune.compiler.operators.rsqrt import Rsqrt
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.device import boards
from tinyprune.errors import ModelError

KINDS = [kind for kind, operator in OPERATORS.items() if issubclass(operator.op, Lookup)]
EVERY = np.arange(-128, 128).astype(np.int8)[np.newaxis]
CASES = [120, pytest.param(2000, marks=pytest.mark.slow)]


EVERY_INT16 = np.arange(-(1 << 15), 1 << 15).astype(np.int16).view(np.int8)[np.newaxis]


def of_every_value(kind: str, count: int) -> Iterator[Any]:
    """Cases with an operand of 256 values, of int16 65,536."""
    for seed in range(count):
        op: Any = OPERATORS[kind].case(np.random.default_rng([seed, *kind.encode(), 1]))
        shape = (256,) if op.input.dtype == "int8" else (256, 256)
        yield replace(op, input=replace(op.input, shape=shape), output=replace(op.output, shape=shape))


def file_with(op: Op) -> bytes:
    graph = graph_of(op)
    return file_of([op], graph.inputs, graph.outputs)


@pytest.mark.tflm
@pytest.mark.parametrize("count", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_value(kind: str, count: int) -> None:
    scales, zero_points = set(), set()
    for op in of_every_value(kind, count):
        every = EVERY if op.input.dtype == "int8" else EVERY_INT16
        wanted = oracle.infer(file_with(op), every, graph_of(op))
        np.testing.assert_array_equal(reference.infer(graph_of(op), every), wanted, err_msg=str(op))
        if op.input.dtype == "int8":
            np.testing.assert_array_equal(np.roll(table(op), 128), wanted[0])
        scales.add(float(op.input.scale))
        zero_points.add(op.input.zero_point)
    assert len(scales) > 10
    assert len(zero_points) > 10 or kind == "RSQRT"


@pytest.mark.tflm
@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
@pytest.mark.parametrize("kind", [Logistic, Tanh])
def test_the_ends_of_a_curve(kind: type[Logistic | Tanh], zero_point: int) -> None:
    """Scales from where nothing is seen of it, over each power of two, to where it is a step."""
    scale, behind = (1 / 256, -128) if kind is Logistic else (1 / 128, 0)
    for power in range(-28, 32):
        for factor in (1, 1.0001, 1.9999):
            source = Activation(0, "x", (256,), np.float32(factor * 2.0**power), zero_point)
            op = kind("curve", source, Activation(1, "y", (256,), np.float32(scale), behind))
            wanted = oracle.infer(file_with(op), EVERY, graph_of(op))
            np.testing.assert_array_equal(reference.infer(graph_of(op), EVERY), wanted, err_msg=str(op))


def test_functions_are_near_the_real_ones() -> None:
    a = np.concatenate([np.arange(-100, 100), np.linspace(-(15 << 27), 15 << 27, 5000).astype(np.int64)])
    real = a / 2.0**27
    assert np.abs(fixed_functions.tanh(a) / 2.0**31 - np.tanh(real)).max() < 2.0**-22
    assert np.abs(fixed_functions.logistic(a) / 2.0**31 - 1 / (1 + np.exp(-real))).max() < 2.0**-22
    x = np.unique(np.geomspace(1 << 19, (1 << 31) - 1, 5000).astype(np.int64))
    assert np.abs(fixed_functions.log(x) / 2.0**26 - np.log(x / 2.0**19)).max() < 2.0**-18
    x = np.unique(np.concatenate([np.arange(2, 5000), np.geomspace(1, (1 << 31) - 1, 5000).astype(np.int64)]))
    multiplier, shift = fixed_functions.inverse_square_root(x)
    assert np.abs(multiplier * 2.0 ** (shift - 31) * np.sqrt(x) - 1).max() < 2.0**-17


def ends(scale: float, zero_point: int, target_scale: float, target_zero_point: int) -> tuple[Activation, Activation]:
    source = Activation(0, "x", (4,), np.float32(scale), zero_point)
    return source, Activation(1, "y", (4,), np.float32(target_scale), target_zero_point)


REFUSED: dict[str, tuple[Callable[[], Op], str]] = {
    "logistic scale": (
        lambda: Logistic("a", *ends(0.1, 0, 0.1, -128)),
        '"logistic_1": its result has scale 0.1 and zero point -128; needed: its result has scale 1/256 and zero point',
    ),
    "logistic zero point": (lambda: Logistic("a", *ends(0.1, 0, 1 / 256, 0)), "zero point 0; needed"),
    "logistic of nothing": (lambda: Logistic("a", *ends(1e-12, 0, 1 / 256, -128)), "its operand has scale 1e-12"),
    "tanh": (lambda: Tanh("a", *ends(0.1, 0, 1 / 128, 3)), "needed: its result has scale 1/128, of int16"),
    "relu": (lambda: Relu("a", *ends(1.0, 0, 1e-9, 0)), "needed: it multiplies by more than 2^−31, and less than 2^22"),
    "leaky relu": (lambda: LeakyRelu("a", *ends(1.0, 0, 1.0, 0), 1e9), "alpha is 1e+09"),
    "alpha": (lambda: LeakyRelu("a", *ends(1.0, 0, 1.0, 0), float("nan")), "needed: alpha is a number, and"),
    "abs": (lambda: Abs("a", *ends(1e-12, 0, 1.0, 0)), "it changes the scale from 1e-12 to 1"),
    "hard swish": (lambda: HardSwish("a", *ends(12.8, 0, 0.1, 0)), "needed: its operand's scale is between 2^−22 and"),
    "fine hard swish": (lambda: HardSwish("a", *ends(0.1, 0, 60.0, 0)), "it takes scale 0.1 to 60"),
    "elu": (lambda: Elu("a", *ends(0.1, 0, 1e-10, 0)), "needed: both scales are between 2^−30 and 2^30"),
    "negative rsqrt": (lambda: Rsqrt("a", *ends(0.1, -127, 0.1, 0)), "at a negative value TFLite Micro stops"),
    "rsqrt": (lambda: Rsqrt("a", *ends(1e-18, -128, 0.1, 0)), "it takes scale 1e-18 to 0.1"),
    "log softmax": (lambda: LogSoftmax("a", *ends(0.1, 0, 0.1, 0)), "needed: its result has scale 1/16 and zero point"),
    "log softmax of nothing": (lambda: LogSoftmax("a", *ends(1e-9, 0, 1 / 16, 127)), "is out of range; quantize again"),
    "l2 normalization": (lambda: L2Normalization("a", *ends(0.1, 0, 0.1, 0)), "its result has scale 1/128 and zero"),
    "softmax scale": (lambda: Softmax("a", *ends(0.1, 0, 1 / 255, -128), 1.0), "needed: its result has scale 1/256"),
    "softmax zero point": (
        lambda: Softmax("a", *ends(0.1, 0, 1 / 256, 0), 1.0),
        "its result has scale 0.00390625 and zero point 0; needed: its result has scale 1/256 and zero point −128",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_tflite_micro_would_not_compute_is_refused(name: str) -> None:
    make, wanted = REFUSED[name]
    with pytest.raises(ModelError, match=re.escape(wanted)):
        reader.read(file_with(make()))


@pytest.mark.parametrize(
    ("kind", "shape", "words"),
    [
        ("SOFTMAX", (), "its operand has no axis"),
        ("SOFTMAX", (4096,), "it is over 4096 values"),
        ("LOG_SOFTMAX", (), "its operand has no axis"),
        ("LOG_SOFTMAX", (4096,), "it is over 4096 values"),
        ("L2_NORMALIZATION", (), "its operand has 0 axes"),
        ("L2_NORMALIZATION", (1, 1, 2, 2), "its operand has 5 axes"),
    ],
)
def test_what_runs_along_the_last_axis_needs_one_and_has_a_limit(kind: str, shape: tuple[int, ...], words: str) -> None:
    op: Any = OPERATORS[kind].case(np.random.default_rng(1))
    source, target = (replace(tensor, shape=shape, batched=shape != ()) for tensor in (op.input, op.output))
    with pytest.raises(ModelError, match=words):
        reader.read(file_with(replace(op, input=source, output=target)))


@pytest.mark.tflm
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 6), (1, 1, 1), (7, 1, 2)])
@pytest.mark.parametrize("batched", [True, False])
def test_softmax_of_any_shape(shape: tuple[int, ...], batched: bool) -> None:
    source, target = (replace(t, shape=shape, batched=batched) for t in ends(0.1, 5, 1 / 256, -128))
    for op in (
        Softmax("softmax", source, target, 1.0),
        LogSoftmax("log", source, replace(target, scale=np.float32(1 / 16), zero_point=127)),
    ):
        inputs = np.random.default_rng(1).integers(-128, 128, (20, source.count)).astype(np.int8)
        found = reader.read(file_with(op))
        np.testing.assert_array_equal(reference.infer(found, inputs), oracle.infer(file_with(op), inputs, found))


def test_a_large_quantize_runs_by_its_table_and_a_small_one_by_arithmetic() -> None:
    source, target = ends(0.1, 3, 0.2, -5)
    found = {}
    for count in (8, 800):
        op = Quantize("quantize", replace(source, shape=(count,)), replace(target, shape=(count,)))
        for optimize in ("speed", "size"):
            program = lower.lower(graph_of(op), boards.load("nano33"), optimize)  # type: ignore[arg-type]
            found[count, optimize] = program.steps[0].kernel.name
    quantize, lookup = "tp_quantize_s8_dense_c", "tp_lookup_s8_dense_c"
    assert found == {(8, "speed"): quantize, (8, "size"): quantize, (800, "speed"): lookup, (800, "size"): quantize}
