"""Operators of a .tflite file: one function each, which checks its geometry and quantization. OPERATORS is the list."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import (
    Activation,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Op,
    Quantize,
    Reshape,
    Softmax,
    Window,
)
from tinyprune.compiler.reader.tensors import MAX_DIMENSION, File, activation_of, constant_of, scales_of, tensor_name
from tinyprune.errors import ModelError

#: Fused activations: name → real-valued (lower, upper) bound.
_ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}
#: A QUANTIZE that multiplies differences of ±255 by this stays within 32 bits.
MOST_RESCALING = 2.0**22


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the file with the name it gets in the graph, e.g. "conv_2"."""

    file: File
    kind: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any

    def options(self, kind: type) -> Any:
        """The operator's option table, as an object of the generated class."""
        union = self.table.BuiltinOptions()
        if union is None:
            raise ModelError(f'operator "{self.name}" has no options')
        options = kind()
        options.Init(union.Bytes, union.Pos)
        return options


def _operand(operator: Operator, position: int) -> int:
    if len(operator.inputs) <= position:
        raise ModelError(f'operator "{operator.name}" has {len(operator.inputs)} inputs, {position + 1} are needed')
    return operator.inputs[position]


@dataclass(frozen=True, slots=True)
class _Weights:
    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32]


def _weights(operator: Operator, rank: int, channel_axis: int) -> _Weights:
    """Constant weights and bias, checked to be symmetric and quantized per tensor or along `channel_axis`."""
    file, index = operator.file, _operand(operator, 1)
    values = constant_of(file, index, np.int8, "INT8")
    name = tensor_name(file, index)
    if values.ndim != rank:
        raise ModelError(f'weights "{name}" have {values.ndim} dimensions, {rank} are needed')
    channels = values.shape[channel_axis]
    scales, zero_points, axis = scales_of(file, index)
    if zero_points.any():
        raise ModelError(f'weights "{name}" have zero points other than 0; they must be quantized symmetrically')
    if len(scales) not in (1, channels) or (len(scales) > 1 and axis != channel_axis):
        raise ModelError(f'weights "{name}" must have one scale, or one for each of the {channels} output channels')
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = constant_of(file, operator.inputs[2], np.int32, "INT32")
    else:
        bias = np.zeros(channels, np.int32)
    if bias.shape != (channels,):
        raise ModelError(f'the bias of "{operator.name}" has shape {list(bias.shape)}, [{channels}] is needed')
    return _Weights(values, scales, bias)


def _ends(operator: Operator) -> tuple[Activation, Activation]:
    if len(operator.outputs) != 1:
        raise ModelError(f'operator "{operator.name}" has {len(operator.outputs)} outputs, 1 is needed')
    return activation_of(operator.file, _operand(operator, 0)), activation_of(operator.file, operator.outputs[0])


def _clamp(operator: Operator, options: Any, output: Activation) -> tuple[int, int]:
    """The fused activation as stored-value bounds; float32 arithmetic and rounding half away from zero, as TFLite does
    it."""
    from tflite import ActivationFunctionType

    number = options.FusedActivationFunction()
    name = next((n for n, code in vars(ActivationFunctionType).items() if code == number), f"number {number}")
    if name not in _ACTIVATIONS:
        raise ModelError(
            f'operator "{operator.name}" has the fused activation {name}; supported: {", ".join(_ACTIVATIONS)}'
        )

    def stored(real: float | None, limit: int) -> int:
        if real is None:
            return limit
        with np.errstate(over="ignore"):  # a scale near 0
            steps = np.float32(real) / output.scale
        rounded = int(np.sign(steps) * np.floor(abs(steps) + np.float32(0.5))) if isfinite(steps) else limit * 256
        return min(127, max(-128, output.zero_point + rounded))

    low, high = _ACTIVATIONS[name]
    return stored(low, -128), stored(high, 127)


def _window(
    operator: Operator, options: Any, kernel: tuple[int, int], source: Activation, target: Activation
) -> Window:
    """Geometry with TFLite's SAME/VALID padding, checked against the output's shape."""
    stride = (options.StrideH(), options.StrideW())
    dilated = hasattr(options, "DilationHFactor")
    dilation = (options.DilationHFactor(), options.DilationWFactor()) if dilated else (1, 1)
    if min(stride) < 1 or min(dilation) < 1 or min(kernel) < 1 or max(*stride, *dilation, *kernel) > MAX_DIMENSION:
        raise ModelError(f'operator "{operator.name}" has the impossible geometry {kernel=} {stride=} {dilation=}')
    if len(source.shape) != 3 or len(target.shape) != 3:
        raise ModelError(
            f'operator "{operator.name}" needs maps of height, width and channels, not {list(source.shape)}'
        )
    same = options.Padding() == 0
    sizes, padding = [], []
    for size, taps, step, spread in zip(source.shape[:2], kernel, stride, dilation, strict=True):
        reach = (taps - 1) * spread + 1
        out = ceil(size / step) if same else (size - reach) // step + 1
        sizes.append(out)
        padding.append(max(0, (out - 1) * step + reach - size) // 2 if same else 0)
    if tuple(sizes) != target.shape[:2]:
        raise ModelError(
            f'operator "{operator.name}" should make a {sizes[0]}×{sizes[1]} map, the file says {list(target.shape)}'
        )
    return Window(kernel, stride, dilation, (padding[0], padding[1]))


def _conv_2d(operator: Operator) -> Conv2D:
    import tflite

    source, target = _ends(operator)
    options = operator.options(tflite.Conv2DOptions)
    w = _weights(operator, 4, 0)
    out_channels, height, width, in_channels = w.values.shape
    window = _window(operator, options, (height, width), source, target)
    if source.shape[2] != in_channels or target.shape[2] != out_channels:
        raise ModelError(
            f'operator "{operator.name}" has weights for {in_channels} → {out_channels} channels, but maps of '
            f"{source.shape[2]} → {target.shape[2]} (grouped convolution is not supported)"
        )
    return Conv2D(
        operator.name, source, target, w.values, w.scales, w.bias, *_clamp(operator, options, target), window=window
    )


def _depthwise_conv_2d(operator: Operator) -> DepthwiseConv2D:
    import tflite

    source, target = _ends(operator)
    options = operator.options(tflite.DepthwiseConv2DOptions)
    w = _weights(operator, 4, 3)
    batch, height, width, channels = w.values.shape
    window = _window(operator, options, (height, width), source, target)
    if batch != 1 or target.shape[2] != channels or channels % source.shape[2]:
        raise ModelError(
            f'operator "{operator.name}" has weights of shape {list(w.values.shape)} for {source.shape[2]} channels'
        )
    return DepthwiseConv2D(
        operator.name, source, target, w.values[0], w.scales, w.bias, *_clamp(operator, options, target), window=window
    )


def _fully_connected(operator: Operator) -> FullyConnected:
    import tflite

    source, target = _ends(operator)
    options = operator.options(tflite.FullyConnectedOptions)
    if options.WeightsFormat() != 0:
        raise ModelError(f'operator "{operator.name}" has shuffled weights; convert without them')
    w = _weights(operator, 2, 0)
    out_channels, taps = w.values.shape
    if source.size_bytes % taps or target.size_bytes != source.size_bytes // taps * out_channels:
        raise ModelError(
            f'operator "{operator.name}" has weights {list(w.values.shape)} for an input {list(source.shape)}'
        )
    return FullyConnected(operator.name, source, target, w.values, w.scales, w.bias, *_clamp(operator, options, target))


def _average_pool_2d(operator: Operator) -> AveragePool2D:
    import tflite

    source, target = _ends(operator)
    options = operator.options(tflite.Pool2DOptions)
    window = _window(operator, options, (options.FilterHeight(), options.FilterWidth()), source, target)
    _same_quantization(operator, source, target)
    if source.shape[2] != target.shape[2]:
        raise ModelError(f'operator "{operator.name}" changes the channels from {source.shape[2]} to {target.shape[2]}')
    return AveragePool2D(operator.name, source, target, *_clamp(operator, options, target), window=window)


def _softmax(operator: Operator) -> Softmax:
    import tflite

    source, target = _ends(operator)
    if target.scale != np.float32(1 / 256) or target.zero_point != -128 or source.shape != target.shape:
        raise ModelError(f'operator "{operator.name}": a softmax output must have scale 1/256 and zero point −128')
    beta = operator.options(tflite.SoftmaxOptions).Beta()
    if not (isfinite(beta) and beta > 0):
        raise ModelError(f'operator "{operator.name}": beta must be a positive number, not {beta}')
    return Softmax(operator.name, source, target, beta)


def _quantize(operator: Operator) -> Quantize:
    source, target = _ends(operator)
    if source.shape != target.shape:
        raise ModelError(f'operator "{operator.name}" changes the shape from {list(source.shape)}')
    ratio = float(source.scale) / float(target.scale)
    if not 2.0**-31 < ratio < MOST_RESCALING:
        raise ModelError(
            f'operator "{operator.name}" changes the scale from {source.scale:g} to {target.scale:g}: too much'
        )
    return Quantize(operator.name, source, target)


def _reshape(operator: Operator) -> Reshape:
    source, target = _ends(operator)
    _same_quantization(operator, source, target)
    if source.size_bytes != target.size_bytes:
        raise ModelError(f'operator "{operator.name}" reshapes {list(source.shape)} to {list(target.shape)}')
    return Reshape(operator.name, source, target)


def _same_quantization(operator: Operator, source: Activation, target: Activation) -> None:
    if (source.scale, source.zero_point) != (target.scale, target.zero_point):
        raise ModelError(f'operator "{operator.name}" must not change scale or zero point')


#: TFLite operator → (prefix of the layer's name, function that reads it). The list of what can run.
OPERATORS: dict[str, tuple[str, Callable[[Operator], Op]]] = {
    "AVERAGE_POOL_2D": ("average_pool", _average_pool_2d),
    "CONV_2D": ("conv", _conv_2d),
    "DEPTHWISE_CONV_2D": ("depthwise", _depthwise_conv_2d),
    "FULLY_CONNECTED": ("fully_connected", _fully_connected),
    "QUANTIZE": ("quantize", _quantize),
    "RESHAPE": ("reshape", _reshape),
    "SOFTMAX": ("softmax", _softmax),
}
