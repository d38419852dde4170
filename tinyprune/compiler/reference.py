"""Integer inference on a `Graph` in plain NumPy: the living definition of right, equal to TFLite Micro on every byte.

Kept slow and simple; the arithmetic is the operators' own (`operators/`). Samples of a network with variables follow
one another, each in the state that the one before left.
"""

import numpy as np

from tinyprune.compiler.graph import Array, ConstantTensor, Graph, Int8, Op, State
from tinyprune.compiler.operators import operator_of


def infer(graph: Graph, inputs: Int8) -> Int8:
    """`[samples, …]`, one row all inputs of a sample one behind the other → `[samples, output_bytes]`, all outputs one
    behind the other. Begins in the state after a reset. Raises DataError for inputs of another shape or type."""
    return graph.joined_outputs(run(graph, inputs))


def run(graph: Graph, inputs: Int8) -> dict[int, Array]:
    """Every activation `[samples, *shape]` of the graph, by its index. `inputs` as for `infer`."""
    parts = graph.split_inputs(inputs)
    states = {state: state.initial[None] for state in graph.states}
    if not states:
        return _run(graph, parts, {})
    runs = [_run(graph, [part[n : n + 1] for part in parts], states) for n in range(len(inputs))]
    return {index: np.concatenate([one[index] for one in runs]) for index in runs[0]}


def _run(graph: Graph, inputs: list[Array], states: dict[State, Array]) -> dict[int, Array]:
    """The same; `states` become those after it."""
    values: dict[int, Array] = {tensor.index: part for tensor, part in zip(graph.inputs, inputs, strict=True)}
    for op in graph.ops:
        operands = [
            tensor.values[None] if isinstance(tensor, ConstantTensor) else values[tensor.index] for tensor in op.inputs
        ]
        results = run_op(op, *operands, states=states)
        for tensor, result in zip(
            op.outputs, results, strict=True
        ):  # one for all samples where it is made of constants
            values[tensor.index] = np.broadcast_to(result, (len(inputs[0]), *result.shape[1:]))
    return values


def run_op(op: Op, *operands: Array, states: "dict[State, Array] | None" = None) -> tuple[Array, ...]:
    """One operator's results, `[samples, *shape]` each, from its operands; its variables in `states` become what they
    are afterwards."""
    before = [(states or {}).get(state, state.initial[None]) for state in op.states]
    found = operator_of(op).infer(op, *operands, *before)
    results = found if isinstance(found, tuple) else (found,)
    count = len(op.outputs)
    if states is not None:
        states.update(zip(op.states, results[count:], strict=True))
    return results[:count]
