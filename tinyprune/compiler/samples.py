"""Inputs for comparing bytes: made here, so that no audio has to travel with the project."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune import files
from tinyprune.compiler.edges import quantized
from tinyprune.compiler.graph import Activation, Array, Edge, Graph, Int8
from tinyprune.errors import DataError, UsageError, printable

#: An array, or the .npy file that has it.
Source: TypeAlias = Path | npt.NDArray[Any]
#: What a network's inputs are read from, by name; "" is the name of an only one.
Named: TypeAlias = Mapping[str, Source]


def make(graph: Graph, count: int, seed: int = 0) -> Int8:
    """`[count, input_bytes]`, each row all inputs of a sample one behind the other: the extremes, the zero point, then
    noise around it of growing strength and smooth ramps.

    Uniform noise alone saturates most networks' first layers; the weaker inputs keep the later ones busy.
    """
    return joined([_of(tensor, count, seed + number) for number, tensor in enumerate(graph.inputs)])


def joined(parts: Sequence[Array]) -> Int8:
    """Each input's `[samples, *shape]` → `[samples, input_bytes]`, one behind the other."""
    return np.concatenate([np.ascontiguousarray(part).reshape(len(part), -1).view(np.int8) for part in parts], axis=1)


def _of(tensor: Activation, count: int, seed: int) -> Array:
    """`[count, *tensor shape]`"""
    rng = np.random.default_rng(seed)
    shape, (low, high) = tensor.shape, tensor.limits
    if tensor.dtype == "bool":
        return rng.integers(0, 2, (count, *shape)).astype(np.int8)
    fixed = [np.full(shape, value, dtype=np.float64) for value in (low, high, tensor.zero_point)]
    rest = [_noise(rng, tensor, number) for number in range(max(0, count - len(fixed)))]
    made: Array = np.clip(np.rint(np.stack([*fixed, *rest])[:count]), low, high).astype(tensor.dtype)
    return made


def _noise(rng: np.random.Generator, tensor: Activation, number: int) -> npt.NDArray[np.float64]:
    shape, (low, high) = tensor.shape, tensor.limits
    if number % 4 == 0:
        return rng.integers(low, high + 1, shape).astype(np.float64)
    strength = (1 / 32, 1 / 8, 1 / 2)[number % 4 - 1] * (high + 1)
    ramp = np.linspace(-1, 1, prod(shape)).reshape(shape) * rng.normal() * strength
    return tensor.zero_point + ramp + rng.normal(scale=strength, size=shape)


def called(source: Source) -> str:
    """What messages call it."""
    return str(source) if isinstance(source, Path) else "the array"


def load_array(source: Source) -> npt.NDArray[Any]:
    """The array, or that of a .npy file. Raises UsageError where the file is missing, DataError where it is none."""
    values = _load(source) if isinstance(source, Path) else np.asarray(source)
    if not values.ndim:
        raise DataError(f"{called(source)}: an array is needed, one entry a sample, not a single number")
    return values


def _load(path: Path) -> npt.NDArray[Any]:
    files.require(path, f"{path}: no such file")
    try:
        with path.open("rb") as file:
            values = np.load(file, allow_pickle=False)
    except MemoryError:
        raise DataError(f"{path}: it says that it is larger than this computer's memory") from None
    except Exception:  # NumPy reads headers as Python, and raises whatever is wrong with that
        raise DataError(f"{path}: not a .npy array; write it with numpy.save") from None
    if not isinstance(values, np.ndarray):
        raise DataError(f"{path}: one .npy array is needed, not an archive of several")
    return values


def read_labels(source: Source, count: int, classes: int, model: str) -> npt.NDArray[np.int64]:
    """The class `[count]` of each sample, for a network that messages call `model`. Raises DataError."""
    found, name = load_array(source), called(source)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise DataError(
            f"{name}: [{count}] whole numbers are needed, one for each sample, not {found.dtype} {list(found.shape)}"
        )
    numbers = found.astype(np.int64)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= classes))
    if len(wrong):
        raise DataError(f"{name}: label {wrong[0]} is {found[wrong[0]]}; the classes of {model} are 0 to {classes - 1}")
    return numbers


def check_paths(given: Sequence[str] | Named) -> None:
    """Raises UsageError where a file of `read` is missing, before anything slow starts."""
    named = [str(each) for each in given.values() if isinstance(each, Path)] if isinstance(given, Mapping) else given
    for argument in named:
        path = Path(argument if Path(argument).exists() else argument.partition("=")[2] or argument)
        files.require(path, f"{path}: no such file or folder")


def read(given: Sequence[str] | Named, graph: Graph) -> Int8:
    """A user's array `[samples, *input shape]` for each input of the network → `[samples, input_bytes]`. int8 (int16)
    as it is, real values quantized with the tensor's scale, and what the model takes itself, such as uint8. In words:
    "NAME=x.npy", or just "x.npy" where there is but one.

    Raises UsageError for a name that is unknown or missing, or a missing file, DataError for what an array holds.
    """
    names = graph.input_names
    sources = _in_order(given.items() if isinstance(given, Mapping) else _split(given, names), names)
    parts = [_read_one(*each) for each in zip(sources, graph.inputs, graph.input_edges, strict=True)]
    counts = {len(part) for part in parts}
    if len(counts) > 1:
        told = ", ".join(f"{called(source)} {len(part)}" for source, part in zip(sources, parts, strict=True))
        raise DataError(f"every input needs as many samples as the others: {told}")
    return joined(parts)


def _split(given: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Names, "" where there is none, and files."""
    if len(given) == len(names) == 1 and Path(given[0]).exists():  # an = may be part of a file's name
        yield "", Path(given[0])
        return
    for argument in given:
        name, _, path = argument.rpartition("=")
        yield name, Path(path)


def _in_order(given: Iterable[tuple[str, Source]], names: Sequence[str]) -> list[Source]:
    """What is given for each input, in the network's order."""
    known = ", ".join(f'"{name}"' for name in names)
    found: dict[str, Source] = {}
    for said, source in given:
        if not said and len(names) > 1:
            advice = f"NAME={source}" if isinstance(source, Path) else "a dictionary of names and arrays"
            raise UsageError(f"{called(source)}: which input? give {advice}; the network's inputs: {known}")
        name = said or names[0]
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise UsageError(f'the network has no input "{printable(name)}"{hint} Its inputs: {known}')
        if name in found:
            raise UsageError(f'input "{name}" is given twice')
        found[name] = source
    missing = [name for name in names if name not in found]
    if missing:
        raise UsageError(f'nothing is given for input "{missing[0]}": --inputs "{missing[0]}=x.npy"')
    return [found[name] for name in names]


def channels_last(values: npt.NDArray[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
    """Samples as a network takes them, of which each is `shape`. Maps `[samples, channels, height, width]`, as PyTorch
    has them, are turned to `[samples, height, width, channels]` where they fit only so; all others stay as they are."""
    wanted = tuple(shape)
    is_turned = values.ndim == len(wanted) + 1 == 4 and (*values.shape[2:], values.shape[1]) == wanted
    return np.moveaxis(values, 1, -1) if is_turned and values.shape[1:] != wanted else values


def _read_one(source: Source, tensor: Activation, edge: Edge | None) -> Array:
    values = channels_last(load_array(source), tensor.shape)
    if values.ndim < 2 or not len(values) or values[0].size != tensor.count:
        wanted = f"[samples, {', '.join(map(str, tensor.shape))}]"
        raise DataError(f"{called(source)}: an array of shape {wanted} is needed, not {list(values.shape)}")
    return quantize(values.reshape(len(values), *tensor.shape), tensor, called(source), edge)


def quantize(values: npt.NDArray[np.generic], tensor: Activation, where: str, edge: Edge | None = None) -> Array:
    """Values of the tensor's type as they are, real values with its scale, values of the type that the model takes
    (`edge`) as it would take them. Raises DataError, about `where`, for others. A bool tensor takes bool values, or 0
    and 1."""
    if tensor.dtype == "bool":
        if not np.isin(values, (0, 1)).all():
            raise DataError(f"{where}: bool values are needed, or 0 and 1")
        return values.astype(np.int8)
    if values.dtype.name == tensor.dtype:
        return values.astype(tensor.dtype)
    own = edge is not None and edge.dtype == values.dtype.name
    if values.dtype.kind != "f" and not own:
        also = "" if edge is None or edge.dtype == "float32" else f", {edge.dtype}"
        raise DataError(f"{where}: {tensor.dtype}{also} or real values are needed, not {values.dtype}")
    if edge is not None and own and edge.dtype == "uint8":
        return (values.astype(np.int16) - 128).astype(np.int8)
    real = values.astype(np.float64)
    if not np.isfinite(real).all():
        raise DataError(f"{where}: sample {int(np.argwhere(~np.isfinite(real))[0][0])} has NaN or infinity")
    if edge is not None and own:
        return quantized(edge, values, float(tensor.scale), tensor.zero_point)
    stored: npt.NDArray[np.float64] = np.rint(real / float(tensor.scale)) + tensor.zero_point
    return np.clip(stored, *tensor.limits).astype(tensor.dtype)
