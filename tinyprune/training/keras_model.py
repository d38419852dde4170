"""What every room needs of a user's model in Keras: it is loaded, asked for its shape, and given samples."""

import importlib
import json
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyprune import files
from tinyprune.compiler import reader
from tinyprune.compiler.samples import channels_last
from tinyprune.errors import DataError, ModelError, UsageError, first_line, printable
from tinyprune.training import float_file, foreign_code, other_formats, torch_file, torch_model
from tinyprune.training.quiet import quiet_tensorflow


class Examples(NamedTuple):
    """What a network is trained or measured on."""

    inputs: npt.NDArray[np.float32]
    """`[samples, *input shape]`."""
    targets: npt.NDArray[Any]
    """The number of the right class `[samples, *output shape without its last axis]`; or values `[samples, *output
    shape]`."""


def given(model: Path | Any, *, trust: bool = False, samples: npt.NDArray[np.generic] | None = None) -> Any:
    """The model in a file (see `load`), or one in memory. Raises UsageError or ModelError for what is no such thing."""
    if isinstance(model, Path):
        return load(model, trust=trust, samples=samples)
    if torch_model.is_module(model):
        return _rebuilt(*_of_module(model, samples), samples)
    if not hasattr(model, "layers"):
        raise UsageError(f"a Keras or PyTorch model or the path of its file is needed, not {printable(repr(model))}")
    if not has_inputs(model):
        raise ModelError(
            f"model {model.name} has no fixed inputs: build a Sequential one with an Input layer or by a call; write a "
            "subclass of Model as layers called on an Input"
        )
    return model


@quiet_tensorflow()
def load(path: Path, *, trust: bool = False, samples: npt.NDArray[np.generic] | None = None) -> Any:
    """The model in a `.keras` or `.h5` file, of Keras 2 (tf_keras) or Keras 3, in a Keras 2 SavedModel folder, or in a
    float `.tflite` or a `.pt2` of PyTorch, which is rebuilt in tf_keras and compared on `samples` (`float_file.py`).

    A file that loading would run code of, such as a Lambda layer's, is refused, unless the user has said to `trust` it.
    """
    files.require(path, f"there is no model {path}")
    file = path / "saved_model.pb" if path.is_dir() else path
    if file.is_file() and file.stat().st_size == 0:
        raise ModelError(f"{file} is empty; save or copy the model again")
    other_formats.refuse(path)
    if path.suffix in (".tflite", torch_file.SUFFIX):
        is_file = path.suffix == ".tflite"
        content = reader.read_bytes(path) if is_file else torch_model.from_file(path, trust=trust)
        return _rebuilt(content, str(path), samples)
    version = _keras_version(path)
    if not trust:
        _check_code(path)
    models = importlib.import_module("keras.models" if version.startswith("3") else "tf_keras.models")
    try:
        objects = {"ActivationRange": activation_range()}
        model = models.load_model(path, custom_objects=objects, compile=False, safe_mode=not trust)
    except Exception as error:  # the loaders raise whatever they stumble upon
        raise ModelError(f"{path} (Keras {version}) cannot be loaded: {first_line(error)}") from error
    if not hasattr(model, "layers"):
        raise ModelError(f"{path} holds no Keras model, only functions; save it with model.save() as .keras or .h5")
    if not has_inputs(model):
        raise ModelError(
            f"{path} holds a model of no fixed inputs: a Sequential one must be built before it is saved, with an "
            "Input layer or by a call; a subclass of Model must be written as layers called on an Input"
        )
    return model


def _of_module(model: Any, samples: npt.NDArray[np.generic] | None) -> tuple[bytes, str]:
    """A network of PyTorch as a float .tflite, and what messages call it; samples tell which input it takes."""
    if samples is None:
        raise UsageError("a PyTorch model needs samples, which tell what input it takes: [samples, channels, …]")
    return torch_model.from_module(model, samples.shape[1:]), f"model {type(model).__name__}"


def _rebuilt(content: bytes, name: str, samples: npt.NDArray[np.generic] | None) -> Any:
    """The network of a float .tflite in tf_keras."""
    model = float_file.rebuild(content, name)
    inputs = None if samples is None else check_samples(model, samples, "input")
    float_file.compare(model, content, name, inputs)
    return model


def _check_code(path: Path) -> None:
    """Raises ModelError for a file that runs code when it is loaded, or that cannot be looked through."""
    try:
        foreign_code.refuse(path)
    except ModelError:
        raise
    except Exception as error:  # whatever four parsers raise for damaged files
        raise ModelError(f"{path} is damaged or no Keras model: {first_line(error)}") from error


def has_inputs(model: Any) -> bool:
    """Whether a model of Keras 2 or 3 knows what it takes."""
    try:
        return bool(model.inputs)
    except (AttributeError, ValueError):  # Keras 3, where a model was never built
        return False


def _keras_version(path: Path) -> str:
    """The version that wrote a file: 2 and 3 cannot read each other's."""
    try:
        if (path / "saved_model.pb").exists():
            return "2, SavedModel"
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return str(json.loads(archive.read("metadata.json"))["keras_version"])
        if path.suffix in (".h5", ".hdf5"):
            h5py = importlib.import_module("h5py")
            with h5py.File(path) as file:
                if "keras_version" not in file.attrs:
                    raise ModelError(f"{path} holds no network, at most its weights; save it with model.save()")
                return str(file.attrs["keras_version"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is damaged or no Keras model: {first_line(error)}") from error
    raise ModelError(f"{path} is no Keras model: expected a .keras or .h5 file or a SavedModel folder")


def sample_shape(model: Any) -> tuple[int, ...]:
    """Shape of one input of any Keras model, without the batch."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or not all(isinstance(axis, int) for axis in shape[1:]):
        raise ModelError(f"model {model.name} has input {shape}; expected one input, all of whose axes are fixed")
    return shape[1:]


def classes_of(model: Any) -> int | None:
    """How many classes any Keras model tells apart; None where its answers are of another kind."""
    shape = model.output_shape
    return classes_in(shape[1:]) if isinstance(shape, tuple) else None


def classes_in(shape: Sequence[int | None]) -> int | None:
    """As `classes_of`, of an output's shape without the batch."""
    several = [axis for axis in shape if axis != 1]
    return several[0] if len(several) == 1 else None


def is_quantization_aware(model: Any) -> bool:
    """Whether TensorFlow Model Optimization made it simulate int8 (`tinyprune.training.prune.qat`)."""
    return any(type(layer).__name__.startswith("QuantizeWrapper") for layer in model.layers)


def has_symbols(model: Any) -> bool:
    """Whether a model embeds symbols: their numbers are whole, and nothing lies between two of them."""
    from tf_keras import layers

    return any(isinstance(layer, layers.Embedding) for layer in model._flatten_layers())


def check_samples(model: Any, samples: npt.NDArray[np.generic], purpose: str) -> npt.NDArray[np.float32]:
    """Samples for a model as float32, or DataError with what is wrong; messages call them `purpose` samples. Maps with
    their channels first, as PyTorch has them, are turned where they fit only so."""
    expected = sample_shape(model)
    samples = channels_last(samples, expected)
    shown = f"[samples, {', '.join(map(str, expected))}]"
    if samples.dtype.kind not in "fiu":
        raise DataError(f"{purpose} samples are {samples.dtype}; expected numbers {shown}")
    if samples.shape[1:] != expected or not len(samples):
        raise DataError(f"{purpose} samples have shape {list(samples.shape)}; this model needs {shown}")
    with np.errstate(over="ignore"):
        checked = samples.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(checked).reshape(len(checked), -1).all(axis=1))
    if len(bad):
        raise DataError(
            f"{len(bad)} of {len(samples)} {purpose} samples hold NaN or Inf, first sample {bad[0]}; remove them"
        )
    return checked


@cache
def activation_range() -> Any:
    """The layer class ActivationRange: rounds as int8 between two values, from which the converter takes the scale."""
    import tensorflow as tf
    from tf_keras import layers

    class ActivationRange(layers.Layer):  # type: ignore[misc]
        def __init__(self, smallest: float, largest: float, **options: Any) -> None:
            super().__init__(**options)
            self.smallest, self.largest = smallest, largest

        def call(self, x: Any) -> Any:
            return tf.quantization.fake_quant_with_min_max_vars(x, self.smallest, self.largest)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "smallest": self.smallest, "largest": self.largest}

    return ActivationRange
