"""Pruning with labels: prune, train on with the mask held; in steps, each to a stricter pattern, if so wished.

The recipe of Mishra et al., arXiv:2104.08378, or the gradual one of Zhu and Gupta, arXiv:1710.01878, whose steps
`prune.schedule` makes. A run that is killed goes on after its last finished epoch, with the mask that it had:
each step's pruned network is on disk before it is trained.
"""

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyprune import files
from tinyprune.errors import DataError, ModelError, UsageError
from tinyprune.training import keras_model
from tinyprune.training.keras_model import Examples, check_samples
from tinyprune.training.prune import LayerReport, PrunedModel, kernels, unmasked
from tinyprune.training.train import BATCH_SAMPLES, CROSS_ENTROPY, SQUARED_ERROR, EpochResult, Recipe, score, train

START, MASKS, LAYERS, MASK = "start.keras", "masks.npz", "layers", "mask/"
#: Of the samples, the part that is not trained on, and tells what pruning cost.
HELD_OUT = 0.1
FEWEST_SAMPLES = 20
#: How far the sum of a network's answers may be from 1, where they are probabilities.
SUM_TOLERANCE = 1e-3


class Step(NamedTuple):
    """One pruning, after which the network is trained."""

    name: str
    prune: Callable[[Any], PrunedModel]


class FineTuned(NamedTuple):
    pruned: PrunedModel
    before: float
    """Its score before the last step's training."""
    after: float


@dataclass(frozen=True, slots=True)
class Scores:
    """On the samples held out, as `tinyprune.training.train.score` says."""

    samples: int
    metric: str
    dense: float
    pruned: float
    """Before training at the last step."""
    fine_tuned: float


class Task(NamedTuple):
    """What `task` makes of a user's arrays."""

    training: Examples
    held_out: Examples
    loss: Any
    """As `tinyprune.training.train.train` takes it."""

    @property
    def metric(self) -> str:
        return "mean squared error" if self.loss == SQUARED_ERROR else "accuracy"

    def epoch(self, seed: int, number: int) -> Examples:
        """All training samples, in an order of their own."""
        order = np.random.default_rng([seed, number]).permutation(len(self.training.inputs))
        return Examples(self.training.inputs[order], self.training.targets[order])


def fine_tune(
    model: Any,
    steps: Sequence[Step],
    examples_of_epoch: Callable[[int], Examples],
    validation: Examples,
    recipe: Recipe,
    folder: Path,
    progress: Callable[[Step, EpochResult], None] = lambda _step, _result: None,
    loss: Any = CROSS_ENTROPY,
    *,
    trust: bool = False,
) -> FineTuned:
    """Prune and train step by step; the recipe's epochs are shared out evenly, the last step has the remainder.

    `examples_of_epoch` is asked for all of them in turn; `progress` is told those of each step, from 0 on. `folder` is
    for checkpoints: an interrupted run goes on from there; code in them is run only with `trust`. Raises what pruning
    and `train` do.
    """
    share, remainder = divmod(recipe.epochs, len(steps))
    if not share:
        raise UsageError(f"{recipe.epochs} epochs are too few for {len(steps)} steps of pruning")
    for number, step in enumerate(steps, start=1):
        part = replace(recipe, epochs=share + (remainder if number == len(steps) else 0))
        place, show = folder / str(number), partial(progress, step)
        examples = partial(_later, examples_of_epoch, share * (number - 1))
        pruned = _start(model, step, place, trust)
        before = score(pruned.model, validation)
        history = train(pruned.model, examples, validation, part, place, show, loss)
        model = unmasked(pruned)
    return FineTuned(pruned, before, history[-1].validation_score)


def _later(examples_of_epoch: Callable[[int], Examples], spent: int, epoch: int) -> Examples:
    return examples_of_epoch(spent + epoch)


def _layer(fields: dict[str, Any]) -> LayerReport:
    """As it was before JSON made its tuples lists."""
    return LayerReport(**fields | {"weights_corner": tuple(fields.get("weights_corner", ()))})


def _start(model: Any, step: Step, folder: Path, trust: bool) -> PrunedModel:
    """The network that a step's training begins with: that of the interrupted run, or pruned now and kept."""
    if not (folder / START).is_file():
        pruned = step.prune(model)
        folder.mkdir(parents=True, exist_ok=True)
        layers = json.dumps([asdict(layer) for layer in pruned.layers])
        masks = {f"{MASK}{name}": mask for name, mask in pruned.masks.items()}
        np.savez(folder / MASKS, allow_pickle=False, **{LAYERS: np.array(layers)}, **masks)
        with files.whole(folder / START) as part:
            unmasked(pruned).save(part)
    try:
        with np.load(folder / MASKS, allow_pickle=False) as archive:
            report = tuple(map(_layer, json.loads(str(archive[LAYERS]))))
            kept = {name.removeprefix(MASK): archive[name] for name in archive.files if name.startswith(MASK)}
        return PrunedModel(kernels.clone(keras_model.load(folder / START, trust=trust), kept), kept, report)
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError, ModelError) as error:
        raise DataError(f"{folder} is damaged ({error}); remove {folder.parent} to start over") from error


def task(model: Any, inputs: npt.NDArray[Any], targets: npt.NDArray[Any], distillation: float) -> Task:
    """Divide a user's arrays `[samples, *input shape]` and targets, as in `Examples`, into what is trained on and what
    is held out, the same for equal arguments.

    `distillation` is the part that the dense network's own answers have in what is learned (Hinton et al.,
    arXiv:1503.02531, at temperature 1). Raises DataError for arrays that do not belong to the model.
    """
    checked = check_samples(model, inputs, "training")
    wanted = _checked_targets(model, len(checked), targets)
    if wanted.dtype.kind == "i" and _are_sigmoids(_answers(model, checked[:BATCH_SAMPLES])):
        wanted = _of_sigmoids(model, wanted, targets)
    order = np.random.default_rng(0).permutation(len(checked))
    held, rest = np.split(order, [max(1, round(HELD_OUT * len(order)))])
    training, held_out = Examples(checked[rest], wanted[rest]), Examples(checked[held], wanted[held])
    is_class = wanted.dtype.kind == "i"
    is_probable = is_class and _are_probabilities(_answers(model, held_out.inputs))
    if distillation:
        answers = _answers(model, training.inputs)
        teacher = _softmax(answers) if is_class and not is_probable else answers
        right = np.eye(answers.shape[-1], dtype=np.float32)[training.targets] if is_class else training.targets
        training = Examples(training.inputs, (1 - distillation) * right + distillation * teacher)
    loss = _cross_entropy(from_logits=not is_probable, soft=distillation > 0) if is_class else SQUARED_ERROR
    return Task(training, held_out, loss)


def _answers(model: Any, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(model.predict(inputs, batch_size=BATCH_SAMPLES, verbose=0))


def _are_probabilities(answers: npt.NDArray[np.float32]) -> bool:
    """Whether the network ends in a softmax, and not in logits."""
    return bool((answers >= 0).all() and (abs(answers.sum(axis=-1) - 1) < SUM_TOLERANCE).all())


def _are_sigmoids(answers: npt.NDArray[np.float32]) -> bool:
    """Whether the network answers between 0 and 1 for each class by itself."""
    return bool(((answers >= 0) & (answers <= 1)).all()) and not _are_probabilities(answers)


def _of_sigmoids(model: Any, numbers: npt.NDArray[np.int64], targets: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """One-hot rows as the values that they are."""
    classes = model.output_shape[-1]
    if targets.shape != (*numbers.shape, classes):
        raise DataError(
            f"model {model.name} answers between 0 and 1 for each class by itself (sigmoids?): give values as labels, "
            f"real numbers [samples, {classes}]"
        )
    return targets.astype(np.float32)


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _cross_entropy(*, from_logits: bool, soft: bool) -> Any:
    """For classes by number, or for a probability of each (`soft`)."""
    from tf_keras import losses

    kind = losses.CategoricalCrossentropy if soft else losses.SparseCategoricalCrossentropy
    return kind(from_logits=from_logits)


def _checked_targets(model: Any, count: int, targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Classes as int64, values as float32; one-hot rows are classes."""
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) < 2 or not all(isinstance(axis, int) for axis in shape[1:]):
        raise ModelError(f"model {model.name} has output {shape}; expected one, all of whose axes are fixed")
    if count < FEWEST_SAMPLES:
        raise DataError(f"{count} samples are too few to train on and to hold some out; {FEWEST_SAMPLES} are the least")
    *axes, classes = shape[1:]
    one_each, all_values = (count, *axes), (count, *axes, classes)
    if targets.dtype.kind in "iuf" and targets.shape in (one_each, (*one_each, 1)) and classes == 1:
        return _finite(targets.astype(np.float32).reshape(all_values))
    if targets.dtype.kind in "iu" and targets.shape in (one_each, (*one_each, 1)):
        return _class_numbers(targets.reshape(one_each).astype(np.int64), classes)
    if targets.dtype.kind not in "iuf" or targets.shape != all_values:
        ways = f"values, real numbers {list(all_values)}"
        numbered = f"the number of the right class, whole numbers {list(one_each)}, or {ways}"
        raise DataError(
            f"labels are {targets.dtype} {list(targets.shape)}; this model and these samples need "
            f"{ways if classes == 1 else numbered}"
        )
    if np.isin(targets, (0, 1)).all() and (targets.sum(axis=-1) == 1).all():
        return np.asarray(targets.argmax(axis=-1))
    return _finite(targets.astype(np.float32))


def _finite(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if not np.isfinite(values).all():
        raise DataError(f"label {int(np.argwhere(~np.isfinite(values))[0][0])} has NaN or infinity")
    return values


def _class_numbers(numbers: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    wrong = np.argwhere((numbers < 0) | (numbers >= classes))
    if len(wrong):
        raise DataError(
            f"label {int(wrong[0][0])} is {numbers[tuple(wrong[0])]}; this model's classes are 0 to {classes - 1}"
        )
    return numbers
