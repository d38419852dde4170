"""`python -m benchmarks.cmsis_fit FOLDER`: the lines of tinyprune/measure/cmsis_nn.py, of what CMSIS-NN's layers took.

Takes the Cortex-M4's cycles in layers.json (`benchmarks.layers` on the same folder of .tflite files), prints the table.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from benchmarks import peers
from benchmarks.classes import class_of
from tinyprune.compiler import reader
from tinyprune.compiler.fold import fold
from tinyprune.compiler.graph import Op
from tinyprune.errors import TinypruneError
from tinyprune.measure import cmsis_nn

RESULTS = peers.ROOT / "benchmarks/results/layers.json"
_CORE = "m4"  # cmsis_nn.CORE, as layers.json has it
Floats = npt.NDArray[np.float64]


def fit(counts: Floats, cycles: Floats) -> Floats:
    """`[layers, counts]`, `[layers]` → cycles of each count, by least squares of relative errors."""
    return np.asarray(np.linalg.lstsq(counts / cycles[:, None], np.ones(len(cycles)), rcond=None)[0])


def errors(counts: Floats, cycles: Floats, networks: npt.NDArray[np.str_]) -> Floats:
    """Relative ones `[layers]`, by fits that a layer's network has no part in."""
    found = np.empty(len(cycles))
    for network in set(networks):
        its = networks == network
        found[its] = counts[its] @ fit(counts[~its], cycles[~its]) / cycles[its] - 1
    return np.abs(found)


def layers(folder: Path) -> Iterator[tuple[str, Op]]:
    """Of each network that runs: the class of each of its layers."""
    for path in sorted(folder.rglob("*.tflite")):
        try:
            graph = fold(reader.read(path.read_bytes(), path.name))
        except TinypruneError:
            continue
        yield from ((class_of(op), op) for op in graph.ops)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """What `python -m benchmarks.cmsis_fit` does."""
    all_rows = json.loads(RESULTS.read_text())["layers"]
    rows = {each["layer_class"]: each for each in all_rows if each["core"] == _CORE and each["theirs"]}
    groups: dict[str, dict[str, tuple[tuple[int, ...], int, str]]] = {}
    for name, op in layers(folder):
        if name in rows and (found := cmsis_nn.counts(op)) is not None:
            kind, counts = found
            groups.setdefault(kind, {})[name] = (counts, rows[name]["theirs"], rows[name]["model"])
    for kind, group in groups.items():
        table, cycles, networks = (np.array(column) for column in zip(*group.values(), strict=True))
        shown = ", ".join(f"{value:.4g}" for value in fit(table, cycles))
        error = float(np.quantile(errors(table, cycles, networks), 0.9))
        comma = "," if "," not in shown else ""
        click.echo(f'    "{kind}": Fit(({shown}{comma}), {error:.3f}, {len(group)}),')


if __name__ == "__main__":
    main()
