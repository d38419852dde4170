"""The network as `reader.py` finds it: frozen operators over named tensors, in the file's order of execution.

Shapes leave a batch of 1 out. Arithmetic is that of TFLite's quantization specification
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec): activations int8, asymmetric
per tensor, or int16 with zero point 0; weights symmetric, per tensor or per output channel. What an operator is stands
in `operators/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.moves import Move
from tinyprune.errors import DataError, ModelError

Int8: TypeAlias = npt.NDArray[np.int8]
Int32: TypeAlias = npt.NDArray[np.int32]
Int64: TypeAlias = npt.NDArray[np.int64]
Float32: TypeAlias = npt.NDArray[np.float32]
Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A quantized tensor: real value = scale × (stored value − zero_point). A bool one has the values 0 and 1, scale 1
    and zero point 0."""

    index: int  # its number in the file; what the compiler adds has negative ones
    name: str
    shape: tuple[int, ...]  # without a batch of 1: (height, width, channels), (features,), …
    scale: np.float32
    zero_point: int
    dtype: str = "int8"  # as NumPy calls it
    batched: bool = True  # whether the file's shape is (1, *shape), not just shape

    @property
    def count(self) -> int:
        """How many values it has."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.count * np.dtype(self.dtype).itemsize

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest stored value."""
        if self.dtype == "bool":
            return 0, 1
        found = np.iinfo(self.dtype)
        return int(found.min), int(found.max)

    @property
    def file_shape(self) -> tuple[int, ...]:
        """The shape as the .tflite has it."""
        return (1, *self.shape) if self.batched else self.shape


@dataclass(frozen=True, slots=True)
class Activation(Tensor):
    """A tensor that is computed, or an input of the network."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ConstantTensor(Tensor):
    """An operand whose values are in the file: `values` has the tensor's shape and is read-only."""

    values: Array

    def __post_init__(self) -> None:
        self.values.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Bytes that outlive an inference: a variable of the file. A reset writes `initial` (read-only) into them."""

    name: str
    shape: tuple[int, ...]
    initial: Array

    def __post_init__(self) -> None:
        self.initial.setflags(write=False)

    @property
    def size_bytes(self) -> int:
        return self.initial.nbytes

    @property
    def dtype(self) -> str:
        """As NumPy calls it."""
        return self.initial.dtype.name


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """How an input or output that is int8 or int16 in the graph stands in the file, in another type: every stored value
    has its own value there (read-only)."""

    dtype: str  # the file's type, as NumPy calls it
    scale: float  # the file's, 1 for float32
    zero_point: int
    values: Array  # [256], those of −128 … 127, or [65536], those of −32768 … 32767

    def __post_init__(self) -> None:
        self.values.setflags(write=False)

    @property
    def stored_dtype(self) -> str:
        """The graph's type, as NumPy calls it."""
        return "int8" if len(self.values) == 256 else "int16"

    def to_file(self, stored: Array) -> Array:
        """The file's values of stored values."""
        found: Array = self.values[stored.astype(np.int64) + len(self.values) // 2]
        return found

    def from_file(self, values: Array) -> Array:
        """The other way round. Raises ModelError for a value that belongs to no stored value."""
        order = np.argsort(self.values)
        places = np.searchsorted(self.values, values, sorter=order).clip(0, len(order) - 1)
        stored = order[places]
        if not np.array_equal(self.values[stored], values):
            raise ModelError(
                f"TFLite Micro answers with {self.dtype} values that belong to no {self.stored_dtype} value"
            )
        found: Array = (stored - len(self.values) // 2).astype(self.stored_dtype)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """What all operators have. Operators are compared by identity; arrays in them are read-only."""

    name: str  # such as "conv_2"

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Its operands in order: activations and constants, weights and biases left out."""
        raise NotImplementedError

    @property
    def outputs(self) -> tuple[Activation, ...]:
        raise NotImplementedError

    @property
    def states(self) -> tuple[State, ...]:
        """The variables that it reads or writes."""
        return ()

    @property
    def moves(self) -> tuple[Move, ...] | None:
        """For operators that only move bytes: which. The planner may leave moves out by placing tensors."""
        size = np.dtype((*self.outputs, *self.inputs)[0].dtype).itemsize
        return None if self.value_moves is None else tuple(move.times(size) for move in self.value_moves)

    @property
    def value_moves(self) -> tuple[Move, ...] | None:
        """The same counted in values instead of bytes."""
        return None

    @property
    def fill(self) -> int | None:
        """What stands in a result of moves where no move puts anything."""
        return None

    @property
    def is_view(self) -> bool:
        """Whether its result is another name for the bytes of its only operand: nothing runs."""
        return False

    @property
    def matrix(self) -> Int8 | None:
        """The weights as `[out_channels, taps]`, taps = kernel_h × kernel_w × in_channels, in_channels fastest; None
        where a sparsity pattern has no axis to run along."""
        return None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the dense layer, padding included."""
        return 0

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The operands that are computed, each once."""
        return tuple(dict.fromkeys(tensor for tensor in self.inputs if isinstance(tensor, Activation)))


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Op):
    """An operator of one activation that makes another."""

    input: Activation
    output: Activation

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.input,)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)


@dataclass(frozen=True, slots=True, eq=False)
class Joining(Op):
    """An operator that makes one tensor of any number of parts."""

    parts: tuple[Tensor, ...]
    output: Activation

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self.parts

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return (self.output,)


@dataclass(frozen=True, slots=True, eq=False)
class Parting(Op):
    """An operator that cuts a tensor into any number of parts."""

    input: Activation
    parts: tuple[Activation, ...]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.input,)

    @property
    def outputs(self) -> tuple[Activation, ...]:
        return self.parts


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network. Raises ModelError at creation unless its operators can run in this order."""

    ops: tuple[Op, ...]
    inputs: tuple[Activation, ...]
    outputs: tuple[Activation, ...]
    model_sha256: str
    input_names: tuple[str, ...] = ()  # as its signature calls them; at creation those of the tensors, if left out
    output_names: tuple[str, ...] = ()
    input_edges: tuple[Edge | None, ...] = ()  # for each input; None where the file's has the same bytes
    output_edges: tuple[Edge | None, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader dropped and users must know, a sentence each

    def __post_init__(self) -> None:
        for edges, tensors in (("input_edges", self.inputs), ("output_edges", self.outputs)):
            object.__setattr__(self, edges, getattr(self, edges) or (None,) * len(tensors))
        for names, tensors in (("input_names", self.inputs), ("output_names", self.outputs)):
            object.__setattr__(self, names, getattr(self, names) or tuple(tensor.name for tensor in tensors))
        found = next(order_faults(self.ops, self.inputs, self.outputs), None) or _twice(self.states)
        if found:
            raise ModelError(found)

    @property
    def input_bytes(self) -> int:
        """Of all inputs, one behind the other."""
        return sum(tensor.size_bytes for tensor in self.inputs)

    @property
    def output_bytes(self) -> int:
        """Of all outputs, one behind the other."""
        return sum(tensor.size_bytes for tensor in self.outputs)

    def ends(self, what: str) -> tuple[Activation, Activation]:
        """The only input and the only output. Raises ModelError, about `what` needs them, where there are several."""
        if len(self.inputs) == len(self.outputs) == 1:
            return self.inputs[0], self.outputs[0]
        counts = f"{len(self.inputs)} inputs and {len(self.outputs)} outputs"
        raise ModelError(f"{what} needs a network of one input and one output; this one has {counts}")

    @property
    def states(self) -> tuple[State, ...]:
        """The variables of its operators, in the order of their first use."""
        return tuple(dict.fromkeys(state for op in self.ops for state in op.states))

    @property
    def views(self) -> tuple[tuple[Activation, Activation], ...]:
        """(operand, result) of operators that only give another name to bytes."""
        return tuple((op.activations[0], op.outputs[0]) for op in self.ops if op.is_view)

    @property
    def largest_bytes(self) -> int:
        """What the operands and results of the largest operator take."""
        both = (sum(tensor.size_bytes for tensor in (*op.inputs, *op.outputs)) for op in self.ops)
        return max(both, default=self.input_bytes)

    def split_inputs(self, rows: Array) -> list[Array]:
        """`[samples, …]` int8, one row all inputs of a sample one behind the other → each input's
        `[samples, *shape]`. Raises DataError for rows of another length or type."""
        if rows.dtype != np.int8 or rows.ndim < 1 or prod(rows.shape[1:]) != self.input_bytes:
            shapes = "; ".join(
                f'"{name}" {tensor.dtype} {list(tensor.shape)}'
                for name, tensor in zip(self.input_names, self.inputs, strict=True)
            )
            raise DataError(
                f"the network takes int8 rows of {self.input_bytes} bytes, [samples, …]: {shapes}; "
                f"got {rows.dtype} {list(rows.shape)}"
            )
        parts = _split(rows, self.inputs)
        for name, tensor, part in zip(self.input_names, self.inputs, parts, strict=True):
            if tensor.dtype == "bool" and (part.view(np.uint8) > 1).any():
                raise DataError(f'input "{name}" is bool: its values are 0 and 1')
        return parts

    def split_outputs(self, rows: Array) -> list[Array]:
        """`[samples, output_bytes]` → each output's `[samples, *shape]`."""
        return _split(rows, self.outputs)

    def classes(self, rows: Array) -> npt.NDArray[np.int64]:
        """`[samples, output_bytes]` → the class that each sample was given: the index of the largest score, or the
        number that a network answers which looks for it itself."""
        dtypes = [tensor.dtype for tensor in self.outputs]
        if dtypes == ["int32"]:
            return np.asarray(self.split_outputs(rows)[0].reshape(len(rows), -1)[:, 0], np.int64)
        scores = self.split_outputs(rows)[0].reshape(len(rows), -1) if dtypes == ["int16"] else rows
        return np.asarray(np.argmax(scores, axis=1), np.int64)

    def joined_outputs(self, values: Mapping[int, Array]) -> Int8:
        """Each output's `[samples, *shape]`, by its index → `[samples, output_bytes]`."""
        parts = [values[tensor.index] for tensor in self.outputs]
        return np.concatenate([np.ascontiguousarray(part).reshape(len(part), -1).view(np.int8) for part in parts], 1)


def _twice(states: Sequence[State]) -> str | None:
    """What is wrong with the names of variables, which must differ."""
    names = [state.name for state in states]
    found = next((name for name in names if names.count(name) > 1), None)
    return None if found is None else f'two variables of the model are called "{found}"'


def _split(rows: Array, tensors: Sequence[Tensor]) -> list[Array]:
    flat, found, start = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.int8), [], 0
    for tensor in tensors:
        part = np.ascontiguousarray(flat[:, start : start + tensor.size_bytes]).view(tensor.dtype)
        found.append(part.reshape(len(rows), *tensor.shape))
        start += tensor.size_bytes
    return found


def order_faults(ops: Sequence[Op], inputs: Sequence[Activation], outputs: Sequence[Activation]) -> Iterator[str]:
    """What keeps operators from running in this order, a sentence each: a tensor that is read before it is written, or
    written twice, or that nothing writes."""
    last_writer = {tensor.index: number for number, op in enumerate(ops) for tensor in op.outputs}
    written = {tensor.index for tensor in inputs}
    if len(written) < len(inputs):
        yield "the model names a tensor as input twice"
    for number, op in enumerate(ops):
        for tensor in op.activations:
            if tensor.index in written:
                continue
            where = f'operator "{op.name}" reads tensor "{tensor.name}"'
            if last_writer.get(tensor.index, -1) >= number:
                writer = ops[last_writer[tensor.index]]
                itself = "it writes itself" if writer is op else f'operator "{writer.name}" writes later'
                yield f"{where}, which {itself}: the model has a cycle, or its operators are in the wrong order"
            else:
                yield f"{where}, which no operator writes"
        for tensor in op.outputs:
            if tensor.index in written:
                yield f'operator "{op.name}" writes tensor "{tensor.name}", which is an input or written already'
            written.add(tensor.index)
    for tensor in outputs:
        if tensor.index not in written:
            yield f'no operator computes the model\'s output "{tensor.name}"'
