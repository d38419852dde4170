"""Operators of a float .tflite that move, cut or scale maps, as layers of tf_keras; what all builders share.

See `float_layers.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from tinyprune.compiler.file import Node, shape_of
from tinyprune.errors import ModelError

Builder = Callable[[Node, Sequence[Any], str], Any]

_ACTIVATIONS = {0: None, 1: "relu", 3: "relu6", 4: "tanh"}


def _concatenation(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    options = node.options("ConcatenationOptions")
    if any(isinstance(each, np.ndarray) for each in operands):
        raise ModelError("one of its operands is a constant, which Keras has no layer for")
    axis = options.Axis() % len(operands[0].shape)
    if axis == 0:
        raise ModelError("it joins along the batch")
    return activated(layers.Concatenate(axis, name=name)(list(operands)), options, name)


def _pad(node: Node, operands: Sequence[Any], name: str) -> Any:
    from tf_keras import layers

    if node.kind == "PADV2" and np.any(constant_operand(operands, 2)):
        raise ModelError("it pads with another value than 0")
    padding = [tuple(int(side) for side in axis) for axis in constant_operand(operands, 1)]
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

    order = tuple(int(axis) for axis in constant_operand(operands, 1))
    if order[0]:
        raise ModelError("it moves the batch")
    return layers.Permute(order[1:], name=name)(operands[0])


def _slice(_node: Node, operands: Sequence[Any], _name: str) -> Any:
    begin, size = (np.ravel(constant_operand(operands, position)).tolist() for position in (1, 2))
    return _cut(
        operands[0], [slice(low, None if count < 0 else low + count) for low, count in zip(begin, size, strict=True)]
    )


def _strided_slice(node: Node, operands: Sequence[Any], _name: str) -> Any:
    options = node.options("StridedSliceOptions")
    if options.EllipsisMask() or options.NewAxisMask():
        raise ModelError("it inserts axes")
    bounds = [np.ravel(constant_operand(operands, position)).tolist() for position in (1, 2, 3)]
    parts: list[Any] = []
    for axis, (low, high, step) in enumerate(zip(*bounds, strict=True)):
        if options.ShrinkAxisMask() >> axis & 1:
            parts.append(low)
            continue
        starts, stops = options.BeginMask() >> axis & 1, options.EndMask() >> axis & 1
        parts.append(slice(None if starts else low, None if stops else high, step))
    return _cut(operands[0], parts)


def _cut(x: Any, parts: list[Any]) -> Any:
    """Of all samples the same part. The first axis is the batch, which is one in the file and any number here."""
    batch = parts[0]
    if not isinstance(batch, slice) or (batch.start or 0, batch.step or 1) != (0, 1) or batch.stop not in (None, 1):
        raise ModelError("it cuts the batch")
    return x[(slice(None), *parts[1:])]


def _resize(interpolation: str) -> Builder:
    def build(node: Node, operands: Sequence[Any], name: str) -> Any:
        from tf_keras import layers

        options = node.options(
            "ResizeBilinearOptions" if interpolation == "bilinear" else "ResizeNearestNeighborOptions"
        )
        height, width = np.ravel(constant_operand(operands, 1)).tolist()
        if options.AlignCorners():
            raise ModelError("it aligns corners, which Keras has no layer for")
        return layers.Resizing(height, width, interpolation, name=name)(operands[0])

    return build


MOVES: Mapping[str, Builder] = {
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": _reshape,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize("bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SLICE": _slice,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
}


def constant_operand(operands: Sequence[Any], position: int) -> Any:
    if len(operands) <= position or not isinstance(operands[position], np.ndarray):
        raise ModelError(f"its operand number {position} is computed, a constant is needed")
    return operands[position]


def activation_of(options: Any) -> str | None:
    number = options.FusedActivationFunction()
    if number not in _ACTIVATIONS:
        raise ModelError(f"its fused activation (number {number}) has no layer")
    return _ACTIVATIONS[number]


def activated(answer: Any, options: Any, name: str) -> Any:
    from tf_keras import layers

    activation = None if options is None or not hasattr(options, "FusedActivationFunction") else activation_of(options)
    return answer if activation is None else layers.Activation(activation, name=f"{name}_{activation}")(answer)
