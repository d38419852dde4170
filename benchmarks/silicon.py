"""`python -m benchmarks.silicon FOLDER`: the board's cycles held against what was measured on boards and published.

benchmarks/results/silicon.toml has the published figures with their sources. FOLDER holds the .tflite files, found by
their SHA-256. Each network runs on CMSIS-NN as in `benchmarks.peers`, with the flags of who published, in the emulator
of the same board. CMSIS_NN_ROOT must name a checkout: the bakenn wheel's has no ADD. Prints a table; `--docs` puts it
into docs/cycle-model.md.
"""

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import cmsis_nn, table
from tinyprune import files
from tinyprune.compiler import reader, samples
from tinyprune.compiler.graph import Activation, Graph
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS, Span
from tinyprune.errors import TinypruneError, UsageError
from tinyprune.firmware import build, output, toolchain
from tinyprune.firmware.toolchain import Compiler
from tinyprune.measure import benchmark

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLISHED = Path(__file__).parent / "results/silicon.toml"
PAGE = Path(__file__).parents[1] / "docs/cycle-model.md"
_WHOLE = "all"


@dataclass(frozen=True, slots=True)
class Point:
    """One published figure, in milliseconds, and what the model says. `part`: an operator's kind, or all of them."""

    board: str
    network: str
    part: str
    measured_ms: float
    ideal_ms: float
    board_ms: Span

    @property
    def ratios(self) -> tuple[float, float]:
        """Of modelled to measured time."""
        return self.board_ms.low / self.measured_ms, self.board_ms.high / self.measured_ms


def published() -> list[dict[str, Any]]:
    """Each board's run: `board`, `who`, `source`, `flags`, and its networks with their milliseconds."""
    runs: list[dict[str, Any]] = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))["run"]
    return runs


def points(folder: Path) -> Iterator[Point]:
    """Raises UsageError for a folder that lacks a network, TinypruneError where one cannot be built."""
    runs = published()
    wanted = [network["sha256"] for run in runs for network in run["network"] if "sha256" in network]
    models = _models(folder, wanted)
    for run in runs:
        board = boards.load(run["board"])
        if "prefetch" in run:
            reads = {name: replace(one, prefetch=run["prefetch"]) for name, one in board.reads.items()}
            board = replace(board, reads=reads)
        for network in run["network"]:
            click.echo(f"{board.name}: {network['name']}", err=True)
            graph = models[network["sha256"]] if "sha256" in network else dense(network["widths"])
            times = modelled(graph, board, run["flags"])
            for part in (part for part in network if part in times):
                yield Point(board.name, network["name"], part, network[part], *times[part])


def modelled(graph: Graph, board: Board, flags: str) -> dict[str, tuple[float, Span]]:
    """Kind of operator, and all of them → milliseconds with ideal memory, and the board's."""
    peer = cmsis_nn.sources()
    source = cmsis_nn.generate(graph, board, "peer", peer)
    with tempfile.TemporaryDirectory(prefix="tinyprune-silicon-") as name:
        project = files.write_files(source.files, Path(name) / output.PROJECT)
        compiler = _with_flags(cmsis_nn.compiler_for(toolchain.find(board, "gcc"), peer), flags)
        image = build.build(source, board, compiler, project, Path(name))
        profile = benchmark.profile(EMULATORS["sim"], image, board, samples.make(graph, 1)[0])
    ideal: dict[str, float] = {}
    real: dict[str, Span] = {}
    for (op, _), run in zip(cmsis_nn.operators(graph, peer), profile.layers, strict=True):
        kind = type(op).__name__
        ideal[kind] = ideal.get(kind, 0) + (run.modelled_cycles or 0)
        real[kind] = real.get(kind, Span(0, 0)) + (run.board_cycles or Span(0, 0))
    ideal[_WHOLE], real[_WHOLE] = profile.modelled_cycles or 0, profile.board_cycles or Span(0, 0)
    hz = board.cpu.clock_hz
    return {kind: (1e3 * ideal[kind] / hz, real[kind].ms(hz)) for kind in ideal}


def dense(widths: list[int]) -> Graph:
    """Fully connected layers of so many values, with any weights: they take as long whatever they are."""
    random = np.random.default_rng(0)
    tensors = [Activation(i, f"t{i}", (width,), np.float32(0.1), -3) for i, width in enumerate(widths)]
    layers = []
    for source, target in pairwise(tensors):
        weights = random.integers(-127, 128, (target.count, source.count)).astype(np.int8)
        scales, bias = np.full(target.count, 0.002, np.float32), np.zeros(target.count, np.int32)
        name = f"fully_connected_{target.index}"
        layers.append(FullyConnected(name, source, target, weights, scales, bias, -128, 127))
    return Graph(tuple(layers), (tensors[0],), (tensors[-1],), "0" * 64)


def _models(folder: Path, wanted: list[str]) -> dict[str, Graph]:
    return {sha256: reader.read(content, sha256) for sha256, content in contents(folder, wanted).items()}


def contents(folder: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """Beginning of a SHA-256 → the .tflite file that it is of. Raises UsageError for a folder that lacks one."""
    found = {}
    for path in sorted(folder.rglob("*.tflite")):
        content = path.read_bytes()
        found[hashlib.sha256(content).hexdigest()[:8]] = content
    missing = sorted(set(wanted) - found.keys())
    if missing:
        raise UsageError(f"{folder} has no .tflite whose SHA-256 begins with {', '.join(missing)}")
    return {sha256: found[sha256] for sha256 in set(wanted)}


def _with_flags(compiler: Compiler, flags: str) -> Compiler:
    kept = [flag for flag in compiler.compile_flags if not re.fullmatch(r"-O\w", flag)]
    return replace(compiler, compile_flags=(*kept, flags))


def markdown(found: list[Point]) -> str:
    heads = ("board", "network", "part", "measured, ms", "ideal memory, ms", "board's model, ms", "model / measured")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|--:|--:|--:|--:|"]
    for one in found:
        low, high = one.ratios
        modelled_ms = between(digits(one.board_ms.low), digits(one.board_ms.high))
        ratio = between(f"{low:.2f}", f"{high:.2f}")
        cells = (one.board, one.network, one.part, digits(one.measured_ms), digits(one.ideal_ms), modelled_ms, ratio)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def digits(ms: float) -> str:
    return f"{ms:.1f}" if ms >= 1 else f"{ms:.4f}"


def between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def blocks(found: list[Point]) -> Mapping[str, str]:
    return {"silicon": f"\n{markdown(found)}\n"}


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--docs", is_flag=True, help="Put the table into docs/cycle-model.md.")
def main(folder: Path, docs: bool) -> None:
    try:
        found = list(points(folder))
        click.echo(markdown(found))
        if docs:
            table.rewrite(PAGE, blocks(found))
    except TinypruneError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
