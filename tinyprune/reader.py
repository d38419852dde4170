"""`.tflite` → Graph. What tinyprune cannot run is refused here, with the operator, the tensor and the reason.

The format is TensorFlow Lite's FlatBuffers schema (version 3, identifier TFL3); quantization rules are those of the
int8 specification cited in graph.py. A batch of −1 is fixed to 1. Nothing in the file is trusted: any damage ends in
ModelError.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError, UsageError
from tinyprune.graph import (
    Activation,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Graph,
    Op,
    Reshape,
    Softmax,
    Window,
)

_DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)
_MAX_DIMENSION = 1 << 15
#: Fused activations: name → real-valued (lower, upper) bound.
_ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}
#: Operators that only compute the shape operand of a RESHAPE; the shape is fixed, so they vanish.
_SHAPE_ARITHMETIC = {"SHAPE", "STRIDED_SLICE", "PACK"}


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises UsageError where it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot read the model: {error.strerror}") from None


def read(data: bytes, name: str = "model") -> Graph:
    """The graph of `.tflite` bytes; `name` is what messages call them. Raises ModelError."""
    if data[4:8] != b"TFL3":
        raise ModelError(
            f"{name}: not a .tflite file (the identifier TFL3 is missing); convert the model to int8 .tflite first"
        )
    try:
        return _read(data)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    except _DAMAGE as error:
        raise ModelError(
            f"{name}: damaged or truncated .tflite file ({type(error).__name__}: {error}); convert or copy it again"
        ) from None


@dataclass(frozen=True, slots=True)
class _File:
    model: Any
    subgraph: Any
    tensor_count: int


@dataclass(frozen=True, slots=True)
class _Operator:
    """One operator of the file with the name it gets in the graph, e.g. "conv_2"."""

    file: _File
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


def _read(data: bytes) -> Graph:
    import tflite

    model = tflite.Model.GetRootAsModel(data, 0)
    if model.SubgraphsLength() != 1:
        raise ModelError(f"the model has {model.SubgraphsLength()} subgraphs; only models with one can run")
    subgraph = model.Subgraphs(0)
    file = _File(model, subgraph, subgraph.TensorsLength())
    source = _only(_indices(subgraph, "Inputs"), "inputs")
    target = _only(_indices(subgraph, "Outputs"), "outputs")
    names = _operator_names()
    computed = {source}
    ops: list[Op] = []
    counts: dict[str, int] = {}
    for index in range(subgraph.OperatorsLength()):
        table = subgraph.Operators(index)
        kind = _kind(model, table, names)
        if kind in _SHAPE_ARITHMETIC:
            continue
        if kind not in OPERATORS:
            tensor = next((_tensor_name(file, i) for i in _indices(table, "Outputs")), "?")
            raise ModelError(
                f'operator {kind} (number {index}, tensor "{tensor}") is not supported; '
                f"supported: {', '.join(sorted(OPERATORS))}"
            )
        short, build = OPERATORS[kind]
        counts[short] = counts.get(short, 0) + 1
        operator = _Operator(
            file, kind, f"{short}_{counts[short]}", _indices(table, "Inputs"), _indices(table, "Outputs"), table
        )
        op = build(operator)
        if op.input.index not in computed:
            raise ModelError(f'operator "{op.name}" reads tensor "{op.input.name}" before anything has written it')
        computed.add(op.output.index)
        ops.append(op)
    if target not in computed or not ops:
        raise ModelError("no operator computes the model's output")
    return Graph(tuple(ops), _activation(file, source), _activation(file, target), hashlib.sha256(data).hexdigest())


def _operator_names() -> dict[int, str]:
    from tflite import BuiltinOperator

    return {code: name for name, code in vars(BuiltinOperator).items() if isinstance(code, int)}


def _kind(model: Any, table: Any, names: dict[int, str]) -> str:
    code = model.OperatorCodes(table.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    custom = code.CustomCode()
    return f'CUSTOM "{custom.decode(errors="replace")}"' if custom else names.get(number, f"number {number}")


def _indices(table: Any, field: str) -> tuple[int, ...]:
    """The vector of tensor numbers `Inputs` or `Outputs`; −1 stands for an operand left out."""
    length = getattr(table, f"{field}Length")()
    array = getattr(table, f"{field}AsNumpy")() if length else ()
    return tuple(int(i) for i in array)


def _only(indices: tuple[int, ...], what: str) -> int:
    if len(indices) != 1:
        raise ModelError(f"the model has {len(indices)} {what}; only models with one can run")
    return indices[0]


def _tensor(file: _File, index: int) -> Any:
    if not 0 <= index < file.tensor_count:
        raise ModelError(f"tensor number {index} does not exist")
    return file.subgraph.Tensors(index)


def _tensor_name(file: _File, index: int) -> str:
    return (_tensor(file, index).Name() or b"?").decode(errors="replace")


def _operand(operator: _Operator, position: int) -> int:
    if len(operator.inputs) <= position:
        raise ModelError(f'operator "{operator.name}" has {len(operator.inputs)} inputs, {position + 1} are needed')
    return operator.inputs[position]


def _type_name(number: int) -> str:
    from tflite import TensorType

    return next((name for name, code in vars(TensorType).items() if code == number), f"type {number}")


def _expect_type(file: _File, index: int, wanted: str) -> None:
    found = _type_name(_tensor(file, index).Type())
    if found != wanted:
        hint = {
            "FLOAT32": "; quantize it to full int8 (inference_input_type = inference_output_type = int8), "
            "or give tinyprune the Keras model and --calibration",
            "INT16": "; only int8 activations are supported, quantize without 16x8 mode",
            "UINT8": "; quantize with inference_input_type = int8",
        }.get(found, "")
        raise ModelError(f'tensor "{_tensor_name(file, index)}" is {found}, {wanted} is needed{hint}')


def _shape(file: _File, index: int) -> tuple[int, ...]:
    """The shape with its batch. Raises ModelError for any unknown size but the batch's."""
    tensor = _tensor(file, index)
    shape = [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []
    signature = [int(n) for n in tensor.ShapeSignatureAsNumpy()] if tensor.ShapeSignatureLength() else shape
    if -1 in signature[1:]:
        raise ModelError(
            f'tensor "{_tensor_name(file, index)}" has the dynamic shape {signature}; only the batch may be −1: '
            "convert the model with a fixed input shape"
        )
    return tuple(shape)


def _scales(file: _File, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], int]:
    """Scales, zero points and the quantized dimension."""
    quantization = _tensor(file, index).Quantization()
    if quantization is None or not quantization.ScaleLength():
        raise ModelError(f'tensor "{_tensor_name(file, index)}" has no quantization scale')
    scales = np.array(quantization.ScaleAsNumpy(), dtype=np.float32)
    count = quantization.ZeroPointLength()
    zero_points = (
        np.array(quantization.ZeroPointAsNumpy(), dtype=np.int64) if count else np.zeros(len(scales), np.int64)
    )
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ModelError(f'tensor "{_tensor_name(file, index)}" has a scale that is not a positive number')
    return scales, zero_points, quantization.QuantizedDimension()


def _activation(file: _File, index: int) -> Activation:
    shape = _shape(file, index)
    name = _tensor_name(file, index)
    _expect_type(file, index, "INT8")
    if not shape or shape[0] not in (1, -1):
        raise ModelError(f'tensor "{name}" has shape {list(shape)}; the batch must be 1')
    if not all(0 < n <= _MAX_DIMENSION for n in shape[1:]):
        raise ModelError(f'tensor "{name}" has the impossible shape {list(shape)}')
    scales, zero_points, _ = _scales(file, index)
    if len(scales) != 1 or len(zero_points) != 1 or not -128 <= zero_points[0] <= 127:
        raise ModelError(f'tensor "{name}" must have one scale and one zero point between −128 and 127')
    return Activation(index, name, shape[1:], scales[0], int(zero_points[0]))


def _constant(file: _File, index: int, dtype: type, type_name: str) -> npt.NDArray[Any]:
    tensor = _tensor(file, index)
    name = _tensor_name(file, index)
    if tensor.Sparsity() is not None:
        raise ModelError(f'tensor "{name}" is in TFLite\'s sparse encoding; convert without EXPERIMENTAL_SPARSITY')
    _expect_type(file, index, type_name)
    raw = file.model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(raw, int):
        raise ModelError(f'tensor "{name}" must be a constant, but the model computes it')
    shape = _shape(file, index)
    if any(n <= 0 for n in shape) or raw.size != prod(shape) * np.dtype(dtype).itemsize:
        raise ModelError(f'tensor "{name}" of shape {list(shape)} has {raw.size} bytes of data')
    return np.frombuffer(raw.tobytes(), dtype=np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)


@dataclass(frozen=True, slots=True)
class _Weights:
    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32]


def _weights(operator: _Operator, rank: int, channel_axis: int) -> _Weights:
    """Constant weights and bias, checked to be symmetric and quantized per tensor or along `channel_axis`."""
    file, index = operator.file, _operand(operator, 1)
    values = _constant(file, index, np.int8, "INT8")
    name = _tensor_name(file, index)
    if values.ndim != rank:
        raise ModelError(f'weights "{name}" have {values.ndim} dimensions, {rank} are needed')
    channels = values.shape[channel_axis]
    scales, zero_points, axis = _scales(file, index)
    if zero_points.any():
        raise ModelError(f'weights "{name}" have zero points other than 0; they must be quantized symmetrically')
    if len(scales) not in (1, channels) or (len(scales) > 1 and axis != channel_axis):
        raise ModelError(f'weights "{name}" must have one scale, or one for each of the {channels} output channels')
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = _constant(file, operator.inputs[2], np.int32, "INT32")
    else:
        bias = np.zeros(channels, np.int32)
    if bias.shape != (channels,):
        raise ModelError(f'the bias of "{operator.name}" has shape {list(bias.shape)}, [{channels}] is needed')
    return _Weights(values, scales, bias)


def _ends(operator: _Operator) -> tuple[Activation, Activation]:
    if len(operator.outputs) != 1:
        raise ModelError(f'operator "{operator.name}" has {len(operator.outputs)} outputs, 1 is needed')
    return _activation(operator.file, _operand(operator, 0)), _activation(operator.file, operator.outputs[0])


def _clamp(operator: _Operator, options: Any, output: Activation) -> tuple[int, int]:
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
        steps = np.float32(real) / output.scale
        rounded = int(np.sign(steps) * np.floor(abs(steps) + np.float32(0.5))) if isfinite(steps) else limit * 256
        return min(127, max(-128, output.zero_point + rounded))

    low, high = _ACTIVATIONS[name]
    return stored(low, -128), stored(high, 127)


def _window(
    operator: _Operator, options: Any, kernel: tuple[int, int], source: Activation, target: Activation
) -> Window:
    """Geometry with TFLite's SAME/VALID padding, checked against the output's shape."""
    stride = (options.StrideH(), options.StrideW())
    dilated = hasattr(options, "DilationHFactor")
    dilation = (options.DilationHFactor(), options.DilationWFactor()) if dilated else (1, 1)
    if min(stride) < 1 or min(dilation) < 1 or min(kernel) < 1 or max(*stride, *dilation, *kernel) > _MAX_DIMENSION:
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


def _conv_2d(operator: _Operator) -> Conv2D:
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


def _depthwise_conv_2d(operator: _Operator) -> DepthwiseConv2D:
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


def _fully_connected(operator: _Operator) -> FullyConnected:
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


def _average_pool_2d(operator: _Operator) -> AveragePool2D:
    import tflite

    source, target = _ends(operator)
    options = operator.options(tflite.Pool2DOptions)
    window = _window(operator, options, (options.FilterHeight(), options.FilterWidth()), source, target)
    _same_quantization(operator, source, target)
    if source.shape[2] != target.shape[2]:
        raise ModelError(f'operator "{operator.name}" changes the channels from {source.shape[2]} to {target.shape[2]}')
    return AveragePool2D(operator.name, source, target, *_clamp(operator, options, target), window=window)


def _softmax(operator: _Operator) -> Softmax:
    import tflite

    source, target = _ends(operator)
    if target.scale != np.float32(1 / 256) or target.zero_point != -128 or source.shape != target.shape:
        raise ModelError(f'operator "{operator.name}": a softmax output must have scale 1/256 and zero point −128')
    beta = operator.options(tflite.SoftmaxOptions).Beta()
    if not (isfinite(beta) and beta > 0):
        raise ModelError(f'operator "{operator.name}": beta must be a positive number, not {beta}')
    return Softmax(operator.name, source, target, beta)


def _reshape(operator: _Operator) -> Reshape:
    source, target = _ends(operator)
    _same_quantization(operator, source, target)
    if source.size_bytes != target.size_bytes:
        raise ModelError(f'operator "{operator.name}" reshapes {list(source.shape)} to {list(target.shape)}')
    return Reshape(operator.name, source, target)


def _same_quantization(operator: _Operator, source: Activation, target: Activation) -> None:
    if (source.scale, source.zero_point) != (target.scale, target.zero_point):
        raise ModelError(f'operator "{operator.name}" must not change scale or zero point')


#: TFLite operator → (prefix of the layer's name, function that reads it). The list of what can run.
OPERATORS: dict[str, tuple[str, Callable[[_Operator], Op]]] = {
    "AVERAGE_POOL_2D": ("average_pool", _average_pool_2d),
    "CONV_2D": ("conv", _conv_2d),
    "DEPTHWISE_CONV_2D": ("depthwise", _depthwise_conv_2d),
    "FULLY_CONNECTED": ("fully_connected", _fully_connected),
    "RESHAPE": ("reshape", _reshape),
    "SOFTMAX": ("softmax", _softmax),
}
