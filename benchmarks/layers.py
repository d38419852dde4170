"""`python -m benchmarks.layers FOLDER`: every layer of every .tflite in a folder, beside CMSIS-NN's, the worst first.

Ours are layers of whole networks, as `tinyprune build` makes them, dense, for speed, with as much memory as they want.
Layers of the same class (shapes and window), kernel and layout take the same time: a network runs if one of its layers
has not run yet, small networks first. CMSIS-NN's layers run alone, all of a class as one: many side by side in one
firmware. Both are compared byte for byte with TFLite Micro's arithmetic. A layer that tinyprune folds into another is
in that one for both. Layers for which CMSIS-NN has no function are counted, and not compared.

What has run is kept (--cache): the same command goes on where it was ended. --most-macs leaves large networks out.
Writes layers.json into benchmarks/results (or -o); `--docs` puts the worst layers into docs/kernels.md.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import click

from benchmarks import cmsis_nn, peers, table
from benchmarks.classes import class_of
from benchmarks.cmsis_calls import code_of
from benchmarks.layer_runs import CORES, Bench, Planned, batches, functions, ours, plan, theirs
from tinyprune import files
from tinyprune.compiler.graph import Op
from tinyprune.errors import TinypruneError, UsageError, printable
from tinyprune.firmware import toolchain

PAGE = peers.ROOT / "docs/kernels.md"
SHOWN = 15
CACHE = peers.ROOT / "build/layers"
#: (class, kernel, layout) → modelled cycles, and whether its bytes equal TFLite Micro's.
_Ours: TypeAlias = dict[tuple[str, str, str], tuple[int, bool]]
_Theirs: TypeAlias = dict[
    str, tuple[int, str, bool]
]  # class → cycles, function, whether its bytes equal TFLite Micro's


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of one network on one core. `theirs`: None where CMSIS-NN has no function for it."""

    core: str
    model: str
    name: str
    layer_class: str
    macs: int
    kernel: str
    ours: int  # modelled cycles
    theirs: int | None
    function: str
    equal: bool  # both answer as TFLite Micro does

    @property
    def ratio(self) -> float | None:
        """How much longer CMSIS-NN takes."""
        return None if self.theirs is None else self.theirs / max(1, self.ours)

    @property
    def is_lost(self) -> bool:
        return self.theirs is not None and self.theirs < self.ours


def measure(paths: Sequence[Path], bench: Bench, most_macs: float) -> tuple[list[Layer], dict[str, str]]:
    """All layers, and why networks are left out; as many at a time as this machine has cores."""
    core = bench.core
    with ProcessPoolExecutor() as pool:
        planned = dict(_each(pool, partial(plan, core=core, most_macs=most_macs), paths, f"{core}, plans"))
        left_out = {path.name: found for path, found in planned.items() if isinstance(found, str)}
        networks = {path: found for path, found in planned.items() if not isinstance(found, str)}
        times: _Ours = {}
        worth = list(_worth_running(networks))
        for path, found in _each(pool, partial(ours, bench=bench), worth, f"{core}, tinyprune"):
            if isinstance(found, str):
                left_out[path.name] = found
            else:
                times |= {layer.key: one for layer, one in zip(networks[path], zip(*found, strict=True), strict=True)}
        known = _known(layer.op for layers in networks.values() for layer in layers)
        peer = _peer(pool, known, bench)
    layers = [
        _layer(core, path.name, layer, times[layer.key], peer.get(layer.layer_class))
        for path in sorted(networks)
        for layer in networks[path]
        if layer.key in times and (layer.layer_class in peer or layer.layer_class not in known)
    ]
    return layers, left_out


def _macs(layers: Sequence[Planned]) -> int:
    return sum(layer.macs for layer in layers)


def _worth_running(networks: Mapping[Path, Sequence[Planned]]) -> Iterator[Path]:
    """Those with a layer that no smaller one has."""
    known: set[tuple[str, str, str]] = set()
    for path in sorted(networks, key=lambda path: _macs(networks[path])):
        keys = {layer.key for layer in networks[path]}
        if not keys <= known:
            yield path
        known |= keys


def _each(pool: Executor, run: Callable[[Any], Any], items: Sequence[Any], what: str) -> Iterator[tuple[Any, Any]]:
    """(item, result), in order."""
    with click.progressbar(pool.map(run, items), len(items), what, show_pos=True, file=sys.stderr) as bar:
        yield from zip(items, bar, strict=True)


def _known(ops: Iterable[Op]) -> dict[str, Op]:
    """An operator of each class for which CMSIS-NN has a function, those of few multiplications first."""
    known = cmsis_nn.sources().functions
    classes = {class_of(op): op for op in sorted(ops, key=lambda op: op.macs)}
    return {name: op for name, op in classes.items() if code_of(op, "", known) is not None}


def _peer(pool: Executor, known: Mapping[str, Op], bench: Bench) -> _Theirs:
    """What CMSIS-NN takes for each class that it knows."""
    found: _Theirs = {}
    groups = [tuple(group) for group in batches(known.values())]
    for group, (cycles, equal) in _each(pool, partial(theirs, bench=bench), groups, f"{bench.core}, CMSIS-NN"):
        found |= dict(zip(map(class_of, group), zip(cycles, functions(group), equal, strict=True), strict=True))
    return found


def _layer(core: str, model: str, layer: Planned, run: tuple[int, bool], peer: tuple[int, str, bool] | None) -> Layer:
    cycles, equal = run
    theirs_, function, same = peer or (None, "", True)
    here = (core, model, layer.name, layer.layer_class, layer.macs, layer.kernel, cycles)
    return Layer(*here, theirs_, function, equal and same)


def worst(layers: Sequence[Layer]) -> list[Layer]:
    """One layer of each class, core and kernel that CMSIS-NN has a function for, the slowest beside it first."""
    compared = {(layer.core, layer.layer_class, layer.kernel): layer for layer in layers if layer.theirs is not None}
    return sorted(compared.values(), key=lambda layer: layer.ratio or 0)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def summary(layers: Sequence[Layer]) -> str:
    """How many layers win and lose on each core, and the worst, lost or not."""
    lines = [
        _line("core", "layers", "compared", "slower than CMSIS-NN's", "cycles of those compared, of CMSIS-NN's"),
        "|---|--:|--:|--:|--:|",
    ]
    for core in dict.fromkeys(layer.core for layer in layers):
        own = [layer for layer in layers if layer.core == core]
        compared = [layer for layer in own if layer.theirs is not None]
        lost = sum(layer.is_lost for layer in compared)
        lines.append(_line(core, f"{len(own):,}", f"{len(compared):,}", f"{lost:,}", _share(compared)))
    lines += [
        "",
        _line("core", "CMSIS-NN / ours", "ours", "CMSIS-NN's", "layer", "kernel"),
        "|---|--:|--:|--:|---|---|",
    ]
    return "\n".join([*lines, *(row(layer) for layer in worst(layers)[:SHOWN])])


def networks(layers: Sequence[Layer]) -> str:
    """A line for each network and core: modelled cycles of the layers that were compared."""
    lines = [
        _line("network", "core", "layers", "compared", "ours", "CMSIS-NN's", "ours of these", "all bytes equal"),
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for model, core in dict.fromkeys((layer.model, layer.core) for layer in layers):
        own = [layer for layer in layers if (layer.model, layer.core) == (model, core)]
        compared = [layer for layer in own if layer.theirs is not None]
        counts = [len(own), len(compared), sum(layer.ours for layer in compared)]
        counts.append(sum(layer.theirs or 0 for layer in compared))
        equal = "yes" if all(layer.equal for layer in own) else "**no**"
        lines.append(_line(f"`{printable(model)}`", core, *(f"{n:,}" for n in counts), _share(compared), equal))
    return "\n".join(lines)


def _share(layers: Sequence[Layer]) -> str:
    if not layers:
        return "–"
    return f"{100 * sum(layer.ours for layer in layers) / sum(layer.theirs or 0 for layer in layers):.0f} %"


def to_json(layers: Sequence[Layer], left_out: Mapping[str, str]) -> str:
    """A line for each layer."""
    lines = ",\n".join(json.dumps(asdict(layer), ensure_ascii=False) for layer in layers)
    return f'{{"layers": [\n{lines}\n],\n"left_out": {json.dumps(left_out, ensure_ascii=False, indent=1)}}}\n'


def row(layer: Layer) -> str:
    cells = (layer.core, f"{layer.ratio:.2f}×", f"{layer.ours:,}", f"{layer.theirs:,}", layer.layer_class)
    return _line(*cells, f"`{layer.kernel}`")


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cores", default=",".join(CORES), show_default=True, help="Of these, which; a comma between them.")
@click.option("--compiler", type=click.Choice(list(toolchain.COMPILERS)), help="Default: the first that is installed.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=peers.RESULTS, help="Folder for layers.json.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, help="Folder of what has run.")
@click.option("--most-macs", type=float, default=float("inf"), help="Of a network; default: any number.")
@click.option("--docs", is_flag=True, help="Put the table into docs/kernels.md.")
def main(
    folder: Path, cores: str, compiler: str | None, output: Path, cache: Path, most_macs: float, docs: bool
) -> None:
    """What `python -m benchmarks.layers` does."""
    try:
        chosen = cores.split(",")
        if unknown := [core for core in chosen if core not in CORES]:
            raise UsageError(f"--cores knows {', '.join(CORES)}, not {', '.join(unknown)}")
        layers: list[Layer] = []
        left_out: dict[str, str] = {}
        for core in chosen:
            found, missing = measure(sorted(folder.rglob("*.tflite")), Bench(core, compiler, cache), most_macs)
            layers += found
            left_out |= missing
        output.mkdir(parents=True, exist_ok=True)
        with files.whole(output / "layers.json") as part:
            part.write_text(to_json(layers, left_out), encoding="utf-8")
        for name, reason in left_out.items():
            click.echo(f"left out: {printable(name)}: {printable(reason.splitlines()[0])}", err=True)
        click.echo(f"{networks(layers)}\n\n{summary(layers)}")
        if docs:
            table.rewrite(PAGE, {"layers": summary(layers)})
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
