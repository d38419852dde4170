"""`python -m benchmarks.pruning_files DATA`: what pruning the zoo's dense int8 files in place costs, without training.

DATA is a folder of Speech Commands. Calibration inputs are clips of its training split, without their labels; accuracy
is that of the validation clips, and "agreement" the share of them that get the same answer from the dense network.
"""

import time
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader, reference, samples, sparsity
from tinyprune.training import speech_commands, zoo
from tinyprune.training.models import GEOMETRIES
from tinyprune.training.prune import int8_model


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pattern", default="2:4", show_default=True)
@click.option("--samples", "count", default=512, show_default=True, type=click.IntRange(1))
@click.option("--size", "sizes", multiple=True, type=click.Choice(tuple(GEOMETRIES)), help="[default: all]")
@click.option("--seed", default=0, show_default=True, help="Of the choice of calibration clips.")
def main(data: Path, pattern: str, count: int, sizes: tuple[str, ...], seed: int) -> None:
    validation = speech_commands.evaluation_clips(speech_commands.load(data, "validation"))
    clips = speech_commands.evaluation_clips(speech_commands.load(data, "train")).inputs
    calibration = clips[np.random.default_rng(seed).permutation(len(clips))[:count]]
    for size in sizes or tuple(GEOMETRIES):
        dense = zoo.int8_model(zoo.load(f"ds-cnn-{size.lower()}-dense"))
        wanted = _classes(dense, validation.inputs)
        click.echo(f"DS-CNN {size}  dense {100 * (wanted == validation.targets).mean():.2f} %")
        for method, source in (("magnitude", None), ("reconstruct", calibration)):
            start = time.perf_counter()
            pruned = int8_model.prune(dense, size, sparsity.parse(pattern), source, lambda _stage: None)
            seconds = time.perf_counter() - start
            found = _classes(pruned.content, validation.inputs)
            accuracy, agreement = (100 * (found == each).mean() for each in (validation.targets, wanted))
            click.echo(
                f"DS-CNN {size}  {pattern} {method:11}  {accuracy:.2f} %, agreement {agreement:.2f} %, {seconds:.0f} s"
            )


def _classes(model: bytes, clips: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    graph = reader.read(model)
    return graph.classes(reference.infer(graph, samples.quantize(clips, graph.inputs[0], "clips")))


if __name__ == "__main__":
    main()
