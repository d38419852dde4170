"""A plain writer of .tflite files (schema version 3), for right models and for files that are wrong on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite


@dataclass(frozen=True)
class Tensor:
    """One tensor of the file; `shape` has the batch, `signature` is the shape signature if there is one."""

    name: str
    shape: tuple[int, ...]
    dtype: int = tflite.TensorType.INT8
    scales: Sequence[float] | npt.NDArray[np.float32] = ()
    zero_points: Sequence[int] = ()
    axis: int = 0
    data: npt.NDArray[Any] | None = None
    signature: tuple[int, ...] | None = None
    is_variable: bool = False


@dataclass(frozen=True)
class Operator:
    """One operator of the file; `options` are the fields of the table `options_type`, by their names in the schema."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subgraph:
    tensors: Sequence[Tensor]
    operators: Sequence[Operator]
    inputs: Sequence[int] = ()
    outputs: Sequence[int] = ()


def write(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: Sequence[int],
    outputs: Sequence[int],
    others: Sequence[Subgraph] = (),
    signature: tuple[dict[str, int], dict[str, int]] | None = None,
) -> bytes:
    """A .tflite file of a main subgraph and perhaps others; `signature` names inputs and outputs. Buffer 0 is the empty
    one, as the schema demands."""
    builder = flatbuffers.Builder(1024)
    buffers = [_table(builder, "Buffer", {})]
    subgraphs = [Subgraph(tensors, operators, inputs, outputs), *others]
    codes = list(dict.fromkeys(operator.code for subgraph in subgraphs for operator in subgraph.operators))
    tables = [_subgraph(builder, subgraph, codes, buffers) for subgraph in subgraphs]
    names = [
        _table(builder, "OperatorCode", {"DeprecatedBuiltinCode": min(code, 127), "BuiltinCode": code, "Version": 1})
        for code in codes
    ]
    fields = {
        "Version": 3,
        "OperatorCodes": _tables(builder, names),
        "Subgraphs": _tables(builder, tables),
        "Description": builder.CreateString("tinyprune test model"),
        "Buffers": _tables(builder, buffers),
    }
    if signature is not None:
        fields["SignatureDefs"] = _tables(builder, [_signature(builder, *signature)])
    builder.Finish(_table(builder, "Model", fields), b"TFL3")
    return bytes(builder.Output())


def _signature(builder: flatbuffers.Builder, inputs: dict[str, int], outputs: dict[str, int]) -> int:
    names = [
        [
            _table(builder, "TensorMap", {"Name": builder.CreateString(name), "TensorIndex": index})
            for name, index in some.items()
        ]
        for some in (inputs, outputs)
    ]
    fields = {
        "Inputs": _tables(builder, names[0]),
        "Outputs": _tables(builder, names[1]),
        "SignatureKey": builder.CreateString("serving_default"),
        "SubgraphIndex": 0,
    }
    return _table(builder, "SignatureDef", fields)


def _subgraph(builder: flatbuffers.Builder, subgraph: Subgraph, codes: list[int], buffers: list[int]) -> int:
    tables = []
    for tensor in subgraph.tensors:
        number = 0
        if tensor.data is not None:
            number = len(buffers)
            buffers.append(_table(builder, "Buffer", {"Data": _aligned(builder, tensor.data.tobytes())}))
        tables.append(_tensor(builder, tensor, number))
    steps = [_operator_table(builder, operator, codes.index(operator.code)) for operator in subgraph.operators]
    fields = {
        "Tensors": _tables(builder, tables),
        "Inputs": _ints(builder, subgraph.inputs),
        "Outputs": _ints(builder, subgraph.outputs),
        "Operators": _tables(builder, steps),
        "Name": builder.CreateString("main"),
    }
    return _table(builder, "SubGraph", fields)


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    fields = {
        "Shape": _ints(builder, tensor.shape),
        "Type": tensor.dtype,
        "Buffer": buffer,
        "Name": builder.CreateString(tensor.name),
        "HasRank": True,
        "IsVariable": tensor.is_variable,
    }
    if len(tensor.scales):
        scales = builder.CreateNumpyVector(np.array(tensor.scales, np.float32))
        zero_points = builder.CreateNumpyVector(np.array(tensor.zero_points, np.int64))
        quantization = {"Scale": scales, "ZeroPoint": zero_points, "QuantizedDimension": tensor.axis}
        fields["Quantization"] = _table(builder, "QuantizationParameters", quantization)
    if tensor.signature is not None:
        fields["ShapeSignature"] = _ints(builder, tensor.signature)
    return _table(builder, "Tensor", fields)


def _operator_table(builder: flatbuffers.Builder, operator: Operator, opcode_index: int) -> int:
    fields = {
        "OpcodeIndex": opcode_index,
        "Inputs": _ints(builder, operator.inputs),
        "Outputs": _ints(builder, operator.outputs),
    }
    if operator.options_type:
        vectors = {k: _ints(builder, v) for k, v in operator.options.items() if isinstance(v, np.ndarray)}
        vectors |= {k: builder.CreateString(v) for k, v in operator.options.items() if isinstance(v, str)}
        fields["BuiltinOptions"] = _table(builder, operator.options_type, operator.options | vectors)
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, operator.options_type)
    return _table(builder, "Operator", fields)


def _table(builder: flatbuffers.Builder, name: str, fields: dict[str, Any]) -> int:
    getattr(tflite, f"{name}Start")(builder)
    for key, value in fields.items():
        getattr(tflite, f"{name}Add{key}")(builder, value)
    return int(getattr(tflite, f"{name}End")(builder))


def _ints(builder: flatbuffers.Builder, values: Sequence[int] | npt.NDArray[Any]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _tables(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _aligned(builder: flatbuffers.Builder, data: bytes) -> int:
    """A byte vector at a multiple of 16, as the schema demands of buffers."""
    builder.StartVector(1, len(data), 16)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return int(builder.EndVector())
