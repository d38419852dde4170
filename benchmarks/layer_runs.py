"""Firmware whose layers are timed: networks as tinyprune makes them, and layers side by side as calls of CMSIS-NN.

What a firmware took is kept in a folder, by all that makes it: a run that was ended goes on where it was, and only
kernels that changed run again.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks import cmsis_nn, peers
from benchmarks.classes import class_of, side_by_side
from tinyprune import files
from tinyprune.compiler import lower, reader, reference, samples
from tinyprune.compiler.graph import Graph, Int8, Op
from tinyprune.compiler.program import Program, Step
from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS, HasMemory, Profile
from tinyprune.device.firmware import FirmwareSource
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError, TinypruneError
from tinyprune.firmware import build, codegen, toolchain
from tinyprune.firmware.toolchain import Compiler
from tinyprune.measure import benchmark
from tinyprune.measure.report import by_layer

#: Core → the board on which it is measured.
CORES = {"m4": "nano33", **{core: f"{peers.ROOT}/benchmarks/boards/{core}.toml" for core in ("m33", "m3", "m0plus")}}
_ROOM_BYTES = 1 << 25  # of flash and of RAM
_BATCH_BYTES = 1 << 20  # of weights and maps of the layers in one firmware
_NOISE = 4  # the number of the sample that is noise
_DEVICE = "device"  # the firmware's variable that begins with the arena
_PATIENCE_S = 3600.0
#: Modelled cycles of each layer, and whether its bytes are those of TFLite Micro.
Times: TypeAlias = tuple[tuple[int, ...], tuple[bool, ...]]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where layers run, and the folder of what has run."""

    core: str
    compiler: str | None
    cache: Path


@dataclass(frozen=True, slots=True)
class Planned:
    """One layer of a network as tinyprune runs it. Layers of the same class, kernel and layout take the same time."""

    name: str
    layer_class: str
    kernel: str
    layout: str
    macs: int
    op: Op

    @property
    def key(self) -> tuple[str, str, str]:
        return self.layer_class, self.kernel, self.layout


def roomy(core: str) -> Board:
    """The board of a core, with as much memory as any network wants."""
    board = boards.load(CORES[core])
    assert board.flash is not None
    assert board.ram is not None
    return replace(board, flash=replace(board.flash, bytes=_ROOM_BYTES), ram=replace(board.ram, bytes=_ROOM_BYTES))


def _read(path: Path) -> Graph:
    return reader.read(reader.read_bytes(path), path.name)


def plan(path: Path, core: str, most_macs: float = float("inf")) -> tuple[Planned, ...] | str:
    """The layers of a network, or why there are none: large ones are not lowered."""
    try:
        graph = _read(path)
        macs = sum(op.macs for op in graph.ops)
        if macs > most_macs:
            return f"{macs:,} multiplications"
        return tuple(_planned(step) for step in lower.lower(graph, roomy(core)).steps)
    except TinypruneError as error:
        return str(error)


def _planned(step: Step) -> Planned:
    layout, op = step.output_layout.value, step.op
    return Planned(op.name, class_of(op), step.kernel.name, layout, op.macs, op)


def ours(path: Path, bench: Bench) -> Times | str:
    """What each layer of a network of our own kernels takes, or why there is nothing."""
    try:
        return program_times(lower.lower(_read(path), roomy(bench.core)), bench)
    except TinypruneError as error:
        return str(error)


def program_times(program: Program, bench: Bench) -> Times:
    """What each of its layers takes."""
    compiler = toolchain.find(program.board, bench.compiler)
    source, names = codegen.generate(program, "layers"), [step.op.name for step in program.steps]

    def times(link: Any) -> Times:
        outputs, cycles = Device(link).output(), _cycles(link.profile(), names)
        equal = np.array_equal(outputs, reference.infer(program.graph, sample(program.graph))[0])
        return cycles, (equal,) * len(names)

    return _timed(source, program.graph, program.board, compiler, bench.cache, times)


def theirs(ops: Sequence[Op], bench: Bench) -> Times:
    """What layers side by side take, by CMSIS-NN."""
    board, peer, graph = roomy(bench.core), cmsis_nn.sources(), side_by_side(ops)
    compiler = cmsis_nn.compiler_for(toolchain.find(board, bench.compiler), peer)

    def times(link: Any) -> Times:
        wanted, places = reference.run(graph, sample(graph)), cmsis_nn.places(graph, peer)
        equal = tuple(
            all(
                link.read_memory(_DEVICE, places[tensor.index], tensor.size_bytes) == wanted[tensor.index].tobytes()
                for tensor in op.outputs
            )
            for op in graph.ops
        )
        return _cycles(link.profile(), [op.name for op in graph.ops]), equal

    return _timed(cmsis_nn.generate(graph, board, "peer", peer), graph, board, compiler, bench.cache, times)


def functions(ops: Sequence[Op]) -> tuple[str, ...]:
    """Those of CMSIS-NN that run these layers."""
    return tuple(function for _, function in cmsis_nn.operators(side_by_side(ops), cmsis_nn.sources()))


def _timed(
    source: FirmwareSource, graph: Graph, board: Board, compiler: Compiler, cache: Path, times: Callable[[Any], Times]
) -> Times:
    """Of one inference, unless this firmware has run before."""
    made_of = [board.cpu.core, compiler.version, compiler.compile_flags, source.files]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()
    kept = cache / f"{key}.json"
    if kept.exists():
        cycles, equal = json.loads(kept.read_text(encoding="utf-8"))
        return tuple(cycles), tuple(equal)
    with _running(source, graph, board, compiler) as link:
        found = times(link)
    cache.mkdir(parents=True, exist_ok=True)
    with files.whole(kept) as part:
        part.write_text(json.dumps(found), encoding="utf-8")
    return found


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
