"""Variables: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE.

VAR_HANDLE and CALL_ONCE leave nothing in the graph: the first names a variable, the second runs a subgraph before the
first inference, whose assignments of constants are the variables' initial bytes. A variable that is not initialized
begins with the zero point of what is assigned to it, as in TFLite Micro (micro_resource_variable.cc).
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from tinyprune.compiler.file import (
    MAX_VALUES,
    File,
    Node,
    constant_of,
    expect_type,
    has_data,
    is_constant,
    scales_of,
    shape_of,
    tensor_name,
)
from tinyprune.compiler.graph import Activation, Array, Op, State, Tensor
from tinyprune.compiler.moves import STATE, Move
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written
from tinyprune.compiler.tables import options_of
from tinyprune.errors import ModelError, printable

#: Operators that the reader has dealt with when it has found the variables.
VANISHING = ("VAR_HANDLE", "CALL_ONCE")


@dataclass(frozen=True, slots=True, eq=False)
class ReadVariable(Op):
    variable: State
    output: Activation

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return ()

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)

    @property
    def states(self) -> tuple[State, ...]:
        return (self.variable,)

    @property
    def value_moves(self) -> tuple[Move, ...]:
        return (Move(STATE, 0, self.output.count),)


@dataclass(frozen=True, slots=True, eq=False)
class AssignVariable(Op):
    variable: State
    input: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.input,)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return ()

    @property
    def states(self) -> tuple[State, ...]:
        return (self.variable,)

    @property
    def value_moves(self) -> tuple[Move, ...]:
        return (Move(0, STATE, self.input.count),)


def states_of(file: File) -> dict[int, State]:
    """Handle tensor of the file's subgraph, or tensor that is a variable itself → the variable.

    Raises ModelError where a variable has no one size, is never assigned, or is initialized by something else than a
    constant.
    """
    handles, initial = _handles(file), _initial_values(file)
    values: dict[str, int] = {}  # variable → the tensor that tells its shape: the first that is assigned, or else read
    assigned: set[str] = set()
    for one in file.operators:
        kind, inputs = one.kind, one.inputs
        if kind == "CALL_ONCE" and values:
            raise ModelError(f"operator CALL_ONCE (number {one.number}) comes after variables have been used")
        value = {"READ_VARIABLE": one.outputs[:1], "ASSIGN_VARIABLE": inputs[1:2]}.get(kind, ())
        if value and inputs[0] in handles:
            name = handles[inputs[0]]
            if name not in values or (kind == "ASSIGN_VARIABLE" and name not in assigned):
                values[name] = value[0]
            if kind == "ASSIGN_VARIABLE":
                assigned.add(name)
    unassigned = sorted(values.keys() - assigned - initial.keys())
    if unassigned:
        raise ModelError(f'nothing assigns the variable "{", ".join(unassigned)}": TFLite Micro has no bytes to read')
    found = {name: _state(file, name, index, initial.get(name)) for name, index in values.items()}
    handled = {index: found[name] for index, name in handles.items() if name in found}
    return handled | _variable_tensors(file, set(found))


def _variable_tensors(file: File, names: set[str]) -> dict[int, State]:
    """Tensors whose values outlive an inference. A reset fills int8 ones with their zero point, others with zeros."""
    found = {}
    for index, tensor in enumerate(file.tensors):
        if not tensor.is_variable or tensor.type not in ("INT8", "INT16"):
            continue
        shape, name = shape_of(file, index), tensor_name(file, index)
        if any(n <= 0 for n in shape) or prod(shape) > MAX_VALUES or has_data(file, index):
            raise ModelError(f'variable tensor "{name}" has constant data or the impossible shape {list(shape)}')
        if tensor.type == "INT8":
            initial: Array = np.full(shape, _zero_point(file, index), np.int8)
        else:
            initial = np.zeros(shape, np.int16)
        name = name if name not in names else f"{name}, tensor {index}"
        names.add(name)
        found[index] = State(name, shape, initial)
    return found


def _state(file: File, name: str, index: int, initial: Array | None) -> State:
    shape = shape_of(file, index)
    if any(n <= 0 for n in shape) or prod(shape) > MAX_VALUES:
        raise ModelError(f'variable "{name}" has the impossible shape {list(shape)}')
    if initial is not None and initial.size != prod(shape):
        raise ModelError(f'variable "{name}" of shape {list(shape)} is initialized with {initial.size} values')
    start = np.full(shape, _zero_point(file, index), np.int8) if initial is None else initial.reshape(shape)
    return State(name, tuple(shape), start)


def _zero_point(file: File, index: int) -> int:
    _, zero_points, _ = scales_of(file, index)
    return int(np.clip(zero_points[0], -128, 127))


def _handles(file: File) -> dict[int, str]:
    """Tensor → the name of the variable that a VAR_HANDLE puts into it."""
    found = {}
    for one in file.operators:
        if one.kind != "VAR_HANDLE":
            continue
        options = options_of(one.table, "VarHandleOptions")
        if options is None:
            raise ModelError(f"operator VAR_HANDLE (number {one.number}) has no options")
        for output in one.outputs:
            expect_type(file, output, "RESOURCE")
            found[output] = printable(options.SharedName() or b"?")
    return found


def _initial_values(file: File) -> dict[str, Array]:
    """Variable → the constant that the subgraphs of CALL_ONCE assign to it."""
    found: dict[str, Array] = {}
    for one in file.operators:
        if one.kind != "CALL_ONCE":
            continue
        options = options_of(one.table, "CallOnceOptions")
        which = -1 if options is None else options.InitSubgraphIndex()
        if not 0 < which < file.model.SubgraphsLength():
            raise ModelError(f"operator CALL_ONCE (number {one.number}) calls subgraph {which}, which is not there")
        found |= _assignments(File.of(file.model, which))
    return found


def _assignments(file: File) -> dict[str, Array]:
    names, found = _handles(file), {}
    for one in file.operators:
        kind, inputs = one.kind, one.inputs
        if kind == "VAR_HANDLE":
            continue
        if kind != "ASSIGN_VARIABLE" or len(inputs) != 2 or inputs[0] not in names or not is_constant(file, inputs[1]):
            raise ModelError(f"the initialization of variables computes {kind}; only constants can be assigned there")
        found[names[inputs[0]]] = constant_of(file, inputs[1], "INT8")
    return found


def known_variable(node: Node) -> str | None:
    """Its first operand is the handle of a variable, made by a VAR_HANDLE of the same subgraph."""
    return None if node.index(0) in node.states else "its variable has no VAR_HANDLE"


def bytes_fit(node: Node) -> str | None:
    """What it reads or assigns is int8, and has as many bytes as the variable."""
    tensor = node.operand(1) if node.kind == "ASSIGN_VARIABLE" else node.result()
    state = node.states.get(node.index(0))
    if state is None or tensor.size_bytes == state.size_bytes:
        return None
    return f'it moves {tensor.size_bytes} bytes, variable "{state.name}" has {state.size_bytes}'


def _read_read(node: Node) -> ReadVariable:
    return ReadVariable(node.name, node.states[node.index(0)], node.result())


def _read_assign(node: Node) -> AssignVariable:
    return AssignVariable(node.name, node.states[node.index(0)], node.operand(1))


def _infer_read(op: ReadVariable, state: Array) -> tuple[Array, Array]:
    return state.reshape(1, *op.output.shape), state


def _infer_assign(op: AssignVariable, x: Array, _state: Array) -> tuple[Array]:
    return (x.reshape(1, *op.variable.shape),)


def _case_state(random: np.random.Generator) -> State:
    shape = cases.shape(random)
    return State("variable", shape, cases.values(random, shape))


def _case_read(random: np.random.Generator) -> ReadVariable:
    state = _case_state(random)
    return ReadVariable("read_variable", state, cases.activation(random, state.shape))


def _case_assign(random: np.random.Generator) -> AssignVariable:
    state = _case_state(random)
    return AssignVariable("assign_variable", state, cases.activation(random, state.shape))


READ_VARIABLE = Operator(
    ReadVariable, "read_variable", "The bytes of a variable, as they are at this place of the inference.", _read_read,
    (known_variable, bytes_fit), _infer_read, _case_read, lambda _op: Written("READ_VARIABLE"), "AddReadVariable",
)  # fmt: skip
ASSIGN_VARIABLE = Operator(
    AssignVariable, "assign_variable", "New bytes for a variable, which outlive the inference.", _read_assign,
    (known_variable, bytes_fit), _infer_assign, _case_assign, lambda _op: Written("ASSIGN_VARIABLE"),
    "AddAssignVariable",
)  # fmt: skip
