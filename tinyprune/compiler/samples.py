"""Inputs for comparing bytes: made here, so that no audio has to travel with the project."""

import difflib
import zipfile
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Activation, Graph, Int8
from tinyprune.errors import DataError, UsageError, printable


def make(graph: Graph, count: int, seed: int = 0) -> Int8:
    """`[count, input_bytes]`, each row all inputs of a sample one behind the other: the extremes, the zero point, then
    noise around it of growing strength and smooth ramps.

    Uniform noise alone saturates most networks' first layers; the weaker inputs keep the later ones busy.
    """
    parts = [_of(tensor, count, seed + number) for number, tensor in enumerate(graph.inputs)]
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def _of(tensor: Activation, count: int, seed: int) -> Int8:
    """`[count, *tensor shape]`"""
    rng = np.random.default_rng(seed)
    shape = tensor.shape
    fixed = [np.full(shape, value, dtype=np.float64) for value in (-128, 127, tensor.zero_point)]
    rest = [_noise(rng, shape, tensor.zero_point, number) for number in range(max(0, count - len(fixed)))]
    made: Int8 = np.clip(np.rint(np.stack([*fixed, *rest])[:count]), -128, 127).astype(np.int8)
    return made


def _noise(rng: np.random.Generator, shape: tuple[int, ...], center: int, number: int) -> npt.NDArray[np.float64]:
    if number % 4 == 0:
        return rng.integers(-128, 128, shape).astype(np.float64)
    strength = (4.0, 16.0, 64.0)[number % 4 - 1]
    ramp = np.linspace(-1, 1, prod(shape)).reshape(shape) * rng.normal() * strength
    return center + ramp + rng.normal(scale=strength, size=shape)


def load_array(path: Path) -> npt.NDArray[np.generic]:
    """The array of a .npy file. Raises UsageError where it is missing, DataError where it is none."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            values = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        raise DataError(f"{path}: not a .npy array; write it with numpy.save") from None
    if not isinstance(values, np.ndarray):
        raise DataError(f"{path}: one .npy array is needed, not an archive of several")
    if not values.ndim:
        raise DataError(f"{path}: an array is needed, one entry a sample, not a single number")
    return values


def check_paths(given: Sequence[str]) -> None:
    """Raises UsageError where a file of `read` is missing, before anything slow starts."""
    for argument in given:
        if not Path(argument).exists() and not Path(argument.partition("=")[2] or argument).exists():
            raise UsageError(f"{argument.partition('=')[2] or argument}: no such file or folder")


def read(given: Sequence[str], graph: Graph) -> Int8:
    """A user's .npy `[samples, *input shape]` for each input of the network, "NAME=x.npy", or just "x.npy" where there
    is but one → `[samples, input_bytes]`. int8 as it is, real values quantized with the tensor's scale.

    Raises UsageError for a name that is unknown or missing, or a missing file, DataError for what a file holds.
    """
    paths = _by_name(given, graph.input_names)
    parts = [_read_one(path, tensor) for path, tensor in zip(paths, graph.inputs, strict=True)]
    counts = {len(part) for part in parts}
    if len(counts) > 1:
        told = ", ".join(f"{path} {len(part)}" for path, part in zip(paths, parts, strict=True))
        raise DataError(f"every input needs as many samples as the others: {told}")
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _by_name(given: Sequence[str], names: Sequence[str]) -> list[Path]:
    """The file for each input, in the network's order."""
    if len(given) == len(names) == 1 and (Path(given[0]).exists() or "=" not in given[0]):
        return [Path(given[0])]
    known = ", ".join(f'"{name}"' for name in names)
    found: dict[str, Path] = {}
    for argument in given:
        name, equals, path = argument.rpartition("=")
        if not equals:
            raise UsageError(f"{argument}: which input? give NAME={argument}; the network's inputs: {known}")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise UsageError(f'the network has no input "{printable(name)}"{hint} Its inputs: {known}')
        if name in found:
            raise UsageError(f'input "{name}" is given twice')
        found[name] = Path(path)
    missing = [name for name in names if name not in found]
    if missing:
        raise UsageError(f'nothing is given for input "{missing[0]}": --inputs "{missing[0]}=x.npy"')
    return [found[name] for name in names]


def _read_one(path: Path, tensor: Activation) -> Int8:
    values = load_array(path)
    if values.ndim < 2 or not len(values) or values[0].size != tensor.size_bytes:
        wanted = f"[samples, {', '.join(map(str, tensor.shape))}]"
        raise DataError(f"{path}: an array of shape {wanted} is needed, not {list(values.shape)}")
    return quantize(values.reshape(len(values), *tensor.shape), tensor, str(path))


def quantize(values: npt.NDArray[np.generic], tensor: Activation, where: str) -> npt.NDArray[np.int8]:
    """int8 as it is, real values with the tensor's scale. Raises DataError, about `where`, for others."""
    if values.dtype == np.int8:
        return values.astype(np.int8)
    if values.dtype.kind != "f":
        raise DataError(f"{where}: int8 or real values are needed, not {values.dtype}")
    real = values.astype(np.float64)
    if not np.isfinite(real).all():
        raise DataError(f"{where}: sample {int(np.argwhere(~np.isfinite(real))[0][0])} has NaN or infinity")
    stored: npt.NDArray[np.float64] = np.rint(real / float(tensor.scale)) + tensor.zero_point
    return np.clip(stored, -128, 127).astype(np.int8)
