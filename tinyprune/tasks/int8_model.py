"""The int8 .tflite that a build works from: the zoo's, the user's as it is, or the user's float model quantized."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyprune.compiler import reader, samples
from tinyprune.compiler.samples import Source
from tinyprune.compiler.sparsity import DENSE
from tinyprune.errors import TinypruneError, UsageError
from tinyprune.measure.agreement import Agreement
from tinyprune.measure.quantize_report import LayerFigures
from tinyprune.measure.report import Accuracy
from tinyprune.progress import Progress
from tinyprune.sound.detector import DEFAULT_RULE, Rule
from tinyprune.training import other_formats, zoo

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
TORCH_SUFFIX = ".pt2"
FILE_SUFFIX = ".tflite"


@dataclass(frozen=True, slots=True)
class Model:
    """The .tflite that everything below works from, with what is known about it."""

    name: str
    origin: str  # where messages say it comes from
    data: bytes
    accuracy: Accuracy | None
    pattern: str = DENSE  # what its convolutions and fully connected layers must follow
    labels: tuple[str, ...] | None = None  # of its classes
    rule: Rule = DEFAULT_RULE  # when one of them counts as heard
    notes: tuple[str, ...] = ()  # on the samples that it was calibrated on
    agreement: Agreement | None = None  # with float, on those samples
    errors: tuple[LayerFigures, ...] = ()  # of each layer beside float, on those samples


def check_paths(
    model: Path | None, calibration: Source | None, requantize: bool = False, labels: Source | None = None
) -> None:
    """Refuses a wrong path, and options that do not go with the model, before anything slow starts."""
    if requantize:
        _check_requantizable(model)
    model = None if _zoo_name(model) else model
    for path in (model, calibration, labels):
        try:
            if isinstance(path, Path):
                path.stat()
        except OSError as error:
            near = difflib.get_close_matches(str(path), zoo.list_entries(), n=1)
            hint = f'; did you mean the zoo\'s "{near[0]}"?' if near else ""
            raise UsageError(f"{path}: {error.strerror}{hint}") from None
    if model is not None and not model.is_file() and not (model / "saved_model.pb").is_file():
        kind = "a folder without a SavedModel" if model.is_dir() else "not a regular file"
        raise UsageError(f"{model} is {kind}; give a .tflite, a Keras .keras, .h5 or SavedModel, or a .pt2 of PyTorch")
    if model is not None:
        other_formats.refuse(model)
    if labels is not None and calibration is None:
        raise UsageError("--labels go with --calibration, the samples that they belong to")
    if calibration is not None and labels is None and (model is None or not is_float(model)):
        raise UsageError(
            "--calibration goes with a float --model (.keras, .h5, SavedModel or float .tflite); this one is quantized "
            "already: leave out --calibration, or give --labels to measure accuracy on it"
        )


def is_float(model: Path) -> bool:
    """Whether a path is that of a network to be quantized: of Keras, or a .tflite that computes with floats. A file
    that cannot be read is none; reading it says why."""
    if model.suffix != FILE_SUFFIX or model.is_dir():
        return model.is_dir() or model.suffix in (*KERAS_SUFFIXES, TORCH_SUFFIX)
    try:
        return reader.read_float(reader.read_bytes(model), str(model)) is not None
    except TinypruneError:
        return False


def _check_requantizable(model: Path | None) -> None:
    name = _zoo_name(model)
    if name is None:
        raise UsageError(f"--requantize goes with a network of the zoo, not with {model}")
    if not zoo.has_weights(zoo.load(name)):
        able = ", ".join(each for each in zoo.list_entries() if zoo.has_weights(zoo.load(each)))
        raise UsageError(f"{name} comes without the float weights that --requantize needs; {able} have them")


def make(
    model: Path | None,
    calibration: Source | None,
    progress: Progress,
    requantize: bool = False,
    *,
    trust: bool = False,
    labels: Source | None = None,
) -> Model:
    """The zoo's where `model` is None or the name of an entry; `calibration`, and its `labels`, are for float models.

    A network of the zoo is the int8 file that was measured, or quantized anew from its float weights (`requantize`).
    """
    name = _zoo_name(model)
    if model is None or name is not None:
        return _zoo_model(name or zoo.DEFAULT, requantize, progress)
    if not is_float(model):
        return _file(model)
    from tinyprune.tasks.quantized import quantized
    from tinyprune.training import keras_model

    if calibration is None:
        raise UsageError(
            f"{model} is a float model: give --calibration samples.npy (float, [samples, *input shape]) to quantize it"
        )
    inputs = samples.load_array(calibration)
    keras = keras_model.load(model, trust=trust, samples=inputs)
    found = quantized(keras, inputs, labels, "least-error", progress)
    errors = tuple(map(LayerFigures.of, found.layers))
    return Model(
        model.stem, str(model), found.content, None, notes=found.notes, agreement=found.agreement, errors=errors
    )


def make_blindly(model: Path | None, calibration: Source | None, progress: Progress, *, trust: bool = False) -> Model:
    """As `make`, but float models need no calibration: made-up inputs give the same operators and sizes."""
    if model is None or _zoo_name(model) or not is_float(model) or calibration is not None:
        return make(model, calibration, progress, trust=trust)
    from tinyprune.training import keras_model

    progress(f"loading {model}")
    keras = keras_model.load(model, trust=trust)
    progress("quantizing to int8 with made-up inputs")
    return Model(model.stem, str(model), blindly(keras), None)


def blindly(keras: Any) -> bytes:
    """The int8 .tflite of a Keras model, with ranges of made-up inputs: right in all but the answers."""
    from tinyprune.training import keras_model, quantize

    inputs = np.random.default_rng(0).random((8, *keras_model.sample_shape(keras)), np.float32)
    return quantize.quantize(keras, inputs, "extremes")


def is_blind(model: Path | None, calibration: Source | None) -> bool:
    """Whether `make_blindly` makes inputs up."""
    return model is not None and not _zoo_name(model) and is_float(model) and calibration is None


def called(model: Path | None) -> str:
    """What reports call it."""
    return str(model or zoo.DEFAULT)


def _file(model: Path) -> Model:
    """With what `tinyprune train` has written beside it, if that is of these very bytes."""
    data = reader.read_bytes(model)
    try:
        entry = zoo.load(model.stem, model.parent)
    except TinypruneError:
        entry = None
    if entry is None or hashlib.sha256(data).hexdigest() != entry.model_sha256:
        return Model(model.stem, str(model), data, None)
    return Model(model.stem, str(model), data, _recorded(entry, same=True), entry.pattern, entry.labels, entry.rule)


def _zoo_name(model: Path | None) -> str | None:
    """The zoo's entry that is meant, unless a file of that name is there."""
    name = zoo.DEFAULT if model is None else str(model)
    return name if name in zoo.list_entries() and (model is None or not model.exists()) else None


def _zoo_model(name: str, requantize: bool, progress: Progress) -> Model:
    entry = zoo.load(name)
    if requantize:
        from tinyprune.training import quantize

        progress(f"verifying the mask of {name} and quantizing it to int8")
        data = quantize.quantize(zoo.build_model(entry))
    else:
        progress(f"taking {name} from the zoo, int8 as it was measured")
        data = zoo.int8_model(entry)
    same = hashlib.sha256(data).hexdigest() == entry.model_sha256
    return Model(name, f"zoo entry {name}", data, _recorded(entry, same), entry.pattern, entry.labels, entry.rule)


def _recorded(entry: zoo.ZooEntry, same: bool) -> Accuracy:
    found, dense = entry.accuracy, entry.dense_accuracy
    return Accuracy(100 * found.int8, 100 * dense.int8, found.data_set, found.split, found.clips, same)
