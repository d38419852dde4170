"""Every operator of the table on its own cases: written to a file, read again, and computed as TFLite Micro does."""

from typing import Any

import numpy as np
import pytest

from tests.operator_files import file_of, graph_of
from tinyprune.compiler import oracle, reader, reference, samples
from tinyprune.compiler.graph import Graph, Int8, Op
from tinyprune.compiler.kernels import KERNELS
from tinyprune.compiler.operators import OPERATORS, operator_of
from tinyprune.compiler.operators.operator import sentence
from tinyprune.compiler.operators.variables import AssignVariable, ReadVariable

CASES = 60
PLAIN = {kind: operator for kind, operator in OPERATORS.items() if operator.op not in (ReadVariable, AssignVariable)}


def cases(kind: str, count: int = CASES) -> list[tuple[Op, Graph, np.random.Generator]]:
    found = []
    for seed in range(count):
        random = np.random.default_rng([seed, *kind.encode()])
        op = OPERATORS[kind].case(random)
        found.append((op, graph_of(op), random))
    return found


def rows(graph: Graph, random: np.random.Generator) -> Int8:
    """Four samples, the extremes among them; 0 and 1 for bool inputs."""
    parts = []
    for tensor in graph.inputs:
        low, high = tensor.limits
        part = random.integers(low, high + 1, (4, tensor.count)).astype(tensor.dtype)
        part[0], part[1] = low, high
        parts.append(part)
    return samples.joined(parts)


@pytest.mark.tflm
@pytest.mark.parametrize("kind", PLAIN)
def test_any_case_is_read_as_it_was_written_and_answers_as_tflite_micro(kind: str) -> None:
    answers = set()
    for op, graph, random in cases(kind):
        data = file_of([op], graph.inputs, graph.outputs)
        found = reader.read(data)
        if not found.ops and not op.is_view:
            continue  # a QUANTIZE of an input or output that falls away: test_edges.py
        inputs = rows(graph, random)
        wanted = reference.infer(graph, inputs)
        np.testing.assert_array_equal(reference.infer(found, inputs), wanted)
        np.testing.assert_array_equal(oracle.infer(data, inputs, found), wanted)
        answers |= set(np.unique(wanted).tolist())
    assert len(answers) > 100 or answers == {0, 1}  # so that a constant would not pass


@pytest.mark.parametrize("kind", OPERATORS)
def test_cases_vary_and_have_kernels(kind: str) -> None:
    """On a core without DSP instructions every case runs."""
    portable = [kernel for kernel in KERNELS if kernel.isa == "c"]
    shapes = set()
    for op, _, _ in cases(kind, 40):
        assert operator_of(op) is OPERATORS[kind]
        assert any(kernel.runs(op) for kernel in portable), op
        shapes.add(tuple(tensor.shape for tensor in (*op.inputs, *op.outputs)))
    assert len(shapes) > 10


@pytest.mark.parametrize("kind", OPERATORS)
def test_moves_are_the_whole_of_an_operator_that_only_moves_bytes(kind: str) -> None:
    """Byte by byte what `infer` says, which computes without them."""
    for op, _, random in cases(kind):
        if op.moves is None:
            continue
        operands = [random.integers(-128, 128, tensor.shape).astype(tensor.dtype) for tensor in op.inputs]
        states = {state: state.initial[None].copy() for state in op.states}
        given = [getattr(tensor, "values", x) for tensor, x in zip(op.inputs, operands, strict=True)]
        wanted = list(reference.run_op(op, *(x[None] for x in given), states=states))
        wanted += list(states.values()) if not op.outputs else []
        gap = 77 if op.fill is None else op.fill
        places: dict[int, Any] = {n: np.full(tensor.shape, gap, tensor.dtype) for n, tensor in enumerate(op.outputs)}
        before: dict[int, Any] = dict(enumerate(given))
        for state in op.states:
            before[-1], places[-1] = state.initial, np.full(state.shape, 77, np.int8)
        for move in op.moves:
            ends = before[move.source], places[move.target]
            source, target = (values.reshape(-1).view(np.int8) for values in ends)
            for turn in np.ndindex(*move.counts):
                here = move.source_offset + int(np.dot(turn, move.source_strides))
                there = move.target_offset + int(np.dot(turn, move.target_strides))
                target[there : there + move.size] = source[here : here + move.size]
        made = [places[n] for n in range(len(op.outputs))] or [places[-1]]
        for found, want in zip(made, wanted, strict=True):
            np.testing.assert_array_equal(found.reshape(-1), want.reshape(-1))


def test_rules_say_what_is_needed() -> None:
    for kind, operator in OPERATORS.items():
        assert operator.rules, kind
        for rule in operator.rules:
            text = sentence(rule)
            assert text, (kind, rule)
            assert not text.endswith("."), (kind, text)
