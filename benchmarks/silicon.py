"""`python -m benchmarks.silicon FOLDER`: the board's cycles held against what was measured on boards and published.

benchmarks/results/silicon.toml has the published figures with their sources. FOLDER holds the .tflite files, found by
their SHA-256. Each network runs on CMSIS-NN as in `benchmarks.peers`, with the flags of who published, in the emulator
of the same board. Prints a table; `--docs` puts it into docs/cycle-model.md. An ADD is left out: the CMSIS-NN of the
bakenn wheel has none.
"""

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from benchmarks import cmsis_nn, table
from tinyprune import files
from tinyprune.compiler import reader, samples
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.operators.add import Add
from tinyprune.compiler.operators.reshape import Reshape
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
    models = _models(folder, [network["sha256"] for run in runs for network in run["network"]])
    for run in runs:
        board = boards.load(run["board"])
        if "prefetch" in run:
            reads = {name: replace(one, prefetch=run["prefetch"]) for name, one in board.reads.items()}
            board = replace(board, reads=reads)
        for network in run["network"]:
            click.echo(f"{board.name}: {network['name']}", err=True)
            times = modelled(models[network["sha256"]], board, run["flags"])
            for part in (part for part in network if part in times):
                yield Point(board.name, network["name"], part, network[part], *times[part])


def modelled(model: bytes, board: Board, flags: str) -> dict[str, tuple[float, Span]]:
    """Kind of operator, and all of them → milliseconds with ideal memory, and the board's."""
    graph = without_add(reader.read(model, "the model"))
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


def without_add(graph: Graph) -> Graph:
    """With each ADD a view of its first operand: the others take as long, whatever they read."""
    ops = tuple(Reshape(op.name, op.activations[0], op.outputs[0]) if isinstance(op, Add) else op for op in graph.ops)
    return replace(graph, ops=ops)


def _models(folder: Path, wanted: list[str]) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*.tflite")):
        content = path.read_bytes()
        found[hashlib.sha256(content).hexdigest()[:8]] = content
    missing = sorted(set(wanted) - found.keys())
    if missing:
        raise UsageError(f"{folder} has no .tflite whose SHA-256 begins with {', '.join(missing)}")
    return found


def _with_flags(compiler: Compiler, flags: str) -> Compiler:
    kept = [flag for flag in compiler.compile_flags if not re.fullmatch(r"-O\w", flag)]
    return replace(compiler, compile_flags=(*kept, flags))


def markdown(found: list[Point]) -> str:
    heads = ("board", "network", "part", "measured, ms", "ideal memory, ms", "board's model, ms", "model / measured")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|--:|--:|--:|--:|"]
    for one in found:
        low, high = one.ratios
        span, ratio = _range(one.board_ms.low, one.board_ms.high, 1), _range(low, high, 2)
        cells = (one.board, one.network, one.part, f"{one.measured_ms:.1f}", f"{one.ideal_ms:.1f}", span, ratio)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _range(low: float, high: float, digits: int) -> str:
    shown = (f"{low:.{digits}f}", f"{high:.{digits}f}")
    return shown[0] if shown[0] == shown[1] else " to ".join(shown)


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
