"""Operators with variable tensors over long sequences, against TFLite Micro: a fresh interpreter is a reset."""

from dataclasses import replace

import numpy as np
import pytest

from tests.operator_files import file_of, graph_of
from tests.tflite_file import Tensor
from tinyprune.compiler import lower, oracle, reader, reference
from tinyprune.compiler.fixed_functions import SIGMOID
from tinyprune.compiler.graph import Graph, Op, State
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.lstm import Lstm
from tinyprune.compiler.operators.svdf import Svdf
from tinyprune.device import boards
from tinyprune.errors import ModelError

STEPS = 220
KINDS = ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")


def operators(kind: str, count: int) -> list[Op]:
    return [OPERATORS[kind].case(np.random.default_rng([7, seed])) for seed in range(count)]


def sequence(graph: Graph, seed: int) -> np.ndarray:
    """Noise, then nothing for a while, then extremes: what is remembered must fade, and saturate."""
    random = np.random.default_rng(seed)
    inputs = random.integers(-128, 128, (STEPS, graph.input_bytes))
    inputs[80:110] = graph.inputs[0].zero_point
    inputs[140:180] = random.choice([-128, 127], (40, 1))
    return inputs.astype(np.int8)


@pytest.mark.tflm
@pytest.mark.parametrize("kind", KINDS)
def test_long_sequences_with_a_reset_in_between(kind: str) -> None:
    for number, op in enumerate(operators(kind, 6)):
        graph = graph_of(op)
        data = file_of([op], graph.inputs, graph.outputs)
        found = reader.read(data)
        assert [(state.dtype, state.shape) for state in found.states] == [(s.dtype, s.shape) for s in op.states]
        first, second = sequence(graph, number), sequence(graph, number + 1000)
        for inputs in (first, second, first):
            wanted = oracle.infer(data, inputs, found)
            np.testing.assert_array_equal(reference.infer(found, inputs), wanted)
        both = reference.infer(found, np.concatenate([first, second]))
        np.testing.assert_array_equal(both[STEPS:], oracle.infer(data, np.concatenate([first, second]), found)[STEPS:])


def test_what_is_remembered_matters() -> None:
    for kind in KINDS:
        different = 0
        for op in operators(kind, 20):
            graph = graph_of(op)
            inputs = np.random.default_rng(3).integers(-128, 128, (2, graph.input_bytes)).astype(np.int8)
            different += not np.array_equal(reference.infer(graph, inputs)[1:], reference.infer(graph, inputs[1:]))
        assert different > 7, kind


@pytest.mark.tflm
def test_two_layers_one_behind_the_other_have_states_of_their_own() -> None:
    random = np.random.default_rng(1)
    first = next(op for op in operators("SVDF", 40) if isinstance(op, Svdf) and op.input.batched)
    assert isinstance(first, Svdf)
    units = len(first.bias)
    second = next(
        op
        for op in operators("SVDF", 400)
        if isinstance(op, Svdf) and op.input.batched and op.features.shape[1] == units
    )
    inner = replace(second.input, index=1, scale=first.output.scale, zero_point=first.output.zero_point)
    first = replace(first, output=replace(inner, name="inner"))
    memory = State("another", second.memory.shape, second.memory.initial)
    second = replace(second, input=first.output, output=replace(second.output, index=2), memory=memory)
    data = file_of([first, second], [first.input], [second.output])
    graph = reader.read(data)
    assert [state.name for state in graph.states] == ["svdf/memory", "another"]
    inputs = random.integers(-128, 128, (STEPS, graph.input_bytes)).astype(np.int8)
    np.testing.assert_array_equal(reference.infer(graph, inputs), oracle.infer(data, inputs, graph))
    program = lower.lower(graph, boards.load("nano33"))
    assert len({offset for _, offset in program.states}) == 2
    renamed = replace(second, memory=State(first.memory.name, memory.shape, memory.initial))
    again = reader.read(file_of([first, renamed], [first.input], [second.output]))
    assert len({state.name for state in again.states}) == 2
    with pytest.raises(ModelError, match='two variables of the model are called "svdf/memory"'):
        Graph((first, renamed), (first.input,), (second.output,), "0" * 64)


REFUSED = {
    "SVDF": {
        "scale": (
            lambda op: replace(op, memory_scale=np.float32(1e30)),
            "needed: it multiplies by less",
        ),
        "bias": (lambda op: replace(op, bias=np.zeros(len(op.bias) + 1, np.int32)), "needed: its input is"),
    },
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {
        "cell scale": (
            lambda op: replace(op, cell_scale=np.float32(8)),
            "the cell state has scale 8; needed: the scale",
        ),
        "units": (
            lambda op: replace(op, gates=(replace(op.gates[0], bias=np.zeros(99, np.int32)), *op.gates[1:])),
            r"something has shape \[99\] instead of",
        ),
    },
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, some in REFUSED.items() for name in some])
def test_what_tflite_micro_would_not_take_is_refused(kind: str, name: str) -> None:
    change, message = REFUSED[kind][name]
    op = change(operators(kind, 1)[0])
    with pytest.raises(ModelError, match=message):
        reader.read(file_of([op], op.activations, op.outputs))


def test_a_variable_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(*arguments: object, **more: object) -> Tensor:
        return Tensor(*arguments, **{**more, "is_variable": False})  # type: ignore[arg-type]

    monkeypatch.setattr("tests.operator_files.Tensor", plain)
    for kind in KINDS:
        op = operators(kind, 1)[0]
        with pytest.raises(ModelError, match="must be a variable tensor"):
            reader.read(file_of([op], op.activations, op.outputs))


def test_the_table_rounds_far_from_ties() -> None:
    """So that any machine's exp makes the same one."""
    exact = 65536 / (1 + np.exp(-np.arange(256) / 24))
    assert (np.abs(exact - np.floor(exact) - 0.5) > 1e-4).all()
    assert (np.diff(SIGMOID.astype(int)) >= 0).all()


def test_lstm_cases_reach_what_matters() -> None:
    found = [op for op in operators("UNIDIRECTIONAL_SEQUENCE_LSTM", 60) if isinstance(op, Lstm)]
    assert {op.time_major for op in found} == {True, False}
    assert any(op.sizes[0] > 1 and op.sizes[1] > 1 for op in found)
    assert any(op.cell_clip > 0 for op in found)
    assert any(op.tanh_input[1] > 0 for op in found)
    assert any(op.tanh_input[0] > 3 for op in found)
