"""What operators share that make each value of one value, wherever it stands: a table of 256 bytes can run them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8, Tensor, Unary
from tinyprune.compiler.operators import cases


@dataclass(frozen=True, slots=True, eq=False)
class Lookup(Unary):
    """Each value of the result depends on the value of the operand at the same place, and on nothing else."""

    @property
    def ratio(self) -> float:
        """Of both scales, divided in double, as the wheel of TFLite Micro does it."""
        return float(self.input.scale) / float(self.output.scale)


_Kind = TypeVar("_Kind", bound=Lookup)


def reader(kind: type[_Kind]) -> Callable[[Node], _Kind]:
    return lambda node: kind(node.name, *node.ends())


def scaled(values: Array, real: float) -> Array:
    """int64 times a real factor, rounded as TFLite does it."""
    found = fixed_point.multiply_by_quantized_multiplier(values, *fixed_point.quantize_multiplier(real))
    return found.astype(np.int64)


def stored(values: Array, low: int = -128, high: int = 127) -> Int8:
    return np.clip(values, low, high).astype(np.int8)


def fitted(values: Array, output: Tensor, low: int | None = None) -> Array:
    """Limited to the result's type, and to `low` and above."""
    least, most = output.limits
    found: Array = np.clip(values, least if low is None else low, most).astype(output.dtype)
    return found


def case_ends(
    random: np.random.Generator,
    low: float = -12.0,
    high: float = 12.0,
    input_scale: float | None = None,
    dtype: str = "int8",
) -> tuple[Activation, Activation]:
    """An operand and a result of the same shape; the scale of the operand is 2^low to 2^high times the other, mostly
    near it."""
    shape = cases.shape(random, 4, 12)
    source = cases.activation(random, shape, scale_=input_scale, dtype=dtype)
    ratio = float(random.choice([1.0, 0.5, 2.0 ** random.uniform(-1, 1), 2.0 ** random.uniform(low, high)]))
    return source, cases.activation(random, shape, 1, scale_=float(source.scale) / ratio, dtype=dtype)
