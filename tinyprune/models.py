"""DS-CNN: depthwise separable convolutions for keyword spotting, as tf_keras models.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv:1711.07128; sizes S, M and L as trained in its code
(ML-KWS-for-MCU). S is also the network of MLPerf Tiny, whose dropout it has here; the last pooling covers the whole map,
25 × 5 for S, where MLPerf's drops the last frame.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tinyprune.features import COEFFICIENTS, FRAMES

Size = Literal["S", "M", "L"]


@dataclass(frozen=True, slots=True)
class Geometry:
    channels: int
    first_stride: tuple[int, int]
    block_strides: tuple[int, ...]
    """Stride of each depthwise convolution."""


GEOMETRIES: dict[Size, Geometry] = {
    "S": Geometry(64, (2, 2), (1, 1, 1, 1)),
    "M": Geometry(172, (2, 1), (2, 1, 1, 1)),
    "L": Geometry(276, (2, 1), (2, 1, 1, 1, 1)),
}


def ds_cnn(size: Size, classes: int) -> Any:
    """Untrained network: features `[batch, 49, 10, 1]` → probabilities `[batch, classes]`."""
    from tf_keras import Model, layers

    geometry = GEOMETRIES[size]
    inputs = layers.Input((FRAMES, COEFFICIENTS, 1), name="features")
    first = layers.Conv2D(
        geometry.channels, (10, 4), strides=geometry.first_stride, padding="same", use_bias=False, name="conv"
    )
    x = _dropout(0.2, "dropout_1")(_normalized(first, inputs))
    for index, stride in enumerate(geometry.block_strides, start=1):
        depthwise = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"depthwise_{index}")
        pointwise = layers.Conv2D(geometry.channels, 1, use_bias=False, name=f"pointwise_{index}")
        x = _normalized(pointwise, _normalized(depthwise, x))
    x = _dropout(0.4, "dropout_2")(x)
    x = layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = layers.Dense(classes, name="dense")(layers.Flatten(name="flatten")(x))
    return Model(inputs, layers.Softmax(name="softmax")(x), name=f"ds_cnn_{size.lower()}")


def _normalized(layer: Any, x: Any) -> Any:
    from tf_keras import layers

    x = layers.BatchNormalization(name=f"{layer.name}_bn")(layer(x))
    return layers.ReLU(name=f"{layer.name}_relu")(x)


def _dropout(rate: float, name: str) -> Any:
    """Dropout whose random state is a variable, so that a checkpoint holds it."""
    from tf_keras import layers

    return layers.Dropout(rate, rng_type="stateful", name=name)
