"""DS-CNN: depthwise separable convolutions for keyword spotting, as tf_keras models.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv:1711.07128; sizes S, M and L as trained in its
code (ML-KWS-for-MCU). S is also the network of MLPerf Tiny, whose dropout it has here; the last pooling covers the
whole map, 25 × 5 for S, where MLPerf's drops the last frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyprune.errors import DataError, ModelError
from tinyprune.quiet import quiet_tensorflow

#: Frames, MFCC coefficients and one channel: what `tinyprune.features.mfcc` makes of a clip.
INPUT_SHAPE = (49, 10, 1)

Size = Literal["S", "M", "L"]


class Examples(NamedTuple):
    """What a network is trained or measured on."""

    inputs: npt.NDArray[np.float32]
    """`[samples, *input shape]`."""
    targets: npt.NDArray[Any]
    """The number of the right class `[samples, *output shape without its last axis]`; or values `[samples, *output
    shape]`."""


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
def ds_cnn(size: Size, classes: int, ranges: Ranges | None = None) -> Any:
    """Network with fresh weights: features `[batch, 49, 10, 1]` → probabilities `[batch, classes]`.

    With ranges (see `tinyprune.quantize.record_ranges`), int8 rounding is simulated behind each layer that they name.
    """
    from tf_keras import Model, layers

    geometry = GEOMETRIES[size]
    trace = _Trace(layers.Input(INPUT_SHAPE, name="features"), ranges or {})
    convolution = {"padding": "same", "use_bias": False}
    trace.normalized(
        layers.Conv2D(geometry.channels, (10, 4), strides=geometry.first_stride, name="conv", **convolution)
    )
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


@cache
def activation_range() -> Any:
    """The layer class ActivationRange: rounds as int8 between two values, from which the converter takes the scale."""
    import tensorflow as tf
    from tf_keras import layers

    class ActivationRange(layers.Layer):  # type: ignore[misc]
        def __init__(self, smallest: float, largest: float, **options: Any) -> None:
            super().__init__(**options)
            self.smallest, self.largest = smallest, largest

        def call(self, x: Any) -> Any:
            return tf.quantization.fake_quant_with_min_max_vars(x, self.smallest, self.largest)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "smallest": self.smallest, "largest": self.largest}

    return ActivationRange


def _dropout(rate: float, name: str) -> Any:
    """Dropout with a generator of its own, which training seeds for every epoch."""
    from tf_keras import layers

    return layers.Dropout(rate, rng_type="stateful", name=name)


def sample_shape(model: Any) -> tuple[int, ...]:
    """Shape of one input of any Keras model, without the batch."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or not all(isinstance(axis, int) for axis in shape[1:]):
        raise ModelError(f"model {model.name} has input {shape}; expected one input, all of whose axes are fixed")
    return shape[1:]


def is_quantization_aware(model: Any) -> bool:
    """Whether TensorFlow Model Optimization made it simulate int8 (`tinyprune.prune.qat`)."""
    return any(type(layer).__name__.startswith("QuantizeWrapper") for layer in model.layers)


def has_symbols(model: Any) -> bool:
    """Whether a model embeds symbols: their numbers are whole, and nothing lies between two of them."""
    from tf_keras import layers

    return any(isinstance(layer, layers.Embedding) for layer in model._flatten_layers())


def check_samples(model: Any, samples: npt.NDArray[np.generic], purpose: str) -> npt.NDArray[np.float32]:
    """Samples for a model as float32, or DataError with what is wrong; messages call them `purpose` samples."""
    expected = sample_shape(model)
    shown = f"[samples, {', '.join(map(str, expected))}]"
    if samples.dtype.kind not in "fiu":
        raise DataError(f"{purpose} samples are {samples.dtype}; expected numbers {shown}")
    if samples.shape[1:] != expected or not len(samples):
        raise DataError(f"{purpose} samples have shape {list(samples.shape)}; this model needs {shown}")
    with np.errstate(over="ignore"):
        checked = samples.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(checked).reshape(len(checked), -1).all(axis=1))
    if len(bad):
        raise DataError(
            f"{len(bad)} of {len(samples)} {purpose} samples hold NaN or Inf, first sample {bad[0]}; remove them"
        )
    return checked
