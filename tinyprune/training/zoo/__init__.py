"""Networks that were trained for this project: weights, quantization ranges, and how they came about.

An entry is three files: `<name>.json`, readable without TensorFlow; `<name>.tflite`, the int8 network as measured; and
`<name>.npz` with the float32 weights (`tinyprune.training.weights`), to quantize the network anew or to train it on;
large networks leave them out.
`examples/kws/train.py` writes them; nothing in an entry is typed by hand.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from tinyprune import files
from tinyprune.compiler.sparsity import two_of_four
from tinyprune.errors import ModelError, UsageError
from tinyprune.sound.detector import DEFAULT_RULE, Rule
from tinyprune.sound.features import FRONT_ENDS, MFCC10
from tinyprune.training import weights
from tinyprune.training.models import BUILDERS, Architecture, Ranges, Size

FOLDER = Path(__file__).parent
DEFAULT = "ds-cnn-s-2x4"
#: Of firmware that hears: it was trained to keep silent, too.
HEARING = "kws12-s-2x4"


@dataclass(frozen=True, slots=True)
class Stage:
    """One training: the recipe it followed."""

    name: str
    epochs: int
    learning_rate: float
    weight_decay: float
    batch_clips: int
    seed: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of clips recognized; `int8` by TensorFlow Lite Micro on the converted bytes."""

    data_set: str
    split: str
    clips: int
    float32: float
    int8: float


@dataclass(frozen=True, slots=True)
class ZooEntry:
    name: str
    description: str
    architecture: Architecture
    size: Size
    task: str
    labels: tuple[str, ...]
    pattern: str
    """`dense` or `2:4`."""
    pruned_layers: tuple[str, ...]
    ranges: Ranges
    stages: tuple[Stage, ...]
    accuracy: Accuracy
    dense_accuracy: Accuracy
    """Of the network before pruning; of an entry that is dense, the same as `accuracy`."""
    model_sha256: str
    """Of the .tflite that was measured; requantized, another CPU or TensorFlow may round a folded weight otherwise."""
    versions: Mapping[str, str]
    """Of the packages that trained and converted it."""
    rule: Rule = DEFAULT_RULE
    """When firmware takes its answers for a word that was heard; of other networks than those for keywords, unused."""
    front_end: str = MFCC10.name
    """What it hears of a second: a name in `sound/features.py`."""


def list_entries(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of all entries, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def load(name: str, folder: Path = FOLDER) -> ZooEntry:
    """The metadata of one entry."""
    path = folder / f"{name}.json"
    if not path.is_file():
        raise UsageError(f"the zoo has no model {name!r}; it has {', '.join(list_entries(folder))}")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        nested: dict[str, Any] = {
            "labels": tuple(fields["labels"]),
            "pruned_layers": tuple(fields["pruned_layers"]),
            "ranges": {layer: (low, high) for layer, (low, high) in fields["ranges"].items()},
            "stages": tuple(Stage(**stage) for stage in fields["stages"]),
            "accuracy": Accuracy(**fields["accuracy"]),
            "dense_accuracy": Accuracy(**fields["dense_accuracy"]),
            "rule": Rule(**fields.get("rule", {})),
        }
        entry = ZooEntry(**(fields | nested))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the zoo entry {path} is damaged: {error}") from error
    for what, found, known in (
        ("size", entry.size, get_args(Size)),
        ("the architecture", entry.architecture, tuple(BUILDERS)),
        ("the front end", entry.front_end, tuple(FRONT_ENDS)),
    ):
        if found not in known:
            raise ModelError(f"the zoo entry {path} has {what} {found!r}; expected one of {', '.join(known)}")
    return entry


def has_weights(entry: ZooEntry, folder: Path = FOLDER) -> bool:
    """Whether the float32 weights are there; packages have those of small networks only."""
    return (folder / f"{entry.name}.npz").is_file()


def model_bytes(entry: ZooEntry, folder: Path = FOLDER) -> int:
    """Size of the int8 .tflite."""
    return (folder / f"{entry.name}.tflite").stat().st_size


def build_model(entry: ZooEntry, folder: Path = FOLDER) -> Any:
    """The tf_keras model with trained weights and recorded ranges; its 2:4 layers are verified."""
    model = BUILDERS[entry.architecture](entry.size, len(entry.labels), entry.ranges, FRONT_ENDS[entry.front_end])
    weights.load(model, folder / f"{entry.name}.npz")
    _verify_pattern(entry, model)
    return model


def int8_model(entry: ZooEntry, folder: Path = FOLDER) -> bytes:
    """The int8 .tflite that was measured, as it was when the network was trained."""
    path = folder / f"{entry.name}.tflite"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the model {path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != entry.model_sha256:
        raise ModelError(f"the model {path} is not the one that its metadata speaks of; install tinyprune again")
    return content


def write(entry: ZooEntry, model: Any, content: bytes, folder: Path = FOLDER) -> None:
    """Store an entry, the weights of its model and the int8 .tflite; each file appears whole or not at all."""
    weights.save(model, folder / f"{entry.name}.npz")
    with files.replacing(folder / f"{entry.name}.tflite") as part:
        part.write_bytes(content)
    with files.replacing(folder / f"{entry.name}.json") as part:
        part.write_text(json.dumps(asdict(entry), indent=1) + "\n", encoding="utf-8")


def _verify_pattern(entry: ZooEntry, model: Any) -> None:
    for name in entry.pruned_layers:
        kernel = model.get_layer(name).kernel.numpy()
        if not two_of_four.PATTERN.matches(kernel.reshape(-1, kernel.shape[-1]).T):
            raise ModelError(f"layer {name} of zoo entry {entry.name} is not 2:4, although its metadata says so")
