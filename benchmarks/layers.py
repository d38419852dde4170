"""`python -m benchmarks.layers FOLDER`: every layer of every .tflite in a folder, beside CMSIS-NN's, the worst first.

Ours are layers of whole networks, as `tinyprune build` makes them, dense, for speed, with as much memory as they want.
CMSIS-NN's run alone, all layers of a class (the same shapes and window) as one: many side by side in one firmware. Both
are compared byte for byte with TFLite Micro's arithmetic. A layer that tinyprune folds into another is in that one for
both. Layers for which CMSIS-NN has no function are counted, and not compared.

Writes layers.json into benchmarks/results (or -o); `--docs` puts the worst layers into docs/kernels.md.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
import numpy as np

from benchmarks import cmsis_nn, peers, table
from benchmarks.classes import class_of, side_by_side
from benchmarks.cmsis_calls import code_of
from tinyprune import files
from tinyprune.compiler import lower, reader, reference, samples
from tinyprune.compiler.graph import Graph, Int8, Op
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS, HasMemory, Profile
from tinyprune.device.firmware import FirmwareSource
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError, TinypruneError, UsageError, printable
from tinyprune.firmware import build, codegen, toolchain
from tinyprune.firmware.toolchain import Compiler
from tinyprune.measure import benchmark
from tinyprune.measure.report import by_layer

#: Core → the board on which it is measured.
CORES = {"m4": "nano33", **{core: f"{peers.ROOT}/benchmarks/boards/{core}.toml" for core in ("m33", "m3", "m0plus")}}
PAGE = peers.ROOT / "docs/kernels.md"
SHOWN = 15
_ROOM_BYTES = 1 << 25  # of flash and of RAM
_BATCH_BYTES = 1 << 20  # of weights and maps of the layers in one firmware
_NOISE = 4  # the number of the sample that is noise
_DEVICE = "device"  # the firmware's variable that begins with the arena
_PATIENCE_S = 3600.0
_Item = TypeVar("_Item")
_Theirs: TypeAlias = tuple[int, str, bool]  # cycles, function, whether its bytes equal TFLite Micro's


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


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a firmware took. `ops` and `cycles` are those of its layers."""

    ops: tuple[Op, ...]
    kernels: tuple[str, ...]
    cycles: tuple[int, ...]
    equal: tuple[bool, ...]


def roomy(core: str) -> Board:
    """The board of a core, with as much memory as any network wants."""
    board = boards.load(CORES[core])
    assert board.flash is not None
    assert board.ram is not None
    return replace(board, flash=replace(board.flash, bytes=_ROOM_BYTES), ram=replace(board.ram, bytes=_ROOM_BYTES))


@contextmanager
def _running(source: FirmwareSource, graph: Graph, board: Board, compiler: Compiler) -> Iterator[Any]:
    """Firmware in the emulator after one inference, of noise."""
    with tempfile.TemporaryDirectory(prefix="tinyprune-layers-") as folder:
        project = files.write_files(source.files, Path(folder) / "project")
        image = build.build(source, board, compiler, project, Path(folder))
        with closing(EMULATORS[board.emulators[0]](image, board, profile=True)) as link:
            assert isinstance(link, HasMemory)
            device = Device(link)
            device.connect()
            benchmark.write_input(link, sample(graph).tobytes())
            device.infer(timeout_s=_PATIENCE_S)
            yield link


def sample(graph: Graph) -> Int8:
    """`[1, input_bytes]`"""
    return samples.make(graph, _NOISE)[-1:]


def _cycles(profile: Profile, names: Sequence[str]) -> tuple[int, ...]:
    if profile.modelled_cycles is None:
        raise TargetError(profile.cost_model)
    return tuple(run.modelled_cycles or 0 for run in by_layer(profile.layers, names))


def ours(path: Path, core: str, compiler: str | None) -> _Ran | str:
    """A network of our own kernels, or why there is none."""
    try:
        board, graph = roomy(core), reader.read(reader.read_bytes(path), path.name)
        program = lower.lower(graph, board)
        with _running(codegen.generate(program, "layers"), graph, board, toolchain.find(board, compiler)) as link:
            outputs, profile = Device(link).output(), link.profile()
        equal = np.array_equal(outputs, reference.infer(graph, sample(graph))[0])
        ops = tuple(step.op for step in program.steps)
        kernels = tuple(step.kernel.name for step in program.steps)
        return _Ran(ops, kernels, _cycles(profile, [op.name for op in ops]), (equal,) * len(ops))
    except TinypruneError as error:
        return str(error)


def theirs(ops: Sequence[Op], core: str, compiler: str | None) -> _Ran:
    """Layers side by side, by CMSIS-NN."""
    board, peer, graph = roomy(core), cmsis_nn.sources(), side_by_side(ops)
    source = cmsis_nn.generate(graph, board, "peer", peer)
    wanted, places = reference.run(graph, sample(graph)), cmsis_nn.places(graph, peer)
    with _running(source, graph, board, cmsis_nn.compiler_for(toolchain.find(board, compiler), peer)) as link:
        profile = link.profile()
        equal = tuple(
            all(
                link.read_memory(_DEVICE, places[tensor.index], tensor.size_bytes) == wanted[tensor.index].tobytes()
                for tensor in op.outputs
            )
            for op in graph.ops
        )
    functions = tuple(function for _, function in cmsis_nn.operators(graph, peer))
    return _Ran(tuple(ops), functions, _cycles(profile, [op.name for op in graph.ops]), equal)


def batches(ops: Iterable[Op]) -> Iterator[list[Op]]:
    """Layers that go into one firmware."""
    found: list[Op] = []
    size = 0
    for op in ops:
        bytes_ = op.macs // 64 + sum(tensor.size_bytes for tensor in (*op.inputs, *op.outputs))
        if found and size + bytes_ > _BATCH_BYTES:
            yield found
            found, size = [], 0
        found.append(op)
        size += bytes_
    if found:
        yield found


def measure(paths: Sequence[Path], cores: Sequence[str], compiler: str | None) -> tuple[list[Layer], dict[str, str]]:
    """All layers, and why networks are left out; as many at a time as this machine has cores."""
    left_out: dict[str, str] = {}
    layers: list[Layer] = []
    with ProcessPoolExecutor() as pool:
        for core in cores:
            networks: dict[str, _Ran] = {}
            runs = pool.map(partial(ours, core=core, compiler=compiler), paths)
            for path, ran in zip(paths, _shown(runs, len(paths), f"{core}, tinyprune"), strict=True):
                if isinstance(ran, str):
                    left_out[path.name] = ran
                else:
                    networks[path.name] = ran
            peer = _peer(pool, {class_of(op): op for ran in networks.values() for op in ran.ops}, core, compiler)
            layers += [layer for name, ran in networks.items() for layer in _layers(core, name, ran, peer)]
    return layers, left_out


def _shown(runs: Iterator[_Item], count: int, what: str) -> Iterator[_Item]:
    with click.progressbar(runs, count, what, file=sys.stderr) as bar:
        yield from bar


def _peer(pool: Executor, classes: Mapping[str, Op], core: str, compiler: str | None) -> dict[str, _Theirs]:
    """What CMSIS-NN takes for each class that it knows."""
    functions = cmsis_nn.sources().functions
    groups = list(batches(op for op in classes.values() if code_of(op, "", functions) is not None))
    runs = pool.map(partial(theirs, core=core, compiler=compiler), groups)
    found: dict[str, _Theirs] = {}
    for ran in _shown(runs, len(groups), f"{core}, CMSIS-NN"):
        rows = zip(ran.cycles, ran.kernels, ran.equal, strict=True)
        found |= dict(zip(map(class_of, ran.ops), rows, strict=True))
    return found


def _layers(core: str, model: str, ran: _Ran, peer: Mapping[str, _Theirs]) -> Iterator[Layer]:
    for op, kernel, cycles, equal in zip(ran.ops, ran.kernels, ran.cycles, ran.equal, strict=True):
        their_cycles, function, same = peer.get(class_of(op), (None, "", True))
        yield Layer(core, model, op.name, class_of(op), op.macs, kernel, cycles, their_cycles, function, equal and same)


def worst(layers: Sequence[Layer]) -> list[Layer]:
    """One layer of each class, core and kernel that CMSIS-NN runs faster, the slowest first."""
    lost = {(layer.core, layer.layer_class, layer.kernel): layer for layer in layers if layer.is_lost}
    return sorted(lost.values(), key=lambda layer: layer.ratio or 0)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def summary(layers: Sequence[Layer]) -> str:
    """How many layers win and lose on each core, and the worst."""
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


def row(layer: Layer) -> str:
    cells = (layer.core, f"{layer.ratio:.2f}×", f"{layer.ours:,}", f"{layer.theirs:,}", layer.layer_class)
    return _line(*cells, f"`{layer.kernel}`")


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cores", default=",".join(CORES), show_default=True, help="Of these, which; a comma between them.")
@click.option("--compiler", type=click.Choice(list(toolchain.COMPILERS)), help="Default: the first that is installed.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=peers.RESULTS, help="Folder for layers.json.")
@click.option("--docs", is_flag=True, help="Put the table into docs/kernels.md.")
def main(folder: Path, cores: str, compiler: str | None, output: Path, docs: bool) -> None:
    try:
        chosen = cores.split(",")
        if unknown := [core for core in chosen if core not in CORES]:
            raise UsageError(f"--cores knows {', '.join(CORES)}, not {', '.join(unknown)}")
        layers, left_out = measure(sorted(folder.rglob("*.tflite")), chosen, compiler)
        output.mkdir(parents=True, exist_ok=True)
        with files.whole(output / "layers.json") as part:
            found = {"layers": [asdict(layer) for layer in layers], "left_out": left_out}
            part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
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
