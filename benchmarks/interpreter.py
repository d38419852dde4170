"""TFLite Micro with its interpreter as a peer: the library that TFLM_ROOT names, linked as it is (docs/tflm.md).

Our app, port, compiler and meter are around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import weights
from benchmarks.comparison import Layer, Row
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.compiler.graph import Int8
from tinyprune.compiler.lower import Optimize
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS, LayerProfile, Profile
from tinyprune.errors import MissingDependency, TargetError
from tinyprune.firmware import tflm
from tinyprune.firmware.tflm.operators import Operator
from tinyprune.measure import benchmark
from tinyprune.measure.report import by_layer
from tinyprune.tasks import build as build_task


@dataclass(frozen=True, slots=True)
class Bench:
    """What all firmware of one run shares."""

    board: Board
    tree: tflm.Tree

    def build(self, model: bytes, optimize: Optimize | None, folder: Path) -> tuple[tflm.Network, tflm.Built]:
        """With dense operators where `optimize` is None."""
        program = lower.lower(reader.read(model, "the model"), self.board)
        network = tflm.dense(model, program)
        if optimize:
            network = tflm.sparse(model, tflm.choose(model, program, optimize))
        folder.mkdir(parents=True, exist_ok=True)
        start, gcc = EMULATORS[self.board.emulators[0]], tflm.compiler(self.board)
        return network, tflm.build(program, network, "peer", self.board, self.tree, gcc, start, folder)

    def outputs(self, built: tflm.Built, inputs: Int8) -> Int8:
        return benchmark.outputs(EMULATORS[self.board.emulators[0]], built.image, self.board, inputs)

    def profile(self, built: tflm.Built, sample: Int8) -> Profile:
        found = benchmark.profile(EMULATORS[self.board.emulators[0]], built.image, self.board, sample)
        if found.modelled_cycles is None:
            raise TargetError(f"the cycles of {self.board.name} are not modelled: give a board of a core whose are")
        return found


def bench(board: Board) -> Bench:
    """Raises MissingDependency where TFLM_ROOT names no tree with CMSIS-NN, which says what to set."""
    tree = tflm.find(board)
    if not tree.has_cmsis_nn:
        raise MissingDependency(f"TFLite Micro with CMSIS-NN: {tree.library} was built without it")
    return Bench(board, tree)


def row(model: bytes, board: Board, folder: Path) -> Row:
    """The dense model, as a peer. An operator's row holds the interpreter's work up to the next one as well."""
    tools = bench(board)
    network, built = tools.build(model, None, folder)
    graph = reader.read(model, "the model")
    inputs = samples.make(graph, build_task.COMPARED_INPUTS)
    equal = int((tools.outputs(built, inputs) == oracle.infer(model, inputs, graph)).all(axis=1).sum())
    profile = tools.profile(built, inputs[-1])
    totals = (profile.instructions, profile.modelled_cycles or 0)
    memory = (built.image.flash_bytes, built.image.ram_bytes + profile.stack_bytes)
    found = layers(network.operators, profile.layers)
    return Row(tools.tree.name, "dense", weights.zeros(model), *totals, *memory, len(inputs), equal, None, found)


def layers(operators: Sequence[Operator], profiles: Sequence[LayerProfile]) -> tuple[Layer, ...]:
    """The rows that other engines have."""
    rows = [(one.op, one.kind) for one in operators if one.is_layer and one.op is not None]
    runs = by_layer(profiles, [op.name for op, _ in rows])
    return tuple(
        Layer(op.name, type(op).__name__, op.macs, kind, run.instructions, run.modelled_cycles or 0)
        for (op, kind), run in zip(rows, runs, strict=True)
    )
