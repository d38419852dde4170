"""Small int8 .tflite files, layer by layer, and the `Graph` that each one holds.

A model is an input and layers in a row. `model()` writes the file, `graph()` says what a reader must find in it.
Shapes of activations leave the batch out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import floor, prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tflite

from tests.tflite_file import Operator, Tensor, write
from tinyprune.compiler.graph import Activation, Graph, Op
from tinyprune.compiler.operators.average_pool_2d import AveragePool2D
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.reshape import Reshape
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.compiler.operators.window import Window

Pair: TypeAlias = tuple[int, int]
Code = tflite.BuiltinOperator
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU6": 3}
PADDINGS = {"SAME": 0, "VALID": 1}


@dataclass(frozen=True, kw_only=True)
class Layer:
    scale: float | None = None  # of the output; None keeps the input's scale and zero point
    zero_point: int = 0
    activation: str = "NONE"


@dataclass(frozen=True, kw_only=True)
class WeightedLayer(Layer):
    scale: float | None = 0.05
    weights: npt.NDArray[np.int8]
    weight_scales: Sequence[float] = (0.01,)  # one for the layer, or one for each output channel
    bias: npt.NDArray[np.int32] | None = None


@dataclass(frozen=True, kw_only=True)
class Slide:
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: str = "VALID"


@dataclass(frozen=True, kw_only=True)
class Conv(Slide, WeightedLayer):
    """Weights `[out_channels, kernel_h, kernel_w, in_channels]`."""


@dataclass(frozen=True, kw_only=True)
class Depthwise(Slide, WeightedLayer):
    """Weights `[kernel_h, kernel_w, out_channels]`; the depth multiplier follows from the input's channels."""


@dataclass(frozen=True, kw_only=True)
class Dense(WeightedLayer):
    """Weights `[out_channels, in_channels]`; rows of an input of more axes are kept."""


@dataclass(frozen=True, kw_only=True)
class Pool(Slide, Layer):
    kernel: Pair


@dataclass(frozen=True, kw_only=True)
class Soft(Layer):
    beta: float = 1.0
    scale: float | None = 1 / 256
    zero_point: int = -128


@dataclass(frozen=True, kw_only=True)
class Rescale(Layer):
    scale: float | None = 0.1


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """A reshape, to `[features]` unless a shape is given."""

    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Input:
    shape: tuple[int, ...]
    scale: float = 0.1
    zero_point: int = 0


def model(source: Input, layers: Sequence[Layer], dynamic_batch: bool = False) -> bytes:
    """The .tflite file of a chain of layers."""
    layers = _with_scales(source, layers)
    tensors = [_activation_tensor("input", source.shape, source, dynamic_batch)]
    operators, shape, here = [], source.shape, 0
    for number, layer in enumerate(layers):
        inputs = [here]
        for constant in _constants(layer, number, tensors[here].scales[0]):
            inputs.append(len(tensors))
            tensors.append(constant)
        operators.append(_operator(layer, shape, tuple(inputs), len(tensors)))
        shape, here = output_shape(layer, shape), len(tensors)
        tensors.append(_activation_tensor(f"layer{number}", shape, layer, dynamic_batch))
    return write(tensors, operators, (0,), (here,))


def graph(source: Input, layers: Sequence[Layer]) -> Graph:
    """The same chain as a `Graph`; operators bear the names of their outputs."""
    layers = _with_scales(source, layers)
    start = here = Activation(0, "input", source.shape, np.float32(source.scale), source.zero_point)
    ops: list[Op] = []
    tensors = 1
    for number, layer in enumerate(layers):
        index = tensors + len(_constants(layer, number, 1.0))
        tensors = index + 1
        shape = output_shape(layer, here.shape)
        after = Activation(index, f"layer{number}", shape, np.float32(layer.scale), layer.zero_point)
        ops.append(_op(layer, here, after))
        here = after
    return Graph(tuple(ops), (start,), (here,), sha256(model(source, layers)).hexdigest())


def output_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(layer, Dense):
        return (*shape[:-1], len(layer.weights))
    if isinstance(layer, Flatten):
        return layer.shape or (prod(shape),)
    if isinstance(layer, (Conv, Depthwise, Pool)):
        kernel = _kernel(layer)
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, layer.dilation, strict=True)]
        lost = [0, 0] if layer.padding == "SAME" else [r - 1 for r in reach]
        rows, columns = (-(-(shape[axis] - lost[axis]) // layer.stride[axis]) for axis in (0, 1))
        return (rows, columns, _out_channels(layer, shape))
    return shape


def _with_scales(source: Input, layers: Sequence[Layer]) -> list[Layer]:
    scaled: list[Layer] = []
    before: Input | Layer = source
    for layer in layers:
        before = layer if layer.scale is not None else replace(layer, scale=before.scale, zero_point=before.zero_point)
        scaled.append(before)
    return scaled


def _kernel(layer: Conv | Depthwise | Pool) -> Pair:
    if isinstance(layer, Pool):
        return layer.kernel
    height, width = layer.weights.shape[1:3] if isinstance(layer, Conv) else layer.weights.shape[:2]
    return height, width


def _out_channels(layer: Layer, shape: tuple[int, ...]) -> int:
    if isinstance(layer, WeightedLayer):
        return int(layer.weights.shape[-1 if isinstance(layer, Depthwise) else 0])
    return shape[-1]


def _window(layer: Conv | Depthwise | Pool, shape: tuple[int, ...]) -> Window:
    """Padding as TFLite has it: what is missing to the last output, the smaller half before."""
    kernel, out = _kernel(layer), output_shape(layer, shape)
    top_left = []
    for axis in (0, 1):
        reach = (out[axis] - 1) * layer.stride[axis] + (kernel[axis] - 1) * layer.dilation[axis] + 1
        top_left.append(max(reach - shape[axis], 0) // 2)
    return Window(kernel, layer.stride, layer.dilation, (top_left[0], top_left[1]))


def _op(layer: Layer, before: Activation, after: Activation) -> Op:
    low, high = _activation_range(layer)
    if isinstance(layer, WeightedLayer):
        channels = _out_channels(layer, before.shape)
        bias = np.zeros(channels, np.int32) if layer.bias is None else layer.bias.copy()
        scales = np.array(layer.weight_scales, np.float32)
        common = (after.name, before, after, layer.weights.copy(), scales, bias, low, high)
        if isinstance(layer, Dense):
            return FullyConnected(*common)
        kind = Conv2D if isinstance(layer, Conv) else DepthwiseConv2D
        return kind(*common, _window(layer, before.shape))  # type: ignore[arg-type]
    if isinstance(layer, Pool):
        return AveragePool2D(after.name, before, after, low, high, _window(layer, before.shape))
    if isinstance(layer, Soft):
        return Softmax(after.name, before, after, layer.beta)
    if isinstance(layer, Rescale):
        return Quantize(after.name, before, after)
    return Reshape(after.name, before, after)


def _activation_range(layer: Layer) -> Pair:
    low = -128 if layer.activation == "NONE" else max(-128, layer.zero_point)
    if layer.activation != "RELU6":
        return low, 127
    six = floor(float(np.float32(6) / np.float32(layer.scale)) + 0.5)
    return low, min(127, layer.zero_point + six)


def _activation_tensor(name: str, shape: tuple[int, ...], source: Input | Layer, dynamic_batch: bool) -> Tensor:
    signature = (-1, *shape) if dynamic_batch else None
    return Tensor(
        name, (1, *shape), scales=(source.scale or 0.0,), zero_points=(source.zero_point,), signature=signature
    )


def _constants(layer: Layer, number: int, input_scale: float) -> list[Tensor]:
    if isinstance(layer, Flatten):
        shape = np.array([1, *(layer.shape or (-1,))], np.int32)
        return [Tensor(f"layer{number}/shape", shape.shape, tflite.TensorType.INT32, data=shape)]
    if not isinstance(layer, WeightedLayer):
        return []
    data = layer.weights[None] if isinstance(layer, Depthwise) else layer.weights
    scales, axis = np.array(layer.weight_scales, np.float32), 3 if isinstance(layer, Depthwise) else 0
    zeros = [0] * len(scales)
    weights = Tensor(f"layer{number}/weights", data.shape, tflite.TensorType.INT8, scales, zeros, axis, data)
    if layer.bias is None:
        return [weights]
    bias_scales = scales * np.float32(input_scale)
    bias = Tensor(f"layer{number}/bias", layer.bias.shape, tflite.TensorType.INT32, bias_scales, zeros, 0, layer.bias)
    return [weights, bias]


def _operator(layer: Layer, shape: tuple[int, ...], inputs: tuple[int, ...], output: int) -> Operator:
    fused = {"FusedActivationFunction": ACTIVATIONS[layer.activation]}
    if isinstance(layer, Dense):
        options = fused | {"KeepNumDims": len(shape) > 1}
        return Operator(Code.FULLY_CONNECTED, inputs, (output,), "FullyConnectedOptions", options)
    if isinstance(layer, Soft):
        return Operator(Code.SOFTMAX, inputs, (output,), "SoftmaxOptions", {"Beta": layer.beta})
    if isinstance(layer, Rescale):
        return Operator(Code.QUANTIZE, inputs, (output,), "QuantizeOptions", {})
    if isinstance(layer, Flatten):
        new_shape = np.array([1, *output_shape(layer, shape)], np.int32)
        return Operator(Code.RESHAPE, inputs, (output,), "ReshapeOptions", {"NewShape": new_shape})
    assert isinstance(layer, (Conv, Depthwise, Pool))
    slide = {"Padding": PADDINGS[layer.padding], "StrideH": layer.stride[0], "StrideW": layer.stride[1]} | fused
    if isinstance(layer, Pool):
        kernel = {"FilterHeight": layer.kernel[0], "FilterWidth": layer.kernel[1]}
        return Operator(Code.AVERAGE_POOL_2D, inputs, (output,), "Pool2DOptions", slide | kernel)
    slide |= {"DilationHFactor": layer.dilation[0], "DilationWFactor": layer.dilation[1]}
    if isinstance(layer, Conv):
        return Operator(Code.CONV_2D, inputs, (output,), "Conv2DOptions", slide)
    multiplier = {"DepthMultiplier": layer.weights.shape[-1] // shape[-1]}
    return Operator(Code.DEPTHWISE_CONV_2D, inputs, (output,), "DepthwiseConv2DOptions", slide | multiplier)
