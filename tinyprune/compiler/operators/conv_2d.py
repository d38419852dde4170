"""CONV_2D: a kernel of weights over all channels of a map."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Int8
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.operator import Operator, Written, one_result
from tinyprune.compiler.operators.weighted import (
    Weighted,
    case_fields,
    case_types,
    centred,
    fused_option,
    products,
    read_weights,
    requantize,
    weights_fault,
    written_constants,
)
from tinyprune.compiler.operators.window import Window, case_window, read_window, slides, taps, window_options
from tinyprune.compiler.tables import type_name

_OPTIONS = "Conv2DOptions"


@dataclass(frozen=True, slots=True, eq=False)
class Conv2D(Weighted):
    window: Window

    @property
    def matrix(self) -> Int8 | None:
        return self.weights.reshape(self.out_channels, -1)

    @property
    def macs(self) -> int:
        return prod(self.output.shape[:-1]) * int(self.weights.size)


def weights_are_int8(node: Node) -> str | None:
    """Weights are constant, [out_channels, height, width, in_channels], int8, symmetric, with a scale for the layer or
    for each output channel; a bias is int32, with int16 activations int64 or int32."""
    return weights_fault(node, 4, 0)


def channels_agree(node: Node) -> str | None:
    """It is not grouped: every output channel reads all input channels."""
    out_channels, _, _, in_channels = node.constant(1, "INT8").shape
    before, behind = node.activation(0).shape[-1], node.result().shape[-1]
    if (in_channels, out_channels) == (before, behind):
        return None
    return f"it has weights for {in_channels} → {out_channels} channels, but maps of {before} → {behind}"


def read(node: Node) -> Conv2D:
    source, target = node.ends()
    options = node.options(_OPTIONS)
    w = read_weights(node, 0, quantized_bias_type=type_name(options.QuantizedBiasType()))
    window = read_window(node, options, (w.values.shape[1], w.values.shape[2]))
    bounds = fused.clamp(node, _OPTIONS, target)
    return Conv2D(node.name, source, target, w.values, w.scales, w.bias, *bounds, window)


def infer(op: Conv2D, x: Array) -> Array:
    maps, shape = centred(op, x).reshape(-1, *op.input.shape[-3:]), op.output.shape[-3:]
    acc = np.zeros((len(maps), *shape), np.int64)
    for row, column, pixels in taps(op.window, maps, shape):
        acc += products(pixels, op.weights[:, row, column, :])
    return requantize(op, acc).reshape(len(x), *op.output.shape)


def case(random: np.random.Generator) -> Conv2D:
    """Pointwise ones are half of them; channels are multiples of four and eight now and then."""
    pointwise, step = random.integers(2), int(random.choice([1, 4, 8]))
    size, window, out = case_window(random, (1, 1) if pointwise else None)
    if pointwise:
        size = out = (int(random.integers(1, 6)), int(random.integers(1, 6)))
        window = Window()
    in_channels, out_channels = step * cases.size(random, 12 if pointwise else 9), cases.size(random, 20)
    weights = cases.values(random, (out_channels, *window.kernel, in_channels))
    types = case_types(random)
    scale, output, fields = case_fields(random, weights, 0, 1, (*out, out_channels), *types)
    source = cases.activation(random, (*size, in_channels), scale_=scale, dtype=types[0])
    return Conv2D("conv", source, output, *fields, window)


def write(op: Conv2D) -> Written:
    dilation = {"DilationHFactor": op.window.dilation[0], "DilationWFactor": op.window.dilation[1]}
    options = window_options(op, op.window) | dilation | fused_option(op)
    return Written("CONV_2D", _OPTIONS, options, written_constants(op, op.weights, 0))


CONV_2D = Operator(
    Conv2D, "conv", "2D convolution with any kernel, stride, dilation and padding.", read,
    (one_result, weights_are_int8, slides(_OPTIONS), channels_agree, fused.clamped(_OPTIONS)),
    infer, case, write, "AddConv2D", types=("INT8", "INT16"),
)  # fmt: skip
