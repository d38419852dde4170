"""The judge of bit-exactness: the real TFLite Micro interpreter, from the `tflite-micro` wheel (Linux x86-64)."""

import importlib.metadata
from collections.abc import Iterator, Sequence
from copy import copy
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import judge, reader, reference
from tinyprune.compiler.file import File, without_ignored
from tinyprune.compiler.graph import Array, Graph
from tinyprune.compiler.made_constants import expanded_constants
from tinyprune.compiler.tables import operators_of
from tinyprune.errors import MissingDependency

Int8 = npt.NDArray[np.int8]
#: The last number that the schema's old field of an operator's code has; there it stands for all later ones.
_MOST_OLD_CODE = 127


def version() -> str | None:
    """The installed wheel as reports name it, None where there is none."""
    try:
        return f"TFLite Micro (tflite-micro {importlib.metadata.version('tflite-micro')})"
    except importlib.metadata.PackageNotFoundError:
        return None


def expected(model: bytes, graph: Graph, inputs: Int8) -> tuple[Int8, str]:
    """What TFLite Micro answers to `inputs` `[samples, …]`: `[samples, output_bytes]`, one sample after the other from
    a fresh start; without its wheel, or where it crashes on the model, the NumPy reference's. Says which. Raises
    ModelError where TFLite Micro refuses."""
    named = version()
    if named is None:
        return reference.infer(graph, inputs), "tinyprune's NumPy reference (tflite-micro is not there)"
    try:
        return infer(model, inputs, graph), named
    except judge.Crashed as error:
        return reference.infer(graph, inputs), f"tinyprune's NumPy reference ({error})"


def infer(model: bytes, inputs: Int8, graph: Graph | None = None) -> Int8:
    """The same, by TFLite Micro, which runs the whole file: where that has inputs or outputs of other types, it gets
    the values that go with our bytes, and so back. `graph` is what the model was read as, if it has been.

    Raises MissingDependency without the wheel, ModelError where TFLite Micro refuses the model.
    """
    if version() is None:
        raise MissingDependency(
            "the TFLite Micro interpreter is not installed: `pip install tflite-micro` (Linux x86-64)"
        )
    graph = graph or reader.read(model)
    return joined(judge.run(*question(model, inputs, graph)), graph)


def question(model: bytes, inputs: Int8, graph: Graph) -> tuple[bytes, int, list[list[Array]], int]:
    """What `judge.run` takes, to ask it for a model that was read as `graph`."""
    arena_bytes = (1 << 20) + 10 * len(model) + 4 * (graph.largest_bytes + graph.input_bytes + graph.output_bytes)
    parts = [
        part.reshape(len(inputs), *tensor.file_shape)
        for tensor, part in zip(graph.inputs, graph.split_inputs(inputs), strict=True)
    ]
    values = [part if edge is None else edge.to_file(part) for part, edge in zip(parts, graph.input_edges, strict=True)]
    samples = [[part[number] for part in values] for number in range(len(inputs))]
    return runnable(model), arena_bytes, samples, len(graph.outputs)


def joined(rows: list[list[Array]], graph: Graph) -> Int8:
    """What it answers → `[samples, output_bytes]`."""
    return np.stack([_joined(row, graph) for row in rows])


def _joined(outputs: list[Array], graph: Graph) -> Int8:
    stored = [
        output if edge is None else edge.from_file(output)
        for output, edge in zip(outputs, graph.output_edges, strict=True)
    ]
    return np.concatenate([np.ascontiguousarray(output).reshape(-1).view(np.int8) for output in stored])


def runnable(model: bytes) -> bytes:
    """The same model for TFLite Micro, which knows neither sparse encoding nor DENSIFY nor TILE: constants are
    expanded, and TILE is RESHAPE and BROADCAST_TO. It has the inputs that the graph has."""
    import tflite

    root = tflite.Model.GetRootAsModel(model, 0)
    subgraph = root.Subgraphs(0)
    kinds = [one.kind for one in operators_of(root, subgraph)]
    is_sparse = any(subgraph.Tensors(index).Sparsity() is not None for index in range(subgraph.TensorsLength()))
    file = File.of(root)
    inputs = without_ignored(file).inputs
    if not is_sparse and not {"DENSIFY", "TILE"}.intersection(kinds) and inputs == file.inputs:
        return model
    dense = expanded_constants(file)
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    subgraph, builtin = changed.subgraphs[0], tflite.BuiltinOperator
    subgraph.inputs = list(inputs)
    for index, values in dense.items():
        subgraph.tensors[index].sparsity = None
        subgraph.tensors[index].buffer = _add_buffer(changed, schema, values)
    reshape, broadcast = (_add_code(changed, schema, code) for code in (builtin.RESHAPE, builtin.BROADCAST_TO))
    operators, subgraph.operators = subgraph.operators, []
    for kind, one in zip(kinds, operators, strict=True):
        if kind == "TILE":
            subgraph.operators += _repeated(changed, schema, one, reshape, broadcast)
        elif kind != "DENSIFY":
            subgraph.operators.append(one)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(changed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _repeated(changed: Any, schema: Any, tile: Any, reshape: int, broadcast: int) -> Iterator[Any]:
    """What stands for a TILE: for each axis that it repeats a new axis before it, which is broadcast."""
    tensors = changed.subgraphs[0].tensors
    source, result = tile.inputs[0], tile.outputs[0]
    before, behind = (list(tensors[index].shape) for index in (source, result))
    for axis, (size, wanted) in enumerate(zip(before, behind, strict=True)):
        outer, inner = prod(behind[:axis]), prod(before[axis + 1 :])
        for code, shape in (
            (reshape, [outer, 1, size * inner]),
            (broadcast, [outer, wanted // size, size * inner]),
        ):
            yield _shaped(changed, schema, code, source, shape)
            source = len(tensors) - 1
    yield _shaped(changed, schema, reshape, source, behind, result)


def _shaped(changed: Any, schema: Any, code: int, source: int, shape: Sequence[int], result: int | None = None) -> Any:
    """A RESHAPE or BROADCAST_TO of a tensor, to another one that is made if there is none."""
    tensors, dims = changed.subgraphs[0].tensors, schema.TensorT()
    dims.name, dims.shape, dims.type = b"shape", [len(shape)], schema.TensorType.INT32
    dims.buffer = _add_buffer(changed, schema, np.array(shape, np.int32))
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs = code, [source, len(tensors)]
    tensors.append(dims)
    if result is None:
        made = copy(tensors[source])
        made.shape, made.shapeSignature, made.buffer, result = list(shape), None, 0, len(tensors)
        tensors.append(made)
    operator.outputs = [result]
    return operator


def _add_buffer(changed: Any, schema: Any, values: Array) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    changed.buffers.append(buffer)
    return len(changed.buffers) - 1


def _add_code(changed: Any, schema: Any, builtin: int) -> int:
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, _MOST_OLD_CODE), 1
    changed.operatorCodes.append(code)
    return len(changed.operatorCodes) - 1
