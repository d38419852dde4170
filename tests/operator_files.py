""".tflite files of graphs: of one operator, or of several that pass tensors on."""

from collections.abc import Collection, Sequence

import numpy as np
import tflite

from tests.tflite_file import Operator, Subgraph, Tensor, write
from tinyprune.compiler.graph import Activation, ConstantTensor, Graph, Op, State
from tinyprune.compiler.graph import Tensor as GraphTensor
from tinyprune.compiler.operators import operator_of
from tinyprune.compiler.operators.operator import Written

Code = tflite.BuiltinOperator
TYPES = {
    "int8": tflite.TensorType.INT8, "int16": tflite.TensorType.INT16, "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64, "bool": tflite.TensorType.BOOL,
}  # fmt: skip


def graph_of(op: Op) -> Graph:
    """A network of one operator: its activations are the inputs, its results the outputs."""
    return Graph((op,), op.activations, op.outputs, "0" * 64)


def file_of(
    ops: Sequence[Op],
    inputs: Sequence[Activation],
    outputs: Sequence[Activation],
    initialized: Collection[State] = (),
    signature: tuple[Sequence[str], Sequence[str]] | None = None,
) -> bytes:
    """The .tflite of operators in this order, with their constants, and a VAR_HANDLE for each variable. Those that are
    `initialized` get their initial bytes by a CALL_ONCE; `signature` names inputs and outputs."""
    writer = _Writer()
    for tensor in inputs:
        writer.number_of(tensor)
    once = Operator(Code.CALL_ONCE, (), (), "CallOnceOptions", {"InitSubgraphIndex": 1})
    operators = [once] if initialized else []
    states = list(dict.fromkeys(state for op in ops for state in op.states if not operator_of(op).write(op).states))
    operators += [writer.handle(state) for state in states]
    operators += [writer.operator(op) for op in ops]
    ends = [[writer.number_of(tensor) for tensor in some] for some in (inputs, outputs)]
    others = [_initialization([state for state in states if state in initialized])] if initialized else []
    named = None
    if signature is not None:
        named = tuple(dict(zip(names, some, strict=True)) for names, some in zip(signature, ends, strict=True))
    return write(writer.tensors, operators, *ends, others, named)  # type: ignore[arg-type]


def _initialization(states: Sequence[State]) -> Subgraph:
    writer, operators = _Writer(), []
    for state in states:
        operators.append(writer.handle(state))
        constant = Tensor(f"initial {state.name}", state.shape, scales=(1.0,), zero_points=(0,), data=state.initial)
        writer.tensors.append(constant)
        operands = (writer.handles[state], len(writer.tensors) - 1)
        operators.append(Operator(Code.ASSIGN_VARIABLE, operands, ()))
    return Subgraph(writer.tensors, operators)


class _Writer:
    """The tensors of a subgraph, as operators ask for them."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.handles: dict[State, int] = {}
        self._numbers: dict[int, int] = {}

    def number_of(self, tensor: GraphTensor) -> int:
        if tensor.index not in self._numbers:
            self._numbers[tensor.index] = len(self.tensors)
            data = np.array(tensor.values) if isinstance(tensor, ConstantTensor) else None
            plain = tensor.dtype == "bool"
            scale, zero_point = ((), ()) if plain else ((float(tensor.scale),), (tensor.zero_point,))
            dtype = TYPES[tensor.dtype]
            self.tensors.append(Tensor(tensor.name, tensor.file_shape, dtype, scale, zero_point, data=data))
        return self._numbers[tensor.index]

    def handle(self, state: State) -> Operator:
        self.handles[state] = len(self.tensors)
        self.tensors.append(Tensor(f"handle of {state.name}", (), tflite.TensorType.RESOURCE))
        options = {"SharedName": state.name, "Container": ""}
        return Operator(Code.VAR_HANDLE, (), (self.handles[state],), "VarHandleOptions", options)

    def operator(self, op: Op) -> Operator:
        written = operator_of(op).write(op)
        constants = self._constants(written, op.name)
        operands = tuple(self.number_of(tensor) for tensor in op.inputs)
        if written.order:
            return self._in_order(op, written, constants)
        operands = (*(self.handles[state] for state in op.states), *operands)
        joined = (*constants, *operands) if written.constants_first else (*operands, *constants)
        results = tuple(self.number_of(tensor) for tensor in op.outputs)
        return Operator(getattr(Code, written.code), joined, results, written.options_type, dict(written.options))

    def _in_order(self, op: Op, written: Written, constants: Sequence[int]) -> Operator:
        """With variable tensors for its states."""
        places = {"": -1} | {name: number for (name, *_), number in zip(written.constants, constants, strict=True)}
        places |= {f"operand {n}": self.number_of(tensor) for n, tensor in enumerate(op.inputs)}
        for number, (state, (scale, zero_point)) in enumerate(zip(op.states, written.states, strict=True)):
            if state not in self.handles:
                self.handles[state] = len(self.tensors)
                dtype = TYPES[state.dtype]
                tensor = Tensor(state.name, state.shape, dtype, (scale,), (zero_point,), is_variable=True)
                self.tensors.append(tensor)
            places[f"state {number}"] = self.handles[state]
        results = tuple(self.number_of(tensor) for tensor in op.outputs)
        joined = tuple(places[name] for name in written.order)
        return Operator(getattr(Code, written.code), joined, results, written.options_type, dict(written.options))

    def _constants(self, written: Written, name: str) -> tuple[int, ...]:
        for label, values, scales, axis in written.constants:
            dtype = TYPES[values.dtype.name]
            zero_points: list[int] | None = None
            if isinstance(scales, GraphTensor):
                scales, zero_points = np.array([scales.scale]), [scales.zero_point]
            some = () if scales is None else np.asarray(scales, np.float32)
            zeros = zero_points or [0] * len(some)
            self.tensors.append(Tensor(f"{name}/{label}", values.shape, dtype, some, zeros, axis, values))
        count = len(written.constants)
        return tuple(range(len(self.tensors) - count, len(self.tensors)))
