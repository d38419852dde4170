"""FULLY_CONNECTED: weights over the last axis, or over all values at once."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node, scales_of, tensor_of
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
from tinyprune.compiler.tables import type_name

_OPTIONS = "FullyConnectedOptions"
_BIAS = 2  # number of the operand
_MOST_AWAY = 0.02  # of TFLite Micro's GetQuantizedConvolutionMultipler


@dataclass(frozen=True, slots=True, eq=False)
class FullyConnected(Weighted):
    """Rows of `in_channels` values, as many as the input has."""

    @property
    def matrix(self) -> Int8 | None:
        return self.weights

    @property
    def macs(self) -> int:
        return self.output.count * int(self.weights.shape[1])


def plain_weights(node: Node) -> str | None:
    """Its weights are not shuffled."""
    return "it has shuffled weights" if node.options(_OPTIONS).WeightsFormat() else None


def weights_are_int8(node: Node) -> str | None:
    """Weights are constant, [out_channels, in_channels], int8, symmetric, with a scale for the layer or for each output
    channel; a bias is int32, with int16 activations int64 or int32."""
    return weights_fault(node, 2, 0)


def bias_has_scale(node: Node) -> str | None:
    """Where its weights have one scale, that of its bias is this times its input's, within 2 % of its result's."""
    weights = scales_of(node.file, node.index(1))[0]
    if len(weights) > 1 or not node.has(_BIAS):
        return None
    quantization, target = tensor_of(node.file, node.index(_BIAS)).quantization, node.result()
    found = 0.0 if quantization is None else float(quantization.scales[0])
    wanted = float(node.activation(0).scale) * float(weights[0])
    near = abs(wanted - found) / float(target.scale) <= _MOST_AWAY  # also where it is no number
    return None if near else f"its bias has scale {found:g}, its input times its weights {wanted:g}"


def rows_agree(node: Node) -> str | None:
    """Its input is rows of in_channels values, and its result as many rows of out_channels, its last axis."""
    source, target = node.activation(0), node.result()
    out_channels, taps = node.constant(1, "INT8").shape
    if source.count % taps or target.count != source.count // taps * out_channels:
        return f"it has weights {[out_channels, taps]} for an input {list(source.shape)}"
    if target.file_shape[-1] != out_channels:
        return f"it has weights {[out_channels, taps]} and makes {list(target.file_shape)}"
    return None


def read(node: Node) -> FullyConnected:
    source, target = node.ends()
    w = read_weights(node, 0, quantized_bias_type=type_name(node.options(_OPTIONS).QuantizedBiasType()))
    return FullyConnected(node.name, source, target, w.values, w.scales, w.bias, *fused.clamp(node, _OPTIONS, target))


def infer(op: FullyConnected, x: Array) -> Array:
    rows = centred(op, x).reshape(len(x), -1, op.weights.shape[1])
    return requantize(op, products(rows, op.weights)).reshape(len(x), *op.output.shape)


def case(random: np.random.Generator) -> FullyConnected:
    step = int(random.choice([1, 4, 8]))
    in_channels, out_channels = step * cases.size(random, 12), cases.size(random, 20)
    rows = int(random.choice([1, 1, 2, 5, 9]))
    weights = cases.values(random, (out_channels, in_channels))
    leading = (rows,) if rows > 1 else ()
    types = case_types(random)
    scale, output, fields = case_fields(random, weights, 0, 1, (*leading, out_channels), *types)
    source = cases.activation(random, (*leading, in_channels), scale_=scale, dtype=types[0])
    return FullyConnected("fully_connected", source, output, *fields)


def write(op: FullyConnected) -> Written:
    options = fused_option(op) | {"KeepNumDims": len(op.output.shape) > 1}
    return Written("FULLY_CONNECTED", _OPTIONS, options, written_constants(op, op.weights, 0))


FULLY_CONNECTED = Operator(
    FullyConnected, "fully_connected", "Fully connected layer, over one row of values or several.", read,
    (one_result, plain_weights, weights_are_int8, bias_has_scale, rows_agree, fused.clamped(_OPTIONS)),
    infer, case, write, "AddFullyConnected", types=("INT8", "INT16"),
)  # fmt: skip
