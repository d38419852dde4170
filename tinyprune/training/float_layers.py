"""Operators of a float .tflite as layers of tf_keras that compute the same: one function for each kind.

A function takes the node, its operands (tensors of Keras, arrays of constants, or None where one is left out) and a
name, and returns the answer as a tensor of Keras. It raises ModelError for what no layer can say.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyprune.compiler.file import Node, shape_of
from tinyprune.errors import ModelError
from tinyprune.training.float_moves import MOVES, Builder, activated, activation_of, constant_operand

_PADDINGS = ("same", "valid")
#: What TensorFlow Lite writes for an LSTM of Keras, which has no clip.
_CELL_CLIP = 10.0


def _conv(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    x, weights, bias = _weighted(node, operands, 4)
    options = _window(node.options("Conv2DOptions"))
    channels, inputs = x.shape[-1], weights.shape[-1]
    if channels % inputs:
        raise ModelError(f"its weights are for {inputs} channels, its input has {channels}")
    layer = layers.Conv2D(len(weights), weights.shape[1:3], groups=channels // inputs, **options, **_with(bias, name))
    return _filled(layer, x, weights.transpose(1, 2, 3, 0), bias)


def _depthwise(node: Node, operands: Sequence[Any], name: str) -> Any:
    """Of one input channel a convolution, which can be pruned."""
    from tf_keras import layers

    x, weights, bias = _weighted(node, operands, 4)
    options = _window(node.options("DepthwiseConv2DOptions"))
    channels, (_, height, width, count) = x.shape[-1], weights.shape
    if channels == 1:
        layer = layers.Conv2D(count, (height, width), **options, **_with(bias, name))
        return _filled(layer, x, weights.reshape(height, width, 1, count), bias)
    if count % channels:
        raise ModelError(f"its weights are for {count} channels, its input has {channels}")
    if len(set(options["strides"])) > 1:
        raise ModelError(f"its strides {options['strides']} differ, which Keras has no depthwise layer for")
    layer = layers.DepthwiseConv2D((height, width), depth_multiplier=count // channels, **options, **_with(bias, name))
    return _filled(layer, x, weights.reshape(height, width, channels, -1), bias)


def _dense(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    x, weights, bias = _weighted(node, operands, 2)
    options = node.options("FullyConnectedOptions")
    if options.WeightsFormat():
        raise ModelError("its weights are shuffled; convert the model again")
    if len(x.shape) > 2 and not options.KeepNumDims():
        x = layers.Flatten(name=f"{name}_flatten")(x)
    activation = activation_of(options)
    return _filled(layers.Dense(len(weights), activation=activation, **_with(bias, name)), x, weights.T, bias)


def _transposed(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    x, weights = operands[2], constant_operand(operands, 1)
    bias = constant_operand(operands, 3) if node.has(3) else None
    options = node.options("TransposeConvOptions")
    strides, padding = (options.StrideH(), options.StrideW()), _PADDINGS[options.Padding()]
    kernel, wanted = weights.shape[1:3], shape_of(node.file, node.outputs[0])[1:3]
    layer = layers.Conv2DTranspose(len(weights), kernel, strides, padding, **_with(bias, name))
    if tuple(layer.compute_output_shape(x.shape))[1:3] != tuple(wanted):
        raise ModelError(f"it makes a map of {wanted}, which Keras does not with these strides and padding")
    answer = _filled(layer, x, weights.transpose(1, 2, 0, 3), bias)
    return activated(answer, options, name)


def _lstm(node: Node, operands: Sequence[Any], name: str) -> Any:
    """Gates in Keras's order: input, forget, cell, output."""
    from tf_keras import layers

    options = node.options("UnidirectionalSequenceLSTMOptions")
    if options.TimeMajor() or options.FusedActivationFunction() != 4 or options.CellClip() not in (0, _CELL_CLIP):
        raise ModelError("it is no LSTM of Keras: time comes first, or another activation or a clip is set")
    if not node.has(1) or any(node.has(position) for position in (9, 10, 11, 16, 17, 20, 21, 22, 23)):
        raise ModelError("it has coupled gates, peepholes, a projection or normalization, which Keras has not")
    kernel, recurrent = (
        np.concatenate([constant_operand(operands, first + gate).T for gate in range(4)], axis=1) for first in (1, 5)
    )
    bias = np.concatenate([constant_operand(operands, 12 + gate) for gate in range(4)])
    layer = layers.LSTM(kernel.shape[1] // 4, return_sequences=True, name=name)
    answer = layer(operands[0])
    layer.set_weights([kernel, recurrent, bias])
    return answer


def _hard_swish(_node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    gate = layers.ReLU(6.0, name=f"{name}_gate")(layers.Rescaling(1.0, 3.0, name=f"{name}_shifted")(operands[0]))
    product = layers.Multiply(name=f"{name}_product")([operands[0], gate])
    return layers.Rescaling(1 / 6, name=name)(product)


def _pool(kind: str) -> Builder:
    def build(node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        options = node.options("Pool2DOptions")
        layer = getattr(layers, kind)(
            (options.FilterHeight(), options.FilterWidth()),
            (options.StrideH(), options.StrideW()),
            _PADDINGS[options.Padding()],
            name=name,
        )
        return activated(layer(operands[0]), options, name)

    return build


def _global_pool(kind: str) -> Builder:
    """MEAN or REDUCE_MAX over all of a map's pixels."""

    def build(node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        x, rank = operands[0], len(operands[0].shape)
        axes = {int(axis) % rank for axis in np.ravel(constant_operand(operands, 1))}
        keeps = bool(node.options("ReducerOptions").KeepDims())
        if rank == 3 and axes == {1}:
            return getattr(layers, f"{kind}1D")(keepdims=keeps, name=name)(x)
        if rank == 4 and axes in ({1, 2}, {2, 3}):
            order = "channels_last" if 1 in axes else "channels_first"
            return getattr(layers, f"{kind}2D")(order, keepdims=keeps, name=name)(x)
        raise ModelError(f"it goes over the axes {sorted(axes)} of {rank}; only over all pixels of a map it can")

    return build


def _arithmetic(merge: str, options_name: str, rescaled: Callable[[Any, bool], tuple[Any, Any]] | None) -> Builder:
    """Of two tensors a layer `merge`; of one and a constant a Rescaling. `rescaled`: the constant, and whether it comes
    first → scale and offset."""

    def build(node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        constants = [isinstance(each, np.ndarray) for each in operands]
        if not any(constants):
            answer = getattr(layers, merge)(name=name)(list(operands))
        elif rescaled is None:
            raise ModelError("one of its operands is a constant, which Keras has no layer for")
        else:
            is_first = constants[0]
            constant, x = operands if is_first else reversed(operands)
            if constant.ndim == len(x.shape) and len(constant) == 1:
                constant = constant[0]
            scale, offset = rescaled(constant, is_first)
            answer = layers.Rescaling(np.asarray(scale).tolist(), np.asarray(offset).tolist(), name=name)(x)
        return activated(answer, node.options_or_none(options_name), name)

    return build


def _softmax(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    if node.options("SoftmaxOptions").Beta() != 1:
        raise ModelError("its beta is not 1")
    return layers.Softmax(name=name)(operands[0])


def _leaky_relu(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    return layers.LeakyReLU(float(node.options("LeakyReluOptions").Alpha()), name=name)(operands[0])


def _prelu(_node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    x, alpha = operands[0], constant_operand(operands, 1)
    alpha = alpha.reshape((1,) * (len(x.shape) - 1 - alpha.ndim) + alpha.shape)
    shared = [axis for axis, size in enumerate(alpha.shape, 1) if size == 1]
    return _filled(layers.PReLU(shared_axes=shared, name=name), x, alpha, None)


def _unary(kind: str, *arguments: Any) -> Builder:
    def build(_node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        return getattr(layers, kind)(*arguments, name=name)(operands[0])

    return build


BUILDERS: Mapping[str, Builder] = {
    **MOVES,
    "ADD": _arithmetic("Add", "AddOptions", lambda c, _first: (1.0, c)),
    "AVERAGE_POOL_2D": _pool("AveragePooling2D"),
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "ELU": _unary("ELU"),
    "FULLY_CONNECTED": _dense,
    "HARD_SWISH": _hard_swish,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _unary("Activation", "sigmoid"),
    "MAXIMUM": _arithmetic("Maximum", "MaximumMinimumOptions", None),
    "MAX_POOL_2D": _pool("MaxPooling2D"),
    "MEAN": _global_pool("GlobalAveragePooling"),
    "MINIMUM": _arithmetic("Minimum", "MaximumMinimumOptions", None),
    "MUL": _arithmetic("Multiply", "MulOptions", lambda c, _first: (c, 0.0)),
    "PRELU": _prelu,
    "REDUCE_MAX": _global_pool("GlobalMaxPooling"),
    "RELU": _unary("ReLU"),
    "RELU6": _unary("ReLU", 6.0),
    "SOFTMAX": _softmax,
    "SUB": _arithmetic("Subtract", "SubOptions", lambda c, first: (-1.0, c) if first else (1.0, -c)),
    "TANH": _unary("Activation", "tanh"),
    "TRANSPOSE_CONV": _transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}


def _weighted(node: Node, operands: Sequence[Any], rank: int) -> tuple[Any, Any, Any]:
    """Input, weights and bias, if any."""
    weights = constant_operand(operands, 1)
    if weights.ndim != rank or isinstance(operands[0], np.ndarray):
        raise ModelError(f"its weights have {weights.ndim} axes, {rank} are needed")
    return operands[0], weights, constant_operand(operands, 2) if node.has(2) else None


def _window(options: Any) -> dict[str, Any]:
    strides = options.StrideH(), options.StrideW()
    dilation = options.DilationHFactor(), options.DilationWFactor()
    if max(strides) > 1 and max(dilation) > 1:
        raise ModelError(f"it has strides {strides} and dilation {dilation}, of which Keras takes only one")
    return {
        "strides": strides,
        "dilation_rate": dilation,
        "padding": _PADDINGS[options.Padding()],
        "activation": activation_of(options),
    }


def _with(bias: Any, name: str) -> dict[str, Any]:
    return {"use_bias": bias is not None, "name": name}


def _filled(layer: Any, x: Any, weights: Any, bias: Any) -> Any:
    answer = layer(x)
    layer.set_weights([weights] if bias is None else [weights, np.ravel(bias)])
    return answer
