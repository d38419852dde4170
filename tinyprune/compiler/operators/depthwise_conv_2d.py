"""DEPTHWISE_CONV_2D: a kernel of weights over each channel of a map by itself."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tinyprune.compiler.file import Node
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
from tinyprune.compiler.operators.window import Window, case_window, read_window, slides, taps, window_options

_OPTIONS = "DepthwiseConv2DOptions"


@dataclass(frozen=True, slots=True, eq=False)
class DepthwiseConv2D(Weighted):
    """Output channel o reads input channel o / depth_multiplier."""

    window: Window

    @property
    def depth_multiplier(self) -> int:
        return self.out_channels // self.input.shape[-1]

    @property
    def macs(self) -> int:
        return self.output.count * prod(self.window.kernel)


def weights_are_int8(node: Node) -> str | None:
    """Weights are constant, [1, height, width, out_channels], int8, symmetric, with a scale for the layer or for each
    output channel; a bias is int32, with int16 activations int64."""
    return weights_fault(node, 4, 3)


def int16_has_bias(node: Node) -> str | None:
    """With int16 activations it has a bias: TFLite Micro reads one."""
    without = len(node.inputs) < 3 or node.index(2) < 0
    return "it has int16 activations and no bias" if without and node.activation(0).dtype == "int16" else None


def channels_agree(node: Node) -> str | None:
    """It has depth_multiplier output channels for each input channel."""
    shape = node.constant(1, "INT8").shape
    before, behind = node.activation(0).shape[-1], node.result().shape[-1]
    if shape[0] != 1 or shape[3] != behind or behind % before:
        return f"it has weights of shape {list(shape)} for {before} → {behind} channels"
    multiplier = node.options(_OPTIONS).DepthMultiplier()
    if multiplier * before != behind:
        return f"its depth multiplier is {multiplier} for {before} → {behind} channels"
    return None


def read(node: Node) -> DepthwiseConv2D:
    source, target = node.ends()
    w, options = read_weights(node, 3), node.options(_OPTIONS)
    window = read_window(node, options, (w.values.shape[1], w.values.shape[2]))
    bounds = fused.clamp(node, _OPTIONS, target)
    return DepthwiseConv2D(node.name, source, target, w.values[0], w.scales, w.bias, *bounds, window)


def infer(op: DepthwiseConv2D, x: Array) -> Array:
    maps, shape = centred(op, x).reshape(-1, *op.input.shape[-3:]), op.output.shape[-3:]
    acc = np.zeros((len(maps), *shape), np.int64)
    for row, column, pixels in taps(op.window, maps, shape):
        acc += np.repeat(pixels, op.depth_multiplier, axis=-1) * op.weights[row, column].astype(np.int64)
    return requantize(op, acc).reshape(len(x), *op.output.shape)


def case(random: np.random.Generator) -> DepthwiseConv2D:
    """3×3 ones without a multiplier are half of them, many of them with channels that are multiples of four."""
    common, step = random.integers(2), int(random.choice([1, 4]))
    size, window, out = case_window(random, (3, 3) if common else None)
    in_channels = step * cases.size(random, 9)
    channels = in_channels * (1 if common else int(random.integers(1, 4)))
    weights = cases.values(random, (*window.kernel, channels))
    dtype = cases.dtype(random)
    types = dtype, "int32" if dtype == "int8" else "int64"
    scale, output, fields = case_fields(random, weights, 2, 1, (*out, channels), *types)
    source = cases.activation(random, (*size, in_channels), scale_=scale, dtype=types[0])
    return DepthwiseConv2D("depthwise", source, output, *fields, window)


def write(op: DepthwiseConv2D) -> Written:
    dilation = {"DilationHFactor": op.window.dilation[0], "DilationWFactor": op.window.dilation[1]}
    options = window_options(op, op.window) | dilation | fused_option(op) | {"DepthMultiplier": op.depth_multiplier}
    return Written("DEPTHWISE_CONV_2D", _OPTIONS, options, written_constants(op, op.weights[None], 3))


DEPTHWISE_CONV_2D = Operator(
    DepthwiseConv2D, "depthwise", "Depthwise 2D convolution with any kernel, stride, dilation, padding and multiplier.",
    read, (one_result, weights_are_int8, int16_has_bias, slides(_OPTIONS), channels_agree, fused.clamped(_OPTIONS)),
    infer, case, write, "AddDepthwiseConv2D", types=("INT8", "INT16"),
)  # fmt: skip
