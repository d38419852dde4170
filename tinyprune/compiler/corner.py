"""A piece of a layer's weights, small enough for a report, large enough to show what pruning left of them."""

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.weighted import Weighted

CHANNELS, TAPS = 16, 48


def corner(op: Op) -> tuple[str, ...]:
    """The first output channels, a text each, of the first taps: "#" a weight, "." a zero. Empty without weights."""
    if not isinstance(op, Weighted):
        return ()
    if isinstance(op, DepthwiseConv2D):
        matrix = op.weights.reshape(-1, op.out_channels).T
    else:
        matrix = op.weights.reshape(op.out_channels, -1)
    return of_matrix(matrix)


def of_matrix(matrix: npt.NDArray[np.generic]) -> tuple[str, ...]:
    """The same of weights `[out_channels, taps]`."""
    return tuple("".join(np.where(row, "#", ".")) for row in matrix[:CHANNELS, :TAPS])
