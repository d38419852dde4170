"""`python -m benchmarks.arenas FOLDER`: the arenas of the .tflite files there beside TFLite Micro's activation arena.

That is what TFLite Micro's wheel says its allocator plans: maps and scratch, "head" in its own report. The network's
variables, which ours has and TFLite Micro keeps elsewhere, are added to it. Files are planned for the board, or, where
they do not fit, for this computer.

Writes arenas.json into benchmarks/results (or -o).
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import click

from benchmarks import peers
from tinyprune import files
from tinyprune.compiler import lower, memory, oracle, reader
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.lower import Optimize
from tinyprune.device import boards
from tinyprune.errors import DoesNotFit, TinypruneError, printable

_ASK = """
import sys
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_bytes(sys.stdin.buffer.read(), arena_size=int(sys.argv[1]))
interpreter.invoke()
interpreter.print_allocations()
"""


@dataclass(frozen=True, slots=True)
class Arenas:
    """Bytes. `theirs`: None where TFLite Micro does not run the file. `ours`: by each way to optimize."""

    file: str
    theirs: int | None
    ours: dict[str, int]


def theirs(model: bytes, graph: Graph) -> int | None:
    """TFLite Micro's activation arena and the network's variables."""
    enough = (1 << 20) + 10 * len(model) + 4 * (graph.largest_bytes + graph.input_bytes + graph.output_bytes)
    command = [sys.executable, "-c", _ASK, str(enough)]
    done = subprocess.run(command, input=oracle.runnable(model), capture_output=True)
    found = re.search(rb"Arena allocation head (\d+) bytes", done.stdout + done.stderr)
    variables = sum(memory.aligned(state.size_bytes) for state in graph.states)
    return int(found[1]) + variables if found and not done.returncode else None


def ours(graph: Graph, board: boards.Board) -> dict[str, int]:
    found = {}
    for optimize in get_args(Optimize):
        try:
            program = lower.lower(graph, board, optimize)
        except DoesNotFit:
            program = lower.lower(graph, boards.load("host"), optimize)
        found[optimize] = program.arena.arena_bytes
    return found


def measure(file: Path, board: boards.Board) -> Arenas | None:
    """None for a file that does not build."""
    model = file.read_bytes()
    try:
        graph = reader.read(model, file.name)
        return Arenas(file.name, theirs(model, graph), ours(graph, board))
    except TinypruneError:
        return None


def markdown(found: Sequence[Arenas]) -> str:
    """A line for each way to optimize, then the files whose smallest arena is larger than TFLite Micro's."""
    heads = ("`--optimize`", "files", "no larger than TFLite Micro's", "sum of bytes, TFLite Micro's = 1")
    lines = [f"| {' | '.join(heads)} |", "|---|--:|--:|--:|"]
    both = [(one, one.theirs) for one in found if one.theirs is not None]
    for optimize in get_args(Optimize):
        fits = sum(one.ours[optimize] <= least for one, least in both)
        share = sum(one.ours[optimize] for one, _ in both) / max(1, sum(least for _, least in both))
        lines.append(f"| {optimize} | {len(both)} | {fits} | {share:.2f} |")
    for one, least in both:
        if one.ours["ram"] > least:
            name = printable(one.file).replace("|", "/")
            lines.append(f"\n`{name}`: {one.ours['ram']:,} bytes at least, TFLite Micro takes {least:,}.")
    return "\n".join(lines)


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--board", "name", default="nano33", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=peers.RESULTS, help="Folder for the JSON.")
def main(folder: Path, name: str, output: Path) -> None:
    tried = [measure(file, boards.load(name)) for file in sorted(folder.rglob("*.tflite"))]
    found = [one for one in tried if one is not None]
    output.mkdir(parents=True, exist_ok=True)
    with files.whole(output / "arenas.json") as part:
        part.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    click.echo(markdown(found))


if __name__ == "__main__":
    main()
