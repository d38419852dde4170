"""What each ingredient of the recipe brings, on training speakers who are held out for that: the table in README.md.

    python examples/kws/recipe.py --data DIR --negatives SOUNDS --out runs/recipe --seeds 1 2 3

A network of size S learns from nothing; what follows is the same but for one ingredient, begins with its weights, and
sees the same clips in the same order. Compared is in pairs, on the clips of words, other words and silence of a tenth
of the training speakers, whom nothing here heard; neither validation nor test is touched. Finished trials are in
`trials.json` in the folder of `--out`, and are not made again.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import kws12
import numpy as np
import numpy.typing as npt
import softening
import train as script
from softening import Softening

from tinyprune import files
from tinyprune.sound.features import Float32
from tinyprune.sound.recordings import Int16
from tinyprune.training import keywords, models, speech_commands, train, zoo
from tinyprune.training.keras_model import Examples
from tinyprune.training.keywords import Material
from tinyprune.training.train import EpochResult, Recipe

#: Of the official rule's percentages: those below 20 are validation and test.
HELD_OUT_PERCENT = (20.0, 30.0)
VERSIONS, NEGATIVES = 2, 0.28
BASE, BRANCH = Recipe(8, 3e-3, 0.05, 128, 0), Recipe(5, 1.5e-3, 0.05, 128, 0)
TEACHERS = [Path("kws12-s-dense"), Path("kws12-s-2x4")]
#: Of targets that are a probability of each class.
SOFT_CROSS_ENTROPY = "categorical_crossentropy"
PLAIN = "plain"
TRIALS: dict[str, Softening] = {
    PLAIN: Softening(),
    "label smoothing 0.1": Softening(smoothing=0.1),
    "mixtures of half the clips": Softening(mixing=0.5),
    "8 frames and 1 coefficient hidden": Softening(hidden_frames=8, hidden_coefficients=1),
    "taught, 0.7": Softening(teaching=0.7),
}
#: Of every trial: with the shares of what is without a word made even, and the mean of the last epochs' weights.
EVEN, MEAN, LAST = "shares made even", "mean of the weights of 3 epochs", 3


def main() -> int:
    parser = argparse.ArgumentParser(description="What each ingredient of the recipe for twelve classes brings.")
    parser.add_argument("--data", type=Path, required=True, help="folder of Speech Commands (`tinyprune data fetch`)")
    parser.add_argument("--negatives", type=Path, required=True, help="folder of folders of sounds without words")
    parser.add_argument("--teachers", type=Path, nargs="+", default=TEACHERS, help="entries that answer for `taught`")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--out", type=Path, required=True, help="folder for clips, checkpoints and results")
    return script.attempt(run, parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    results = arguments.out / "trials.json"
    wrong: dict[str, list[int]] = json.loads(results.read_text()) if results.is_file() else {}
    held_out, versions = prepared(arguments)
    for seed in arguments.seeds:
        for name in TRIALS:
            if f"{name}, seed {seed}" not in wrong:
                for found, answers in trial(name, seed, held_out, versions, arguments.out):
                    wrong[f"{found}, seed {seed}"] = np.flatnonzero(answers != held_out.targets).tolist()
                with files.whole(results) as part:
                    part.write_text(json.dumps(wrong))
                print(*table(wrong, len(held_out.targets)), sep="\n", flush=True)


def prepared(arguments: argparse.Namespace) -> tuple[Examples, list[tuple[Examples, Float32]]]:
    """The held-out clips; epochs of the others, each with what the teachers answer to it. They are kept on disk."""
    folder = arguments.out / "clips"
    if not (folder / "done").is_file():
        _prepare(arguments, folder)
    read = [np.load(folder / name) for name in ("held_out.npz", *(f"{number}.npz" for number in range(VERSIONS)))]
    held_out, *versions = (Examples(each["inputs"], each["targets"]) for each in read)
    return held_out, [(clips, each["taught"]) for clips, each in zip(versions, read[1:], strict=True)]


def _prepare(arguments: argparse.Namespace, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    material = kws12.material(arguments.data, arguments.negatives)[0]
    paths = speech_commands.clip_paths(arguments.data, "train")
    others, held_out = (speakers_of(material, paths, is_held_out=out) for out in (False, True))
    np.savez(folder / "held_out.npz", **keywords.validation(held_out)._asdict())
    for number in range(VERSIONS):
        clips = keywords.epoch_clips(others, NEGATIVES, 0, number)
        np.savez(folder / f"{number}.npz", **clips._asdict(), taught=answers(arguments.teachers, clips))
    (folder / "done").touch()


def answers(teachers: list[Path], clips: Examples) -> Float32:
    """The mean of the probabilities that networks answer, entries by the path of a file of theirs or by name."""
    found = []
    for path in teachers:
        folder = path.parent if path.suffix else zoo.FOLDER
        network = zoo.build_model(zoo.load(path.stem, folder), folder)
        found.append(network.predict(clips.inputs, batch_size=train.BATCH_SAMPLES, verbose=0))
    return np.asarray(np.mean(found, axis=0), np.float32)


def speakers_of(material: Material, paths: dict[str, list[Path]], *, is_held_out: bool) -> Material:
    low, high = HELD_OUT_PERCENT
    kept = {
        word: [low <= speech_commands.percentage_of(speech_commands.speaker_of(path)) < high for path in of_word]
        for word, of_word in paths.items()
    }

    def part(clips: Mapping[str, Int16]) -> dict[str, Int16]:
        found = {word: of_word[np.equal(kept[word], is_held_out)] for word, of_word in clips.items()}
        return {word: of_word for word, of_word in found.items() if len(of_word)}

    return replace(material, words=part(material.words), unknown=part(material.unknown))


def trial(
    name: str, seed: int, held_out: Examples, versions: list[tuple[Examples, Float32]], out: Path
) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """What the trained network takes the held-out clips for; of the plain one, also its variants."""
    from tf_keras.utils import set_random_seed

    classes = int(held_out.targets.max()) + 1

    def epoch(recipe: Recipe, how: Softening, number: int) -> Examples:
        clips, taught = versions[number % VERSIONS]
        rng = np.random.default_rng([recipe.seed, number])
        order = rng.permutation(len(clips.targets))
        some = Examples(clips.inputs[order], clips.targets[order])
        return softening.soften(some, classes, how, rng, taught[order] if how.teaching else None)

    def learn(model: Any, recipe: Recipe, how: Softening, place: str) -> list[list[Any]]:
        """Trains, and gives the weights after each epoch."""
        weights: list[list[Any]] = []

        def keep(_result: EpochResult) -> None:
            weights.append(model.get_weights())

        train.train(model, partial(epoch, recipe, how), held_out, recipe, out / place, keep, SOFT_CROSS_ENTROPY)
        return weights

    def taken_for() -> npt.NDArray[np.int64]:
        return np.asarray(model.predict(held_out.inputs, batch_size=train.BATCH_SAMPLES, verbose=0).argmax(axis=1))

    set_random_seed(seed)
    model = models.ds_cnn("S", classes)
    learn(model, replace(BASE, seed=seed), Softening(), f"base-{seed}")
    shutil.rmtree(out / f"{name}-{seed}", ignore_errors=True)  # of its weights all epochs are needed
    weights = learn(model, replace(BRANCH, seed=seed + 1000), TRIALS[name], f"{name}-{seed}")
    yield name, taken_for()
    if name == PLAIN:
        final = model.get_weights()
        model.set_weights([np.mean(each, axis=0) for each in zip(*weights[-LAST:], strict=True)])
        yield MEAN, taken_for()
        model.set_weights(final)
        keywords.expect_evenly(model, NEGATIVES, classes - keywords.FIRST_WORD)
        yield EVEN, taken_for()


def table(wrong: dict[str, list[int]], clips: int) -> Iterator[str]:
    """Accuracy over the seeds, and the difference from the plain trial of the same seed with its error in pairs."""
    yield from ("| trial | accuracy, % | difference in pairs, points | seeds |", "|---|--:|--:|--:|")
    for name in dict.fromkeys(key.rpartition(", seed ")[0] for key in wrong):
        pairs = [
            (set(of_seed), set(wrong[f"{PLAIN}, seed {seed}"]))
            for key, of_seed in wrong.items()
            for found, _, seed in [key.rpartition(", seed ")]
            if found == name
        ]
        accuracy = 100 * (1 - np.mean([len(own) for own, _ in pairs]) / clips)
        differences = [100 * (len(plain) - len(own)) / clips for own, plain in pairs]
        error = 100 * np.sqrt(np.mean([len(own ^ plain) for own, plain in pairs]) / len(pairs)) / clips
        yield f"| {name} | {accuracy:.2f} | {np.mean(differences):+.2f} ± {error:.2f} | {len(pairs)} |"


if __name__ == "__main__":
    sys.exit(main())
