"""`python -m benchmarks.pruning_files DATA`: what pruning dense int8 files in place costs, without training.

DATA is a folder of Speech Commands, for the zoo's networks: calibration inputs are clips of its training split, without
their labels; accuracy is that of the validation clips. With --model, DATA is a folder of arrays for that file:
calibration.npy and validation.npy, as `tinyprune prune --data` takes them, and labels.npy where there are class numbers
for the latter. "agreement" is the share of validation samples that get the same answer from the dense network; "sure",
that of the half for which the dense network's best score is farthest ahead of its second.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader, reference, samples, sparsity
from tinyprune.compiler.graph import Graph, Int8
from tinyprune.compiler.samples import Source
from tinyprune.training import speech_commands, zoo
from tinyprune.training.models import GEOMETRIES
from tinyprune.training.prune import int8_model

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Case:
    """A dense network, the inputs that pruning looks at, and those that judge it."""

    name: str
    model: bytes
    calibration: npt.NDArray[np.generic]
    validation: Source
    labels: npt.NDArray[np.generic] | None


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An int8 .tflite file.")
@click.option("--pattern", default="2:4", show_default=True)
@click.option("--samples", "count", default=512, show_default=True, type=click.IntRange(1))
@click.option("--size", "sizes", multiple=True, type=click.Choice(tuple(GEOMETRIES)), help="[default: all]")
@click.option("--seed", default=0, show_default=True, help="Of the choice of calibration samples.")
def main(data: Path, model: Path | None, pattern: str, count: int, sizes: tuple[str, ...], seed: int) -> None:
    for case in _keywords(data, sizes or tuple(GEOMETRIES)) if model is None else [_own(data, model)]:
        graph = reader.read(case.model, case.name)
        inputs = samples.read({"": case.validation}, graph)
        scores = _scores(graph, inputs)
        wanted = graph.classes(scores)
        ahead = np.diff(np.sort(scores.astype(np.int16), axis=1)[:, -2:])[:, 0]
        sure = np.argsort(ahead, kind="stable")[len(ahead) // 2 :]
        click.echo(f"{case.name}  dense  {_accuracy(wanted, case)}{len(inputs)} samples")
        order = np.random.default_rng(seed).permutation(len(case.calibration))
        for method, source in (("magnitude", None), ("reconstruct", case.calibration[order[:count]])):
            start = time.perf_counter()
            pruned = int8_model.prune(case.model, case.name, sparsity.parse(pattern), source, lambda _stage: None)
            seconds = time.perf_counter() - start
            found = graph.classes(_scores(reader.read(pruned.content, case.name), inputs))
            same = found == wanted
            click.echo(
                f"{case.name}  {pattern} {method:11}  {_accuracy(found, case)}agreement {100 * same.mean():.2f} %, "
                f"sure {100 * same[sure].mean():.2f} %, {seconds:.0f} s"
            )


def _keywords(data: Path, sizes: tuple[str, ...]) -> Iterator[Case]:
    validation = speech_commands.evaluation_clips(speech_commands.load(data, "validation"))
    clips = speech_commands.evaluation_clips(speech_commands.load(data, "train")).inputs
    for size in sizes:
        dense = zoo.int8_model(zoo.load(f"ds-cnn-{size.lower()}-dense"))
        yield Case(f"DS-CNN {size}", dense, clips, validation.inputs, validation.targets)


def _own(data: Path, model: Path) -> Case:
    labels = data / "labels.npy"
    return Case(
        model.stem,
        model.read_bytes(),
        samples.load_array(data / "calibration.npy"),
        data / "validation.npy",
        samples.load_array(labels) if labels.exists() else None,
    )


def _accuracy(classes: npt.NDArray[np.int64], case: Case) -> str:
    return "" if case.labels is None else f"{100 * (classes == case.labels).mean():.2f} %, "


def _scores(graph: Graph, inputs: Int8) -> Int8:
    """In batches, since the reference keeps every activation."""
    batches = range(0, len(inputs), _BATCH)
    return np.concatenate([reference.infer(graph, inputs[start : start + _BATCH]) for start in batches])


if __name__ == "__main__":
    main()
