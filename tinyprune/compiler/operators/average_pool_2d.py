"""AVERAGE_POOL_2D: the mean of the pixels under a window."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators.operator import Operator, one_result, same_quantization
from tinyprune.compiler.operators.pool import Pool2D, case_of, clamped, keeps_channels, reader, slides, writer
from tinyprune.compiler.operators.window import taps


@dataclass(frozen=True, slots=True, eq=False)
class AveragePool2D(Pool2D):
    """Padding is left out of the mean; ties go away from zero."""


def infer(op: AveragePool2D, x: Array) -> Array:
    total = np.zeros((len(x), *op.output.shape), np.int64)
    count = np.zeros((1, *op.output.shape), np.int64)
    inside = np.ones((1, *op.input.shape), np.int64)
    for _, _, pixels in taps(op.window, x.astype(np.int64), op.output.shape):
        total += pixels
    for _, _, pixels in taps(op.window, inside, op.output.shape):
        count += pixels
    mean: npt.NDArray[np.int64] = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return np.clip(mean, op.activation_min, op.activation_max).astype(op.output.dtype)


AVERAGE_POOL_2D = Operator(
    AveragePool2D, "average_pool", "Mean over a window, padding left out.", reader(AveragePool2D),
    (one_result, slides, keeps_channels, same_quantization, clamped), infer, case_of(AveragePool2D, "average_pool"),
    writer("AVERAGE_POOL_2D"), "AddAveragePool2D", types=("INT8", "INT16"),
)  # fmt: skip
