"""`python -m benchmarks.operators`: every operator beside TFLite Micro's own C++ for it, on Cortex-M4 and Cortex-M0+.

Of each operator, with each type of tensors, it takes the largest of the cases that tests draw. All of them are one
network, which runs as `tinyprune build` makes it, and in TFLite Micro's interpreter, by the library that TFLM_ROOT
names (docs/tflm.md). Operators that the library lacks are left out. An operator's time in the interpreter has what that
does before the next one.

Writes operators.json into benchmarks/results (or -o); `--docs` puts the table into docs/kernels.md.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click
import numpy as np

from benchmarks import interpreter, layer_runs, layers, peers, table
from benchmarks.classes import side_by_side
from benchmarks.layers import Layer
from tests.operator_files import file_of
from tinyprune import files
from tinyprune.compiler import fold, reader, reference
from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.variables import AssignVariable, ReadVariable
from tinyprune.errors import TargetError, TinypruneError
from tinyprune.firmware import tflm

CORES = ("m4", "m0plus")
PAGE = peers.ROOT / "docs/kernels.md"
CASES = 40  # of which the largest is taken
#: These are no layers of their own, or not in every place.
_LEFT_OUT = (AssignVariable, Quantize, ReadVariable)


def largest(kind: str) -> Iterator[Op]:
    """Of some cases of an operator the one that moves most bytes, for each type of its results."""
    drawn = [OPERATORS[kind].case(np.random.default_rng([number, *kind.encode()])) for number in range(CASES)]
    cases = [op for op in drawn if not op.is_view and fold.obstacle(op) is None]
    for _, same in groupby(sorted(cases, key=_dtype), _dtype):
        yield max(same, key=lambda op: sum(tensor.size_bytes for tensor in (*op.inputs, *op.outputs)))


def _dtype(op: Op) -> str:
    return op.outputs[0].dtype


def network(kinds: Sequence[str]) -> bytes:
    """The .tflite of these operators side by side, all of whose results are outputs."""
    ops = [op for kind in kinds for op in largest(kind)]
    graph = side_by_side(ops)
    return file_of(graph.ops, graph.inputs, [tensor for op in graph.ops for tensor in op.outputs])


def measure(core: str, folder: Path) -> list[Layer]:
    """All operators that TFLite Micro's library for the core has. Raises MissingDependency where there is none."""
    board = layer_runs.roomy(core)
    tools = interpreter.Bench(board, tflm.find(board))
    kinds = [kind for kind, one in OPERATORS.items() if one.op not in _LEFT_OUT and tools.tree.registers(kind)]
    path = folder / f"{core}.tflite"
    path.write_bytes(network(kinds))
    planned, ran = layer_runs.plan(path, core), layer_runs.ours(path, layer_runs.Bench(core, "gcc", folder))
    if isinstance(planned, str) or isinstance(ran, str):
        raise TargetError(str(ran))
    theirs, equal = _theirs(tools, path.read_bytes(), folder / core)
    library = tools.tree.name
    return [
        Layer(
            core, library, one.name, one.layer_class, one.macs, one.kernel, cycles, theirs[one.name], "", equal and same
        )
        for one, cycles, same in zip(planned, *ran, strict=True)
    ]


def _theirs(tools: interpreter.Bench, model: bytes, folder: Path) -> tuple[dict[str, int], bool]:
    """Modelled cycles of each layer, and whether all bytes are right."""
    graph = reader.read(model, "the operators")
    sample = layer_runs.sample(graph)
    program, built = tools.build(model, None, folder)
    equal = np.array_equal(tools.outputs(built, sample), reference.infer(graph, sample))
    found = interpreter.layers(program.operators, tools.profile(built, sample[0]).layers)
    return {layer.name: layer.modelled_cycles for layer in found}, equal


def markdown(found: Sequence[Layer]) -> str:
    """A line for each operator and core, those that lose first."""
    lines = ["| core | TFLite Micro / ours | ours | TFLite Micro | operator | kernel |", "|---|--:|--:|--:|---|---|"]
    return "\n".join([*lines, *(layers.row(layer) for layer in sorted(found, key=lambda one: one.ratio or 0))])


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--core", "cores", type=click.Choice(CORES), multiple=True, default=CORES, help="Default: all of them.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=peers.RESULTS, help="Folder for the JSON.")
@click.option("--docs", is_flag=True, help="Put the table into docs/kernels.md.")
def main(cores: Sequence[str], output: Path, docs: bool) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="tinyprune-operators-") as folder:
            found = [layer for core in cores for layer in measure(core, Path(folder))]
        output.mkdir(parents=True, exist_ok=True)
        with files.whole(output / "operators.json") as part:
            part.write_text(json.dumps([asdict(layer) for layer in found], indent=1) + "\n", encoding="utf-8")
        click.echo(markdown(found))
        if docs:
            table.rewrite(PAGE, {"operators": markdown(found)})
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
