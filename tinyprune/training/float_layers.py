"""Operators of a float .tflite as layers of tf_keras that compute the same: one function for each kind.

A function takes the node, its operands (tensors of Keras, arrays of constants, or None where one is left out) and a
name, and returns the answer as a tensor of Keras. It raises ModelError for what no layer can say.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from tinyprune.compiler.file import Node, shape_of
from tinyprune.errors import ModelError

Builder = Callable[[Node, Sequence[Any], str], Any]

_ACTIVATIONS = {0: None, 1: "relu", 3: "relu6", 4: "tanh"}
_PADDINGS = ("same", "valid")


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
    activation = _activation(options)
    return _filled(layers.Dense(len(weights), activation=activation, **_with(bias, name)), x, weights.T, bias)


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
        return _activated(layer(operands[0]), options, name)

    return build


def _global_pool(kind: str) -> Builder:
    """MEAN or REDUCE_MAX over all of a map's pixels."""

    def build(node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        x, rank = operands[0], len(operands[0].shape)
        axes = {int(axis) % rank for axis in np.ravel(_constant(operands, 1))}
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
        return _activated(answer, node.options_or_none(options_name), name)

    return build


def _concatenation(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    options = node.options("ConcatenationOptions")
    if any(isinstance(each, np.ndarray) for each in operands):
        raise ModelError("one of its operands is a constant, which Keras has no layer for")
    axis = options.Axis() % len(operands[0].shape)
    if axis == 0:
        raise ModelError("it joins along the batch")
    return _activated(layers.Concatenate(axis, name=name)(list(operands)), options, name)


def _pad(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    if node.kind == "PADV2" and np.any(_constant(operands, 2)):
        raise ModelError("it pads with another value than 0")
    padding = [tuple(int(side) for side in axis) for axis in _constant(operands, 1)]
    if len(padding) in (3, 4) and padding[0] == padding[-1] == (0, 0):
        layer = layers.ZeroPadding2D(padding[1:3]) if len(padding) == 4 else layers.ZeroPadding1D(padding[1])
        layer._name = name
        return layer(operands[0])
    raise ModelError(f"it pads {padding}; only height and width can be padded")


def _reshape(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    shape = shape_of(node.file, node.outputs[0])
    if not shape or shape[0] not in (1, -1) or prod(shape[1:]) != prod(operands[0].shape[1:]):
        raise ModelError(f"it makes {list(shape)} of {[1, *operands[0].shape[1:]]}, which does not keep the batch")
    return layers.Reshape(shape[1:], name=name)(operands[0])


def _transpose(_node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    order = tuple(int(axis) for axis in _constant(operands, 1))
    if order[0]:
        raise ModelError("it moves the batch")
    return layers.Permute(order[1:], name=name)(operands[0])


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

    x, alpha = operands[0], _constant(operands, 1)
    alpha = alpha.reshape((1,) * (len(x.shape) - 1 - alpha.ndim) + alpha.shape)
    shared = [axis for axis, size in enumerate(alpha.shape, 1) if size == 1]
    return _filled(layers.PReLU(shared_axes=shared, name=name), x, alpha, None)


def _unary(kind: str, *arguments: Any) -> Builder:
    def build(_node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        return getattr(layers, kind)(*arguments, name=name)(operands[0])

    return build


BUILDERS: Mapping[str, Builder] = {
    "ADD": _arithmetic("Add", "AddOptions", lambda c, _first: (1.0, c)),
    "AVERAGE_POOL_2D": _pool("AveragePooling2D"),
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "ELU": _unary("ELU"),
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _dense,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _unary("Activation", "sigmoid"),
    "MAXIMUM": _arithmetic("Maximum", "MaximumMinimumOptions", None),
    "MAX_POOL_2D": _pool("MaxPooling2D"),
    "MEAN": _global_pool("GlobalAveragePooling"),
    "MINIMUM": _arithmetic("Minimum", "MaximumMinimumOptions", None),
    "MUL": _arithmetic("Multiply", "MulOptions", lambda c, _first: (c, 0.0)),
    "PAD": _pad,
    "PADV2": _pad,
    "PRELU": _prelu,
    "REDUCE_MAX": _global_pool("GlobalMaxPooling"),
    "RELU": _unary("ReLU"),
    "RELU6": _unary("ReLU", 6.0),
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SQUEEZE": _reshape,
    "SUB": _arithmetic("Subtract", "SubOptions", lambda c, first: (-1.0, c) if first else (1.0, -c)),
    "TANH": _unary("Activation", "tanh"),
    "TRANSPOSE": _transpose,
}


def _weighted(node: Node, operands: Sequence[Any], rank: int) -> tuple[Any, Any, Any]:
    """Input, weights and bias, if any."""
    weights = _constant(operands, 1)
    if weights.ndim != rank or isinstance(operands[0], np.ndarray):
        raise ModelError(f"its weights have {weights.ndim} axes, {rank} are needed")
    return operands[0], weights, _constant(operands, 2) if node.has(2) else None


def _constant(operands: Sequence[Any], position: int) -> Any:
    if len(operands) <= position or not isinstance(operands[position], np.ndarray):
        raise ModelError(f"its operand number {position} is computed, a constant is needed")
    return operands[position]


def _window(options: Any) -> dict[str, Any]:
    strides = options.StrideH(), options.StrideW()
    dilation = options.DilationHFactor(), options.DilationWFactor()
    if max(strides) > 1 and max(dilation) > 1:
        raise ModelError(f"it has strides {strides} and dilation {dilation}, of which Keras takes only one")
    return {
        "strides": strides,
        "dilation_rate": dilation,
        "padding": _PADDINGS[options.Padding()],
        "activation": _activation(options),
    }


def _activation(options: Any) -> str | None:
    number = options.FusedActivationFunction()
    if number not in _ACTIVATIONS:
        raise ModelError(f"its fused activation (number {number}) has no layer")
    return _ACTIVATIONS[number]


def _activated(answer: Any, options: Any, name: str) -> Any:
    from tf_keras import layers

    activation = None if options is None or not hasattr(options, "FusedActivationFunction") else _activation(options)
    return answer if activation is None else layers.Activation(activation, name=f"{name}_{activation}")(answer)


def _with(bias: Any, name: str) -> dict[str, Any]:
    return {"use_bias": bias is not None, "name": name}


def _filled(layer: Any, x: Any, weights: Any, bias: Any) -> Any:
    answer = layer(x)
    layer.set_weights([weights] if bias is None else [weights, np.ravel(bias)])
    return answer
