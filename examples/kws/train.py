"""Train DS-CNN on Speech Commands, dense, then 2:4; write both as zoo entries.

    python examples/kws/train.py --data DIR --size S --seed 1 --out runs/s1

Interrupt it whenever you like: the same command goes on after the last finished epoch.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tinyprune.errors import TinypruneError
from tinyprune.sound.features import Float32
from tinyprune.training import models, speech_commands, zoo
from tinyprune.training.keras_model import Examples
from tinyprune.training.prune import prune, verify
from tinyprune.training.quantize import quantize_keywords
from tinyprune.training.speech_commands import LABELS, TASK, Audio
from tinyprune.training.train import EpochResult, Recipe, int8_accuracy, score, train

DENSE = Recipe(epochs=100, learning_rate=3e-3, weight_decay=0.05, batch_samples=128, seed=1)
FINE_TUNING = Recipe(epochs=60, learning_rate=2e-3, weight_decay=0.05, batch_samples=128, seed=1)
#: Unaugmented training clips over which ranges are recorded.
RANGE_CLIPS = 2048
DATA_SET = "Speech Commands, the project's partial copy of v0.01 and v0.02"
PACKAGES = ("tensorflow", "tf_keras", "numpy")


@dataclass(frozen=True, slots=True)
class Clips:
    """Everything that training needs to hear."""

    training: Audio
    validation: Examples
    ranges: Float32
    """Unaugmented training clips `[clips, frames, coefficients, 1]`."""


def main() -> int:
    return attempt(run, parse(sys.argv[1:]))


def attempt(command: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> int:
    """The exit code of a command, and a word on why it ended early."""
    try:
        command(arguments)
    except TinypruneError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; the same command goes on after the last finished epoch", file=sys.stderr)
        return 130
    return 0


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train DS-CNN on Speech Commands, dense, then pruned 2:4.")
    parser.add_argument("--data", type=Path, required=True, help="folder of Speech Commands (`tinyprune data fetch`)")
    parser.add_argument("--size", choices=tuple(models.GEOMETRIES), default="S")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, histories and the zoo entries")
    parser.add_argument("--epochs", type=int, default=DENSE.epochs, help="dense training (default %(default)s)")
    parser.add_argument("--fine-tuning-epochs", type=int, default=FINE_TUNING.epochs, help="2:4 (default %(default)s)")
    parser.add_argument("--data-set", default=DATA_SET, help="what the metadata call the data (default: %(default)s)")
    return parser.parse_args(words)


def run(arguments: argparse.Namespace) -> None:
    clips = load_clips(arguments.data, arguments.seed)
    dense_recipe = replace(DENSE, epochs=arguments.epochs, seed=arguments.seed)
    fine_recipe = replace(FINE_TUNING, epochs=arguments.fine_tuning_epochs, seed=arguments.seed + 1)

    seed_weights(arguments.seed)
    dense = models.ds_cnn(arguments.size, len(LABELS))
    fit(dense, clips, dense_recipe, arguments.out / "dense")
    entry, content = describe(dense, clips, arguments, (stage("dense", dense_recipe),))
    zoo.write(entry, dense, content, arguments.out)

    pruned = prune(dense)
    fit(pruned.model, clips, fine_recipe, arguments.out / "2x4")
    verify(pruned.model, pruned.masks)
    stages = (*entry.stages, stage("2:4 fine-tuning", fine_recipe))
    entry, content = describe(pruned.model, clips, arguments, stages, tuple(pruned.masks), entry.accuracy)
    zoo.write(entry, pruned.model, content, arguments.out)


def seed_weights(seed: int) -> None:
    """Make the weights that a new network begins with depend on the seed alone."""
    import tf_keras

    tf_keras.utils.set_random_seed(seed)


def load_clips(folder: Path, seed: int) -> Clips:
    training = speech_commands.load(folder, "train")
    plain = speech_commands.evaluation_clips(training, seed)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(plain.targets))[:RANGE_CLIPS])
    validation = speech_commands.evaluation_clips(speech_commands.load(folder, "validation"))
    return Clips(training, validation, plain.inputs[chosen])


def fit(model: Any, clips: Clips, recipe: Recipe, folder: Path) -> None:
    def show(result: EpochResult) -> None:
        print(
            f"{folder} epoch {result.epoch + 1}/{recipe.epochs}: loss {result.loss:.4f}, "
            f"accuracy {result.accuracy:.2%}, validation {result.validation_score:.2%}",
            flush=True,
        )

    def clips_of_epoch(epoch: int) -> Examples:
        return speech_commands.training_clips(clips.training, recipe.seed, epoch)

    train(model, clips_of_epoch, clips.validation, recipe, folder, show)


def stage(name: str, recipe: Recipe) -> zoo.Stage:
    return zoo.Stage(name, recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.batch_samples, recipe.seed)


def describe(
    model: Any,
    clips: Clips,
    arguments: argparse.Namespace,
    stages: tuple[zoo.Stage, ...],
    pruned_layers: tuple[str, ...] = (),
    dense_accuracy: zoo.Accuracy | None = None,
) -> tuple[zoo.ZooEntry, bytes]:
    """Record ranges, quantize, measure; the entry and its .tflite."""
    ranges, content = quantize_keywords(model, arguments.size, clips.ranges)
    measured = zoo.Accuracy(
        data_set=arguments.data_set,
        split="validation",
        clips=len(clips.validation.targets),
        float32=score(model, clips.validation),
        int8=int8_accuracy(content, clips.validation),
    )
    pattern = "2:4" if pruned_layers else "dense"
    name = f"ds-cnn-{arguments.size.lower()}-{pattern.replace(':', 'x')}"
    print(f"{name}: validation {measured.float32:.2%} in float, {measured.int8:.2%} in int8", flush=True)
    entry = zoo.ZooEntry(
        name=name,
        description=f"DS-CNN {arguments.size} for keyword spotting, {pattern}",
        architecture="ds-cnn",
        size=arguments.size,
        task=TASK,
        labels=LABELS,
        pattern=pattern,
        pruned_layers=pruned_layers,
        ranges=ranges,
        stages=stages,
        accuracy=measured,
        dense_accuracy=dense_accuracy or measured,
        model_sha256=hashlib.sha256(content).hexdigest(),
        versions={package: version(package) for package in PACKAGES},
    )
    return entry, content


if __name__ == "__main__":
    sys.exit(main())
