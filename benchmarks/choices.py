"""`python -m benchmarks.choices FOLDER`: whether the kernels that lowering chooses are the fastest, layer by layer.

Every layer of the int8 networks in a folder that several kernels take, maps in the file's own order, runs with each of
them: many layers side by side in one firmware, each with its first kernel, then each with its second, and so on. Layers
of the same class and pattern stand once. What has run is kept (--cache).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import click

from benchmarks.classes import class_of, side_by_side
from benchmarks.layer_runs import CORES, Bench, batches, program_times, roomy
from benchmarks.layers import CACHE
from tinyprune.compiler import candidates, fold, lower, reader
from tinyprune.compiler.graph import Op
from tinyprune.compiler.kernels import Kernel, Layout
from tinyprune.compiler.sparsity import DENSE, discover
from tinyprune.device.boards import Board
from tinyprune.errors import TinypruneError
from tinyprune.firmware import toolchain

#: How much longer than the fastest a chosen kernel may take.
ALLOWED = 1.03


@dataclass(frozen=True, slots=True)
class Choice:
    """One class of layers: modelled cycles with each kernel, and the one of least expected cycles."""

    layer_class: str
    chosen: str
    cycles: dict[str, int]

    @property
    def ratio(self) -> float:
        """How much longer the chosen one takes than the fastest."""
        return self.cycles[self.chosen] / max(1, min(self.cycles.values()))


def alternatives(op: Op, board: Board) -> list[Kernel]:
    """The kernels that take a layer alone, that of least expected cycles first."""
    found = candidates.fitting(op, DENSE if op.matrix is None else discover(op.matrix), board)
    alone = [one for one in found if one.reads is Layout.INTERLEAVED and Layout.INTERLEAVED in one.writes]
    return sorted(alone, key=lambda kernel: kernel.cycles(op))


def measure(
    ops: Sequence[Op], bench: Bench, which: Callable[[Op, Board], list[Kernel]] = alternatives
) -> Iterator[Choice]:
    """Of layers that all fit one firmware, with these kernels."""
    board, graph = roomy(bench.core), side_by_side(ops)
    kernels = {op.name: which(op, board) for op in graph.ops}
    cycles: dict[str, dict[str, int]] = {name: {} for name in kernels}
    for turn in range(max(map(len, kernels.values()))):
        forced = {name: several[min(turn, len(several) - 1)] for name, several in kernels.items()}
        with _forced(forced):
            program = lower.lower(graph, board)
        times, _ = program_times(program, bench)
        for step, taken in zip(program.steps, times, strict=True):
            cycles[step.op.name][step.kernel.name] = taken
    for op, alone in zip(ops, graph.ops, strict=True):
        yield Choice(class_of(op), kernels[alone.name][0].name, cycles[alone.name])


@contextmanager
def _forced(kernels: dict[str, Kernel]) -> Iterator[None]:
    """Lowering finds these kernels only, by layers' names."""
    candidates.layers_of.cache_clear()
    with mock.patch.object(candidates, "fitting", lambda op, _pattern, _board: [kernels[op.name]]):
        yield
    candidates.layers_of.cache_clear()


def layers_to_choose(paths: Sequence[Path], board: Board, most_macs: float = float("inf")) -> list[Op]:
    """One layer of each class and pattern that several kernels take, those of few multiplications first."""
    found: dict[tuple[str, str], Op] = {}
    for path in paths:
        try:
            graph = fold.fold(reader.read(reader.read_bytes(path), path.name))
        except TinypruneError:
            continue
        for op in graph.ops:
            key = class_of(op), DENSE if op.matrix is None else discover(op.matrix)
            if op.is_view or op.macs > most_macs or key in found or fold.obstacle(op) is not None:
                continue
            if len(alternatives(op, board)) > 1:
                found[key] = op
    return sorted(found.values(), key=lambda op: op.macs)


def markdown(choices: Sequence[Choice]) -> str:
    """Those that take longer than allowed, the worst first."""
    wrong = sorted((one for one in choices if one.ratio > ALLOWED), key=lambda one: -one.ratio)
    lines = ["| times the fastest | cycles | chosen | fastest | layer |", "|--:|--:|---|---|---|"]
    for one in wrong:
        fastest = min(one.cycles, key=lambda name: one.cycles[name])
        lines.append(
            f"| {one.ratio:.2f} | {one.cycles[one.chosen]:,} | `{one.chosen}` | `{fastest}` | {one.layer_class} |"
        )
    return "\n".join(
        [*lines, "", f"{len(choices) - len(wrong)} of {len(choices)} layers are within 3 % of the fastest."]
    )


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--core", type=click.Choice(list(CORES)), default="m4", show_default=True)
@click.option("--compiler", type=click.Choice(list(toolchain.COMPILERS)), help="Default: the first that is installed.")
@click.option("--most-macs", type=float, default=float("inf"), help="Of a layer; default: any number.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, help="Folder of what has run.")
def main(folder: Path, core: str, compiler: str | None, most_macs: float, cache: Path) -> None:
    try:
        bench, board = Bench(core, compiler, cache), roomy(core)
        ops = layers_to_choose(sorted(folder.rglob("*.tflite")), board, most_macs)
        choices: list[Choice] = []
        with click.progressbar(length=len(ops), label=core, file=sys.stderr) as bar:
            for group in batches(ops):
                choices += measure(group, bench)
                bar.update(len(group))
        click.echo(markdown(choices))
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
