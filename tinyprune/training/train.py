"""Training that can stop and go on: weights and optimizer state are on disk after every epoch.

Everything random in an epoch comes from the seed and the number of the epoch, dropout too where it has a generator of
its own (`rng_type="stateful"`; Keras's default goes on from an unknown state after a stop). The optimizer is AdamW
(Loshchilov and Hutter, arXiv:1711.05101) under a cosine learning rate with a short warm-up. The weights of the last
epoch are the result; none is picked by its validation accuracy, which would flatter that figure.
"""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune import files
from tinyprune.compiler import oracle, reader, samples
from tinyprune.errors import DataError, ModelError, first_line
from tinyprune.training.keras_model import Examples

HISTORY = "history.json"
CROSS_ENTROPY, SQUARED_ERROR = "sparse_categorical_crossentropy", "mean_squared_error"
BATCH_SAMPLES = 256
WARMUP_EPOCHS, MOST_WARMUP = 1, 0.1


@dataclass(frozen=True, slots=True)
class Recipe:
    epochs: int
    learning_rate: float
    weight_decay: float
    batch_samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One line of the history."""

    epoch: int
    loss: float
    accuracy: float | None
    """Of training itself, dropout included; None where targets are values."""
    validation_score: float
    """As `score` says."""


def train(
    model: Any,
    examples_of_epoch: Callable[[int], Examples],
    validation: Examples,
    recipe: Recipe,
    folder: Path,
    progress: Callable[[EpochResult], None] = lambda _result: None,
    loss: Any = CROSS_ENTROPY,
) -> tuple[EpochResult, ...]:
    """Train in place, from the last checkpoint in `folder` if it has one of this recipe; returns the whole history.

    `loss` is Keras's, an object or a name; the default is for classes and a network that ends in a softmax. Raises
    ModelError where training diverges or nothing can be trained, DataError where `folder` holds something else.
    """
    import tensorflow as tf
    import tf_keras

    if not model.trainable_variables:
        raise ModelError(f"model {model.name} has nothing to train: all its layers are frozen (trainable = False)")
    tf_keras.utils.set_random_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    history = read_history(folder, recipe)
    epochs = _prefetched(examples_of_epoch, len(history), recipe.epochs)
    checkpoint: tf.train.Checkpoint | None = None
    for epoch, examples in epochs:
        if checkpoint is None:
            _compile(model, recipe, math.ceil(len(examples.targets) / recipe.batch_samples), loss)
            checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
            _restore(checkpoint, folder, history)
        result = _run_epoch(model, examples, validation, recipe, epoch)
        _write(checkpoint, folder / _checkpoint_name(epoch))
        history = (*history, result)
        _write_history(folder, recipe, history)
        progress(result)
    if checkpoint is None:
        _compile(model, recipe, 1, loss)  # TensorFlow would give the state on disk to the next training's optimizer
        _restore(tf.train.Checkpoint(model=model, optimizer=model.optimizer), folder, history)
    return history


def read_history(folder: Path, recipe: Recipe) -> tuple[EpochResult, ...]:
    """Finished epochs of this recipe; another recipe's history is refused."""
    path = folder / HISTORY
    if not path.exists():
        return ()
    try:
        recorded = json.loads(files.content(path))
        history = tuple(EpochResult(**line) for line in recorded["epochs"])
        before = Recipe(**recorded["recipe"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is no training history ({error}); remove {folder} to start over") from error
    if before != recipe:
        differing = [
            field.name for field in fields(Recipe) if getattr(before, field.name) != getattr(recipe, field.name)
        ]
        raise DataError(
            f"{folder} holds a training with another {', '.join(differing)}; choose another folder or remove it"
        )
    return history


def _prefetched(examples_of_epoch: Callable[[int], Examples], first: int, end: int) -> Iterator[tuple[int, Examples]]:
    """Epochs in order, the next one being prepared while the network trains on this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(examples_of_epoch, first) if first < end else None
        for epoch in range(first, end):
            assert pending is not None
            examples = pending.result()
            pending = pool.submit(examples_of_epoch, epoch + 1) if epoch + 1 < end else None
            yield epoch, examples


def _compile(model: Any, recipe: Recipe, steps_per_epoch: int, loss: Any) -> None:
    from tf_keras import optimizers

    steps = recipe.epochs * steps_per_epoch
    warmup_steps = min(WARMUP_EPOCHS * steps_per_epoch, int(MOST_WARMUP * steps))
    learning_rate = optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup_steps,
    )
    optimizer = optimizers.AdamW(learning_rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, loss=loss, metrics=[] if loss == SQUARED_ERROR else ["accuracy"])


def _run_epoch(model: Any, examples: Examples, validation: Examples, recipe: Recipe, epoch: int) -> EpochResult:
    """Order of clips, augmentation and dropout depend on seed and epoch alone, not on what ran before."""
    _seed_dropout(model, recipe.seed, epoch)
    fitted = model.fit(
        examples.inputs, examples.targets, batch_size=recipe.batch_samples, shuffle=False, verbose=0
    ).history
    loss = float(fitted["loss"][-1])
    reached = score(model, validation)
    if not math.isfinite(loss) or not math.isfinite(reached):  # the loss is of before the last step
        what = f"the loss is {loss} in" if not math.isfinite(loss) else "its answers are NaN or infinite after"
        kept = "; the checkpoint of the epoch before is kept" if epoch else ""
        raise ModelError(
            f"training diverged: {what} epoch {epoch + 1}; lower the learning rate ({recipe.learning_rate}){kept}"
        )
    right = float(fitted["accuracy"][-1]) if "accuracy" in fitted else None
    return EpochResult(epoch, loss, right, reached)


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """tf_keras keeps the state of its `stateful` generators out of checkpoints, so each epoch starts them anew."""
    for index, layer in enumerate(model._flatten_layers(include_self=False)):  # those of nested models too
        generator = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        if generator is not None:
            generator.reset_from_seed(int(np.random.SeedSequence([seed, epoch, index]).generate_state(1)[0]))


def score(model: Any, examples: Examples) -> float:
    """Share of samples whose most probable class is right; of values, which are not whole, the mean squared error.

    NaN where an answer is NaN or infinite.
    """
    answers = model.predict(examples.inputs, batch_size=BATCH_SAMPLES, verbose=0)
    if not np.isfinite(answers).all():
        return math.nan
    if examples.targets.dtype.kind == "f":
        return float(((answers - examples.targets) ** 2).mean())
    return float((answers.argmax(axis=-1) == examples.targets).mean())


def int8_accuracy(content: bytes, examples: Examples) -> float:
    """The share for the bytes of an int8 .tflite, as TensorFlow Lite Micro answers."""
    return float((int8_answers(content, examples.inputs).argmax(axis=1) == examples.targets).mean())


def int8_answers(content: bytes, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """What an int8 .tflite answers to samples `[samples, *input shape]`: `[samples, classes]`, as TFLite Micro does."""
    graph = reader.read(content)
    stored = samples.quantize(inputs, graph.ends("answers")[0], "examples")
    return oracle.expected(content, graph, stored)[0]


def _checkpoint_name(epoch: int) -> str:
    return f"checkpoint-{epoch}"


def _restore(checkpoint: Any, folder: Path, history: tuple[EpochResult, ...]) -> None:
    if not history:
        return
    path = folder / _checkpoint_name(history[-1].epoch)
    if not path.with_name(f"{path.name}.index").exists():
        raise DataError(f"{folder} has a history but not its {path.name}; remove the folder to start over")
    try:
        checkpoint.read(str(path)).expect_partial()
    except Exception as error:  # TensorFlow raises whatever it stumbles upon in a damaged file
        raise DataError(f"{path} is damaged; remove {folder} to start over") from error


def _write(checkpoint: Any, path: Path) -> None:
    from tensorflow import errors

    try:
        checkpoint.write(str(path))
    except errors.OpError as error:
        raise DataError(f"{path} cannot be written: {first_line(error)}") from error


def _write_history(folder: Path, recipe: Recipe, history: tuple[EpochResult, ...]) -> None:
    """Commit an epoch: from here on training resumes after it, and older checkpoints can go."""
    with files.whole(folder / HISTORY) as part:
        part.write_text(json.dumps({"recipe": asdict(recipe), "epochs": [asdict(line) for line in history]}, indent=1))
    for old in folder.glob("checkpoint-*"):
        if old.is_dir():  # of a process that was killed while it wrote
            shutil.rmtree(old)
        elif not old.name.startswith(f"{_checkpoint_name(history[-1].epoch)}."):
            old.unlink()
