"""The judge of bit-exactness: the real TFLite Micro interpreter, from the `tflite-micro` wheel (Linux x86-64)."""

import importlib.metadata

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import judge, reader, reference
from tinyprune.compiler.graph import Array, Graph
from tinyprune.errors import MissingDependency

Int8 = npt.NDArray[np.int8]


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
    arena_bytes = (1 << 20) + 10 * len(model) + 4 * (graph.largest_bytes + graph.input_bytes + graph.output_bytes)
    parts = [
        part.reshape(len(inputs), *tensor.file_shape)
        for tensor, part in zip(graph.inputs, graph.split_inputs(inputs), strict=True)
    ]
    values = [part if edge is None else edge.to_file(part) for part, edge in zip(parts, graph.input_edges, strict=True)]
    samples = [[part[number] for part in values] for number in range(len(inputs))]
    rows = judge.run(_without_sparse(model), arena_bytes, samples, len(graph.outputs))
    return np.stack([_joined(row, graph) for row in rows])


def _joined(outputs: list[Array], graph: Graph) -> Int8:
    stored = [
        output if edge is None else edge.from_file(output)
        for output, edge in zip(outputs, graph.output_edges, strict=True)
    ]
    return np.concatenate([np.ascontiguousarray(output).reshape(-1).view(np.int8) for output in stored])


def _without_sparse(model: bytes) -> bytes:
    """The same model with constants in sparse encoding expanded, and without DENSIFY: TFLite Micro knows neither."""
    import tflite

    root = tflite.Model.GetRootAsModel(model, 0)
    dense = reader.expanded_constants(root)
    if not dense:
        return model
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    subgraph, codes = changed.subgraphs[0], changed.operatorCodes
    for index, values in dense.items():
        tensor, buffer = subgraph.tensors[index], schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer, tensor.sparsity = len(changed.buffers), None
        changed.buffers.append(buffer)
    densify = tflite.BuiltinOperator.DENSIFY
    subgraph.operators = [one for one in subgraph.operators if codes[one.opcodeIndex].builtinCode != densify]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(changed.Pack(builder), b"TFL3")
    return bytes(builder.Output())
