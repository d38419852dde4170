"""TFLite's sparse encoding of constants, undone (SparsityParameters of the schema).

A tensor is stored level by level, each level one dimension. Dimensions may be cut into blocks: the places of blocks are
levels of their own, and so are the places inside of a block. A dense level has all places, a sparse one (CSR) names
those that there are: `segments[n]` to `segments[n + 1]` of `indices` are the places behind entry n of the level before.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError

Integers = npt.NDArray[np.int64]

#: The most values of a tensor in sparse encoding: a few bytes could claim any size.
MOST_VALUES = 1 << 24
_DENSE, _CSR = 0, 1


def positions(parameters: Any, shape: tuple[int, ...], where: str) -> Integers:
    """Where in the tensor, row by row, each stored value belongs. Raises ModelError, about `where`, for metadata that
    contradict themselves or the shape."""
    order = [int(level) for level in _vector(parameters, "TraversalOrder")]
    block_map = [int(dimension) for dimension in _vector(parameters, "BlockMap")]
    levels = [parameters.DimMetadata(number) for number in range(parameters.DimMetadataLength())]
    rank, size = len(shape), int(np.prod(shape, dtype=np.float64))
    if size > MOST_VALUES:
        raise ModelError(f"{where} is in TFLite's sparse encoding and has more than {MOST_VALUES:,} values")
    if sorted(order) != list(range(rank + len(block_map))) or len(levels) != len(order):
        raise _fault(where, f"levels {order} with {len(levels)} descriptions for {rank} dimensions")
    if len(set(block_map)) < len(block_map) or not all(0 <= dimension < rank for dimension in block_map):
        raise _fault(where, f"blocks of the dimensions {block_map} of {rank}")
    sizes = _sizes(order, levels, shape, block_map, where)
    places: dict[int, Integers] = {}
    count, most = 1, 1
    for level, metadata in zip(order, levels, strict=True):
        most *= sizes[level]
        parents, found = _level(metadata, sizes[level], count, most, where)
        places = {other: known[parents] for other, known in places.items()} | {level: found}
        count = len(found)
    return _joined(places, sizes, shape, block_map, count, where)


def _sizes(
    order: list[int], levels: list[Any], shape: tuple[int, ...], block_map: list[int], where: str
) -> dict[int, int]:
    """Level → how many places it has: those of blocks, then those inside of them."""
    sizes = dict(enumerate(shape))
    for number, dimension in enumerate(block_map):
        metadata = levels[order.index(len(shape) + number)]
        block = int(metadata.DenseSize())
        if metadata.Format() != _DENSE or block < 1 or shape[dimension] % block:
            raise _fault(where, f"blocks of {block} in a dimension of {shape[dimension]}")
        sizes[len(shape) + number], sizes[dimension] = block, shape[dimension] // block
    return sizes


def _level(metadata: Any, size: int, count: int, most: int, where: str) -> tuple[Integers, Integers]:
    """For each entry of a level: its entry of the level before, and its place."""
    if metadata.Format() == _DENSE:
        if metadata.DenseSize() != size:
            raise _fault(where, f"a dense level of {metadata.DenseSize()} places, {size} are needed")
        return np.repeat(np.arange(count), size), np.tile(np.arange(size), count)
    if metadata.Format() != _CSR:
        raise _fault(where, f"a level of the unknown format {metadata.Format()}")
    segments, indices = (_numbers(metadata, name, where) for name in ("ArraySegments", "ArrayIndices"))
    if len(segments) != count + 1 or segments[0] != 0 or segments[-1] != len(indices) or (np.diff(segments) < 0).any():
        raise _fault(where, f"segments that do not divide {len(indices)} indices among {count} entries")
    if len(indices) > most or (len(indices) and not 0 <= indices.min() <= indices.max() < size):
        raise _fault(where, f"indices outside of a level of {size} places")
    return np.repeat(np.arange(count), np.diff(segments)), indices


def _joined(
    places: dict[int, Integers], sizes: dict[int, int], shape: tuple[int, ...], block_map: list[int], count: int,
    where: str,
) -> Integers:  # fmt: skip
    flat = np.zeros(count, np.int64)
    for dimension, size in enumerate(shape):
        place = places[dimension]
        if dimension in block_map:
            inner = len(shape) + block_map.index(dimension)
            place = place * sizes[inner] + places[inner]
        flat = flat * size + place
    if len(np.unique(flat)) < count:
        raise _fault(where, "two values at one place")
    return flat


def _vector(table: Any, name: str) -> Any:
    return getattr(table, f"{name}AsNumpy")() if getattr(table, f"{name}Length")() else ()


def _numbers(metadata: Any, name: str, where: str) -> Integers:
    """The vector behind a union of three integer types."""
    import tflite

    union = getattr(metadata, name)()
    kinds = {code: kind for kind, code in vars(tflite.SparseIndexVector).items() if isinstance(code, int)}
    kind = kinds.get(getattr(metadata, f"{name}Type")(), "NONE")
    if union is None or kind == "NONE":
        raise _fault(where, "a sparse level without indices")
    vector = getattr(tflite, kind)()
    vector.Init(union.Bytes, union.Pos)
    found: Integers = np.array(_vector(vector, "Values"), np.int64)
    return found


def _fault(where: str, what: str) -> ModelError:
    return ModelError(f"{where} is in TFLite's sparse encoding, and its description is wrong: it has {what}")
