"""Networks that are no chains: read, computed, lowered, and placed in memory."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import NETWORKS, STATEFUL, Build, Network, branches, five_wide_block, gates, residual, streaming
from tests.operator_files import file_of
from tests.random_graphs import mixed_network
from tinyprune.compiler import lower, oracle, reader, reference
from tinyprune.compiler.fold import fold
from tinyprune.compiler.graph import Activation, ConstantTensor, Graph, Op, State
from tinyprune.compiler.kernels import Layout
from tinyprune.compiler.operators.add import Add
from tinyprune.compiler.operators.reshape import Reshape
from tinyprune.compiler.program import Program
from tinyprune.device import boards
from tinyprune.errors import DataError, ModelError

BOARDS = {name: boards.load(name) for name in ("nano33", "host")}


def lowered(network: Network, board: str = "nano33") -> Program:
    return lower.lower(reader.read(network.file), BOARDS[board])


def inputs_for(graph: Graph, count: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(-128, 128, (count, graph.input_bytes)).astype(np.int8)


@pytest.mark.tflm
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_read_as_it_was_written_and_answers_as_tflite_micro(name: str) -> None:
    network = NETWORKS[name]()
    found = reader.read(network.file)
    inputs = inputs_for(found)
    wanted = oracle.infer(network.file, inputs, found)
    np.testing.assert_array_equal(reference.infer(network.graph, inputs), wanted)
    np.testing.assert_array_equal(reference.infer(found, inputs), wanted)
    assert len(np.unique(wanted)) > 50
    assert bool(found.states) == (name in STATEFUL)


def test_a_variable_begins_with_what_call_once_assigns_or_else_its_zero_point() -> None:
    first, second = reader.read(streaming().file), reader.read(streaming(initialized=False).file)
    (one,), (other,) = first.states, second.states
    np.testing.assert_array_equal(one.initial, streaming().graph.states[0].initial)
    assert len(np.unique(one.initial)) > 5
    assert (other.initial == 3).all()
    assert one.name == "stream/rows"


def test_samples_of_a_network_with_variables_follow_one_another() -> None:
    graph = reader.read(streaming().file)
    inputs = inputs_for(graph, 6)
    inputs[3:] = inputs[0]
    outputs = reference.infer(graph, inputs)
    assert not (outputs[3] == outputs[0]).all()
    np.testing.assert_array_equal(outputs[5], reference.infer(graph, inputs[3:])[2])  # two rows back is all it knows


def test_inputs_and_outputs_are_called_as_the_signature_does() -> None:
    graph = reader.read(NETWORKS["two_by_two"]().file)
    assert (graph.input_names, graph.output_names) == (("picture", "motion"), ("class", "gesture"))
    unsigned = reader.read(replace(NETWORKS["two_by_two"](), names=None).file)
    assert unsigned.input_names == ("t1", "t2")
    with pytest.raises(
        DataError, match=r'int8 rows of 66 bytes, \[samples, …\]: "picture" int8 \[4, 5, 3\]; "motion" int8 \[6\]'
    ):
        reference.infer(graph, np.zeros((2, 60), np.int8))
    with pytest.raises(ModelError, match="--audio needs a network of one input and one output; this one has 2 inputs"):
        graph.ends("--audio")


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_needed_at_the_same_time_never_overlaps(name: str, board: str) -> None:
    """Runs the program's steps on an arena of bytes, with the reference in the place of the kernels."""
    program = lowered(NETWORKS[name](), board)
    if name == "five_wide_block" and board == "nano33":  # in layouts of firmware: test_networks.py
        assert any(Layout.INTERLEAVED is not step.output_layout for step in program.steps)
    else:
        check_on_an_arena(program)


def check_on_an_arena(program: Program) -> None:
    """Some inferences one behind the other; only what the program lets share bytes may get lost."""
    graph = program.graph
    arena = np.random.default_rng(2).integers(-128, 128, program.arena.arena_bytes).astype(np.int8)
    for state, offset in program.states:
        arena[offset : offset + state.size_bytes] = np.ascontiguousarray(state.initial).reshape(-1).view(np.int8)
    inputs = inputs_for(graph, 4)
    for row, wanted in zip(inputs, reference.infer(graph, inputs), strict=True):
        for tensor, offset, part in zip(
            graph.inputs, program.input_offsets, graph.split_inputs(row[None]), strict=True
        ):
            arena[offset : offset + tensor.size_bytes] = part.reshape(-1).view(np.int8)
        for step in program.steps:
            run_step(step.op, step.input_offsets, step.output_offsets, step.state_offsets, arena)
        ends = zip(graph.outputs, program.output_offsets, strict=True)
        made = np.concatenate([arena[offset : offset + tensor.size_bytes] for tensor, offset in ends])
        np.testing.assert_array_equal(made, wanted)


def run_step(op: Op, sources: Sequence[int], targets: Sequence[int], places: Sequence[int], arena: np.ndarray) -> None:
    """With the reference: all of a move is done, as nothing is wrong with moving bytes to where they are."""
    operands = []
    for tensor, offset in zip(op.inputs, sources, strict=True):
        here = arena[offset : offset + tensor.size_bytes].view(tensor.dtype).reshape(tensor.shape)
        operands.append((tensor.values if isinstance(tensor, ConstantTensor) else here)[None].copy())
    states = {}
    for state, offset in zip(op.states, places, strict=True):
        values = arena[offset : offset + state.size_bytes].view(state.dtype)
        states[state] = values.reshape(1, *state.shape).copy()
    results = reference.run_op(op, *operands, states=states)
    for tensor, offset, result in zip(op.outputs, targets, results, strict=True):
        arena[offset : offset + tensor.size_bytes] = np.ascontiguousarray(result).reshape(-1).view(np.int8)
    for state, offset in zip(op.states, places, strict=True):
        arena[offset : offset + state.size_bytes] = np.ascontiguousarray(states[state]).reshape(-1).view(np.int8)


def test_parts_are_computed_where_they_stand_in_the_whole() -> None:
    program = lowered(branches())
    kinds = [step.op.name.rsplit("_", 1)[0] for step in program.steps]
    assert kinds == ["conv", "conv", "conv", "add", "conv"]  # no slice and no concatenation is left
    places = [step.output_offsets[0] for step in program.steps[:3]]
    assert places == [places[0], places[0] + 32, places[0] + 64]
    assert [step.input_offsets[0] for step in program.steps[:3]] == [place - places[0] + program.input_offsets[0]
                                                                    for place in places]  # fmt: skip


def test_the_same_tensor_twice_is_copied_once() -> None:
    program = lowered(gates())
    (joined,) = [step for step in program.steps if step.op.name.startswith("concatenation")]
    assert len(joined.calls) == 1


def test_a_sum_lies_over_an_operand_that_dies_and_over_no_other() -> None:
    program = lowered(residual())
    (step,) = [step for step in program.steps if isinstance(step.op, Add)]
    assert step.output_offsets[0] in step.input_offsets
    assert program.arena.arena_bytes == program.arena.lower_bound_bytes  # the skip, its copy and the conv's result
    b = Build()
    x = b.tensor((4, 4, 4))
    start = b.conv(x, 4)
    total = b.add(start, b.conv(start, 4))
    again = b.add(total, start)
    program = lowered(b.network([x], [b.conv(again, 4), total]))
    first, second = [step for step in program.steps if isinstance(step.op, Add)]
    assert first.output_offsets[0] != first.input_offsets[0]  # `start` is read once more
    assert second.output_offsets[0] != second.input_offsets[0]  # `total` is an output
    assert second.output_offsets[0] == second.input_offsets[1]


def test_a_map_is_brought_into_another_layout_where_that_pays() -> None:
    program = lowered(five_wide_block())
    (relayout,) = [step for step in program.steps if step.op.name.startswith("relayout")]
    assert relayout.kernel.name == "tp_five_wide_s8_dense_c"
    assert program.loops[2] == (2, 3)  # depthwise and pointwise, row by row
    joined = next(number for number, step in enumerate(program.steps) if isinstance(step.op, Add))
    assert program.steps[joined - 1].output_layout is Layout.INTERLEAVED


def test_a_network_of_a_reshape_has_nothing_to_run() -> None:
    program = lowered(NETWORKS["untouched"]())
    assert program.steps == ()
    assert program.input_offsets == program.output_offsets


def test_no_network_needs_more_than_copies_in_file_order() -> None:
    """Random graphs of element-wise work, concatenations and splits."""
    from tinyprune.compiler import placement
    from tinyprune.compiler.choose import choose

    smaller = 0
    for seed in range(60):
        network = random_network(seed)
        graph = network.graph
        choices = choose(graph, BOARDS["host"])
        placed = placement.place(graph, choices)
        plain = placement.memory.plan(placement.without_sharing(graph, choices))
        assert placed.plan.lower_bound_bytes <= placed.plan.arena_bytes <= plain.arena_bytes
        smaller += placed.plan.arena_bytes < plain.arena_bytes
        check_on_an_arena(lower.lower(graph, BOARDS["host"]))
    assert smaller > 15


@pytest.mark.tflm
@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 1500), marks=pytest.mark.slow)], ids=str)
def test_networks_of_any_operators(seeds: range) -> None:
    """Read, folded, as the interpreter runs them, and on an arena of bytes."""
    kinds = set()
    for seed in seeds:
        network = mixed_network(seed)
        kinds |= {type(op) for op in network.ops}
        graph = reader.read(network.file)
        inputs = inputs_for(graph, 6)
        wanted = reference.infer(graph, inputs)
        np.testing.assert_array_equal(reference.infer(fold(graph), inputs), wanted, f"folded, {seed=}")
        np.testing.assert_array_equal(oracle.infer(network.file, inputs, graph), wanted, f"{seed=}")
        check_on_an_arena(lower.lower(graph, BOARDS["host"]))
    assert len(kinds) > 50


def random_network(seed: int) -> Network:
    b = Build(seed)
    random = np.random.default_rng(seed)
    x = b.tensor((4, 4, 4))
    maps = [x, b.conv(x, 4)]
    state = State("kept", (1, 4, 4, 4), np.full((1, 4, 4, 4), 3, np.int8))
    for _ in range(10):
        kind = random.integers(7)
        one, other = (maps[int(random.integers(len(maps)))] for _ in range(2))
        if kind == 0:
            maps.append(b.conv(one, 4))
        elif kind == 1:
            maps.append(b.add(one, other, 0.15))
        elif kind == 2:
            first, second = b.split(one, 2, 0)
            maps.append(b.add(b.concatenation([first, first], 0), b.concatenation([second, first], 0), 0.15))
        elif kind == 3:
            maps.append(b.concatenation([b.rows(one, 2, 4), b.rows(one, 0, 2)], 0))
        elif kind == 4:
            maps.append(b.reshape(b.reshape(one, (64,)), (4, 4, 4)))
        elif kind == 5:
            maps.append(b.read(state, x))
        else:
            b.assign(state, one)
    return b.network([x], [b.conv(maps[-1], 2), maps[int(random.integers(1, len(maps)))]])


def pair() -> tuple[Activation, Activation, Activation]:
    first, second, third = (Activation(number, f"t{number}", (4,), np.float32(0.1), 0) for number in range(3))
    return first, second, third


def test_graphs_that_cannot_run_are_refused_in_a_sentence() -> None:
    x, y, z = pair()
    forward, back, again = Reshape("one", x, y), Reshape("two", y, z), Reshape("three", x, z)
    cases = [
        (
            (back, forward),
            'reads tensor "t1", which operator ".*" writes later: the model has a cycle, or its operators',
        ),
        ((back,), 'reads tensor "t1", which no operator writes'),
        ((forward, back, again), 'writes tensor "t2", which is an input or written already'),
        ((forward,), 'no operator computes the model\'s output "t2"'),
        ((Add("loop", x, y, y, -128, 127), back), 'reads tensor "t1", which it writes itself'),
    ]
    for ops, message in cases:
        with pytest.raises(ModelError, match=message):
            Graph(ops, (x,), (z,), "0" * 64)
        with pytest.raises(ModelError, match=message):
            reader.read(file_of(ops, [x], [z]))
