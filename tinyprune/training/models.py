"""DS-CNN: depthwise separable convolutions for keyword spotting, as tf_keras models.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv:1711.07128; sizes S, M and L as trained in its
code (ML-KWS-for-MCU). S is also the network of MLPerf Tiny, whose dropout it has here; the last pooling covers the
whole map, 25 × 5 for S, where MLPerf's drops the last frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tinyprune.sound.features import MFCC10, FrontEnd
from tinyprune.training.keras_model import activation_range
from tinyprune.training.quiet import quiet_tensorflow

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


Ranges = Mapping[str, tuple[float, float]]
"""For the name of each layer whose output is quantized, the smallest and the largest value."""


@quiet_tensorflow()
def ds_cnn(size: Size, classes: int, ranges: Ranges | None = None, front_end: FrontEnd = MFCC10) -> Any:
    """Network with fresh weights: features `[batch, frames, width, 1]` → probabilities `[batch, classes]`.

    Of more features than ten, the first layer sees as many times more at once, so that all behind it is the same.

    With ranges (see `quantize.record_ranges`), int8 rounding is simulated behind each layer that they name.
    """
    from tf_keras import Model, layers

    geometry = GEOMETRIES[size]
    trace = _Trace(layers.Input((*front_end.shape, 1), name="features"), ranges or {})
    convolution = {"padding": "same", "use_bias": False}
    times, (rows, columns) = front_end.width // MFCC10.width, geometry.first_stride
    kernel, strides = (10, 4 * times), (rows, columns * times)
    trace.normalized(layers.Conv2D(geometry.channels, kernel, strides=strides, name="conv", **convolution))
    trace.add(_dropout(0.2, "dropout_1"))
    for index, stride in enumerate(geometry.block_strides, start=1):
        trace.normalized(layers.DepthwiseConv2D(3, strides=stride, name=f"depthwise_{index}", **convolution))
        trace.normalized(layers.Conv2D(geometry.channels, 1, name=f"pointwise_{index}", **convolution))
    trace.add(_dropout(0.4, "dropout_2"))
    trace.add(layers.AveragePooling2D(trace.output.shape[1:3], name="pool"))
    trace.add(layers.Flatten(name="flatten"))
    trace.add(layers.Dense(classes, name="dense"))
    trace.add(layers.Softmax(name="softmax"))
    return Model(trace.input, trace.output, name=f"ds_cnn_{size.lower()}")


class _Trace:
    """A chain of layers under construction."""

    def __init__(self, features: Any, ranges: Ranges) -> None:
        self.input, self.output, self.ranges = features, features, ranges
        self._simulate_rounding(features.name)

    def add(self, layer: Any) -> None:
        self.output = layer(self.output)
        self._simulate_rounding(layer.name)

    def normalized(self, layer: Any) -> None:
        from tf_keras import layers

        self.add(layer)
        self.add(layers.BatchNormalization(name=f"{layer.name}_bn"))
        self.add(layers.ReLU(name=f"{layer.name}_relu"))

    def _simulate_rounding(self, name: str) -> None:
        if name in self.ranges:
            smallest, largest = self.ranges[name]
            self.output = activation_range()(smallest, largest, name=f"{name}_range")(self.output)


def _dropout(rate: float, name: str) -> Any:
    """Dropout with a generator of its own, which training seeds for every epoch."""
    from tf_keras import layers

    return layers.Dropout(rate, rng_type="stateful", name=name)
