"""MAX_POOL_2D: the largest of the pixels under a window."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators.operator import Operator, one_result, same_quantization
from tinyprune.compiler.operators.pool import Pool2D, case_of, clamped, keeps_channels, reader, slides, writer
from tinyprune.compiler.operators.window import taps_padded


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool2D(Pool2D):
    """Padding never wins."""


def infer(op: MaxPool2D, x: Array) -> Array:
    under = [pixels for _, _, pixels in taps_padded(op.window, x.astype(np.int32), op.output.shape, -(1 << 16))]
    largest: Array = np.clip(np.max(under, axis=0), op.activation_min, op.activation_max)
    return largest.astype(op.output.dtype)


MAX_POOL_2D = Operator(
    MaxPool2D, "max_pool", "Largest value under a window, padding left out.", reader(MaxPool2D),
    (one_result, slides, keeps_channels, same_quantization, clamped), infer, case_of(MaxPool2D, "max_pool"),
    writer("MAX_POOL_2D"), "AddMaxPool2D", types=("INT8", "INT16"),
)  # fmt: skip
