""".tflite files of graphs: of one operator, or of several that pass tensors on."""

from collections.abc import Sequence

import numpy as np
import tflite

from tests.tflite_file import Operator, Tensor, write
from tinyprune.compiler.graph import Activation, ConstantTensor, Graph, Op, State
from tinyprune.compiler.graph import Tensor as GraphTensor
from tinyprune.compiler.operators import operator_of
from tinyprune.compiler.operators.operator import Written

TYPES = {"int8": tflite.TensorType.INT8, "int16": tflite.TensorType.INT16, "int32": tflite.TensorType.INT32}


def graph_of(op: Op) -> Graph:
    """A network of one operator: its activations are the inputs, its results the outputs."""
    return Graph((op,), op.activations, op.outputs, "0" * 64)


def file_of(ops: Sequence[Op], inputs: Sequence[Activation], outputs: Sequence[Activation]) -> bytes:
    """The .tflite of operators in this order, with their constants, and a VAR_HANDLE for each variable."""
    tensors: list[Tensor] = []
    numbers: dict[int, int] = {}
    states: dict[State, int] = {}
    operators: list[Operator] = []

    def number_of(tensor: GraphTensor) -> int:
        if tensor.index not in numbers:
            numbers[tensor.index] = len(tensors)
            data = np.array(tensor.values) if isinstance(tensor, ConstantTensor) else None
            scale, zero_point = (float(tensor.scale),), (tensor.zero_point,)
            tensors.append(Tensor(tensor.name, tensor.file_shape, TYPES[tensor.dtype], scale, zero_point, data=data))
        return numbers[tensor.index]

    def constants_of(written: Written, name: str) -> tuple[int, ...]:
        for label, values, scales, axis in written.constants:
            dtype = TYPES[values.dtype.name]
            some = () if scales is None else np.asarray(scales, np.float32)
            tensors.append(Tensor(f"{name}/{label}", values.shape, dtype, some, [0] * len(some), axis, values))
        count = len(written.constants)
        return tuple(range(len(tensors) - count, len(tensors)))

    for tensor in inputs:
        number_of(tensor)
    for op in ops:
        if op.state is not None and op.state not in states:
            states[op.state] = len(tensors)
            tensors.append(Tensor(f"handle of {op.state.name}", (), tflite.TensorType.RESOURCE))
            options = {"SharedName": op.state.name, "Container": ""}
            handle = Operator(tflite.BuiltinOperator.VAR_HANDLE, (), (len(tensors) - 1,), "VarHandleOptions", options)
            operators.append(handle)
    for op in ops:
        written = operator_of(op).write(op)
        constants = constants_of(written, op.name)
        operands = tuple(number_of(tensor) for tensor in op.inputs)
        if op.state is not None:
            operands = (states[op.state], *operands)
        joined = (*constants, *operands) if written.constants_first else (*operands, *constants)
        results = tuple(number_of(tensor) for tensor in op.outputs)
        code = getattr(tflite.BuiltinOperator, written.code)
        operators.append(Operator(code, joined, results, written.options_type, dict(written.options)))
    ends = [[number_of(tensor) for tensor in some] for some in (inputs, outputs)]
    return write(tensors, operators, *ends)
