"""Constants in TFLite's sparse encoding, encoded here, read, and run."""

from collections.abc import Callable, Sequence
from typing import Any

import flatbuffers
import numpy as np
import pytest

from tests import tflite_models as t
from tinyprune.compiler import oracle, reader, reference
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.errors import ModelError

pytestmark = pytest.mark.tflm
schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")
RANDOM = np.random.default_rng(1)
DENSE, CSR = 0, 1
VECTORS = {np.int32: "Int32Vector", np.uint16: "Uint16Vector", np.uint8: "Uint8Vector"}


def some(shape: Sequence[int], zeros: float = 0.7) -> np.ndarray:
    values = RANDOM.integers(1, 128, shape) * RANDOM.choice([-1, 1], shape)
    return (values * (RANDOM.random(shape) >= zeros)).astype(np.int8)


def encode(
    values: np.ndarray,
    order: Sequence[int],
    sparse: Sequence[int] = (),
    blocks: Sequence[tuple[int, int]] = (),
    dtype: type = np.int32,
) -> tuple[Any, np.ndarray]:
    """(metadata, stored values): `order` of levels, those of them that are `sparse`, `blocks` as (dimension, size)."""
    rank = values.ndim
    sizes = list(values.shape)
    split: list[int] = []  # the axes of the blocked tensor, as the reshape makes them
    shape: list[int] = []
    for axis, size in enumerate(values.shape):
        inner = [number for number, (dimension, _) in enumerate(blocks) if dimension == axis]
        if inner:
            sizes[axis] = size // blocks[inner[0]][1]
            shape += [sizes[axis], blocks[inner[0]][1]]
            split += [axis, rank + inner[0]]
        else:
            shape.append(size)
            split.append(axis)
    sizes += [block for _, block in blocks]
    levels = values.reshape(shape).transpose([split.index(level) for level in order])
    entries: list[np.ndarray] = [levels]
    metadata = []
    for level in order:
        table = schema.DimensionMetadataT()
        table.format, table.denseSize = (CSR, 0) if level in sparse else (DENSE, sizes[level])
        kept: list[np.ndarray] = []
        segments, indices = [0], list[int]()
        for entry in entries:
            places = [n for n in range(sizes[level]) if level not in sparse or np.any(entry[n])]
            kept += [entry[n] for n in places]
            indices += places
            segments.append(len(indices))
        if level in sparse:
            for name, some_ in (("arraySegments", segments), ("arrayIndices", indices)):
                vector = getattr(schema, f"{VECTORS[dtype]}T")()
                vector.values = np.array(some_, dtype)
                setattr(table, name, vector)
                setattr(table, f"{name}Type", getattr(schema.SparseIndexVector, VECTORS[dtype]))
        metadata.append(table)
        entries = kept
    parameters = schema.SparsityParametersT()
    parameters.traversalOrder = np.array(order, np.int32)
    parameters.blockMap = np.array([dimension for dimension, _ in blocks], np.int32) if blocks else None
    parameters.dimMetadata = metadata
    return parameters, np.array(entries, np.int8)


def network(weights: np.ndarray) -> bytes:
    layer = t.Conv(weights=weights, bias=np.arange(len(weights), dtype=np.int32), scale=0.4, padding="SAME")
    return t.model(t.Input((6, 5, weights.shape[3]), 0.1, -3), [layer])


def packed(model: bytes, parameters: Any, stored: np.ndarray, densify: bool = True) -> bytes:
    """`model` with its weights so stored, behind a DENSIFY or as they are."""
    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    subgraph = changed.subgraphs[0]
    index = next(n for n, tensor in enumerate(subgraph.tensors) if tensor.name.endswith(b"weights"))
    changed.buffers[subgraph.tensors[index].buffer].data = stored.view(np.uint8)
    subgraph.tensors[index].sparsity = parameters
    if densify:
        again = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0)).subgraphs[0].tensors[index]
        again.buffer = 0
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DENSIFY
        operator.opcodeIndex, operator.inputs = len(changed.operatorCodes), np.array([index], np.int32)
        operator.outputs = np.array([len(subgraph.tensors)], np.int32)
        for one in subgraph.operators:
            one.inputs = np.array([len(subgraph.tensors) if n == index else n for n in one.inputs], np.int32)
        subgraph.tensors.append(again)
        changed.operatorCodes.append(code)
        subgraph.operators = [operator, *subgraph.operators]
    builder = flatbuffers.Builder(1024)
    builder.Finish(changed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


ENCODINGS: dict[str, Callable[[np.ndarray], tuple[Any, np.ndarray]]] = {
    "last dimension sparse": lambda w: encode(w, (0, 1, 2, 3), (3,)),
    "all sparse": lambda w: encode(w, (0, 1, 2, 3), (0, 1, 2, 3)),
    "all dense": lambda w: encode(w, (0, 1, 2, 3)),
    "another order": lambda w: encode(w, (3, 0, 2, 1), (0, 1), dtype=np.uint8),
    "blocks": lambda w: encode(w, (0, 1, 2, 3, 4), (3,), [(3, 4)], np.uint16),
    "two blocks": lambda w: encode(w, (0, 1, 2, 3, 4, 5), (0, 3), [(0, 2), (3, 2)], np.uint8),
    "blocks in another order": lambda w: encode(w, (3, 1, 5, 0, 2, 4), (0,), [(3, 2), (0, 4)]),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_any_encoding_is_the_same_as_dense(name: str) -> None:
    for zeros in (0.7, 0.0, 0.98, 1.0):
        weights = some((4, 3, 2, 8), zeros)
        model = network(weights)
        parameters, stored = ENCODINGS[name](weights)
        inputs = RANDOM.integers(-128, 128, (3, 6 * 5 * 8)).astype(np.int8)
        for densify in (True, False):
            data = packed(model, parameters, stored, densify)
            graph = reader.read(data)
            (op,) = graph.ops
            assert isinstance(op, Conv2D)
            np.testing.assert_array_equal(op.weights, weights)
            wanted = reference.infer(graph, inputs)
            np.testing.assert_array_equal(wanted, oracle.infer(data, inputs, graph))
            np.testing.assert_array_equal(wanted, oracle.infer(model, inputs))
            assert graph.notes[0].startswith("TFLite Micro does not take TFLite's sparse encoding: 1 constants")


def fault(change: Callable[[Any], None], stored_change: int = 0) -> str:
    weights = some((4, 3, 2, 8))
    parameters, stored = encode(weights, (0, 1, 2, 3, 4), (3,), [(0, 2)])
    change(parameters)
    stored = stored[: len(stored) + stored_change]
    with pytest.raises(ModelError) as caught:
        reader.read(packed(network(weights), parameters, stored))
    return str(caught.value)


def _csr(change: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda parameters: change(parameters.dimMetadata[3])


def _set(table: Any, name: str, place: int, value: int) -> None:
    values = getattr(table, name).values.copy()
    values[place] = value
    getattr(table, name).values = values


FAULTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "levels": (lambda p: setattr(p, "traversalOrder", np.array([0, 1, 2, 3, 3], np.int32)), "levels [0, 1, 2, 3, 3]"),
    "too few": (lambda p: setattr(p, "dimMetadata", p.dimMetadata[:3]), "with 3 descriptions for 4 dimensions"),
    "block map": (lambda p: setattr(p, "blockMap", np.array([7], np.int32)), "blocks of the dimensions [7] of 4"),
    "block size": (lambda p: setattr(p.dimMetadata[4], "denseSize", 3), "blocks of 3 in a dimension of 4"),
    "no block": (lambda p: setattr(p.dimMetadata[4], "denseSize", 0), "blocks of 0 in a dimension of 4"),
    "dense size": (lambda p: setattr(p.dimMetadata[1], "denseSize", 4), "a dense level of 4 places, 3 are needed"),
    "huge": (lambda p: setattr(p.dimMetadata[1], "denseSize", 2**31 - 1), "a dense level of 2147483647 places"),
    "format": (lambda p: setattr(p.dimMetadata[1], "format", 9), "unknown format 9"),
    "no indices": (_csr(lambda m: setattr(m, "arrayIndicesType", 0)), "a sparse level without indices"),
    "index": (_csr(lambda m: _set(m, "arrayIndices", 0, 8)), "indices outside of a level of 8 places"),
    "negative index": (_csr(lambda m: _set(m, "arrayIndices", 0, -1)), "indices outside of a level of 8 places"),
    "twice": (
        _csr(lambda m: _set(m, "arrayIndices", 1, m.arrayIndices.values[0])), "two values at one place",
    ),
    "segments": (_csr(lambda m: _set(m, "arraySegments", -1, 500)), "segments that do not divide"),
    "falling": (_csr(lambda m: _set(m, "arraySegments", 1, 99)), "segments that do not divide"),
    "first segment": (_csr(lambda m: _set(m, "arraySegments", 0, 1)), "segments that do not divide"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_descriptions_that_are_wrong_are_refused(name: str) -> None:
    change, message = FAULTS[name]
    found = fault(change)
    assert "weights\" is in TFLite's sparse encoding, and its description is wrong: it has " in found
    assert message in found


def test_data_that_is_too_short_is_refused() -> None:
    found = fault(lambda _parameters: None, -1)
    assert "bytes of data for" in found


def test_a_densify_of_something_computed_is_refused() -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(network(some((4, 3, 2, 8))), 0))
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 124
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(ModelError, match=r"operator DENSIFY \(number 0\) must make one tensor of one constant"):
        reader.read(bytes(builder.Output()))


def test_a_few_bytes_cannot_claim_a_huge_constant() -> None:
    def change(parameters: Any) -> None:
        parameters.dimMetadata[0].denseSize = 2**20

    assert "a dense level of 1048576 places, 2 are needed" in fault(change)
    weights = some((4, 3, 2, 8))
    parameters, stored = encode(weights, (0, 1, 2, 3), (0, 1, 2, 3))
    data = packed(network(weights), parameters, stored)
    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    for tensor in changed.subgraphs[0].tensors:
        if tensor.name.endswith(b"weights"):
            tensor.shape = np.array([32768, 3, 200, 8], np.int32)
    builder = flatbuffers.Builder(1024)
    builder.Finish(changed.Pack(builder), b"TFL3")
    with pytest.raises(ModelError, match="has more than 16,777,216 values"):
        reader.read(bytes(builder.Output()))
