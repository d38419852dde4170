"""Classes of layers: those that take the same time, whatever the values of their weights; and many layers that have
nothing to do with each other as one network, so that one firmware measures them all."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from tinyprune.compiler.graph import ConstantTensor, Graph, Op, State, Tensor
from tinyprune.compiler.operators.window import Window


def class_of(op: Op) -> str:
    """Operator, shapes and window in words, the same for all layers of a class."""
    return " ".join(filter(None, (type(op).__name__, *(_words(getattr(op, field.name)) for field in fields(op)))))


def _words(value: Any) -> str:
    """What of a field tells classes apart: shapes and geometry. Scales, zero points and clamps do not."""
    if isinstance(value, Tensor):
        constant = "constant " if isinstance(value, ConstantTensor) else ""
        return f"{constant}{_shape(value.file_shape)}{'' if value.dtype == 'int8' else value.dtype}"
    if isinstance(value, np.ndarray) and value.dtype != np.int8 and value.ndim == 1:
        return "by channel" if value.dtype == np.float32 and value.size > 1 else ""  # scales; else biases
    if isinstance(value, np.ndarray | State):
        return f"[{_shape(value.shape)}{'' if value.dtype == np.int8 else value.dtype}]"
    if isinstance(value, Window):
        dilation = "" if value.dilation == (1, 1) else f" dilation {_shape(value.dilation)}"
        return f"by {_shape(value.kernel)} stride {_shape(value.stride)}{dilation} padding {_shape(value.padding)}"
    if isinstance(value, tuple):
        return f"({' '.join(str(item) if isinstance(item, int) else _words(item) for item in value)})"
    return ""


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "1"


def side_by_side(ops: Sequence[Op]) -> Graph:
    """A network of these layers alone: an input for each of their operands. Of their results only the smallest is an
    output: firmware prints what a network puts out."""
    alone = tuple(_alone(op, number) for number, op in enumerate(ops))
    inputs = tuple(tensor for op in alone for tensor in op.activations)
    output = min((tensor for op in alone for tensor in op.outputs), key=lambda tensor: tensor.size_bytes)
    return Graph(alone, inputs, (output,), "0" * 64, tuple(f"i{tensor.index}" for tensor in inputs), ("output",))


def _alone(op: Op, number: int) -> Op:
    """The same with tensors and variables of its own."""
    tensors = list(dict.fromkeys((*op.inputs, *op.outputs)))

    def renewed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(renewed, value))
        if isinstance(value, State):
            return replace(value, name=f"{value.name}_{number}")
        return replace(value, index=1000 * number + tensors.index(value)) if isinstance(value, Tensor) else value

    values = {field.name: renewed(getattr(op, field.name)) for field in fields(op)}
    return replace(op, **values | {"name": f"layer_{number}"})
