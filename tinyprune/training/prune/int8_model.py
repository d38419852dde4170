"""An int8 .tflite file ─prune─▶ the same file with other weights, and what became of each layer."""

from collections.abc import Callable
from typing import NamedTuple, get_args

from tinyprune.compiler import reader, samples
from tinyprune.compiler.corner import corner, of_matrix
from tinyprune.compiler.graph import Graph, Op
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.samples import Source
from tinyprune.compiler.sparsity import NM, Pattern, Threshold, Unstructured
from tinyprune.errors import ModelError, UsageError
from tinyprune.training.prune import int8_network
from tinyprune.training.prune.chosen import NOT_CHOSEN, Chosen
from tinyprune.training.prune.int8_file import File, Layer, Revision, check
from tinyprune.training.prune.kernels import LayerReport

#: Samples that are looked at, spread over all that are given.
SAMPLES = 2048


class PrunedFile(NamedTuple):
    content: bytes
    layers: tuple[LayerReport, ...]


def prune(
    data: bytes,
    name: str,
    pattern: Pattern,
    source: Source | None,
    begin: Callable[[str], None],
    chosen: Chosen | None = None,
) -> PrunedFile:
    """By reconstruction where there are inputs (`source`, `[samples, *input shape]`), else by magnitude. `name` is what
    messages call the model; `begin` is called with what is done next; `chosen` layers are pruned, or all.

    Raises ModelError for a network that cannot be pruned, DataError for inputs that do not belong to it.
    """
    graph, file = reader.read(data, name), File(data)
    reasons = {op: _refusal(op, pattern, file) for op in graph.ops if isinstance(op, Weighted)}
    if chosen is not None:
        names = chosen.of(op.name for op in reasons)
        reasons = {op: reason if op.name in names else NOT_CHOSEN for op, reason in reasons.items()}
    wanted = {op: pattern for op, reason in reasons.items() if isinstance(op, Layer) and not reason}
    if not wanted:
        told = "; ".join(f"{op.name}: {reason}" for op, reason in reasons.items())
        raise ModelError(f"{name} has no layer to prune to {pattern.name} ({told or 'no layer has weights'})")
    if source is None:
        begin(f"pruning to {pattern.name} by magnitude")
        revisions: dict[Op, Revision] = {op: int8_network.magnitude(op, pattern) for op in wanted}
    else:
        revisions = _reconstructed(graph, file, pattern, wanted, source, name, begin)
    content = file.revised(revisions)
    check(graph, reader.read(content, name), revisions)
    by = "by magnitude" if source is None else "reconstructed"
    return PrunedFile(
        content, tuple(_report(op, reason, revisions.get(op), pattern, by) for op, reason in reasons.items())
    )


def _reconstructed(
    graph: Graph,
    file: File,
    pattern: Pattern,
    wanted: dict[Layer, Pattern],
    source: Source,
    name: str,
    begin: Callable[[str], None],
) -> dict[Op, Revision]:
    if isinstance(pattern, Threshold):
        raise UsageError(f"{pattern.name} is a rule about magnitudes: leave out --data")
    if graph.states:
        raise ModelError(
            f"{name} keeps variables from one inference to the next, which --data have no part in: leave it out"
        )
    inputs = samples.read({"": source}, graph)
    inputs = inputs[:: -(-len(inputs) // SAMPLES)]
    patterns: dict[Layer, NM | Unstructured] = dict.fromkeys(wanted, pattern)
    count = len(wanted)
    numbers = {op: number for number, op in enumerate(wanted, 1)}
    return int8_network.reconstruct(
        graph,
        patterns,
        inputs,
        file,
        lambda op: begin(
            f"pruning to {pattern.name}: layer {numbers[op]} of {count}, {op.name}, {len(inputs)} samples"
        ),
    )


def _refusal(op: Op, pattern: Pattern, file: File) -> str:
    """Why a layer is not pruned; empty if it is."""
    if isinstance(op, DepthwiseConv2D):
        return "depthwise: a filter has one input channel and few taps"
    if not isinstance(op, Layer) or op.matrix is None or op.input.dtype != "int8":
        kinds = " and ".join(kind.__name__ for kind in get_args(Layer))
        return f"{type(op).__name__} is not supported; {kinds} of int8 are"
    return pattern.refusal(*op.matrix.shape) or file.refusal(op)


def _report(op: Weighted, reason: str, revision: Revision | None, pattern: Pattern, by: str) -> LayerReport:
    weights = op.weights if revision is None else revision.weights
    if revision is not None:
        reason = ", ".join(filter(None, (f"{pattern.name} along taps", by, pattern.remark(*weights.shape))))
    zeros, shown = (
        int((weights == 0).sum()),
        corner(op) if revision is None else of_matrix(weights.reshape(len(weights), -1)),
    )
    return LayerReport(
        op.name, type(op).__name__, revision is not None, reason, weights.size, zeros, weights_corner=shown
    )
