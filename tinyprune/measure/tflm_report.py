"""What a build with TFLite Micro's interpreter found: the plain report, changed where it differs."""

from collections.abc import Sequence
from dataclasses import replace

from tinyprune import __version__
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.program import Program
from tinyprune.firmware.tflm import layers
from tinyprune.firmware.tflm.arena import Built
from tinyprune.firmware.tflm.layers import Choice
from tinyprune.firmware.tflm.tree import COMMIT, REPOSITORY, Tree
from tinyprune.measure.report import Accuracy, BuildReport, LayerReport, ProjectReport, build_report


def report(
    program: Program, built: Built, choices: Sequence[Choice], tree: Tree, model: str, optimize: str,
    accuracy: Accuracy | None,
) -> BuildReport:  # fmt: skip
    """What is known before anything but the arena has been run."""
    plain = build_report(program, built.image, model, optimize, accuracy)
    chosen = [choice for choice in choices if choice.operator.is_layer]
    layers = tuple(_layer(row, choice) for row, choice in zip(plain.layers, chosen, strict=True))
    return replace(
        plain,
        runtime=tree.name,
        arena_bytes=built.arena_bytes,
        arena_bytes_lower_bound=program.graph.largest_bytes,
        layers=layers,
        arena_map=(),
        weights_bytes=sum(layer.weights_bytes for layer in layers),
    )


def project_report(program: Program, choices: Sequence[Choice], model: str, optimize: str) -> ProjectReport:
    """What is known where there is no TFLite Micro to link."""
    return ProjectReport(
        program.board.name,
        model,
        program.graph.model_sha256,
        __version__,
        optimize,
        f"TFLite Micro {COMMIT} of {REPOSITORY}, to be fetched by the project's CMake",
        {choice.operator.name: _runs(choice) for choice in choices if choice.operator.is_layer},
        {choice.operator.name: choice.reason for choice in choices if choice.operator.is_layer},
    )


def _runs(choice: Choice) -> str:
    return f"TFLite Micro's {choice.operator.kind}" if choice.kernel is None else choice.kernel.name


def _layer(row: LayerReport, choice: Choice) -> LayerReport:
    op, kernel = choice.operator.op, choice.kernel
    if kernel is None or op is None:
        stored = op.weights.nbytes if isinstance(op, Weighted) else 0
    else:
        stored = sum(part.values.nbytes for part in layers.constants(kernel, op) if part.name == "weights")
    return replace(
        row,
        kernel=_runs(choice),
        layout="interleaved",
        reason=choice.reason,
        weights_bytes=stored,
        constant_bytes=None,
        dense_cycles_ratio=None,
    )
