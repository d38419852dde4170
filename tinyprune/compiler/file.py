"""What the tables of a .tflite file mean: tensors, constants, operators and their operands. Nothing in it is trusted:
whatever is not as an int8 or 16x8 network needs it raises ModelError, with the tensor's name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import sparse_encoding
from tinyprune.compiler.graph import Activation, ConstantTensor, State, Tensor
from tinyprune.compiler.tables import StoredOperator, StoredTensor, indices, operators_of, options_of, tensors_of
from tinyprune.errors import ModelError

#: The zero point of int16 probabilities of an int8 SOFTMAX.
LOWEST_INT16 = -(1 << 15)
#: The longest side of a map.
MAX_DIMENSION = 1 << 15
#: The most values of a tensor.
MAX_VALUES = 1 << 28
_TYPES = {"INT8": "int8", "INT16": "int16", "INT32": "int32", "UINT8": "uint8", "BOOL": "bool"}
_TYPE_HINTS = {
    "FLOAT32": "; quantize it to full int8 (supported_ops = [TFLITE_BUILTINS_INT8]), "
    "or give tinyprune the Keras model and --calibration",
    "INT16": "; docs/operators.md says which operators take int16 activations (16x8 mode): quantize to int8",
    "UINT8": "; so TensorFlow 1 quantized networks (only inputs and outputs may be uint8, next to a QUANTIZE): "
    "convert the model to int8 from its float weights",
}


@dataclass(frozen=True, slots=True)
class File:
    """One of a model's subgraphs. `shifted`: uint8 tensors that count as int8, with a zero point less by 128.
    `densified`: tensor that DENSIFY makes → the constant in sparse encoding that it makes it of. `made`: tensor that
    another operator makes of constants alone → its values. `ignored`: inputs of the network that it need not have."""

    model: Any
    tensors: tuple[StoredTensor, ...]
    operators: tuple[StoredOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shifted: frozenset[int] = frozenset()
    densified: Mapping[int, int] = field(default_factory=dict)
    made: Mapping[int, npt.NDArray[Any]] = field(default_factory=dict)
    ignored: tuple[int, ...] = ()

    @classmethod
    def of(cls, model: Any, number: int = 0) -> "File":
        """Subgraph `number` of a model. Raises ModelError for tensors, buffers and kinds that do not exist."""
        subgraph = model.Subgraphs(number)
        tensors, operators = tuple(tensors_of(model, subgraph)), tuple(operators_of(model, subgraph))
        return cls(model, tensors, operators, indices(subgraph, "Inputs"), indices(subgraph, "Outputs"))


def without_ignored(file: File) -> File:
    """The same without int32 inputs that operators do not look at: shapes that TRANSPOSE_CONV is given, whose results
    have shapes."""
    readers: dict[int, set[tuple[str, int]]] = {index: set() for index in file.inputs}
    written = {*file.outputs, *(index for one in file.operators for index in one.outputs)}
    for one in file.operators:
        for place, index in enumerate(one.inputs):
            readers.get(index, set()).add((one.kind, place))
    ignored = tuple(
        index
        for index in file.inputs
        if readers[index] == {("TRANSPOSE_CONV", 0)} and index not in written and type_of(file, index) == "INT32"
    )
    return replace(file, inputs=tuple(index for index in file.inputs if index not in ignored), ignored=ignored)


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the file, with the name that it gets in the graph, e.g. "conv_2"."""

    file: File
    kind: str  # as TFLite calls it, "CONV_2D"
    name: str
    number: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any
    states: Mapping[int, State]  # tensor that is a handle or a variable itself → the variable
    types: tuple[str, ...] = ("INT8",)  # of activations, where an operator does not ask for others itself
    asked: set[int] = field(default_factory=set, compare=False)  # operands that its rules and its reading looked at

    def options(self, name: str) -> Any:
        """The operator's table of options, as an object of the generated class `name`."""
        found = self.options_or_none(name)
        if found is None:
            raise ModelError("it has no options")
        return found

    def options_or_none(self, name: str) -> Any:
        """The same for operators whose options may be left out."""
        return options_of(self.table, name)

    def index(self, position: int) -> int:
        """The tensor that is operand number `position`."""
        self.asked.add(position)
        if len(self.inputs) <= position:
            raise ModelError(f"it has {len(self.inputs)} inputs, {position + 1} are needed")
        return self.inputs[position]

    def has(self, position: int) -> bool:
        """Whether operand number `position` is there: −1 stands for one that is left out."""
        self.asked.add(position)
        return len(self.inputs) > position and self.inputs[position] >= 0

    def activation(self, position: int, *types: str) -> Activation:
        """Operand number `position`, which must be computed, of one of `types` (the node's if there are none)."""
        return activation_of(self.file, self.index(position), *(types or self.types))

    def operand(self, position: int, *types: str) -> Tensor:
        """Operand number `position`, computed or constant, of one of `types` (the node's if there are none)."""
        index = self.index(position)
        read = constant_tensor_of if is_constant(self.file, index) else activation_of
        return read(self.file, index, *(types or self.types))

    def variable(self, position: int, *types: str) -> State:
        """Operand number `position`, which must be a variable tensor of one of `types`."""
        index = self.index(position)
        if expect_type(self.file, index, *types) and index in self.states:
            return self.states[index]
        raise ModelError(f'tensor "{tensor_name(self.file, index)}" must be a variable tensor')

    def quantization(self, position: int) -> tuple[np.float32, int]:
        """Scale and zero point of operand number `position`, which must have one of each."""
        return quantization_of(self.file, self.index(position))

    def constant(self, position: int, *types: str) -> npt.NDArray[Any]:
        """The values of operand number `position`, which must be constant, of one of `types`."""
        return constant_of(self.file, self.index(position), *types)

    def result(self, position: int = 0, *types: str) -> Activation:
        """Result number `position`, of one of `types` (the node's if there are none)."""
        if len(self.outputs) <= position:
            raise ModelError(f"it has {len(self.outputs)} outputs, {position + 1} are needed")
        return activation_of(self.file, self.outputs[position], *(types or self.types))

    def ends(self) -> tuple[Activation, Activation]:
        """The first operand, and the only result."""
        self.expect_outputs(1)
        return self.activation(0), self.result()

    def expect_outputs(self, count: int) -> None:
        if len(self.outputs) != count:
            raise ModelError(f"it has {len(self.outputs)} outputs, {count} is needed")


def tensor_of(file: File, index: int) -> StoredTensor:
    if not 0 <= index < len(file.tensors):
        raise ModelError(f"tensor number {index} does not exist")
    return file.tensors[index]


def tensor_name(file: File, index: int) -> str:
    """Its name, printable and short: names are data of somebody else's."""
    return tensor_of(file, index).name


def type_of(file: File, index: int) -> str:
    return tensor_of(file, index).type


def expect_type(file: File, index: int, *wanted: str) -> str:
    """The type, which must be one of those `wanted`."""
    found = type_of(file, index)
    if found not in wanted:
        hint = _TYPE_HINTS.get(found, "")
        raise ModelError(f'tensor "{tensor_name(file, index)}" is {found}, {" or ".join(wanted)} is needed{hint}')
    return found


def shape_of(file: File, index: int) -> tuple[int, ...]:
    """The shape with its batch. Raises ModelError for any unknown size but the batch's."""
    tensor = tensor_of(file, index)
    if -1 in tensor.signature[1:]:
        raise ModelError(
            f'tensor "{tensor.name}" has the dynamic shape {list(tensor.signature)}; only the batch may be −1: '
            "convert the model with a fixed input shape"
        )
    return tensor.shape


def scales_of(file: File, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], int]:
    """Scales, zero points and the quantized dimension."""
    tensor = tensor_of(file, index)
    if tensor.quantization is None:
        raise ModelError(f'tensor "{tensor.name}" has no quantization scale')
    scales, zero_points = tensor.quantization.scales, tensor.quantization.zero_points
    if not len(zero_points):
        raise ModelError(f'tensor "{tensor.name}" has a scale, but no zero point')
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ModelError(f'tensor "{tensor.name}" has a scale that is not a positive number')
    return scales, zero_points, tensor.quantization.axis


def quantization_of(file: File, index: int) -> tuple[np.float32, int]:
    """The scale and zero point of a tensor that has one of each, a zero point that its type has."""
    scales, zero_points, _ = scales_of(file, index)
    if len(scales) != 1 or len(zero_points) != 1:
        raise ModelError(f'tensor "{tensor_name(file, index)}" must have one scale and one zero point')
    kind, zero_point = type_of(file, index).lower(), int(zero_points[0])
    if kind in ("int8", "uint8", "int16") and not np.iinfo(kind).min <= zero_point <= np.iinfo(kind).max:
        raise ModelError(f'tensor "{tensor_name(file, index)}" is {kind} and has the zero point {zero_point}')
    return scales[0], zero_point


def _fields(file: File, index: int, types: tuple[str, ...], numbers: bool = False) -> dict[str, Any]:
    """What a Tensor says of an operand or result. An int32 tensor, or with `numbers` any, may have no scale: its values
    are numbers, indices for example."""
    shape, name = shape_of(file, index), tensor_name(file, index)
    shifted = index in file.shifted
    dtype = "int8" if shifted else _TYPES[expect_type(file, index, *types)]
    batched = bool(shape) and shape[0] == 1
    inner = shape[1:] if batched else shape
    if not all(0 < n <= MAX_DIMENSION for n in inner) or prod(inner) > MAX_VALUES:
        raise ModelError(f'tensor "{name}" has the impossible shape {list(shape)}')
    if dtype == "bool" or ((numbers or dtype == "int32") and tensor_of(file, index).quantization is None):
        scales, zero_points = np.ones(1, np.float32), np.zeros(1, np.int64)
    else:
        scales, zero_points, _ = scales_of(file, index)
    zero_points = zero_points - 128 if shifted else zero_points
    if dtype == "int16" and not np.isin(zero_points, (0, LOWEST_INT16)).all():
        raise ModelError(f'tensor "{name}" is int16 and must have the zero point 0')
    if len(scales) != 1 or len(zero_points) != 1 or (dtype != "int16" and not -128 <= zero_points[0] <= 127):
        raise ModelError(f'tensor "{name}" must have one scale and one zero point between −128 and 127')
    return {
        "index": index, "name": name, "shape": inner, "scale": scales[0], "zero_point": int(zero_points[0]),
        "dtype": dtype, "batched": batched,
    }  # fmt: skip


def activation_of(file: File, index: int, *types: str, numbers: bool = False) -> Activation:
    """A tensor that is computed, of one of `types` (int8 if there are none). With `numbers` it may have no scale."""
    tensor = tensor_of(file, index)
    found = Activation(**_fields(file, index, types or ("INT8",), numbers))
    if tensor.is_variable:
        raise ModelError(f'tensor "{found.name}" is a variable tensor, which no operator here keeps')
    return found


def constant_tensor_of(file: File, index: int, *types: str) -> ConstantTensor:
    """An operand that is in the file, of one of `types` (int8 if there are none)."""
    fields = _fields(file, index, types or ("INT8",))
    values = constant_of(file, index, type_of(file, index))
    return ConstantTensor(**fields, values=values.reshape(fields["shape"]))


def has_data(file: File, index: int) -> bool:
    """Whether the tensor's buffer has bytes. One in sparse encoding has none where all of its values are zero."""
    tensor = tensor_of(file, file.densified.get(index, index))
    return index in file.made or tensor.has_bytes or tensor.sparsity is not None


def is_constant(file: File, index: int) -> bool:
    """Whether an operand's values are in the file, not computed."""
    return index >= 0 and has_data(file, index)


def constant_of(file: File, index: int, *types: str) -> npt.NDArray[Any]:
    """The values of a tensor that must be constant, of one of `types`."""
    tensor, name = tensor_of(file, index), tensor_name(file, index)
    if tensor.is_variable:
        raise ModelError(f'tensor "{name}" is a variable tensor, but a constant is needed')
    kind = expect_type(file, index, *types)
    if not has_data(file, index):
        raise ModelError(f'tensor "{name}" must be a constant, but the model computes it')
    if index in file.made:
        return file.made[index]
    stored = tensor_of(file, file.densified.get(index, index))
    raw = stored.buffer.DataAsNumpy() if stored.has_bytes else np.zeros(0, np.uint8)
    shape, dtype = shape_of(file, index), np.dtype(kind.lower())
    if stored.sparsity is not None:
        return _expanded(stored.sparsity, raw, shape, dtype, f'tensor "{name}"')
    if any(n <= 0 for n in shape) or raw.size != prod(shape) * dtype.itemsize:
        raise ModelError(f'tensor "{name}" of shape {list(shape)} has {raw.size} bytes of data')
    if kind == "BOOL":
        if (raw > 1).any():
            raise ModelError(f'tensor "{name}" is BOOL, and has values other than 0 and 1')
        flags: npt.NDArray[Any] = np.frombuffer(raw.tobytes(), np.uint8).reshape(shape).astype(np.bool_)
        return flags
    return np.frombuffer(raw.tobytes(), dtype=dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _expanded(
    parameters: Any, raw: npt.NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> npt.NDArray[Any]:
    """A constant in sparse encoding, zeros filled in."""
    if any(n <= 0 for n in shape):
        raise ModelError(f"{where} has the impossible shape {list(shape)}")
    places = sparse_encoding.positions(parameters, shape, where)
    if raw.size != len(places) * dtype.itemsize:
        raise ModelError(f"{where} in TFLite's sparse encoding has {raw.size} bytes of data for {len(places)} values")
    found = np.zeros(prod(shape), dtype)
    found[places] = np.frombuffer(raw.tobytes(), dtype=dtype.newbyteorder("<"))
    return found.reshape(shape)
