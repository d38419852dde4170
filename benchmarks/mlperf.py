"""`python -m benchmarks.mlperf FOLDER`: MLPerf Tiny's networks beside a closed engine's published times.

benchmarks/results/mlperf_tiny.toml has these with their source. FOLDER holds the .tflite files, found by their SHA-256.
Ours are modelled on the same board: dense, and pruned by magnitude inside the file, with all constants in flash and
where `--constants auto` puts them. Prints a table; `--docs` puts it into docs/kernels.md.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import peers, silicon, table, weights
from tinyprune.compiler.sparsity import DENSE
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import Span
from tinyprune.errors import TargetError, TinypruneError
from tinyprune.tasks import build
from tinyprune.tasks.build import BuildRequest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLISHED = peers.RESULTS / "mlperf_tiny.toml"
_INPUTS = 8  # whose outputs are compared
PAGE = peers.ROOT / "docs/kernels.md"


@dataclass(frozen=True, slots=True)
class Row:
    """A network with weights of a pattern: what the other engine took with dense ones, and what ours is modelled to."""

    network: str
    pattern: str
    measured_ms: float
    ideal_cycles: int
    from_flash: Span  # ms
    auto: Span
    equal: tuple[int, int]  # inputs whose outputs are TFLite Micro's, of how many


def published() -> dict[str, Any]:
    """`engine`, `source`, `board`, and networks with their milliseconds."""
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))


def rows(folder: Path) -> Iterator[Row]:
    """Raises UsageError for a folder that lacks a network, TinypruneError where one cannot be built."""
    run = published()
    board = boards.load(run["board"])
    models = silicon.contents(folder, [network["sha256"] for network in run["network"]])
    for network in run["network"]:
        for pattern in (DENSE, *network["patterns"]):
            click.echo(f"{network['name']}, {pattern}", err=True)
            yield _row(network, pattern, models[network["sha256"]], board)


def _row(network: dict[str, Any], pattern: str, model: bytes, board: Board) -> Row:
    with tempfile.TemporaryDirectory(prefix="tinyprune-mlperf-") as name:
        path = Path(name) / "model.tflite"
        path.write_bytes(weights.prune(model, weights.PATTERNS[pattern]))
        request = BuildRequest(
            board, Path(name) / "build", path, compiler="gcc", constants="auto", compared_inputs=_INPUTS
        )
        report = build.run_build(request, lambda _stage: None)
    if report.modelled_cycles is None or report.board_ms is None or report.board_cycles is None:
        raise TargetError(f"{board.name}: {report.cost_model}")
    from_flash = (report.board_cycles_from_flash or report.board_cycles).ms(board.cpu.clock_hz)
    equal = report.inputs_equal, report.inputs_compared
    times = report.modelled_cycles, from_flash, report.board_ms
    return Row(network["name"], pattern, network["ms"], *times, equal)


def markdown(found: list[Row], engine: str) -> str:
    """A line a network and pattern; `faster` is of times with `--constants auto`, in the middle of their range."""
    heads = (
        "network", "weights", f"{engine}, measured, ms", "ours, cycles with ideal memory", "constants in flash, ms",
        "`--constants auto`, ms", "times as fast as it", "as ours dense", "inputs with all bytes equal",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|---|---|{'--:|' * (len(heads) - 2)}"]
    dense = {row.network: _middle(row.auto) for row in found if row.pattern == DENSE}
    for row in found:
        ours = _middle(row.auto)
        cells = (
            row.network, row.pattern, silicon.digits(row.measured_ms), f"{row.ideal_cycles:,}", _ms(row.from_flash),
            _ms(row.auto), f"{row.measured_ms / ours:.2f}×", f"{dense[row.network] / ours:.2f}×",
            f"{row.equal[0]} of {row.equal[1]}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _middle(span: Span) -> float:
    return (span.low + span.high) / 2


def _ms(span: Span) -> str:
    low, high = sorted((span.low, span.high))
    return silicon.between(silicon.digits(low), silicon.digits(high))


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--docs", is_flag=True, help="Put the table into docs/kernels.md.")
def main(folder: Path, docs: bool) -> None:
    try:
        text = markdown(list(rows(folder)), published()["engine"])
        click.echo(text)
        if docs:
            table.rewrite(PAGE, {"mlperf": f"\n{text}\n"})
    except TinypruneError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
