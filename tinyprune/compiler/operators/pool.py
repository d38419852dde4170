"""What average and max pools share: a window over each channel of a map, no weights, no change of scale."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Unary
from tinyprune.compiler.operators import cases, fused
from tinyprune.compiler.operators.operator import Written
from tinyprune.compiler.operators.weighted import fused_option
from tinyprune.compiler.operators.window import Window, case_window, geometry, read_window, window_options

OPTIONS = "Pool2DOptions"


@dataclass(frozen=True, slots=True, eq=False)
class Pool2D(Unary):
    activation_min: int
    activation_max: int
    window: Window


_Pool = TypeVar("_Pool", bound=Pool2D)


def slides(node: Node) -> str | None:
    """It slides over maps of height, width and channels, in a batch of 1, and its result has the size that follows."""
    options = node.options(OPTIONS)
    return geometry(node, options, (options.FilterHeight(), options.FilterWidth()))


def keeps_channels(node: Node) -> str | None:
    """Its result has the channels of its input."""
    before, behind = node.activation(0).shape[-1], node.result().shape[-1]
    return None if before == behind else f"it changes the channels from {before} to {behind}"


clamped = fused.clamped(OPTIONS)


def reader(kind: type[_Pool]) -> Callable[[Node], _Pool]:
    def read(node: Node) -> _Pool:
        source, target = node.ends()
        options = node.options(OPTIONS)
        window = read_window(node, options, (options.FilterHeight(), options.FilterWidth()))
        return kind(node.name, source, target, *fused.clamp(node, OPTIONS, target), window=window)

    return read


def case_of(kind: type[_Pool], name: str) -> Callable[[np.random.Generator], _Pool]:
    def case(random: np.random.Generator) -> _Pool:
        size, window, out = case_window(random, dilated=False)
        channels = cases.size(random, 20)
        source = cases.activation(random, (*size, channels), dtype=cases.dtype(random))
        target = cases.activation(random, (*out, channels), 1, like=source)
        return kind(name, source, target, *cases.clamp(random, target), window=window)

    return case


def writer(code: str) -> Callable[[Pool2D], Written]:
    def write(op: Pool2D) -> Written:
        kernel = {"FilterHeight": op.window.kernel[0], "FilterWidth": op.window.kernel[1]}
        return Written(code, OPTIONS, window_options(op, op.window) | kernel | fused_option(op))

    return write
