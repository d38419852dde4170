"""A .tflite written again with some operators exchanged for custom ones.

The format is TensorFlow Lite's FlatBuffers schema, version 3. Kept is what TFLite Micro reads: tensors that an operator
still uses, their buffers and quantization, operators and their options. Metadata and signatures are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from tinyprune.compiler.file import File, without_ignored
from tinyprune.compiler.tables import builtin_of, indices

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Custom:
    """A custom operator in the place of another: the same input and output, then `constants` by name, int8 or int32."""

    operator: str
    options: bytes
    constants: Mapping[str, Array]


def rewrite(model: bytes, replaced: Mapping[int, Custom]) -> bytes:
    """`model`, read and found good before, with the operators of these numbers replaced."""
    import tflite

    return _Writer(tflite.Model.GetRootAsModel(model, 0), replaced).write()


class _Writer:
    """Tables are written from the leaves to the root, as FlatBuffers wants it."""

    def __init__(self, model: Any, replaced: Mapping[int, Custom]) -> None:
        import tflite

        self._tflite: Any = tflite
        self._model, self._subgraph, self._replaced = model, model.Subgraphs(0), replaced
        self._builder: Any = flatbuffers.Builder(1 << 16)
        self._buffers = [self._table("Buffer", {})]  # number 0 is the empty one
        self._copied_buffers: dict[int, int] = {}
        self._tensors: list[int] = []
        self._copied_tensors: dict[int, int] = {-1: -1}  # -1 stands for an operand left out
        self._codes: list[int] = []
        self._copied_codes: dict[object, int] = {}

    def write(self) -> bytes:
        file = without_ignored(File.of(self._model))
        ends = {"Inputs": self._copies(file.inputs), "Outputs": self._copies(file.outputs)}
        operators = [self._operator(number) for number in range(self._subgraph.OperatorsLength())]
        fields = {field: self._ints(numbers) for field, numbers in ends.items()}
        fields |= {"Tensors": self._tables(self._tensors), "Operators": self._tables(operators)}
        subgraph = self._table("SubGraph", fields)
        root = {
            "Version": 3,
            "OperatorCodes": self._tables(self._codes),
            "Subgraphs": self._tables([subgraph]),
            "Description": self._builder.CreateString("tinyprune"),
            "Buffers": self._tables(self._buffers),
        }
        self._builder.Finish(self._table("Model", root), b"TFL3")
        return bytes(self._builder.Output())

    def _operator(self, number: int) -> int:
        table = self._subgraph.Operators(number)
        inputs, outputs = indices(table, "Inputs"), indices(table, "Outputs")
        custom = self._replaced.get(number)
        if custom is not None:
            operands = [*self._copies(inputs[:1]), *(self._constant(*item) for item in custom.constants.items())]
            fields = {
                "CustomOptions": self._bytes(custom.options, 4),
                "OpcodeIndex": self._custom_code(custom.operator),
            }
        else:
            operands = self._copies(inputs)
            fields = {**self._options(table), "OpcodeIndex": self._code(table.OpcodeIndex())}
        fields |= {"Inputs": self._ints(operands), "Outputs": self._ints(self._copies(outputs))}
        return self._table("Operator", fields)

    def _options(self, table: Any) -> dict[str, int]:
        """The operator's table of options, field by field."""
        union, number = table.BuiltinOptions(), table.BuiltinOptionsType()
        if union is None:
            return {}
        kinds = {code: name for name, code in vars(self._tflite.BuiltinOptions).items() if isinstance(code, int)}
        options = getattr(self._tflite, kinds[number])()
        options.Init(union.Bytes, union.Pos)
        start = f"{kinds[number]}Add"
        names = [name.removeprefix(start) for name in dir(self._tflite) if name.startswith(start)]
        fields = {}
        for name in names:
            if not hasattr(options, f"{name}Length"):
                fields[name] = getattr(options, name)()
            elif getattr(options, f"{name}Length")():
                fields[name] = self._ints(getattr(options, f"{name}AsNumpy")())
        return {"BuiltinOptions": self._table(kinds[number], fields), "BuiltinOptionsType": number}

    def _copies(self, numbers: Sequence[int]) -> list[int]:
        return [self._copied(number) for number in numbers]

    def _copied(self, number: int) -> int:
        """The new number of a tensor."""
        if number not in self._copied_tensors:
            tensor = self._subgraph.Tensors(number)
            shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
            name, quantization = tensor.Name(), self._quantization(tensor.Quantization())
            fields = {"Shape": self._ints(shape), "Type": tensor.Type(), "Buffer": self._buffer(tensor.Buffer())}
            if name:
                fields["Name"] = self._builder.CreateString(name.decode(errors="replace"))
            self._copied_tensors[number] = self._add_tensor(fields | quantization)
        return self._copied_tensors[number]

    def _quantization(self, table: Any) -> dict[str, int]:
        if table is None or not table.ScaleLength():
            return {}
        fields = {"Scale": self._builder.CreateNumpyVector(table.ScaleAsNumpy())}
        if table.ZeroPointLength():
            fields["ZeroPoint"] = self._builder.CreateNumpyVector(table.ZeroPointAsNumpy())
        fields["QuantizedDimension"] = table.QuantizedDimension()
        return {"Quantization": self._table("QuantizationParameters", fields)}

    def _constant(self, name: str, values: Array) -> int:
        kind = {"int8": self._tflite.TensorType.INT8, "int32": self._tflite.TensorType.INT32}[values.dtype.name]
        data = self._bytes(values.tobytes(), 16)
        self._buffers.append(self._table("Buffer", {"Data": data}))
        shape = {"Shape": self._ints(values.shape), "Name": self._builder.CreateString(name)}
        return self._add_tensor({**shape, "Type": kind, "Buffer": len(self._buffers) - 1})

    def _add_tensor(self, fields: dict[str, int]) -> int:
        self._tensors.append(self._table("Tensor", fields))
        return len(self._tensors) - 1

    def _buffer(self, number: int) -> int:
        """The new number of a buffer; those without data are one."""
        buffer = self._model.Buffers(number)
        if not buffer.DataLength():
            return 0
        if number not in self._copied_buffers:
            data = self._bytes(buffer.DataAsNumpy().tobytes(), 16)
            self._buffers.append(self._table("Buffer", {"Data": data}))
            self._copied_buffers[number] = len(self._buffers) - 1
        return self._copied_buffers[number]

    def _code(self, number: int) -> int:
        code = self._model.OperatorCodes(number)
        builtin = builtin_of(code)
        fields = {"DeprecatedBuiltinCode": min(builtin, 127), "BuiltinCode": builtin, "Version": code.Version()}
        return self._add_code(number, fields)

    def _custom_code(self, name: str) -> int:
        if name in self._copied_codes:
            return self._copied_codes[name]
        number = self._tflite.BuiltinOperator.CUSTOM
        text = self._builder.CreateString(name)
        return self._add_code(
            name, {"CustomCode": text, "DeprecatedBuiltinCode": number, "BuiltinCode": number, "Version": 1}
        )

    def _add_code(self, key: object, fields: dict[str, int]) -> int:
        if key not in self._copied_codes:
            self._codes.append(self._table("OperatorCode", fields))
            self._copied_codes[key] = len(self._codes) - 1
        return self._copied_codes[key]

    def _table(self, name: str, fields: Mapping[str, Any]) -> int:
        getattr(self._tflite, f"{name}Start")(self._builder)
        for key, value in fields.items():
            getattr(self._tflite, f"{name}Add{key}")(self._builder, value)
        return int(getattr(self._tflite, f"{name}End")(self._builder))

    def _ints(self, values: Sequence[int] | npt.NDArray[Any]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.int32)))

    def _tables(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _bytes(self, data: bytes, alignment: int) -> int:
        """A byte vector at a multiple of `alignment`; the schema wants 16 of buffers."""
        self._builder.StartVector(1, len(data), alignment)
        self._builder.head -= len(data)
        self._builder.Bytes[self._builder.head : self._builder.head + len(data)] = data
        return int(self._builder.EndVector())
