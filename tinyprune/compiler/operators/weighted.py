"""What conv 2D, depthwise conv 2D and fully connected share: weights, biases, and the way back to int8 or int16.

With int16 activations and a bias of int64, or none, TFLite accumulates in 64 bits and rounds once; with one of int32 as
with int8 activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node, constant_of, scales_of, tensor_name
from tinyprune.compiler.graph import Activation, Array, Float32, Int8, Int32, Int64, Unary
from tinyprune.compiler.operators import cases, fused
from tinyprune.errors import ModelError


@dataclass(frozen=True, slots=True, eq=False)
class Weighted(Unary):
    """Arrays are read-only."""

    weights: Int8  # conv [out_channels, kernel_h, kernel_w, in_channels], depthwise [kernel_h, kernel_w, out_channels],
    #               fully connected [out_channels, in_channels]
    weight_scales: Float32  # as in the file: [1] or [out_channels]
    bias: Int32 | Int64  # [out_channels]; int64 where accumulators are
    activation_min: int
    activation_max: int

    def __post_init__(self) -> None:
        for array in (self.weights, self.weight_scales, self.bias):
            array.setflags(write=False)

    @property
    def out_channels(self) -> int:
        return len(self.bias)

    @property
    def rounds_once(self) -> bool:
        """Whether accumulators are of 64 bits, and their way to the output has one rounding."""
        return self.bias.dtype == np.int64


@dataclass(frozen=True, slots=True)
class Weights:
    """As the file has them."""

    values: Int8
    scales: Float32
    bias: Int32 | Int64


def bias_types(node: Node) -> tuple[str, ...]:
    """Which a bias may have. TFLite Micro reads int64 at depthwise and transposed convolutions of int16 maps."""
    if node.types != ("INT16",):
        return ("INT32",)
    return ("INT64",) if node.kind in ("DEPTHWISE_CONV_2D", "TRANSPOSE_CONV") else ("INT64", "INT32")


def weights_fault(node: Node, rank: int, channel_axis: int, bias_position: int = 2) -> str | None:
    """What is wrong with constant weights and bias, if anything: for the rules of weighted operators."""
    file, index = node.file, node.index(1)
    name = tensor_name(file, index)
    values = constant_of(file, index, "INT8")
    if values.ndim != rank:
        return f'weights "{name}" have {values.ndim} dimensions, {rank} are needed'
    channels = values.shape[channel_axis]
    scales, zero_points, axis = scales_of(file, index)
    if zero_points.any():
        return f'weights "{name}" have zero points other than 0'
    if len(scales) not in (1, channels) or (len(scales) > 1 and axis != channel_axis):
        return f'weights "{name}" must have one scale, or one for each of the {channels} output channels'
    if node.has(bias_position):
        bias = constant_of(file, node.index(bias_position), *bias_types(node))
        if bias.shape != (channels,):
            return f"its bias has shape {list(bias.shape)}, [{channels}] is needed"
    return None


def read_weights(node: Node, channel_axis: int, bias_position: int = 2, quantized_bias_type: str = "") -> Weights:
    """Of an operator that keeps the rules above. `quantized_bias_type` says how a layer without a bias accumulates."""
    values = node.constant(1, "INT8")
    scales, _, _ = scales_of(node.file, node.index(1))
    types = bias_types(node)
    if node.has(bias_position):
        return Weights(values, scales, node.constant(bias_position, *types))
    said = quantized_bias_type if quantized_bias_type in types else types[0]
    return Weights(values, scales, np.zeros(values.shape[channel_axis], said.lower()))


def requantization(op: Weighted) -> tuple[Int32, Int32]:
    """Multipliers and shifts `[out_channels]` that take accumulators to the output's scale; scales multiply in double.

    TFLite Micro once multiplied in float32 for a fully connected layer with one weight scale (seen in the wheel
    0.dev20250107191040, gone in 0.dev20261023182759). Here it is always double, so one scale `[1]` and the same scale
    for each channel are the same thing. Raises ModelError for a scale out of range.
    """
    input_scale, output_scale = float(op.input.scale), float(op.output.scale)
    reals = [input_scale * float(scale) / output_scale for scale in op.weight_scales]
    pairs = np.array([fixed_point.quantize_multiplier(real) for real in reals], dtype=np.int64)
    if pairs[:, 1].max() > (7 if op.rounds_once else 30):
        raise ModelError(f'layer "{op.name}": its output scale is too small for its weights; quantize the model again')
    multipliers, shifts = np.broadcast_to(pairs.astype(np.int32), (op.out_channels, 2)).T
    return multipliers, shifts


def centred(op: Weighted, x: Array) -> npt.NDArray[np.int64]:
    """Inputs as differences from their zero point."""
    return x.astype(np.int64) - op.input.zero_point


def products(x: npt.NDArray[np.int64], weights: Array) -> npt.NDArray[np.int64]:
    """Sums of products `[…, taps]` × `[out_channels, taps]` → `[…, out_channels]`. In double, which has fast libraries
    and is exact here: 2^28 products of int16 and int8 are less than 2^53."""
    found: npt.NDArray[np.int64] = (x.astype(np.float64) @ weights.astype(np.float64).T).astype(np.int64)
    return found


def requantize(op: Weighted, acc: npt.NDArray[np.int64]) -> Array:
    """Accumulators `[…, out_channels]` → outputs."""
    multipliers, shifts = requantization(op)
    fixed = fixed_point
    multiply = fixed.multiply_by_reduced_multiplier if op.rounds_once else fixed.multiply_by_quantized_multiplier
    scaled = multiply(acc + op.bias, multipliers, shifts).astype(np.int64)
    return np.clip(scaled + op.output.zero_point, op.activation_min, op.activation_max).astype(op.output.dtype)


def case_fields(
    random: np.random.Generator,
    weights: Int8,
    channel_axis: int,
    output_index: int,
    out_shape: Sequence[int],
    dtype: str = "int8",
    bias_dtype: str = "int32",
) -> tuple[float, Activation, tuple[Int8, Float32, Int32 | Int64, int, int]]:
    """(input's scale, output, fields of Weighted behind it) such that outputs of random inputs spread over the type's
    range, or beyond, or little; biases to match."""
    channels, steps = weights.shape[channel_axis], 1 if dtype == "int8" else 256
    taps = max(1, weights.size // channels)
    input_scale, output_scale = 0.1 / steps, float(random.choice([0.01, 0.0078125, 0.03])) / steps
    accumulators = taps**0.5 * 74 * 74 * steps  # standard deviation
    spread = random.choice([50, 50, 50, 50, 1000, 2]) * steps
    scales = spread * output_scale / input_scale / accumulators * 2 ** random.uniform(-1, 1, channels)
    if random.integers(2):
        scales = 2.0 ** np.round(np.log2(scales))
    largest = int(random.choice([0, *[int(accumulators)] * 5, 1 << (26 if bias_dtype == "int32" else 40)]))
    bias: Int32 | Int64 = random.integers(-largest, largest + 1, (channels,)).astype(bias_dtype)
    output = cases.activation(random, out_shape, output_index, scale_=output_scale, dtype=dtype)
    if dtype == "int8" and random.integers(2):  # as a ReLU behind most layers is quantized
        output = replace(output, zero_point=-128)
    low, high = cases.clamp(random, output)
    return input_scale, output, (weights, scales.astype(np.float32), bias, low, high)


def case_types(random: np.random.Generator) -> tuple[str, str]:
    """(type of activations, type of the bias) of a case."""
    dtype = cases.dtype(random)
    return dtype, "int32" if dtype == "int8" else str(random.choice(["int64", "int64", "int32"]))


def written_constants(op: Weighted, weights: Int8, channel_axis: int) -> Any:
    """Weights and bias for `Written.constants`."""
    bias_scales = op.weight_scales * op.input.scale
    return (("weights", weights, op.weight_scales, channel_axis), ("bias", op.bias, bias_scales, 0))


def fused_option(op: Any) -> dict[str, int]:
    """The schema's field for what clamps the operator."""
    return {"FusedActivationFunction": fused.code(op.activation_min, op.activation_max, op.output)}
