"""The peer: the same network in TFLite Micro's interpreter, with the kernels that its library was built with.

Library and headers are those that TFLM_ROOT names (docs/tflm.md), linked as they are. Our app, port, compiler and meter
are around them. An operator's row holds the interpreter's work up to the next operator as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import weights
from benchmarks.measure import Layer, Row
from tinyprune import benchmark, lower, oracle, pipeline, reader, samples, tflm
from tinyprune.boards import Board
from tinyprune.emulators import EMULATORS, LayerProfile
from tinyprune.errors import MissingDependency, TargetError
from tinyprune.graph import macs
from tinyprune.tflm.operators import Operator


def row(model: bytes, board: Board, folder: Path) -> Row:
    """The dense model. Raises MissingDependency where TFLM_ROOT names no tree, which says what to set."""
    tree = tflm.find(board)
    if not tree.has_cmsis_nn:
        raise MissingDependency(f"TFLite Micro with CMSIS-NN: {tree.library} was built without it")
    gcc = tflm.compiler(board)
    program = lower.lower(reader.read(model, "the model"), board)
    network = tflm.dense(model, program)
    start = EMULATORS[board.emulators[0]]
    folder.mkdir(parents=True, exist_ok=True)
    built = tflm.build(program, network, "peer", board, tree, gcc, start, folder)
    inputs = samples.make(program.graph.input, pipeline.COMPARED_INPUTS)
    outputs = benchmark.outputs(start, built.image, board, inputs)
    equal = int((outputs == oracle.infer(model, inputs)).all(axis=1).sum())
    profile = benchmark.profile(start, built.image, board, inputs[-1])
    if profile.modelled_cycles is None:
        raise TargetError(f"the cycles of {board.name} are not modelled: give a board of a core whose are")
    totals = (profile.instructions, profile.modelled_cycles)
    memory = (built.image.flash_bytes, built.image.ram_bytes + profile.stack_bytes)
    layers = _layers(network.operators, profile.layers)
    return Row(tree.name, "dense", weights.zeros(model), *totals, *memory, len(inputs), equal, None, layers)


def _layers(operators: Sequence[Operator], profiles: Sequence[LayerProfile]) -> tuple[Layer, ...]:
    """The rows that other engines have: a reshape and the arithmetic of its shape count to the layer before."""
    found: list[Layer] = []
    for one, run in zip(operators, profiles, strict=True):
        if one.is_layer and one.op is not None:
            found.append(Layer(one.name, type(one.op).__name__, macs(one.op), one.kind, 0, 0))
        last = found.pop()
        sums = (last.instructions + run.instructions, last.modelled_cycles + (run.modelled_cycles or 0))
        found.append(replace(last, instructions=sums[0], modelled_cycles=sums[1]))
    return tuple(found)
