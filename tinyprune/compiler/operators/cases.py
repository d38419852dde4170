"""What the cases of operators are made of: random tensors of every scale and zero point, and their extremes."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from tinyprune.compiler.graph import Activation, Array, ConstantTensor, Int8, Tensor
from tinyprune.compiler.operators import fused

SCALES = (0.1, 0.05, 0.0078125, 0.003, 0.7, 1.0)
_Tensor = TypeVar("_Tensor", bound=Tensor)
_FILLS = ("random",) * 8 + ("lowest", "highest", "extremes", "zeros")


def values(random: np.random.Generator, shape: Sequence[int]) -> Int8:
    """int8 `shape`: mostly random, sometimes all extremes or zeros."""
    kind = random.choice(_FILLS)
    if kind == "extremes":
        return random.choice(np.array([-128, 127], np.int8), shape)
    if kind == "random":
        return random.integers(-128, 128, shape).astype(np.int8)
    return np.full(shape, {"lowest": -128, "highest": 127, "zeros": 0}[kind], np.int8)


def zero_point(random: np.random.Generator) -> int:
    return int(random.choice([-128, 127, 0, -1, 1, int(random.integers(-128, 128))]))


def scale(random: np.random.Generator) -> float:
    """A power of two now and then: those round to ties."""
    return float(random.choice([*SCALES, float(np.exp(random.uniform(-6, 1)))]))


def activation(
    random: np.random.Generator,
    shape: Sequence[int],
    index: int = 0,
    like: Activation | None = None,
    scale_: float | None = None,
    dtype: str = "int8",
) -> Activation:
    """A tensor "t<index>" of some quantization, or the type and quantization of `like`."""
    if like is not None:
        return Activation(index, f"t{index}", tuple(shape), like.scale, like.zero_point, like.dtype)
    chosen = scale(random) if scale_ is None else scale_
    point = zero_point(random) if dtype == "int8" else 0
    return Activation(index, f"t{index}", tuple(shape), np.float32(chosen), point, dtype)


def widened(tensor: _Tensor) -> _Tensor:
    """An int16 tensor in place of an int8 one: 256 times as fine."""
    fields: dict[str, Any] = {"dtype": "int16", "zero_point": 0, "scale": np.float32(float(tensor.scale) / 256)}
    if isinstance(tensor, ConstantTensor):
        wide = tensor.values.astype(np.int16)
        fields["values"] = wide * 256 + (wide & 255)
    return replace(tensor, **fields)


def dtype(random: np.random.Generator) -> str:
    """Of the activations of operators that take int16, too."""
    return str(random.choice(["int8", "int8", "int16"]))


def filed(
    random: np.random.Generator,
    file_shape: Sequence[int],
    index: int = 0,
    like: Activation | None = None,
    dtype: str = "int8",
) -> Activation:
    """The same of a shape as the file has it: its first axis is the batch if it is 1."""
    batched = len(file_shape) > 0 and file_shape[0] == 1
    shape = file_shape[1:] if batched else file_shape
    return replace(activation(random, shape, index, like, dtype=dtype), batched=batched)


def file_shape(random: np.random.Generator, most_axes: int = 4, most: int = 7) -> tuple[int, ...]:
    """With a batch of 1, or now and then without."""
    found = shape(random, most_axes - 1, most)
    return (1, *found) if random.integers(4) else found


def constant(random: np.random.Generator, shape: Sequence[int], index: int) -> ConstantTensor:
    found = values(random, shape)
    return ConstantTensor(index, f"t{index}", tuple(shape), np.float32(scale(random)), zero_point(random), values=found)


def fixed(random: np.random.Generator, tensor: Activation) -> ConstantTensor:
    """A constant of the same shape, type and quantization."""
    same = {field.name: getattr(tensor, field.name) for field in fields(tensor)}
    low, high = tensor.limits
    return ConstantTensor(**same, values=random.integers(low, high + 1, tensor.shape).astype(tensor.dtype))


def flags(random: np.random.Generator, shape: Sequence[int]) -> Array:
    """bool `shape`"""
    return random.integers(0, 2, shape).astype(np.bool_)


def bool_activation(_: np.random.Generator, shape: Sequence[int], index: int = 0) -> Activation:
    return Activation(index, f"t{index}", tuple(shape), np.float32(1), 0, "bool")


def bool_constant(random: np.random.Generator, shape: Sequence[int], index: int) -> ConstantTensor:
    found = flags(random, shape)
    return ConstantTensor(index, f"t{index}", tuple(shape), np.float32(1), 0, "bool", values=found)


def size(random: np.random.Generator, most: int) -> int:
    """1 to `most`, small ones more often."""
    return int(random.integers(1, random.integers(1, most + 1) + 1))


def shape(random: np.random.Generator, most_axes: int = 3, most: int = 9) -> tuple[int, ...]:
    return tuple(size(random, most) for _ in range(random.integers(1, most_axes + 1)))


def clamp(random: np.random.Generator, output: Activation) -> tuple[int, int]:
    """(activation_min, activation_max) of some fused activation."""
    name = random.choice(["NONE", "NONE", *fused.ACTIVATIONS])
    return fused.bounds_of(fused.ACTIVATIONS[name], output)
