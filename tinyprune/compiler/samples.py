"""Inputs for comparing bytes: made here, so that no audio has to travel with the project."""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Activation
from tinyprune.errors import DataError, UsageError


def make(tensor: Activation, count: int, seed: int = 0) -> npt.NDArray[np.int8]:
    """`[count, *tensor shape]`: the extremes, the zero point, then noise around it of growing strength and smooth
    ramps.

    Uniform noise alone saturates most networks' first layers; the weaker inputs keep the later ones busy.
    """
    rng = np.random.default_rng(seed)
    shape = tensor.shape
    fixed = [np.full(shape, value, dtype=np.float64) for value in (-128, 127, tensor.zero_point)]
    rest = [_noise(rng, shape, tensor.zero_point, number) for number in range(max(0, count - len(fixed)))]
    return np.clip(np.rint(np.stack([*fixed, *rest])[:count]), -128, 127).astype(np.int8)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], center: int, number: int) -> npt.NDArray[np.float64]:
    if number % 4 == 0:
        return rng.integers(-128, 128, shape).astype(np.float64)
    strength = (4.0, 16.0, 64.0)[number % 4 - 1]
    ramp = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape) * rng.normal() * strength
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


def read(path: Path, tensor: Activation) -> npt.NDArray[np.int8]:
    """A user's .npy `[samples, *tensor shape]`: int8 as it is, real values quantized with the tensor's scale.

    Raises UsageError where the file is missing, DataError where it holds something else.
    """
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
