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

from tinyprune.compiler import sparsity

Int8: TypeAlias = npt.NDArray[np.int8]
Bool: TypeAlias = npt.NDArray[np.bool_]
Mask: TypeAlias = Callable[[Int8], Bool]

_PRUNED = (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.FULLY_CONNECTED)


def all_of(weights: Int8) -> Bool:
    return np.ones(weights.shape, np.bool_)


def of_pattern(weights: Int8, pattern: str) -> Bool:
    return sparsity.parse(pattern).mask(weights.astype(np.float64))


#: What the benchmark runs, in the order of its table.
PATTERNS: dict[str, Mask] = {
    sparsity.DENSE: all_of,
    **{
        pattern: partial(of_pattern, pattern=pattern)
        for pattern in ("2:4", "2:4g2", "2:4g4", "1:4", "unstructured-50", "unstructured-75", "unstructured-90")
    },
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
