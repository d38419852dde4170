"""Models that are wrong in one or a few fields: what the file's schema allows and a converter does not write."""

import pickle
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import flatbuffers
import numpy as np

from tests.graphs import NETWORKS
from tests.judged import Asked
from tests.operator_files import file_of
from tests.random_graphs import mixed_network
from tinyprune.compiler import reader, reference
from tinyprune.compiler.operators import OPERATORS
from tinyprune.errors import ModelError

#: What whole numbers are changed to, beside their neighbours.
_NUMBERS = (-1, 0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, -128, 1 << 15, 1 << 16, 2**31 - 1, -(2**31))
_REALS = (0.0, -1.0, 1.0, 0.5, 1e-30, 1e30, float("nan"), float("inf"))
_SAMPLES = 3


def original(random: np.random.Generator) -> bytes:
    """An honest model: a network, one operator, or several at random."""
    which = int(random.integers(4))
    if which == 0:
        return NETWORKS[str(random.choice(sorted(NETWORKS)))]().file
    if which == 1:
        return mixed_network(int(random.integers(1 << 30)), 4).file
    kinds = list(dict.fromkeys(OPERATORS.values()))
    op = kinds[int(random.integers(len(kinds)))].case(random)
    return file_of((op,), op.activations, op.outputs)


def mutated(random: np.random.Generator, model: bytes) -> bytes:
    """The same with one to three fields changed, to what a file can hold."""
    while True:
        try:
            return _mutated(random, model)
        except (TypeError, AttributeError, struct.error):  # a number that its field has no room for, a wrong union
            continue


@lru_cache(maxsize=2)
def _tree(model: bytes) -> bytes:
    """The model as a tree of objects, pickled: which is undone faster than a file is read."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    return pickle.dumps(schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0)))


def _mutated(random: np.random.Generator, model: bytes) -> bytes:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    root = pickle.loads(_tree(model))
    for _ in range(int(random.choice([1, 1, 1, 2, 3]))):
        places = list(_places(root, schema))
        change = places[int(random.integers(len(places)))]
        change(random)
    builder = flatbuffers.Builder(len(model) + 1024)
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _places(root: Any, schema: Any) -> Iterator[Callable[[np.random.Generator], None]]:
    """A change for each field of the main subgraph, and some that make sense to a person."""
    graph = root.subgraphs[0]
    for table in (graph, *graph.tensors, *graph.operators, *root.operatorCodes):
        yield from _fields(table)
        for part in (getattr(table, "quantization", None), getattr(table, "builtinOptions", None)):
            if part is not None:
                yield from _fields(part)
    for buffer in root.buffers[1:]:
        yield lambda random, buffer=buffer: _shorten(random, buffer)
    yield lambda random: _exchange(random, graph.operators)
    yield lambda random: _exchange(random, graph.tensors)
    for tensor in graph.tensors:
        yield lambda random, tensor=tensor: _fill(random, tensor, root, schema)
        yield lambda _, tensor=tensor: setattr(tensor, "quantization", None)
        yield lambda random, tensor=tensor: _as(random, tensor, graph.tensors, "quantization")
        yield lambda random, tensor=tensor: _as(random, tensor, graph.tensors, "shape")


def _fields(table: Any) -> Iterator[Callable[[np.random.Generator], None]]:
    for name, value in vars(table).items():
        if isinstance(value, bool | int | float) or (value is None and name in ("bias", "sparsity")):
            yield lambda random, name=name, value=value: setattr(table, name, _other(random, value))
        elif name in ("shape", "shapeSignature", "inputs", "outputs", "scale", "zeroPoint", "newShape", "squeezeDims"):
            yield lambda random, name=name, value=value: setattr(table, name, _vector(random, value))


def _other(random: np.random.Generator, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return float(random.choice([*_REALS, value * 2, value / 2, -value, value * 1.001]))
    near = (int(value or 0) + 1, int(value or 0) - 1, 2 * int(value or 0))
    return int(random.choice([*near, *near, *near, *_NUMBERS]))


def _vector(random: np.random.Generator, value: Any) -> Any:
    values = [] if value is None else list(value)
    how = int(random.integers(6))
    if how == 0 and values:
        values.pop(int(random.integers(len(values))))
    elif how == 1:
        values.insert(int(random.integers(len(values) + 1)), values[0] if values else 1)
    elif how == 2 and len(values) > 1:
        one, other = random.choice(len(values), 2, replace=False)
        values[one], values[other] = values[other], values[one]
    elif how == 3:
        return None
    elif values:
        place = int(random.integers(len(values)))
        old = values[place]
        values[place] = _other(random, float(old) if isinstance(old, float | np.floating) else int(old))
    return values


def _exchange(random: np.random.Generator, items: list[Any]) -> None:
    one, other = random.integers(len(items), size=2)
    items[one], items[other] = items[other], items[one]


def _shorten(random: np.random.Generator, buffer: Any) -> None:
    data = np.array([] if buffer.data is None else buffer.data, np.uint8)
    how = int(random.integers(4))
    if how == 0 or not len(data):
        data = data[:0]
    elif how == 1:
        data = data[: int(random.integers(len(data)))]
    elif how == 2:
        data = np.concatenate([data, data])
    else:
        data = data.copy()
        data[random.integers(len(data), size=4)] = random.integers(256, size=4)
    buffer.data = data


def _fill(random: np.random.Generator, tensor: Any, root: Any, schema: Any) -> None:
    """A buffer where none belongs."""
    count = int(np.prod([max(0, n) for n in (tensor.shape if tensor.shape is not None else [])], dtype=np.int64))
    buffer = schema.BufferT()
    buffer.data = random.integers(256, size=min(count, 1 << 16) * int(random.choice([1, 2, 4]))).astype(np.uint8)
    root.buffers.append(buffer)
    tensor.buffer = len(root.buffers) - 1


def _as(random: np.random.Generator, tensor: Any, others: list[Any], name: str) -> None:
    """A field as another tensor has it."""
    setattr(tensor, name, getattr(others[int(random.integers(len(others)))], name))


def verdict(model: bytes, random: np.random.Generator) -> str:
    """What becomes of a model: "refused", "equal", "different", or what TFLite Micro does instead of answering."""
    found = answered(model, random)
    return found if isinstance(found, str) else found.verdict()


def answered(model: bytes, random: np.random.Generator) -> str | Asked:
    """The same, where TFLite Micro need not be asked, or else what it is to be asked."""
    try:
        graph = reader.read(model)
    except ModelError:
        return "refused"
    inputs = random.integers(-128, 128, (_SAMPLES, graph.input_bytes)).astype(np.int8)
    start = 0
    for tensor in graph.inputs:
        if tensor.dtype == "bool":
            inputs[:, start : start + tensor.size_bytes] &= 1
        start += tensor.size_bytes
    try:
        found = reference.infer(graph, inputs)
    except ModelError:
        return "refused when lowered"
    return Asked(model, graph, inputs, found)
