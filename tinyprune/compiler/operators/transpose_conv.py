"""TRANSPOSE_CONV: every input pixel adds a kernel of weights to the output, `stride` pixels further on each time.

TFLite's arithmetic (tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h). The file's output shape
is not looked at: that of the result counts; padding follows from it as if the result were convolved.
"""

from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from tinyprune.compiler.file import MAX_DIMENSION, Node
from tinyprune.compiler.graph import Array
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.operator import Operator, Written, one_result
from tinyprune.compiler.operators.weighted import (
    Weighted,
    case_fields,
    centred,
    fused_option,
    read_weights,
    requantize,
    weights_fault,
    written_constants,
)
from tinyprune.compiler.operators.window import Pair, Window

_OPTIONS = "TransposeConvOptions"
_WEIGHTS, _INPUT, _BIAS = 1, 2, 3  # operand 0 is the output's shape, which its tensor has too


@dataclass(frozen=True, slots=True, eq=False)
class TransposeConv(Weighted):
    """Weights are `[out_channels, kernel_h, kernel_w, in_channels]`; the window's padding is cut off from the top and
    left of the output."""

    window: Window

    @property
    def macs(self) -> int:
        return prod(self.input.shape[:2]) * int(self.weights.size)


def weights_are_int8(node: Node) -> str | None:
    """Weights are constant, [out_channels, height, width, in_channels], int8, symmetric, with a scale for the layer or
    for each output channel; a bias is int32, with int16 activations int64."""
    return weights_fault(node, 4, 0, _BIAS)


def between_maps(node: Node) -> str | None:
    """It makes maps of height, width and channels of such maps, in a batch of 1; strides are 1 or more."""
    for tensor in (node.activation(_INPUT), node.result()):
        if len(tensor.shape) != 3 or not tensor.batched:
            return f'"{tensor.name}" has the shape {list(tensor.file_shape)}'
    options = node.options(_OPTIONS)
    strides = options.StrideH(), options.StrideW()
    return None if all(1 <= stride < MAX_DIMENSION for stride in strides) else f"its strides are {strides}"


def channels_agree(node: Node) -> str | None:
    """It is not grouped: every output channel reads all input channels."""
    out_channels, _, _, in_channels = node.constant(_WEIGHTS, "INT8").shape
    before, behind = node.activation(_INPUT).shape[-1], node.result().shape[-1]
    if (in_channels, out_channels) == (before, behind):
        return None
    return f"it has weights for {in_channels} → {out_channels} channels, but maps of {before} → {behind}"


def read(node: Node) -> TransposeConv:
    source, target = node.activation(_INPUT), node.result()
    w, options = read_weights(node, 0, _BIAS), node.options(_OPTIONS)
    kernel = (w.values.shape[1], w.values.shape[2])
    window = _window(target.shape, kernel, (options.StrideH(), options.StrideW()), same=options.Padding() == 0)
    bounds = fused.clamp(node, _OPTIONS, target)
    return TransposeConv(node.name, source, target, w.values, w.scales, w.bias, *bounds, window)


def _window(shape: tuple[int, ...], kernel: Pair, stride: Pair, *, same: bool) -> Window:
    """With the padding that a convolution over a map of this shape has."""
    padding = []
    for size, taps, step in zip(shape[:2], kernel, stride, strict=True):
        pixels = ceil(size / step) if same else int((size - taps + step) / step)  # towards 0, as C divides
        padding.append(max(0, (pixels - 1) * step + taps - size) // 2)
    return Window(kernel, stride, padding=(padding[0], padding[1]))


def infer(op: TransposeConv, x: Array) -> Array:
    """Tap by tap onto a map with margins: what lies on them is cut off."""
    height, width, _ = op.output.shape
    rows, columns = op.input.shape[:2]
    (down, right), (top, left) = op.window.stride, op.window.padding
    kernel_height, kernel_width = op.window.kernel
    size = (max(rows * down + kernel_height, top + height), max(columns * right + kernel_width, left + width))
    acc, values = np.zeros((len(x), *size, op.out_channels), np.int64), centred(op, x)
    for row, column in np.ndindex(kernel_height, kernel_width):
        places = acc[:, row : row + rows * down : down, column : column + columns * right : right]
        places += values @ op.weights[:, row, column, :].astype(np.int64).T
    return requantize(op, acc[:, top : top + height, left : left + width])


def case(random: np.random.Generator) -> TransposeConv:
    """Sizes that a convolution would take back to those of the input mostly, others now and then."""
    kernel, stride = ((int(random.integers(1, 5)), int(random.integers(1, 5))) for _ in range(2))
    if random.integers(3) == 0:
        kernel, stride = (3, 3), (2, 2)
    same, size, out = bool(random.integers(2)), [], []
    for taps, step in zip(kernel, stride, strict=True):
        size.append(int(random.integers(1, 7)))
        more = int(random.integers(step))
        pixels = size[-1] * step - more if same else (size[-1] - 1) * step + taps + more
        out.append(pixels if random.integers(8) else int(random.integers(1, 20)))
    in_channels, out_channels = cases.size(random, 12), cases.size(random, 12)
    weights = cases.values(random, (out_channels, *kernel, in_channels))
    shape = (*out, out_channels)
    dtype = cases.dtype(random)
    scale, output, fields = case_fields(random, weights, 0, 1, shape, dtype, "int32" if dtype == "int8" else "int64")
    source = cases.activation(random, (*size, in_channels), scale_=scale, dtype=dtype)
    return TransposeConv("transpose_conv", source, output, *fields, _window(shape, kernel, stride, same=same))


def write(op: TransposeConv) -> Written:
    stride = {"StrideH": op.window.stride[0], "StrideW": op.window.stride[1]}
    same = _window(op.output.shape, op.window.kernel, op.window.stride, same=True)
    options = stride | {"Padding": 0 if same == op.window else 1} | fused_option(op)
    shape = ("output_shape", np.array(op.output.file_shape, np.int32), None, 0)
    constants = (shape, *written_constants(op, op.weights, 0))
    order = ("output_shape", "weights", "operand 0", "bias")
    return Written("TRANSPOSE_CONV", _OPTIONS, options, constants, order=order)


TRANSPOSE_CONV = Operator(
    TransposeConv, "transpose_conv", "Transposed 2D convolution with any kernel, stride and padding.", read,
    (one_result, weights_are_int8, between_maps, channels_agree, fused.clamped(_OPTIONS)),
    infer, case, write, "AddTransposeConv", types=("INT8", "INT16"),
)  # fmt: skip
