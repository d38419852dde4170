"""A folder of samples whose classes are known, for measuring accuracy on a board or in an emulator.

* folders by class: `yes/0.wav`, `no/1.npy`. A .wav is one second at 16 kHz, for networks of the keyword-spotting
  features; a .npy is one input, int8 or real values. Folders that are no label of the network are left out;
* MLPerf Tiny's layout: `y_labels.csv` (file, number of classes, class) beside raw int8 inputs;
* a .npz with `inputs` `[samples, ...]` and `labels` `[samples]`, numbers of classes.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import samples
from tinyprune.compiler.graph import Activation, Int8
from tinyprune.errors import DataError, UsageError
from tinyprune.measure.bench_report import Truth
from tinyprune.sound import features
from tinyprune.sound.recordings import one_second, read_wav
from tinyprune.training import speech_commands

MLPERF_INDEX = "y_labels.csv"
SUFFIXES = (".wav", ".npy")
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Labelled:
    """`inputs` `[samples, *tensor shape]` with a name each, what they are, and the folders that were left out."""

    names: tuple[str, ...]
    inputs: Int8
    truth: Truth
    left_out: tuple[str, ...] = ()


def read(path: Path, tensor: Activation, outputs: int, labels: Sequence[str] | None, limit: int | None) -> Labelled:
    """Reads samples for an input `tensor` and a network of `outputs` classes, at most `limit`, spread over the classes.

    Raises UsageError where there is nothing of the kind, DataError about the file that is wrong.
    """
    if labels is not None and len(labels) != outputs:
        raise UsageError(f"{len(labels)} labels were given ({', '.join(labels)}); the network has {outputs} outputs")
    if path.suffix == ".npz" and path.is_file():
        return _archive(path, tensor, outputs, labels, limit)
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder of samples, nor an .npz with inputs and labels")
    if (path / MLPERF_INDEX).is_file():
        return _mlperf(path, tensor, outputs, labels, limit)
    return _folders(path, tensor, outputs, labels, limit)


def read_split(path: Path, split: speech_commands.Split, tensor: Activation, labels: Sequence[str] | None) -> Labelled:
    """The evaluation clips of Speech Commands in `path`, silence and unknown words too, as for the zoo's accuracies.

    Raises UsageError for a network with other labels, DataError where `path` has no Speech Commands.
    """
    task = speech_commands.task_of(labels)
    front_end = features.front_end_for(tensor.shape)
    audio = speech_commands.load(path, split, task.left_out)
    clips = speech_commands.evaluation_clips(audio, task=task, front_end=front_end)
    inputs = samples.quantize(clips.inputs.reshape(len(clips.inputs), *tensor.shape), tensor, str(path))
    names = tuple(f"{split} {number}" for number in range(len(inputs)))
    return Labelled(names, inputs, Truth(f"{path} ({split})", task.labels, clips.targets))


def _archive(path: Path, tensor: Activation, outputs: int, labels: Sequence[str] | None, limit: int | None) -> Labelled:
    try:
        with np.load(path, allow_pickle=False) as archive:
            inputs, classes = archive["inputs"], archive["labels"]
    except Exception:  # NumPy reads headers as Python, and raises whatever is wrong with that
        raise DataError(f"{path}: an .npz with the arrays `inputs` and `labels` is needed") from None
    if classes.ndim != 1 or classes.dtype.kind not in "iu" or len(classes) != len(inputs) or not len(inputs):
        raise DataError(f"{path}: labels must be one whole number for each of the {len(inputs)} inputs")
    if inputs[0].size != tensor.size_bytes:
        raise DataError(f"{path}: inputs of shape {list(tensor.shape)} are needed, not {list(inputs.shape[1:])}")
    chosen = _spread(classes.tolist(), limit)
    stored = samples.quantize(inputs[chosen].reshape(len(chosen), *tensor.shape), tensor, str(path))
    names = tuple(str(number) for number in chosen)
    return Labelled(names, stored, _truth(path, classes[chosen], outputs, labels))


def _mlperf(path: Path, tensor: Activation, outputs: int, labels: Sequence[str] | None, limit: int | None) -> Labelled:
    index = path / MLPERF_INDEX
    try:
        with index.open(newline="", encoding="utf-8") as file:
            rows = [(row[0].strip(), int(row[2])) for row in csv.reader(file) if row]
    except (OSError, ValueError, IndexError, csv.Error):
        raise DataError(f"{index}: lines of `file,number of classes,class` are needed") from None
    if not rows:
        raise DataError(f"{index}: it names no file")
    chosen = _spread([number for _, number in rows], limit)
    inputs = np.stack([_raw(path / rows[i][0], tensor) for i in chosen])
    classes = np.array([rows[i][1] for i in chosen])
    return Labelled(tuple(rows[i][0] for i in chosen), inputs, _truth(path, classes, outputs, labels))


def _raw(path: Path, tensor: Activation) -> Int8:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; {MLPERF_INDEX} names it") from None
    if len(data) != tensor.size_bytes:
        raise DataError(f"{path}: {tensor.size_bytes} bytes are needed, not {len(data)}")
    return np.frombuffer(data, np.int8).reshape(tensor.shape)


def _folders(path: Path, tensor: Activation, outputs: int, labels: Sequence[str] | None, limit: int | None) -> Labelled:
    words = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))
    if labels is None:
        if len(words) != outputs:
            raise UsageError(
                f"{path} has {len(words)} class folders, the network {outputs} outputs: say with --class-names which "
                "class each output is, in order"
            )
        labels = words
    files = [
        (file, number)
        for number, label in enumerate(labels)
        if label in words
        for file in sorted((path / label).iterdir())
        if file.suffix in SUFFIXES
    ]
    if not files:
        raise UsageError(f"{path} has no .wav or .npy in folders named {', '.join(labels)}")
    chosen = [files[i] for i in _spread([number for _, number in files], limit)]
    inputs = np.concatenate(list(_quantized([file for file, _ in chosen], tensor)))
    classes = np.array([number for _, number in chosen])
    names = tuple(file.relative_to(path).as_posix() for file, _ in chosen)
    left_out = tuple(word for word in words if word not in labels)
    return Labelled(names, inputs, _truth(path, classes, outputs, labels), left_out)


def _spread(classes: Sequence[int], limit: int | None) -> list[int]:
    """Positions of at most `limit` samples: as many of each class as there are, evenly over its samples, in order."""
    groups = [[i for i, number in enumerate(classes) if number == group] for group in sorted(set(classes))]
    if limit is None or limit >= len(classes):
        return list(range(len(classes)))
    shares = [limit // len(groups) + (number < limit % len(groups)) for number in range(len(groups))]
    picked = [
        group[int(position)]
        for group, share in zip(groups, shares, strict=True)
        for position in np.linspace(0, len(group) - 1, min(share, len(group)))
    ]
    return sorted(picked)


def _truth(path: Path, classes: npt.NDArray[np.int64], outputs: int, labels: Sequence[str] | None) -> Truth:
    if classes.min() < 0 or classes.max() >= outputs:
        raise DataError(f"{path} has class {classes.max()}; the network has {outputs} outputs, counted from 0")
    return Truth(str(path), tuple(labels or map(str, range(outputs))), classes.astype(np.int64))


def _quantized(files: Sequence[Path], tensor: Activation) -> Iterator[Int8]:
    """Chunks `[samples, *tensor shape]`; runs of recordings are transformed together."""
    for start in range(0, len(files), _CHUNK):
        chunk = files[start : start + _CHUNK]
        recorded = [file for file in chunk if file.suffix == ".wav"]
        heard = iter(_features(recorded, tensor)) if recorded else iter(())
        yield np.stack([next(heard) if file.suffix == ".wav" else _array(file, tensor) for file in chunk])


def _features(files: Sequence[Path], tensor: Activation) -> Int8:
    try:
        front_end = features.front_end_for(tensor.shape)
    except UsageError as error:
        raise DataError(f"{files[0]}: {error}; give its inputs as .npy") from None
    pcm = np.stack([one_second(read_wav(file)) for file in files])
    heard = front_end.of(pcm)
    return samples.quantize(heard.reshape(len(files), *tensor.shape), tensor, str(files[0].parent))


def _array(path: Path, tensor: Activation) -> Int8:
    values = samples.load_array(path)
    if values.size != tensor.size_bytes:
        raise DataError(f"{path}: an input of shape {list(tensor.shape)} is needed, not {list(values.shape)}")
    stored: Int8 = samples.quantize(values.reshape(1, *tensor.shape), tensor, str(path))[0]
    return stored
