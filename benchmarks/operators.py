"""`python -m benchmarks.operators`: every operator beside TFLite Micro's own for it, on Cortex-M4 and Cortex-M0+.

Of each operator, with each type of tensors, it takes the largest of the cases that tests draw. They run side by side in
small networks as `tinyprune build` makes them, and in TFLite Micro's interpreter, by the library that TFLM_ROOT names
(docs/tflm.md), with CMSIS-NN where it was built with that. Operators that the library lacks are left out; those that it
refuses, or whose bytes are wrong there, are told. An operator's time in the interpreter has what that does before the
next one.

Writes operators.json into benchmarks/results (or -o); `--docs` puts the table into docs/kernels.md.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
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
from tinyprune.errors import DoesNotFit, TargetError, TinypruneError, printable
from tinyprune.firmware import tflm

CORES = ("m4", "m0plus")
PAGE = peers.ROOT / "docs/kernels.md"
CASES = 40  # that are drawn
MEASURED = 3  # of those of a type, the largest
TOGETHER = 24  # in one network
WRONG = "its bytes are wrong"
#: These are no layers of their own, or not in every place.
_LEFT_OUT = (AssignVariable, Quantize, ReadVariable)


def largest(kind: str) -> Iterator[Op]:
    """Of some cases of an operator those that move most bytes, for each type of its results."""
    drawn = [OPERATORS[kind].case(np.random.default_rng([number, *kind.encode()])) for number in range(CASES)]
    cases = [op for op in drawn if not op.is_view and fold.obstacle(op) is None]
    for _, same in groupby(sorted(cases, key=_dtype), _dtype):
        yield from sorted(same, key=_bytes)[-MEASURED:]


def _dtype(op: Op) -> str:
    return op.outputs[0].dtype


def _bytes(op: Op) -> int:
    return sum(tensor.size_bytes for tensor in (*op.inputs, *op.outputs))


def network(ops: Sequence[Op]) -> bytes:
    """The .tflite of operators side by side, all of whose results are outputs."""
    graph = side_by_side(ops)
    return file_of(graph.ops, graph.inputs, [tensor for op in graph.ops for tensor in op.outputs])


def measure(core: str, folder: Path, kinds: Iterable[str] = OPERATORS) -> Iterator[Layer]:
    """Of these operators all that TFLite Micro's library for the core has. Raises MissingDependency where there is
    none."""
    board = layer_runs.roomy(core)
    tools = interpreter.Bench(board, tflm.find(board))
    has = [kind for kind in kinds if OPERATORS[kind].op not in _LEFT_OUT and tools.tree.registers(kind)]
    ops = [op for kind in has for op in largest(kind)]
    for first in range(0, len(ops), TOGETHER):
        yield from _measured(ops[first : first + TOGETHER], core, tools, folder)


def _measured(ops: Sequence[Op], core: str, tools: interpreter.Bench, folder: Path) -> list[Layer]:
    """One network of them, or several where TFLite Micro refuses one of them."""
    path = folder / f"{core}.tflite"
    path.write_bytes(network(ops))
    planned, ran = layer_runs.plan(path, core), layer_runs.ours(path, layer_runs.Bench(core, "gcc", folder))
    if isinstance(planned, str) or isinstance(ran, str):
        raise TargetError(str(ran))
    try:
        theirs = _theirs(tools, path.read_bytes(), folder / core)
    except (DoesNotFit, TargetError) as error:
        if len(ops) > 1:
            half = len(ops) // 2
            return [layer for some in (ops[:half], ops[half:]) for layer in _measured(some, core, tools, folder)]
        theirs = dict.fromkeys([one.name for one in planned], (None, str(error)))
    return [
        Layer(
            core, tools.tree.name, one.name, one.layer_class, one.macs, one.kernel, cycles, *theirs[one.name], same
        )
        for one, cycles, same in zip(planned, *ran, strict=True)
    ]  # fmt: skip


def _theirs(tools: interpreter.Bench, model: bytes, folder: Path) -> dict[str, tuple[int | None, str]]:
    """Modelled cycles of each layer by its name; or None, and why there are none."""
    graph = reader.read(model, "the operators")
    sample = layer_runs.sample(graph)
    program, built = tools.build(model, None, folder)
    differ = (tools.outputs(built, sample) != reference.infer(graph, sample))[0]
    ends = np.cumsum([sum(tensor.size_bytes for tensor in op.outputs) for op in graph.ops])
    wrong = [part.any() for part in np.split(differ, ends[:-1])]
    found = interpreter.layers(program.operators, tools.profile(built, sample[0]).layers)
    return {
        one.name: (None, WRONG) if bad else (one.modelled_cycles, "") for one, bad in zip(found, wrong, strict=True)
    }


def markdown(found: Sequence[Layer]) -> str:
    """A line for each operator, type of tensors and core: the case in which it does worst. Those that lose first."""
    lines = ["| core | TFLite Micro / ours | ours | TFLite Micro | operator | kernel |", "|---|--:|--:|--:|---|---|"]
    compared = sorted((layer for layer in found if layer.ratio is not None), key=lambda layer: layer.ratio or 0)
    worst = {(layer.core, *_kind(layer)): layer for layer in reversed(compared)}
    return "\n".join([*lines, *(layers.row(layer) for layer in compared if layer in worst.values())])


def _kind(layer: Layer) -> tuple[str, bool]:
    return layer.layer_class.split()[0], "int16" in layer.layer_class


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--core", "cores", type=click.Choice(CORES), multiple=True, default=CORES, help="Default: all of them.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=peers.RESULTS, help="Folder for the JSON.")
@click.option("--docs", is_flag=True, help="Put the table into docs/kernels.md.")
def main(cores: Sequence[str], output: Path, docs: bool) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="tinyprune-operators-") as folder:
            found = [layer for core in cores for layer in measure(core, Path(folder))]
        for layer in found:
            if layer.function:
                click.echo(f"not compared: {layer.core}, {layer.layer_class}: {printable(layer.function)}", err=True)
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
