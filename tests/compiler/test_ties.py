"""Scales whose quotients fall next to ties: whether they are multiplied in float32 or in double shows only there."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.operator_files import file_of, graph_of
from tinyprune.compiler import oracle, reader, reference
from tinyprune.compiler.graph import Activation, ConstantTensor, Op, State
from tinyprune.compiler.operators.add import Add, Sub
from tinyprune.compiler.operators.batch_matmul import BatchMatMul
from tinyprune.compiler.operators.div import Div
from tinyprune.compiler.operators.mul import Mul
from tinyprune.compiler.operators.relu import Abs, LeakyRelu, Relu
from tinyprune.compiler.operators.svdf import Svdf

_SEEDS = 60
_VALUES = 64


def _tensor(index: int, scale: float, shape: tuple[int, ...] = (_VALUES,)) -> Activation:
    return Activation(index, f"t{index}", shape, np.float32(scale), 0)


def _number(index: int, value: int, scale: float, shape: tuple[int, ...] = (1,)) -> ConstantTensor:
    values = np.full(shape, value, np.int8)
    return ConstantTensor(index, f"t{index}", shape, np.float32(scale), 0, batched=False, values=values)


def _scales(random: np.random.Generator) -> tuple[float, float, float]:
    """Any two, and a small fraction: what is made of the first two by it has ties everywhere, but for rounding."""
    first, second = (float(np.float32(np.exp(random.uniform(-4, -1)))) for _ in range(2))
    return first, second, float(random.integers(1, 9) / random.integers(1, 9))


def _leaky_relu(random: np.random.Generator) -> Op:
    scale, _, part = _scales(random)
    return LeakyRelu("leaky_relu", _tensor(0, scale), _tensor(1, scale * part), 0.1)


def _relu(random: np.random.Generator) -> Op:
    scale, _, part = _scales(random)
    return Relu("relu", _tensor(0, scale), _tensor(1, scale * part))


def _abs(random: np.random.Generator) -> Op:
    scale, _, part = _scales(random)
    return Abs("abs", _tensor(0, scale), _tensor(1, scale * part))


def _div(random: np.random.Generator) -> Op:
    left, right, part = _scales(random)
    by = int(random.choice([2, 4, 8, 16]))
    output = _tensor(2, left / right / by * part)
    return Div("div", _tensor(0, left), _number(1, by, right), output, -128, 127)


def _mul(random: np.random.Generator) -> Op:
    left, right, part = _scales(random)
    operands = _tensor(0, left), _number(1, int(random.integers(1, 9)), right)
    return Mul("mul", *operands, _tensor(2, left * right * part), -128, 127)


def _sum_of(kind: type[Add]) -> Callable[[np.random.Generator], Op]:
    def made(random: np.random.Generator) -> Op:
        left, _, part = _scales(random)
        right = left * float(random.integers(1, 9) / random.integers(1, 9))
        return kind("sum", _tensor(0, left), _number(1, 3, right), _tensor(2, left * part), -128, 127)

    return made


def _batch_matmul(random: np.random.Generator) -> Op:
    left, right, part = _scales(random)
    operands = _tensor(0, left, (_VALUES, 1)), _number(1, int(random.integers(1, 9)), right, (1, 1))
    return BatchMatMul("batch_matmul", *operands, _tensor(2, left * right * part, (_VALUES, 1)), False, False)


def _svdf(random: np.random.Generator) -> Op:
    scale, feature, part = _scales(random)
    time, _, other = _scales(random)
    memory = np.float32(scale * feature * part)
    ends = [
        Activation(n, f"t{n}", (_VALUES, 1), np.float32(s), 0, batched=False)
        for n, s in enumerate([scale, float(memory) * time * other])
    ]
    weights = [np.full((1, 1), random.integers(1, 5), np.int8) for _ in range(2)]
    state = State("memory", (_VALUES, 1), np.zeros((_VALUES, 1), np.int8))
    return Svdf(
        "svdf", ends[0], ends[1], state, memory, 0, weights[0], np.float32(feature), weights[1], np.float32(time),
        np.zeros(1, np.int32),
    )  # fmt: skip


_MAKERS = {
    "ABS": _abs, "ADD": _sum_of(Add), "BATCH_MATMUL": _batch_matmul, "DIV": _div, "LEAKY_RELU": _leaky_relu,
    "MUL": _mul, "RELU": _relu, "SUB": _sum_of(Sub), "SVDF": _svdf,
}  # fmt: skip


@pytest.mark.tflm
@pytest.mark.parametrize("kind", _MAKERS)
def test_ties_go_where_tflite_micro_has_them(kind: str) -> None:
    values = np.linspace(-128, 127, _VALUES).astype(np.int8)[None]
    compared = 0
    for seed in range(_SEEDS):
        op = _MAKERS[kind](np.random.default_rng(seed))
        graph = graph_of(op)
        data = file_of([op], graph.inputs, graph.outputs)
        try:
            found = reader.read(data)
        except reader.ModelError:
            continue  # a scale that is out of the operator's range
        np.testing.assert_array_equal(reference.infer(found, values), oracle.infer(data, values, found), str(op))
        compared += 1
    assert compared > _SEEDS // 2
