"""One network on one board, by us with each pattern and by the peers: the same inputs, emulator and cycle tables."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from benchmarks import cmsis_nn, interpreter, qemu, weights
from benchmarks.comparison import Comparison, Layer, Row
from tinyprune import files
from tinyprune.compiler import oracle, reader, samples
from tinyprune.compiler.lower import Optimize
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS
from tinyprune.errors import MissingDependency, ModelError, TargetError
from tinyprune.firmware import build, output, toolchain
from tinyprune.firmware.toolchain import Compiler
from tinyprune.measure import benchmark
from tinyprune.progress import Progress
from tinyprune.tasks import build as build_task
from tinyprune.tasks.build import BuildRequest

#: Pattern of the weights, and what tinyprune optimizes for.
Variant: TypeAlias = tuple[str, Optimize]
#: How far our instruction counts may be from QEMU's.
QEMU_TOLERANCE = 1e-3
#: And at least: each of the two readings that QEMU's count is the difference of is right to 5.
QEMU_RESOLUTION = 10


def compare(
    model: bytes, name: str, board: Board, compiler: str | None, variants: Sequence[Variant], progress: Progress
) -> Comparison:
    """Everything. Raises TinypruneError; a peer that is not installed is left out and named."""
    judge = oracle.version()
    if judge is None:
        raise MissingDependency("the benchmark compares bytes with TFLite Micro: `pip install tflite-micro`")
    found = toolchain.find(board, compiler)
    rows, left_out = [], []
    with tempfile.TemporaryDirectory(prefix="tinyprune-peers-") as folder:
        try:
            progress("CMSIS-NN, dense")
            rows.append(_checked(_peer(model, board, found, Path(folder) / "peer")))
        except (MissingDependency, ModelError) as error:
            left_out.append(str(error))
        try:
            progress("TFLite Micro, dense")
            rows.append(_interpreter(model, board, found, Path(folder) / "tflm"))
        except MissingDependency as error:
            left_out.append(str(error))
        if not qemu.installed():
            left_out.append("the check of the instruction counts: qemu-system-arm is not installed")
        elif not qemu.runs(board):
            left_out.append("the check of the instruction counts: QEMU is asked for a Cortex-M4 with FPU only")
        for number, variant in enumerate(variants):
            progress(f"tinyprune, {variant[0]}, for {variant[1]}")
            rows.append(_checked(_ours(model, board, found, variant, Path(folder) / f"ours{number}")))
    table = f"instruction timings of the {board.cpu.core}, memory without wait states"
    return Comparison(board.name, name, found.version, table, judge, tuple(left_out), tuple(rows))


def _checked(row: Row) -> Row:
    allowed = max(QEMU_TOLERANCE * row.instructions, QEMU_RESOLUTION)
    if row.qemu_instructions and abs(row.qemu_instructions - row.instructions) > allowed:
        raise TargetError(
            f"{row.engine} with {row.pattern} weights: the emulator counted {row.instructions:,} instructions, "
            f"QEMU {row.qemu_instructions:,.0f}"
        )
    return row


def _count_in_qemu(project: Path, board: Board, compiler: Compiler, sample: weights.Int8, folder: Path) -> float | None:
    if not qemu.installed() or not qemu.runs(board):
        return None
    folder.mkdir()
    return qemu.count(project, board, compiler, sample, folder).instructions


def _ours(model: bytes, board: Board, compiler: Compiler, variant: Variant, folder: Path) -> Row:
    pattern, optimize = variant
    pruned = weights.prune(model, weights.PATTERNS[pattern])
    folder.mkdir()
    path = folder / "model.tflite"
    path.write_bytes(pruned)
    request = BuildRequest(board, folder / "build", path, compiler=compiler.name, optimize=optimize)
    report = build_task.run_build(request, lambda _stage: None)
    if report.instructions is None or report.modelled_cycles is None or report.stack_bytes is None:
        raise TargetError(f"{board.name}: {report.cost_model or 'its emulator does not count instructions'}")
    layers = tuple(
        Layer(layer.name, layer.op, layer.macs, layer.kernel, layer.instructions or 0, layer.modelled_cycles or 0)
        for layer in report.layers
    )
    ram_bytes = report.ram_bytes + report.stack_bytes
    counts = (report.instructions, report.modelled_cycles, report.flash_bytes, ram_bytes)
    equal = (report.inputs_compared, report.inputs_equal)
    sample = samples.make(reader.read(pruned, "the model"), build_task.COMPARED_INPUTS)[-1]
    counted = _count_in_qemu(folder / "build" / output.PROJECT, board, compiler, sample, folder / "qemu")
    return Row(f"tinyprune, {optimize}", pattern, weights.zeros(pruned), *counts, *equal, counted, layers)


def _interpreter(model: bytes, board: Board, compiler: Compiler, folder: Path) -> Row:
    if compiler.name != "gcc":
        raise MissingDependency("TFLite Micro with its interpreter: its library goes with GCC for Arm only")
    return interpreter.row(model, board, folder)


def _peer(model: bytes, board: Board, compiler: Compiler, folder: Path) -> Row:
    peer = cmsis_nn.sources()
    graph = reader.read(model, "the model")
    source = cmsis_nn.generate(graph, board, "peer", peer)
    project = files.write_files(source.files, folder / output.PROJECT)
    compiler = cmsis_nn.compiler_for(compiler, peer)
    image = build.build(source, board, compiler, project, folder)
    inputs = samples.make(graph, build_task.COMPARED_INPUTS)
    emulator = EMULATORS[board.emulators[0]]
    outputs = benchmark.outputs(emulator, image, board, inputs)
    equal = int((outputs == oracle.infer(model, inputs, graph)).all(axis=1).sum())
    profile = benchmark.profile(emulator, image, board, inputs[-1])
    if profile.modelled_cycles is None:
        raise TargetError(f"{board.name}: {profile.cost_model}")
    layers = tuple(
        Layer(op.name, type(op).__name__, op.macs, function, run.instructions, run.modelled_cycles or 0)
        for (op, function), run in zip(cmsis_nn.operators(graph, peer), profile.layers, strict=True)
    )
    totals = (profile.instructions, profile.modelled_cycles, image.flash_bytes, image.ram_bytes + profile.stack_bytes)
    counted = _count_in_qemu(project, board, compiler, inputs[-1], folder / "qemu")
    return Row(peer.version, "dense", weights.zeros(model), *totals, len(inputs), equal, counted, layers)
