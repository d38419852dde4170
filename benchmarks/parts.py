"""`python -m benchmarks.parts`: where the cycles of each kind of layer go, by C function and kind of instruction.

Builds the network as `tinyprune build` does, profiles one inference, and splits the modelled cycles of each straight
run of code over its instructions. `--docs` puts the tables into docs/kernels.md.
"""

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import peers, table, weights
from tinyprune.compiler import reader, samples
from tinyprune.compiler.graph import Graph
from tinyprune.device import boards, cost
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS, BlockProfile, Profile
from tinyprune.errors import TargetError, TinypruneError
from tinyprune.firmware import output, toolchain
from tinyprune.measure import benchmark
from tinyprune.tasks import build as build_task

PAGE = peers.ROOT / "docs/kernels.md"
SHOWN = ("dense", "2:4", "2:4g2")
#: Kind → how its mnemonics begin; the first that fits.
KINDS = {
    "requantize": ("smmul", "smmla", "smmls", "ssat", "usat"),
    "multiply": ("smla", "smua", "smul", "smls", "mla", "mul", "mls", "umull", "umlal"),
    "load": ("ldr", "ldm", "pop", "vldr"),
    "store": ("str", "stm", "push", "vstr"),
    "branch": ("b", "cb", "tb"),
}
OTHER = "other"
_VERSION = re.compile(r"_[0-9a-f]{8}$")  # of the runtime: what the symbol of a kernel ends with
_REST = "the rest"
_NO_BRANCH = ("bic", "bfi", "bfc")


@dataclass(frozen=True, slots=True)
class Part:
    """What one C function costs in one layer: modelled cycles by kind of instruction."""

    layer: str
    macs: int
    function: str
    cycles: Counter[str]


def split(profile: Profile, graph: Graph, table_: cost.CycleTable) -> list[Part]:
    """One part for each layer and function that ran in it, the costliest function first."""
    sizes = {op.name: op.macs for op in graph.ops if not op.is_view}
    found: dict[tuple[str, str], Counter[str]] = {}
    for block in profile.blocks:
        if block.layer is not None:
            for kind, cycles in _kinds(block, table_):
                name = _VERSION.sub("", block.function)
                found.setdefault((block.layer, name), Counter())[kind] += cycles
    order = list(sizes)
    keys = sorted(found, key=lambda key: (order.index(key[0]), -found[key].total()))
    return [Part(layer, sizes[layer], function, found[layer, function]) for layer, function in keys]


def _kinds(block: BlockProfile, table_: cost.CycleTable) -> Iterator[tuple[str, int]]:
    each, branch = cost.split(block.instructions, table_)
    for instruction, cycles in zip(block.instructions, each, strict=True):
        yield kind_of(instruction.mnemonic), cycles * block.visits
    yield "branch", branch * block.taken


def kind_of(mnemonic: str) -> str:
    if mnemonic.startswith(_NO_BRANCH):
        return OTHER
    return next((kind for kind, words in KINDS.items() if mnemonic.startswith(words)), OTHER)


def markdown(parts: Sequence[Part]) -> str:
    """A line for each part above 1 % of its layer, the others in one; of layers alike only the first is shown."""
    kinds = ("multiply", "load", "store", "requantize", "branch", OTHER)
    lines = ["| layer | function | cycles | per MAC | " + " | ".join(kinds) + " |"]
    lines.append("| --- | --- |" + " --: |" * (2 + len(kinds)))
    shown: list[tuple[int, list[str]]] = []
    for layer in dict.fromkeys(part.layer for part in parts):
        large = _large([part for part in parts if part.layer == layer])
        alike = large[0].macs, [part.function for part in large]
        if alike not in shown:
            shown.append(alike)
            lines += [_line(part, kinds) for part in large]
    return "\n".join(lines)


def _large(parts: list[Part]) -> list[Part]:
    """The parts of one layer, those of little weight as one."""
    least = sum(part.cycles.total() for part in parts) / 100
    large = [part for part in parts if part.cycles.total() >= least]
    small = [part for part in parts if part.cycles.total() < least]
    rest = sum((part.cycles for part in small), Counter[str]())
    return [*large, Part(parts[0].layer, parts[0].macs, _REST, rest)] if small else large


def _line(part: Part, kinds: Sequence[str]) -> str:
    total = part.cycles.total()
    per_mac = f"{total / part.macs:.2f}" if part.macs else ""
    name = part.function if part.function == _REST else f"`{part.function}`"
    return f"| {' | '.join((part.layer, name, f'{total:,}', per_mac, *(f'{part.cycles[kind]:,}' for kind in kinds)))} |"


def measure(model: bytes, board: Board, compiler: str | None, pattern: str) -> list[Part]:
    """Of one inference with weights of that pattern. Raises TinypruneError."""
    table_ = cost.CYCLE_TABLES.get(board.cpu.core)
    if table_ is None:
        raise TargetError(f"no cycle model of the {board.cpu.core} is known")
    pruned = weights.prune(model, weights.PATTERNS[pattern])
    with tempfile.TemporaryDirectory(prefix="tinyprune-parts-") as name:
        path, folder = Path(name) / "model.tflite", Path(name) / "build"
        path.write_bytes(pruned)
        build_task.run_build(
            build_task.BuildRequest(board, folder, path, compiler=compiler, run=False), lambda _stage: None
        )
        image, _ = output.load(folder, board)
        graph = reader.read(pruned, str(path))
        sample = samples.make(graph, build_task.COMPARED_INPUTS)[-1]
        return split(benchmark.profile(EMULATORS[board.emulators[0]], image, board, sample), graph, table_)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--board", default="nano33", show_default=True, help="A board whose emulator counts instructions.")
@click.option("--compiler", type=click.Choice(list(toolchain.COMPILERS)), help="Default: the first that is installed.")
@click.option("--model", type=click.Path(path_type=Path), help=f"Default: the zoo's {peers.ZOO_MODEL}.")
@click.option("--docs", is_flag=True, help="Put the tables into docs/kernels.md.")
def main(board: str, compiler: str | None, model: Path | None, docs: bool) -> None:
    """Measures where the cycles of each kind of layer go."""
    try:
        data, _ = peers.read_model(model)
        for pattern in SHOWN:
            text = markdown(measure(data, boards.load(board), compiler, pattern))
            click.echo(f"{pattern}\n\n{text}\n")
            if docs:
                table.rewrite(PAGE, {f"parts {pattern}": text})
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
