"""The kernels: one row each, which drives selection, the equality tests and the benchmark.

A kernel is one C function of the same name in firmware_templates/runtime/src. Weighted kernels are called as
`f(const tp_layer *, const WEIGHTS *weights, const tp_channel *channels, const int8_t *input, int8_t *output, void
*scratch)`, the others as `f(const PARAMS *, const int8_t *input, int8_t *output)`. Names are
`tp_<op>_<dtype>_<pattern>_<isa>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune import fixed_point
from tinyprune.errors import ModelError
from tinyprune.graph import (
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Int8,
    Op,
    Softmax,
    Weighted,
    Window,
    matrix,
)
from tinyprune.sparsity import DENSE, TWO_OF_FOUR, two_of_four

Array = npt.NDArray[np.generic]

#: The fields of C's `tp_layer` and `tp_softmax`, all int32_t, in order.
LAYER_FIELDS = (
    "in_height", "in_width", "in_channels", "out_height", "out_width", "out_channels",
    "kernel_height", "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width",
    "pad_top", "pad_left", "input_zero_point", "output_zero_point", "activation_min", "activation_max",
)  # fmt: skip
SOFTMAX_FIELDS = ("rows", "depth", "input_multiplier", "input_left_shift", "diff_min")


@dataclass(frozen=True, slots=True)
class Kernel:
    """One row. `accepts` is the guard; `pack` lays the weights out; `scratch_bytes` is what the caller lends it."""

    name: str
    ops: tuple[type, ...]
    pattern: str
    isa: str
    accepts: Callable[[Any], bool]
    pack: Callable[[Any], Array] | None = None
    scratch_bytes: Callable[[Any], int] = lambda _op: 0


def window(op: Weighted | AveragePool2D) -> Window:
    """The sliding window; a fully connected layer is a 1×1 window over one pixel."""
    return op.window if isinstance(op, (Conv2D, DepthwiseConv2D, AveragePool2D)) else Window()


def layer_fields(op: Weighted | AveragePool2D) -> dict[str, int]:
    """The values of `tp_layer` for an operator, by field name."""
    slide = window(op)
    if isinstance(op, FullyConnected):
        taps = op.weights.shape[1]
        rows = op.input.size_bytes // taps
        maps: tuple[int, ...] = (1, rows, taps, 1, rows, op.out_channels)
    else:
        maps = (*op.input.shape, *op.output.shape)
    geometry = (*maps, *slide.kernel, *slide.stride, *slide.dilation, *slide.padding)
    quantized = (op.input.zero_point, op.output.zero_point, op.activation_min, op.activation_max)
    return dict(zip(LAYER_FIELDS, (*geometry, *quantized), strict=True))


def softmax_fields(op: Softmax) -> dict[str, int]:
    """The values of `tp_softmax`, by field name."""
    multiplier, left_shift, diff_min = fixed_point.softmax_parameters(float(op.input.scale), op.beta)
    depth = op.input.shape[-1]
    values = (op.input.size_bytes // depth, depth, multiplier, left_shift, diff_min)
    return dict(zip(SOFTMAX_FIELDS, values, strict=True))


def channels(op: Weighted) -> npt.NDArray[np.int32]:
    """`tp_channel` rows `[out_channels, (bias, multiplier, shift)]`, the input zero point folded into the bias.

    Padding is then filled with the zero point itself. Raises ModelError where int32 accumulation could overflow.
    """
    multipliers, shifts = fixed_point.requantization(op)
    bias = folded_bias(op)
    if max_accumulator(op) > np.iinfo(np.int32).max:
        raise ModelError(
            f'layer "{op.name}": its weights and bias can overflow a 32-bit accumulator; quantize the model again'
        )
    return np.stack([bias.astype(np.int32), multipliers, shifts], axis=1)


def folded_bias(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels]`: bias − input_zero_point · Σ weights."""
    folded: npt.NDArray[np.int64] = op.bias.astype(np.int64) - op.input.zero_point * _rows(op).sum(axis=1)
    return folded


def max_accumulator(op: Weighted) -> int:
    """The largest magnitude that any partial sum can reach, over all inputs and channels."""
    return int((np.abs(folded_bias(op)) + 128 * np.abs(_rows(op)).sum(axis=1)).max())


def _rows(op: Weighted) -> npt.NDArray[np.int64]:
    """`[out_channels, taps]` in 64 bits; a depthwise layer's taps are its kernel's."""
    weights = op.weights.astype(np.int64)
    if isinstance(op, DepthwiseConv2D):
        return weights.reshape(-1, op.out_channels).T
    return weights.reshape(op.out_channels, -1)


def _matrix(op: Conv2D | FullyConnected) -> Int8:
    rows = matrix(op)
    assert rows is not None
    return rows


def _taps(op: Conv2D | FullyConnected) -> int:
    return int(op.weights[0].size)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _always(_op: Op) -> bool:
    return True


def _is_pointwise(op: Conv2D | FullyConnected) -> bool:
    return isinstance(op, FullyConnected) or (
        op.window.kernel == op.window.stride == (1, 1) and op.input.shape[:2] == op.output.shape[:2]
    )


def _is_pointwise_of_8(op: Conv2D | FullyConnected) -> bool:
    return _is_pointwise(op) and _taps(op) % 8 == 0


def _can_use_dsp(op: Conv2D | FullyConnected) -> bool:
    """Four pixels share what the kernel expands, so fewer are better served by the portable one."""
    pixels = op.output.size_bytes // op.out_channels
    return pixels >= 4 and _is_pointwise(op) and _taps(op) % two_of_four.GROUP == 0 and _rounds_fast(op)


def _rounds_fast(op: Weighted) -> bool:
    """Whether `tp_requantize_fast` is proved equal to TFLite's rounding for every channel and every input."""
    _, shifts = fixed_point.requantization(op)
    bound = max_accumulator(op)
    return all(
        fixed_point.fast_rounding_is_exact(bound, int(shift), op.output.zero_point) for shift in np.unique(shifts)
    )


def _patch_bytes(op: Conv2D | FullyConnected) -> int:
    return _round_up(_taps(op), 8)


def _expanded_bytes(op: Conv2D | FullyConnected) -> int:
    return _round_up(_taps(op) // two_of_four.GROUP, 4) * two_of_four.BLOCK_BYTES


def _pack_small(op: Conv2D | FullyConnected) -> Array:
    return two_of_four.pack_small(_matrix(op))


def _pack_fast(op: Conv2D | FullyConnected) -> Array:
    return two_of_four.pack_fast(_matrix(op)).view(np.uint32)


def _as_stored(op: Weighted) -> Array:
    return op.weights


def _sums_in_32_bits(op: Softmax) -> bool:
    """The kernel's Q12.19 sum of exponentials has room for this many classes."""
    return op.input.shape[-1] <= 511


_CONV = (Conv2D, FullyConnected)  # a fully connected layer is a 1×1 convolution over a row of pixels, mostly one

#: In order of preference: lowering takes the first row that fits operator, pattern, board and guard.
KERNELS = (
    Kernel("tp_conv_1x1_s8_sp24_dsp", _CONV, TWO_OF_FOUR, "dsp", _can_use_dsp, _pack_fast, _expanded_bytes),
    Kernel("tp_conv_1x1_s8_sp24_c", _CONV, TWO_OF_FOUR, "c", _is_pointwise_of_8, _pack_small),
    Kernel("tp_conv_2d_s8_sp24_c", _CONV, TWO_OF_FOUR, "c", _always, _pack_small, _patch_bytes),
    Kernel("tp_conv_1x1_s8_dense_c", _CONV, DENSE, "c", _is_pointwise, _as_stored),
    Kernel("tp_conv_2d_s8_dense_c", _CONV, DENSE, "c", _always, _as_stored, _patch_bytes),
    Kernel("tp_depthwise_2d_s8_dense_c", (DepthwiseConv2D,), DENSE, "c", _always, _as_stored),
    Kernel("tp_average_pool_s8_dense_c", (AveragePool2D,), DENSE, "c", _always),
    Kernel("tp_softmax_s8_dense_c", (Softmax,), DENSE, "c", _sums_in_32_bits),
)


def parameters(op: Op) -> dict[str, int]:
    """The fields of the operator's parameter struct, by name, in order."""
    return softmax_fields(op) if isinstance(op, Softmax) else layer_fields(op)  # type: ignore[arg-type]
