"""What each kind of pruning costs in accuracy and gains in cycles: trains, measures and writes the table.

    python examples/kws/results.py --data DIR --runs runs/results --size S --seeds 1 2 3

Interrupt it whenever you like: the same command goes on after the last finished epoch. Every finished run is a file in
`runs/` beside this script, with the weights of the dense networks, and is not made again; `results.json`, `RESULTS.md`,
`pareto.png` and `.svg` and the README's table are written anew from all of them after each. Checkpoints are in the
folder given by --runs. Runs of one seed are paired: they start from one dense network and hear the same clips in the
same order.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pareto
import tables
import train as script
from tables import Run

from tinyprune import files
from tinyprune.compiler import reader, sparsity
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.device import boards
from tinyprune.digest import sha256
from tinyprune.errors import TinypruneError
from tinyprune.tasks import build as build_task
from tinyprune.training import models, speech_commands, weights
from tinyprune.training.fine_tuning import Step, fine_tune
from tinyprune.training.keras_model import Examples
from tinyprune.training.prune import Method, PrunedModel, filters, prune, schedule, unmasked
from tinyprune.training.quantize import quantize, quantize_keywords
from tinyprune.training.speech_commands import LABELS, Audio
from tinyprune.training.train import EpochResult, Recipe, int8_accuracy, score, train

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
BOARD = "nano33"
#: Unlabelled training clips that reconstruction sees.
SAMPLES = 512
#: Below the folder of --runs: what each epoch hears, 20 MB each, as features take as long as training size S. May be
#: removed at any time.
CLIPS = "clips"
#: Fine-tuning hears other clips than dense training: its seed is so much higher.
SEED_OFFSET = 1000
MODEL = "model.tflite"
RECONSTRUCT: Method = "reconstruct"
#: Methods without labels, and how each prunes.
ONE_SHOT: Mapping[str, Method] = {RECONSTRUCT: RECONSTRUCT, tables.MATCH: "match", tables.MATCH_ALL: "match"}
#: Before the per cent of channels to remove.
CHANNELS = "channels-"
#: Into how many steps a gradual pruning is cut at most.
STEPS = 3
#: Pattern and method, the most wanted first.
EXPERIMENTS = (
    (tables.DENSE, tables.TRAINED),
    ("2:4", RECONSTRUCT),
    ("2:4", tables.MATCH),
    ("2:4", tables.MATCH_ALL),
    ("2:4", tables.REORDERED + tables.MATCH),
    ("2:4", tables.FINE_TUNED),
    ("2:4", tables.REORDERED + tables.FINE_TUNED),
    ("unstructured-50", tables.MATCH),
    ("unstructured-50", tables.MATCH_ALL),
    ("unstructured-50", tables.FINE_TUNED),
    ("1:4", tables.FINE_TUNED),
    ("1:4", tables.STEPPED),
    ("2:4g2", tables.FINE_TUNED),
    ("2:4g2", tables.REORDERED + tables.FINE_TUNED),
    ("2:4g4", tables.FINE_TUNED),
    ("unstructured-75", tables.FINE_TUNED),
    ("unstructured-90", tables.FINE_TUNED),
    ("unstructured-90", tables.STEPPED),
    ("threshold-1", tables.FINE_TUNED),
    ("channels-50", tables.FINE_TUNED),
    (tables.DENSE, tables.FINE_TUNED),
)


PATTERNS, METHODS = (tuple(dict.fromkeys(column)) for column in zip(*EXPERIMENTS, strict=True))


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be made."""

    size: models.Size
    seed: int
    pattern: str
    method: str
    dense: Recipe
    fine_tuning: Recipe

    @property
    def epochs(self) -> int:
        """Of training after pruning; of dense training for the dense network itself."""
        fine_tuned = self.method.endswith((tables.FINE_TUNED, tables.STEPPED))
        return self.dense.epochs if self.method == tables.TRAINED else self.fine_tuning.epochs if fine_tuned else 0

    @property
    def key(self) -> tables.Key:
        return self.size, self.dense.epochs, self.pattern, self.method, self.epochs, self.seed


class Data:
    """Clips by seed, each made once and kept in `kept`: runs of one seed share them, whatever their size."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self.training: Audio = speech_commands.load(folder, "train")
        self.validation = speech_commands.evaluation_clips(speech_commands.load(folder, "validation"))
        copy = sha256(*self.training.words.values(), *self.training.noise)  # tells one copy of the data from another
        self.kept = kept.with_name(f"{kept.name}-{copy[:12]}")
        self.plain = cache(self._plain)

    def epochs(self, recipe: Recipe) -> Callable[[int], Examples]:
        return partial(self.epoch, recipe.seed)

    def epoch(self, seed: int, epoch: int) -> Examples:
        path = self.kept / f"{seed}-{epoch}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as archive:
                return Examples(archive["inputs"], archive["targets"])
        clips = speech_commands.training_clips(self.training, seed, epoch)
        self.kept.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as part:  # two sizes may be trained at once
            np.savez(part, allow_pickle=False, inputs=clips.inputs, targets=clips.targets)
        return clips

    def _plain(self, seed: int) -> Any:
        """Training clips, not augmented, in random order: `[clips, frames, coefficients, 1]`."""
        features = speech_commands.evaluation_clips(self.training, seed).inputs
        return features[np.random.default_rng(seed).permutation(len(features))]


def main() -> int:
    arguments = parse(sys.argv[1:])
    return script.attempt(remodel if arguments.remodel else run, arguments)


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Prune DS-CNN in every way and tabulate accuracy, cycles and bytes.")
    parser.add_argument("--data", type=Path, help="folder of Speech Commands (`tinyprune data fetch`)")
    parser.add_argument("--runs", type=Path, required=True, help="folder for checkpoints and the networks made")
    parser.add_argument("--size", choices=tuple(models.GEOMETRIES), default="S")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--patterns", nargs="+", choices=PATTERNS, default=PATTERNS, metavar="PATTERN", help="some of %(choices)s"
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=METHODS, metavar="METHOD", help="some of %(choices)s"
    )
    parser.add_argument("--dense-epochs", type=int, default=40, help="default %(default)s")
    parser.add_argument("--epochs", type=int, default=10, help="of fine-tuning after pruning (default %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE, help="where results and finished runs go")
    parser.add_argument(
        "--remodel", action="store_true", help="only model the cycles again of finished runs of --size and --seeds"
    )
    arguments = parser.parse_args(words)
    if arguments.data is None and not arguments.remodel:
        parser.error("--data is needed for training")
    return arguments


def run(arguments: argparse.Namespace) -> None:
    data = Data(arguments.data, arguments.runs / CLIPS)
    wanted = [(p, m) for p, m in EXPERIMENTS if p in arguments.patterns and m in arguments.methods]
    for pattern, method in wanted:
        for seed in arguments.seeds:
            dense = replace(script.DENSE, epochs=arguments.dense_epochs, seed=seed)
            fine = replace(script.FINE_TUNING, epochs=arguments.epochs, seed=SEED_OFFSET + seed)
            task = Task(arguments.size, seed, pattern, method, dense, fine)
            if task.key not in {run.key for run in tables.read(arguments.out) if run.ranges == tables.LEAST_ERROR}:
                finish(task, data, arguments)
                write(arguments.out)
    write(arguments.out)


def remodel(arguments: argparse.Namespace) -> None:
    for finished in tables.read(arguments.out):
        wanted = finished.size == arguments.size and finished.seed in arguments.seeds
        if not wanted or finished.ranges != tables.LEAST_ERROR:  # the network that is there has those
            continue
        model = arguments.runs / finished.name / MODEL
        if model.is_file():
            tables.store(replace(finished, **modelled(model)), arguments.out)
        elif finished.modelled_cycles is not None:
            print(f"{model} is not there: the cycles of {finished.name} stay as they were")
    write(arguments.out)


def write(out: Path) -> None:
    tables.write(tables.read(out), out)
    rows = json.loads((out / tables.RESULTS).read_text())
    pareto.plot(tables.chosen(rows), out)
    if out == HERE:
        tables.put_into_readme(rows, README)


def finish(task: Task, data: Data, arguments: argparse.Namespace) -> None:
    """Make one run and store what was measured; cycles are modelled for the lowest seed only."""
    model = make(task, data, arguments)
    content = to_int8(task, model, data)
    folder = arguments.runs / tables.name_of(task.key)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(content)
    measured = Run(
        size=task.size,
        pattern=task.pattern,
        method=task.method,
        seed=task.seed,
        dense_epochs=task.dense.epochs,
        epochs=task.epochs,
        clips=len(data.validation.targets),
        training_clips=len(data.epoch(task.fine_tuning.seed, 0).targets),
        float_accuracy=score(model, data.validation),
        int8_accuracy=int8_accuracy(content, data.validation),
        deflated_bytes=len(zlib.compress(weights_of(content), 9)),
        ranges=tables.LEAST_ERROR,
        **(modelled(folder / MODEL) if task.seed == min(arguments.seeds) else {}),
    )
    tables.store(measured, arguments.out)
    print(json.dumps(asdict(measured)), flush=True)


def make(task: Task, data: Data, arguments: argparse.Namespace) -> Any:
    """The trained network in float."""
    folder = arguments.runs / tables.name_of(task.key)
    model = make_dense(task, data, arguments)
    if task.method == tables.TRAINED:
        return model
    if task.pattern == tables.DENSE:
        fit(model, data, task.fine_tuning, folder)
        return model
    samples = data.plain(task.seed) if task.method == tables.MATCH_ALL else data.plain(task.seed)[:SAMPLES]
    if task.pattern.startswith(CHANNELS):
        smaller, _ = filters.shrink(model, float(task.pattern.removeprefix(CHANNELS)) / 100)
        fit(smaller, data, task.fine_tuning, folder)
        return smaller
    reorder, method = task.method.startswith(tables.REORDERED), task.method.removeprefix(tables.REORDERED)
    if method in ONE_SHOT:
        return unmasked(prune(model, task.pattern, ONE_SHOT[method], samples, reorder=reorder))
    steps = [
        Step(pattern.name, partial(prune_to, pattern, samples, reorder=reorder and number == 0))
        for number, pattern in enumerate(patterns_of(task))
    ]
    clips, progress = data.epochs(task.fine_tuning), partial(show, folder)
    tuned = fine_tune(model, steps, clips, data.validation, task.fine_tuning, folder, progress)
    return unmasked(tuned.pruned)


def prune_to(pattern: sparsity.Pattern, samples: Any, model: Any, *, reorder: bool) -> PrunedModel:
    one_shot: Method = "magnitude" if isinstance(pattern, sparsity.Threshold) else RECONSTRUCT
    return prune(model, pattern, one_shot, samples, reorder=reorder)


def patterns_of(task: Task) -> tuple[sparsity.Pattern, ...]:
    pattern = sparsity.parse(task.pattern)
    if task.method != tables.STEPPED:
        return (pattern,)
    return schedule(pattern, min(STEPS, pattern.group - pattern.kept) if isinstance(pattern, sparsity.NM) else STEPS)


def make_dense(task: Task, data: Data, arguments: argparse.Namespace) -> Any:
    """The dense network of the task's seed: from its stored weights, or trained and stored."""
    script.seed_weights(task.seed)
    model = models.ds_cnn(task.size, len(LABELS))
    name = tables.name_of((task.size, task.dense.epochs, tables.DENSE, tables.TRAINED, task.dense.epochs, task.seed))
    stored = arguments.out / tables.RUNS / f"{name}.npz"
    if stored.is_file():
        weights.load(model, stored)
    else:
        fit(model, data, task.dense, arguments.runs / name)
        weights.save(model, stored)
    return model


def fit(model: Any, data: Data, recipe: Recipe, folder: Path) -> None:
    train(model, data.epochs(recipe), data.validation, recipe, folder, partial(show, folder, None))


def show(folder: Path, step: Step | None, result: EpochResult) -> None:
    where = folder if step is None else f"{folder} {step.name}"
    print(f"{where} epoch {result.epoch + 1}: validation {result.validation_score:.2%}", flush=True)


def to_int8(task: Task, model: Any, data: Data) -> bytes:
    if task.pattern.startswith(CHANNELS):
        return quantize(model, data.plain(task.seed)[:SAMPLES])
    return quantize_keywords(model, task.size, data.plain(task.seed)[: script.RANGE_CLIPS])[1]


def weights_of(content: bytes) -> bytes:
    """All int8 weights of a .tflite, one after the other."""
    return b"".join(op.weights.tobytes() for op in reader.read(content).ops if isinstance(op, Weighted))


def modelled(model: Path) -> dict[str, Any]:
    """Build for the board, run in the emulator."""
    with TemporaryDirectory() as folder:
        request = build_task.BuildRequest(boards.load(BOARD), Path(folder) / "build", model)
        report = build_task.run_build(request, lambda _stage: None)
    if not report.bit_exact or report.modelled_cycles is None:
        raise TinypruneError(f"{model}: the firmware's outputs are not those of TFLite Micro")
    return {
        "modelled_cycles": report.modelled_cycles,
        "weights_bytes": report.weights_bytes,
        "flash_bytes": report.flash_bytes,
        "modelled_on": date.today().isoformat(),
    }


if __name__ == "__main__":
    sys.exit(main())
