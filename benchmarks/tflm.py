"""`python -m benchmarks.tflm`: TFLite Micro's interpreter with sparse layers as custom operators, beside dense ones.

Library and headers are those that TFLM_ROOT names (docs/tflm.md), linked as they are. Our app, port, compiler and meter
are around them. Writes tflm.json into benchmarks/results (or -o) and prints the table; `--docs` puts it into
docs/tflm.md. The dense row is a peer of `python -m benchmarks.peers` as well.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from benchmarks import interpreter, peers, table, weights
from benchmarks.comparison import Comparison, Row
from benchmarks.interpreter import Bench
from tinyprune.compiler import reader, samples
from tinyprune.compiler.graph import Int8
from tinyprune.compiler.lower import Optimize
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.errors import TinypruneError, UsageError
from tinyprune.firmware import tflm
from tinyprune.firmware.tflm.operators import CUSTOM

RESULTS = Path(__file__).parent / "results/tflm.json"
PAGE = Path(__file__).parents[1] / "docs/tflm.md"
#: Pattern of the weights, and what the kernels are chosen for.
VARIANTS: tuple[tuple[str, Optimize], ...] = (
    ("2:4", "speed"), ("1:4", "speed"), ("unstructured-75", "speed"), ("unstructured-90", "speed"), ("2:4", "size"),
)  # fmt: skip
INPUTS = 256


@dataclass(frozen=True, slots=True)
class Found:
    """One firmware. RAM is static data, arena and the deepest stack."""

    weights: str
    layers: str  # who runs them
    custom: int
    model_bytes: int
    arena_bytes: int
    flash_bytes: int
    ram_bytes: int
    instructions: int
    modelled_cycles: int
    inputs_compared: int
    inputs_equal: int  # in all bytes, to the model with dense operators in TFLite Micro on the same core


def compare(model: bytes, board: Board, variants: Sequence[tuple[str, Optimize]], count: int) -> list[Found]:
    """The dense model first; each pattern's own weights in dense operators are what its sparse firmware is held to."""
    tools = interpreter.bench(board)
    inputs = samples.make(reader.read(model, "the model"), count)
    expected: dict[str, Int8] = {}
    found: list[Found] = []
    with tempfile.TemporaryDirectory(prefix="tinyprune-tflm-") as name:
        for number, (pattern, optimize) in enumerate([("dense", None), *variants]):
            pruned = weights.prune(model, weights.PATTERNS[pattern])
            if pattern not in expected:
                click.echo(f"{pattern}, dense operators", err=True)
                network, built = tools.build(pruned, None, Path(name) / f"{number}-dense")
                expected[pattern] = tools.outputs(built, inputs)
            if optimize:
                click.echo(f"{pattern}, custom operators, for {optimize}", err=True)
                network, built = tools.build(pruned, optimize, Path(name) / f"{number}-{optimize}")
            found.append(_found(tools, pattern, optimize, network, built, inputs, expected[pattern]))
    return found


def _found(
    tools: Bench, pattern: str, optimize: Optimize | None, network: tflm.Network, built: tflm.Built, inputs: Int8,
    expected: Int8,
) -> Found:  # fmt: skip
    equal = int((tools.outputs(built, inputs) == expected).all(axis=1).sum()) if optimize else len(inputs)
    profile = tools.profile(built, inputs[-1])
    return Found(
        weights=pattern,
        layers=f"custom operators, {optimize}" if optimize else "TFLite Micro's",
        custom=sum(one.kind == CUSTOM for one in network.operators),
        model_bytes=len(network.model),
        arena_bytes=built.arena_bytes,
        flash_bytes=built.image.flash_bytes,
        ram_bytes=built.image.ram_bytes + profile.stack_bytes,
        instructions=profile.instructions,
        modelled_cycles=profile.modelled_cycles or 0,
        inputs_compared=len(inputs),
        inputs_equal=equal,
    )


def with_row(comparison: Comparison, one: Row) -> Comparison:
    """A kept comparison of peers with this row behind the dense peer's, in the place of an earlier one."""
    others = [row for row in comparison.rows if not row.engine.startswith("TFLite Micro")]
    place = 1 if comparison.peer else 0
    left_out = tuple(reason for reason in comparison.left_out if "TFL" not in reason)
    return replace(comparison, rows=(*others[:place], one, *others[place:]), left_out=left_out)


def into_peers(board: Board) -> None:
    """Measures the dense row alone, for the kept result of `benchmarks.peers` and the page that shows it.

    Raises UsageError where that is of another model, board or compiler than would be measured now.
    """
    path = peers.RESULTS / "peers.json"
    kept = table.from_json(path)
    model, name = peers.read_model(None)
    here = (board.name, name, tflm.compiler(board).version)
    if here != (kept.board, kept.model, kept.compiler):
        raise UsageError(
            f"{path} is of {kept.model}, {kept.board}, {kept.compiler}, not of {', '.join(here)}: measure all"
        )
    with tempfile.TemporaryDirectory(prefix="tinyprune-tflm-") as folder:
        found = with_row(kept, interpreter.row(model, board, Path(folder)))
    path.write_text(table.to_json(found), encoding="utf-8")
    table.rewrite(peers.PAGE, peers.blocks(found))


def markdown(rows: Sequence[Found], caption: str) -> str:
    heads = (
        "weights", "sparse layers run by", "custom operators", ".tflite", "arena", "flash", "RAM with stack",
        "instructions", "modelled cycles", "speed", "inputs equal to dense operators",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * 2 + ['--:'] * (len(heads) - 2))} |"]
    for one in rows:
        sizes = (one.custom, one.model_bytes, one.arena_bytes, one.flash_bytes, one.ram_bytes, one.instructions)
        speed = f"{rows[0].modelled_cycles / one.modelled_cycles:.2f}×"
        equal = f"{one.inputs_equal} of {one.inputs_compared}" if one.custom else "–"
        cells = (one.weights, one.layers, *(f"{n:,}" for n in (*sizes, one.modelled_cycles)), speed, equal)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", caption])


def from_json(path: Path) -> str:
    """The table of a run that was kept."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return markdown([Found(**one) for one in kept["rows"]], kept["caption"])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--board", default="nano33", show_default=True, help="A board whose emulator counts instructions.")
@click.option("--inputs", default=INPUTS, show_default=True, help="How many are compared.")
@click.option(
    "--model", type=click.Path(path_type=Path), help=f"An int8 .tflite; default: the zoo's {peers.ZOO_MODEL}."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=RESULTS, help="Where the JSON goes.")
@click.option("--docs", is_flag=True, help="Put the table into docs/tflm.md.")
@click.option(
    "--peer", is_flag=True, help="Only the dense row, into the kept result of benchmarks.peers and its pages."
)
def main(board: str, inputs: int, model: Path | None, output: Path, docs: bool, peer: bool) -> None:
    """Measures TFLite Micro with dense and with sparse operators."""
    try:
        on = boards.load(board)
        if peer:
            into_peers(on)
            return
        data, name = peers.read_model(model)
        tools, gcc = interpreter.bench(on), tflm.compiler(on)
        rows = compare(data, on, VARIANTS, inputs)
        caption = (
            f"{name} on {on.name}, {tools.tree.name}, {gcc.version}; cycles are modelled (instruction timings of the "
            f"{on.cpu.core}, memory without wait states), not measured on a board. Weights were "
            "masked in the .tflite by magnitude, without training: this table says nothing about accuracy."
        )
        text = json.dumps({"caption": caption, "rows": [asdict(one) for one in rows]}, indent=1) + "\n"
        output.write_text(text, encoding="utf-8")
        click.echo(from_json(output))
        if docs:
            table.rewrite(PAGE, {"tflm": from_json(output)})
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
