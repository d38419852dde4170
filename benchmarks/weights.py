"""Prunes the int8 weights inside a .tflite file, by magnitude and without training.

The network forgets what it had learned; its speed and size are those of a network that was trained with the same
pattern, since no kernel's time depends on the values that are left. Accuracy is measured elsewhere (examples/kws).
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tflite

Int8: TypeAlias = npt.NDArray[np.int8]
Bool: TypeAlias = npt.NDArray[np.bool_]
Mask: TypeAlias = Callable[[Int8], Bool]

_PRUNED = (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.FULLY_CONNECTED)


def all_of(weights: Int8) -> Bool:
    return np.ones(weights.shape, np.bool_)


def n_of_four(weights: Int8, kept: int, rows: int = 1) -> Bool:
    """`[out_channels, taps]`: the `kept` largest of four neighbouring taps, the same for `rows` neighbouring channels.

    Groups run over whole fours and whole runs of channels; what is left over at the ends is a group of its own.
    """
    energy = weights.astype(np.float64) ** 2
    mask = np.zeros(weights.shape, np.bool_)
    for row in range(0, len(weights), rows):
        for tap in range(0, weights.shape[1], 4):
            shared = energy[row : row + rows, tap : tap + 4].sum(axis=0)
            mask[row : row + rows, tap + np.argsort(-shared, kind="stable")[:kept]] = True
    return mask


def unstructured(weights: Int8, zeros: float) -> Bool:
    """`[out_channels, taps]`: all but the smallest, a share of `zeros` of the layer."""
    order = np.argsort(np.abs(weights.astype(np.int64)), axis=None, kind="stable")
    mask = np.ones(weights.size, np.bool_)
    mask[order[: round(zeros * weights.size)]] = False
    return mask.reshape(weights.shape)


#: What the benchmark runs, in the order of its table.
PATTERNS: dict[str, Mask] = {
    "dense": all_of,
    "2:4": partial(n_of_four, kept=2),
    "2:4, 2 channels alike": partial(n_of_four, kept=2, rows=2),
    "2:4, 4 channels alike": partial(n_of_four, kept=2, rows=4),
    "1:4": partial(n_of_four, kept=1),
    "50 % unstructured": partial(unstructured, zeros=0.5),
    "75 % unstructured": partial(unstructured, zeros=0.75),
    "90 % unstructured": partial(unstructured, zeros=0.9),
}


def prune(model: bytes, mask: Mask) -> bytes:
    """The .tflite file with the weights of convolutions and fully connected layers masked; nothing else changes."""
    data = bytearray(model)
    file = tflite.Model.GetRootAs(data, 0)
    graph = file.Subgraphs(0)
    for operator in (graph.Operators(number) for number in range(graph.OperatorsLength())):
        if _code(file.OperatorCodes(operator.OpcodeIndex())) in _PRUNED:
            tensor = graph.Tensors(operator.Inputs(1))
            matrix = file.Buffers(tensor.Buffer()).DataAsNumpy().view(np.int8).reshape(tensor.Shape(0), -1)
            matrix *= mask(matrix)  # the array is a view of `data`
    return bytes(data)


def _code(operator_code: tflite.OperatorCode) -> int:
    return max(int(operator_code.BuiltinCode()), int(operator_code.DeprecatedBuiltinCode()))


def zeros(model: bytes) -> float:
    """Share of zeros among the weights that `prune` masks."""
    counts: list[tuple[int, int]] = []

    def count(weights: Int8) -> Bool:
        counts.append((int((weights == 0).sum()), weights.size))
        return all_of(weights)

    prune(model, count)
    return sum(zero for zero, _ in counts) / sum(size for _, size in counts)
