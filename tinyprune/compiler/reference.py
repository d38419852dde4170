"""Integer inference on a `Graph` in plain NumPy: the living definition of right, equal to TFLite Micro on every byte.

Kept slow and simple. Arrays of activations are `[samples, *shape of the activation]`, int8.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.graph import (
    Activation,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Graph,
    Int8,
    Op,
    Quantize,
    Reshape,
    Softmax,
    Weighted,
    Window,
)
from tinyprune.errors import DataError, ModelError

Int64: TypeAlias = npt.NDArray[np.int64]

#: TFLite's sum of exponentials is Q12.19 and must stay below 2^9.
MAX_SOFTMAX_DEPTH = 511
_SUM_INTEGER_BITS = 12


def infer(graph: Graph, inputs: Int8) -> Int8:
    """The graph's outputs `[samples, *output shape]`."""
    return run(graph, inputs)[graph.output.index]


def run(graph: Graph, inputs: Int8) -> dict[int, Int8]:
    """Every activation of the graph, by its index. Raises DataError for inputs of the wrong shape or type."""
    values = {graph.input.index: _checked(inputs, graph.input)}
    for op in graph.ops:
        values[op.output.index] = run_op(op, values[op.input.index])
    return values


def run_op(op: Op, x: Int8) -> Int8:
    """One operator's outputs `[samples, *output shape]` from its inputs."""
    y: Int8 = _OPS[type(op)](op, _checked(x, op.input)).reshape(len(x), *op.output.shape)
    return y


def _checked(x: Int8, activation: Activation) -> Int8:
    if x.dtype != np.int8 or x.shape[1:] != activation.shape:
        raise DataError(
            f'"{activation.name}" takes int8 arrays [samples, {", ".join(map(str, activation.shape))}], '
            f"got {x.dtype} {list(x.shape)}"
        )
    return x


def _conv_2d(op: Conv2D, x: Int8) -> Int8:
    acc = np.zeros((len(x), *op.output.shape), np.int64)
    for row, column, pixels in _taps(op.window, _centred(op, x), op.output.shape):
        acc += pixels @ op.weights[:, row, column, :].astype(np.int64).T
    return _requantize(op, acc)


def _depthwise_conv_2d(op: DepthwiseConv2D, x: Int8) -> Int8:
    depth_multiplier = op.out_channels // op.input.shape[2]
    acc = np.zeros((len(x), *op.output.shape), np.int64)
    for row, column, pixels in _taps(op.window, _centred(op, x), op.output.shape):
        acc += np.repeat(pixels, depth_multiplier, axis=-1) * op.weights[row, column].astype(np.int64)
    return _requantize(op, acc)


def _fully_connected(op: FullyConnected, x: Int8) -> Int8:
    rows = _centred(op, x).reshape(len(x), -1, op.weights.shape[1])
    return _requantize(op, rows @ op.weights.astype(np.int64).T)


def _average_pool_2d(op: AveragePool2D, x: Int8) -> Int8:
    """The mean of the pixels under the window, padding left out; ties away from zero."""
    total = np.zeros((len(x), *op.output.shape), np.int64)
    count = np.zeros((1, *op.output.shape), np.int64)
    inside = np.ones((1, *op.input.shape), np.int64)
    for _, _, pixels in _taps(op.window, x.astype(np.int64), op.output.shape):
        total += pixels
    for _, _, pixels in _taps(op.window, inside, op.output.shape):
        count += pixels
    mean: npt.NDArray[np.int64] = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return np.clip(mean, op.activation_min, op.activation_max).astype(np.int8)


def _softmax(op: Softmax, x: Int8) -> Int8:
    if op.input.shape[-1] > MAX_SOFTMAX_DEPTH:
        raise ModelError(f'softmax "{op.name}" is over {op.input.shape[-1]} values; {MAX_SOFTMAX_DEPTH} is the most')
    parameters = fixed_point.softmax_parameters(float(op.input.scale), op.beta)
    rows: Int8 = np.stack([_softmax_row(row, *parameters) for row in x.reshape(-1, op.input.shape[-1])])
    return rows


def _softmax_row(row: Int8, multiplier: int, left_shift: int, diff_min: int) -> Int8:
    diff = row.astype(np.int64) - int(row.max())
    scaled = fixed_point.multiply_by_quantized_multiplier(diff, multiplier, left_shift)
    exp = np.where(diff >= diff_min, fixed_point.exp_of_negative(scaled), 0)
    total = int(fixed_point.rounding_divide_by_pot(exp, _SUM_INTEGER_BITS).sum())
    scale, bits_over_unit = fixed_point.reciprocal(total, _SUM_INTEGER_BITS)
    product = fixed_point.saturating_rounding_doubling_high_mul(exp, scale)
    probability = fixed_point.rounding_divide_by_pot(product, bits_over_unit + 31 - 8)
    return np.clip(probability - 128, -128, 127).astype(np.int8)


def _quantize(op: Quantize, x: Int8) -> Int8:
    multiplier, shift = fixed_point.quantize_multiplier(float(op.input.scale) / float(op.output.scale))
    difference = x.astype(np.int64) - op.input.zero_point
    scaled = fixed_point.multiply_by_quantized_multiplier(difference, multiplier, shift).astype(np.int64)
    return np.clip(scaled + op.output.zero_point, -128, 127).astype(np.int8)


def _reshape(_: Reshape, x: Int8) -> Int8:
    return x


def _centred(op: Weighted, x: Int8) -> Int64:
    return x.astype(np.int64) - op.input.zero_point


def _taps(window: Window, x: Int64, out_shape: tuple[int, ...]) -> list[tuple[int, int, Int64]]:
    """(row, column, `[samples, out_height, out_width, channels]` under that tap of the kernel); padding is 0."""
    padded = _padded(window, x, out_shape)
    found = []
    for row, column in np.ndindex(*window.kernel):
        rows, columns = (
            slice(tap * d, tap * d + (size - 1) * s + 1, s)
            for tap, d, s, size in zip((row, column), window.dilation, window.stride, out_shape[:2], strict=True)
        )
        found.append((row, column, padded[:, rows, columns]))
    return found


def _padded(window: Window, x: Int64, out_shape: tuple[int, ...]) -> Int64:
    margins = [(0, 0)]
    for axis in (0, 1):
        reach = (out_shape[axis] - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis] + 1
        before = window.padding[axis]
        margins.append((before, max(0, reach - before - x.shape[axis + 1])))
    return np.pad(x, [*margins, (0, 0)])


def _requantize(op: Weighted, acc: Int64) -> Int8:
    multipliers, shifts = fixed_point.requantization(op)
    scaled = fixed_point.multiply_by_quantized_multiplier(acc + op.bias, multipliers, shifts).astype(np.int64)
    return np.clip(scaled + op.output.zero_point, op.activation_min, op.activation_max).astype(np.int8)


_OPS: dict[type, Callable[[Any, Int8], Int8]] = {
    Conv2D: _conv_2d,
    DepthwiseConv2D: _depthwise_conv_2d,
    FullyConnected: _fully_connected,
    AveragePool2D: _average_pool_2d,
    Softmax: _softmax,
    Quantize: _quantize,
    Reshape: _reshape,
}
