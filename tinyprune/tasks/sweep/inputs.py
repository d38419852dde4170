"""The models and the data of a sweep, read and checked before the first trial."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import samples, sparsity
from tinyprune.compiler.samples import Source
from tinyprune.compiler.sparsity import DENSE
from tinyprune.digest import sha256
from tinyprune.errors import DataError, ModelError, UsageError
from tinyprune.progress import Progress
from tinyprune.tasks.prune_request import CHANNELS, channels
from tinyprune.tasks.sweep.request import SweepRequest
from tinyprune.training import keras3, keras_model, prune
from tinyprune.training.keras_model import check_samples, sample_shape
from tinyprune.training.prune import filters
from tinyprune.training.prune.match import match
from tinyprune.training.quiet import quiet_tensorflow

#: Of the samples, which prune and quantize; the others judge.
PRUNING_SAMPLES = 256
FEWEST_JUDGES = 16


@dataclass(frozen=True, slots=True)
class Model:
    keras: Any  # of tf_keras
    dense: Any  # whose answers count: the same, or the model before it lost channels
    sha256: str
    choices: Mapping[str, tuple[str, ...]]
    """For each layer that can be pruned, the patterns to choose from."""


@dataclass(frozen=True, slots=True)
class Data:
    pruning: npt.NDArray[np.float32]
    judging: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64] | None  # of those that judge
    sha256: str
    labels_sha256: str | None


def load(path: Path, patterns: Sequence[str], *, trust: bool = False) -> Model:
    model = keras_model.load(path, trust=trust)
    sample_shape(model)  # refuses subclassed models, which have no configuration, among others
    config = json.dumps(json.loads(model.to_json())["config"], sort_keys=True)  # without the version of Keras
    digest = sha256(config, *model.get_weights())
    model = keras3.rebuild(model) if keras3.is_keras_3(model) else model
    return Model(model, model, digest, _choices(model, patterns))


def narrower(
    models: Mapping[str, Model], patterns: Sequence[str], data: "Data", progress: Progress
) -> Iterator[tuple[str, Model]]:
    """Each model without a share of its channels, for channels-N among the patterns, and what to call it. It is made to
    answer as the whole model does, without labels. One that would lose none is left out, and it is said."""
    for text in patterns:
        for name, model in models.items() if text.startswith(CHANNELS) else ():
            progress(f"{name} with {text}")
            try:
                with quiet_tensorflow():
                    smaller, _ = filters.shrink(model.keras, channels(text).share)
                    match(model.keras, smaller, {}, data.pruning)
            except ModelError as error:
                progress(f"{name} is not tried with {text}: {error}")
                continue
            yield f"{name} {text}", Model(smaller, model.dense, model.sha256, _choices(smaller, patterns))


def _choices(model: Any, patterns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each layer that pruning knows, the patterns that it can take."""
    each = [text for text in patterns if not text.startswith(CHANNELS)]
    takers = {text: prune.masks_of(model, sparsity.parse(text)) for text in each if text != DENSE}
    return {
        layer: tuple(text for text in each if text == DENSE or layer in takers[text]) or (DENSE,)
        for layer in prune.masks_of(model, sparsity.Unstructured(0.5))
    }


def check_patterns(patterns: Sequence[str], models: Mapping[str, Model]) -> None:
    taken = {text for model in models.values() for choices in model.choices.values() for text in choices}
    for text in patterns:
        if text != DENSE and text not in taken and not text.startswith(CHANNELS):
            raise UsageError(f"--patterns: no layer of {', '.join(models)} can take {text}; leave it out")


def read_data(request: SweepRequest, models: Mapping[str, Model]) -> Data:
    """All samples and labels, checked with every model. Integers are values as well, int8 too."""
    given, called = samples.load_array(request.data), samples.called(request.data)
    for name, model in models.items():
        try:
            checked = check_samples(model.keras, given, "sweep")
        except DataError as error:
            raise DataError(f"{called}, for model {name}: {error}") from None
    if len(checked) < 2 * FEWEST_JUDGES:
        raise DataError(f"{called} has {len(checked)} samples; a sweep needs {2 * FEWEST_JUDGES} or more")
    labels = None if request.labels is None else _labels(request.labels, models, len(checked))
    pruning = min(PRUNING_SAMPLES, len(checked) // 2)
    return Data(
        checked[:pruning],
        checked[pruning:],
        None if labels is None else labels[pruning:],
        sha256(checked),
        None if labels is None else sha256(labels),
    )


def _labels(source: Source, models: Mapping[str, Model], count: int) -> npt.NDArray[np.int64]:
    (labels, *_) = [
        samples.read_labels(source, count, _classes(name, model.keras), f"model {name}")
        for name, model in models.items()
    ]
    return labels


def _classes(name: str, model: Any) -> int:
    """How many a model tells apart. Raises UsageError where its answers are of another kind."""
    classes = keras_model.classes_of(model)
    if classes is None:
        raise UsageError(
            f"model {name} has output {model.output_shape}: --labels are for models with an output for each of several "
            "classes; leave them out to compare with the dense network"
        )
    return classes
