"""The int8 network as `reader.py` finds it: frozen operators over named activations, in execution order.

Shapes leave the batch out (it is 1). Arithmetic is that of TFLite's int8 quantization specification
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec): activations asymmetric per
tensor, weights symmetric, per tensor or per output channel.
"""

from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activation:
    """An int8 tensor between operators: real value = scale × (stored value − zero_point)."""

    index: int
    name: str
    shape: tuple[int, ...]  # (height, width, channels), or (features,)
    scale: np.float32
    zero_point: int

    @property
    def size_bytes(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Window:
    """How a kernel slides over a map; each pair is (height, width), padding is (top, left)."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """What conv 2D, depthwise conv 2D and fully connected share; arrays are read-only."""

    name: str
    input: Activation
    output: Activation
    weights: Int8  # conv [out_channels, kernel_h, kernel_w, in_channels], depthwise [kernel_h, kernel_w, out_channels],
    #               fully connected [out_channels, in_channels]
    weight_scales: Float32  # as in the file: [1] or [out_channels]
    bias: Int32  # [out_channels]
    activation_min: int
    activation_max: int

    def __post_init__(self) -> None:
        for array in (self.weights, self.weight_scales, self.bias):
            array.setflags(write=False)

    @property
    def out_channels(self) -> int:
        return len(self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Conv2D(Weighted):
    window: Window = Window()


@dataclass(frozen=True, slots=True, eq=False)
class DepthwiseConv2D(Weighted):
    window: Window = Window()


@dataclass(frozen=True, slots=True, eq=False)
class FullyConnected(Weighted):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class AveragePool2D:
    name: str
    input: Activation
    output: Activation
    activation_min: int
    activation_max: int
    window: Window


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    name: str
    input: Activation
    output: Activation
    beta: float


@dataclass(frozen=True, slots=True, eq=False)
class Quantize:
    """The same values with another scale and zero point."""

    name: str
    input: Activation
    output: Activation


@dataclass(frozen=True, slots=True, eq=False)
class Reshape:
    name: str
    input: Activation
    output: Activation


Op: TypeAlias = Conv2D | DepthwiseConv2D | FullyConnected | AveragePool2D | Softmax | Quantize | Reshape


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    ops: tuple[Op, ...]
    input: Activation
    output: Activation
    model_sha256: str


def matrix(op: Op) -> Int8 | None:
    """The weights as `[out_channels, taps]`, taps = kernel_h × kernel_w × in_channels, in_channels fastest; None where
    a sparsity pattern has no axis to run along."""
    return op.weights.reshape(op.out_channels, -1) if isinstance(op, (Conv2D, FullyConnected)) else None


def macs(op: Op) -> int:
    """Multiply-accumulates of the dense layer, padding included."""
    if isinstance(op, FullyConnected):
        return op.output.size_bytes * int(op.weights.shape[1])
    if isinstance(op, Conv2D):
        return prod(op.output.shape[:2]) * int(op.weights.size)
    if isinstance(op, DepthwiseConv2D):
        return op.output.size_bytes * prod(op.window.kernel)
    return 0
