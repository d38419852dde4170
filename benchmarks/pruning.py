"""`python -m benchmarks.pruning`: how long pruning without labels takes for DS-CNN, on this machine.

The weights are random and the samples noise: time depends on neither.
"""

import time

import click
import numpy as np

from tinyprune.sound import features
from tinyprune.training import models, quiet
from tinyprune.training.prune import prune
from tinyprune.training.speech_commands import LABELS


@click.command(help=__doc__)
@click.option("--pattern", default="2:4", show_default=True)
@click.option("--samples", "count", default=512, show_default=True, type=click.IntRange(1))
@click.argument("sizes", nargs=-1, type=click.Choice(tuple(models.GEOMETRIES)))
def main(pattern: str, count: int, sizes: tuple[models.Size, ...]) -> None:
    samples = np.random.default_rng(0).normal(size=(count, *features.MFCC10.shape, 1)).astype(np.float32)
    for size in sizes or tuple(models.GEOMETRIES):
        with quiet.quiet_tensorflow():
            network = models.ds_cnn(size, len(LABELS))
            start = time.perf_counter()
            prune(network, pattern, "reconstruct", samples)
            middle = time.perf_counter()
            prune(network, pattern, "match", samples)
            end = time.perf_counter()
        click.echo(f"DS-CNN {size}  {pattern}  reconstruct {middle - start:5.1f} s  match {end - middle:5.1f} s")


if __name__ == "__main__":
    main()
