"""What CMSIS-NN would take for a layer, dense, on a Cortex-M4 with ideal memory: modelled, it is not linked or run.

For each kind of layer a line was fitted to what CMSIS-NN's functions took in the emulator (`benchmarks.layers`), by
`python -m benchmarks.cmsis_fit`. That also tells the errors: each network is left out of the fit that it is judged by.
Kinds of layers that no line fits well, and other cores, have no figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators.add import Add
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected

#: The core whose cycles are fitted.
CORE = "cortex-m4"


@dataclass(frozen=True, slots=True)
class Fit:
    """Cycles = the sum of `cycles` × counts (see `counts`). Nine of ten layers were within `error` of their cycles."""

    cycles: tuple[float, ...]
    error: float
    layers: int


FITS: Mapping[str, Fit] = {
    "addition": Fit((101.5,), 0.002, 9),
    "fully connected": Fit((2.301, 63.82, 0.4563, 226.6), 0.062, 26),
    "convolution": Fit((1.902, 52.03, 10.1, 1.738e04), 0.100, 23),
    "depthwise 3×3": Fit((8.756, 0.9729, 156, -1806), 0.051, 29),
    "1×1 convolution": Fit((1.974, 46.14, -6.047, 7359), 0.143, 47),
}
#: Of all kinds.
ERROR = max(fit.error for fit in FITS.values())


def cycles(op: Op) -> int | None:
    """Modelled; None for a layer of another kind."""
    found = counts(op)
    if found is None:
        return None
    kind, values = found
    modelled = round(sum(each * value for each, value in zip(FITS[kind].cycles, values, strict=True)))
    return modelled if modelled > 0 else None  # a layer far smaller than those of the fit


def counts(op: Op) -> tuple[str, tuple[int, ...]] | None:
    """The kind of a layer, and what its cycles depend on; None for other kinds than these."""
    if any(tensor.dtype != "int8" for tensor in (*op.inputs, *op.outputs)):
        return None
    if isinstance(op, Add) and op.left.shape == op.right.shape:
        return "addition", (op.output.count,)
    if isinstance(op, FullyConnected):
        return "fully connected", (op.macs, op.output.count, int(op.weights.shape[1]), 1)
    if not isinstance(op, Conv2D | DepthwiseConv2D) or op.window.dilation != (1, 1):
        return None
    places, channels, source = prod(op.output.shape[:-1]), op.output.shape[-1], op.input.shape[-1]
    if isinstance(op, DepthwiseConv2D):
        is_plain = op.window.kernel == (3, 3) and channels == source and channels % 4 == 0
        return ("depthwise 3×3", (op.macs, op.output.count, places, 1)) if is_plain else None
    if places == 1 or source % 4:
        return None
    if op.window.kernel == op.window.stride == (1, 1):
        return "1×1 convolution", (op.macs, op.output.count, places, 1)
    return "convolution", (op.macs, op.output.count, places * prod(op.weights.shape[1:]), 1)
