"""`python -m benchmarks.coefficients FOLDER`: what kernels take, fitted to the cycle model, for lowering to choose by.

Layers of the int8 networks in a folder run with each kernel that takes them and is profiled, as in
`benchmarks.choices`. The coefficients of a kernel are those of least relative error on its layers, none below zero.
Writes tinyprune/compiler/kernels/cycles.json. What has run is kept (--cache).
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
from scipy.optimize import nnls

from benchmarks import choices
from benchmarks.layer_runs import Bench, batches, roomy
from benchmarks.layers import CACHE
from tinyprune import files
from tinyprune.compiler.graph import Op
from tinyprune.compiler.kernels import KERNELS, Kernel
from tinyprune.compiler.kernels.profiled import FILE, Profiled, Work
from tinyprune.device.boards import Board
from tinyprune.errors import TinypruneError
from tinyprune.firmware import toolchain

CORE = "m4"


def profiled_kernels(op: Op, board: Board) -> list[Kernel]:
    return [kernel for kernel in choices.alternatives(op, board) if isinstance(kernel.cycles, Profiled)]


def fit(works: Sequence[Work], cycles: Sequence[int]) -> Work:
    """Of least relative error."""
    counts = np.array(works) / np.array(cycles)[:, None]
    scale = np.maximum(counts.max(axis=0), 1e-30)
    found, _ = nnls(counts / scale, np.ones(len(cycles)))
    return tuple(float(f"{value:.4g}") for value in found / scale)


def works_of(measured: Iterable[tuple[Op, dict[str, int]]]) -> dict[str, list[tuple[Work, int]]]:
    """Kernel → the work of its layers, and what it took."""
    works: dict[str, list[tuple[Work, int]]] = {}
    rows = {kernel.name: kernel.cycles for kernel in KERNELS if isinstance(kernel.cycles, Profiled)}
    for op, cycles in measured:
        for name, taken in cycles.items():
            works.setdefault(name, []).append((rows[name].work(op), taken))
    return dict(sorted(works.items()))


def summary(name: str, layers: Sequence[tuple[Work, int]], coefficients: Work) -> str:
    apart = [abs(np.dot(work, coefficients) / taken - 1) for work, taken in layers]
    half, most = 100 * np.quantile(apart, (0.5, 0.9))
    return f"{name}: {len(layers)} layers, off by {half:.1f} % at the median, by at most {most:.1f} % in nine of ten"


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--compiler", type=click.Choice(list(toolchain.COMPILERS)), help="Default: the first that is installed.")
@click.option("--most-macs", type=float, default=3e5, show_default=True, help="Of a layer.")
@click.option("--every", type=int, default=1, show_default=True, help="Of the layers, each so manieth.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, help="Folder of what has run.")
def main(folder: Path, compiler: str | None, most_macs: float, every: int, cache: Path) -> None:
    try:
        bench, board = Bench(CORE, compiler, cache), roomy(CORE)
        several = choices.layers_to_choose(sorted(folder.rglob("*.tflite")), board, most_macs)
        ops = [op for op in several if profiled_kernels(op, board)][::every]
        measured: list[tuple[Op, dict[str, int]]] = []
        with click.progressbar(length=len(ops), label=CORE, file=sys.stderr) as bar:
            for group in batches(ops):
                taken = choices.measure(group, bench, profiled_kernels)
                measured += [(op, one.cycles) for op, one in zip(group, taken, strict=True)]
                bar.update(len(group))
        works = works_of(measured)
        found = {name: fit(*zip(*layers, strict=True)) for name, layers in works.items()}
        for name, layers in works.items():
            click.echo(summary(name, layers, found[name]))
        with files.whole(FILE) as part:
            part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
