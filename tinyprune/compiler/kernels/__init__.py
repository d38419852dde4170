"""The kernels: one row each, which drives selection, the equality tests and the benchmark. A family a file."""

from tinyprune.compiler.kernels import (
    choices,
    common_scale,
    conversions,
    few,
    five_conv,
    five_wide,
    interleaved,
    matmul,
    moving,
    planes,
    products,
    quads,
    recurrent,
    reductions,
    sixteen,
    sums,
    transposed,
    twins,
    unary,
)
from tinyprune.compiler.kernels.kernel import (
    NOWHERE,
    Argument,
    Call,
    Constant,
    FiveWide,
    Kernel,
    Layout,
    Place,
    Struct,
    Wiring,
)
from tinyprune.compiler.kernels.parameters import (
    LAYER_FIELDS,
    SOFTMAX_FIELDS,
    channels,
    folded_bias,
    layer_fields,
    max_accumulator,
    softmax_fields,
)

__all__ = [
    "KERNELS",
    "LAYER_FIELDS",
    "NOWHERE",
    "SOFTMAX_FIELDS",
    "Argument",
    "Call",
    "Constant",
    "FiveWide",
    "Kernel",
    "Layout",
    "Place",
    "Struct",
    "Wiring",
    "channels",
    "folded_bias",
    "layer_fields",
    "max_accumulator",
    "softmax_fields",
]  # fmt: skip

KERNELS = (
    *five_wide.ROWS, *five_conv.ROWS, *twins.ROWS, *few.ROWS, *quads.ROWS, *planes.ROWS, *interleaved.ROWS, *sums.ROWS,
    *common_scale.ROWS, *products.ROWS, *choices.ROWS, *moving.ROWS, *unary.ROWS, *recurrent.ROWS, *reductions.ROWS,
    *transposed.ROWS, *matmul.ROWS, *sixteen.ROWS, *conversions.ROWS,
)  # fmt: skip
