"""Networks for keyword spotting, as tf_keras models, in sizes S, M and L.

`ds-cnn`, depthwise separable convolutions over time and features: Zhang et al., "Hello Edge: Keyword Spotting on
Microcontrollers", arXiv:1711.07128; sizes as trained in its code (ML-KWS-for-MCU). S is also the network of MLPerf
Tiny, whose dropout it has here; the last pooling covers the whole map, 25 × 5 for S, where MLPerf's drops the last
frame.

`tc-resnet`, convolutions over time alone, to which features are channels, in residual blocks: Choi et al., "Temporal
Convolution for Real-time Keyword Spotting on Mobile Devices", arXiv:1904.03814. S is its TC-ResNet8, M TC-ResNet8-1.5,
L TC-ResNet14-1.5. Dropout is 0.2 here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol

from tinyprune.sound.features import LOGMEL40, MFCC10, FrontEnd
from tinyprune.training.keras_model import activation_range
from tinyprune.training.quiet import quiet_tensorflow

Size = Literal["S", "M", "L"]
Architecture = Literal["ds-cnn", "tc-resnet"]


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
#: For each size of TC-ResNet the channels of the first convolution, then of each block.
CHANNELS: dict[Size, tuple[int, ...]] = {
    "S": (16, 24, 32, 48),
    "M": (24, 36, 48, 72),
    "L": (24, 36, 36, 48, 48, 72, 72),
}

Ranges = Mapping[str, tuple[float, float]]
"""For the name of each layer whose output is quantized, the smallest and the largest value."""


class Builder(Protocol):
    """Makes a network with fresh weights: features `[batch, frames, width, 1]` → probabilities `[batch, classes]`.

    With ranges (see `quantize.record_ranges`), int8 rounding is simulated behind each layer that they name.
    """

    def __call__(self, size: Size, classes: int, ranges: Ranges | None = None, front_end: FrontEnd = ...) -> Any: ...


@quiet_tensorflow()
def ds_cnn(size: Size, classes: int, ranges: Ranges | None = None, front_end: FrontEnd = MFCC10) -> Any:
    """Of more features than ten, the first layer sees as many times more at once, so that all behind it is the same."""
    from tf_keras import layers

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
    return trace.classifier(classes, f"ds_cnn_{size.lower()}")


@quiet_tensorflow()
def tc_resnet(size: Size, classes: int, ranges: Ranges | None = None, front_end: FrontEnd = LOGMEL40) -> Any:
    """A block that has more channels than the one before it takes every second frame only, and so does its shortcut."""
    from tf_keras import layers

    first, *blocks = CHANNELS[size]
    trace = _Trace(layers.Input((*front_end.shape, 1), name="features"), ranges or {})
    trace.add(layers.Reshape((front_end.shape[0], 1, front_end.width), name="bands_as_channels"))
    trace.normalized(_over_time(first, 3, 1, "conv"))
    for index, (before, channels) in enumerate(pairwise((first, *blocks)), start=1):
        name, begin, stride = f"block_{index}", trace.output, 2 if channels > before else 1
        if stride > 1:
            trace.normalized(_over_time(channels, 1, stride, f"{name}_shortcut"))
        shortcut, trace.output = trace.output, begin
        trace.normalized(_over_time(channels, 9, stride, f"{name}_conv_1"))
        trace.normalized(_over_time(channels, 9, 1, f"{name}_conv_2"), has_relu=False)
        trace.output = layers.Add(name=f"{name}_add")([trace.output, shortcut])
        trace.add(layers.ReLU(name=f"{name}_relu"))
    trace.add(_dropout(0.2, "dropout"))
    return trace.classifier(classes, f"tc_resnet_{size.lower()}")


USUAL: Architecture = "ds-cnn"
TITLES: dict[Architecture, str] = {"ds-cnn": "DS-CNN", "tc-resnet": "TC-ResNet"}
BUILDERS: dict[Architecture, Builder] = {"ds-cnn": ds_cnn, "tc-resnet": tc_resnet}
#: What each hears when nothing else is said.
HEARS: dict[Architecture, FrontEnd] = {"ds-cnn": MFCC10, "tc-resnet": LOGMEL40}


class _Trace:
    """A chain of layers under construction."""

    def __init__(self, features: Any, ranges: Ranges) -> None:
        self.input, self.output, self.ranges = features, features, ranges
        self._simulate_rounding(features.name)

    def add(self, layer: Any) -> None:
        self.output = layer(self.output)
        self._simulate_rounding(layer.name)

    def normalized(self, layer: Any, has_relu: bool = True) -> None:
        from tf_keras import layers

        self.add(layer)
        self.add(layers.BatchNormalization(name=f"{layer.name}_bn"))
        if has_relu:
            self.add(layers.ReLU(name=f"{layer.name}_relu"))

    def classifier(self, classes: int, name: str) -> Any:
        """The model: what is left of time and features is averaged."""
        from tf_keras import Model, layers

        self.add(layers.AveragePooling2D(self.output.shape[1:3], name="pool"))
        self.add(layers.Flatten(name="flatten"))
        self.add(layers.Dense(classes, name="dense"))
        self.add(layers.Softmax(name="softmax"))
        return Model(self.input, self.output, name=name)

    def _simulate_rounding(self, name: str) -> None:
        if name in self.ranges:
            smallest, largest = self.ranges[name]
            self.output = activation_range()(smallest, largest, name=f"{name}_range")(self.output)


def _over_time(channels: int, frames: int, stride: int, name: str) -> Any:
    from tf_keras import layers

    return layers.Conv2D(channels, (frames, 1), strides=(stride, 1), padding="same", use_bias=False, name=name)


def _dropout(rate: float, name: str) -> Any:
    """Dropout with a generator of its own, which training seeds for every epoch."""
    from tf_keras import layers

    return layers.Dropout(rate, rng_type="stateful", name=name)
