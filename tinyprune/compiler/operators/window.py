"""How a kernel slides over a map: what convolutions and pools share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Unary

Pair = tuple[int, int]

_LARGEST = (1 << 15) - 1  # step or padding: TFLite Micro keeps them in 16 bits


@dataclass(frozen=True, slots=True)
class Window:
    """Each pair is (height, width), padding is (top, left)."""

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pair = (0, 0)


def read_window(node: Node, options: Any, kernel: Pair) -> Window:
    """Geometry with TFLite's SAME or VALID padding, for an operator that keeps the window's rules."""
    shape = node.activation(0).shape[-3:]
    stride, dilation = _steps(options)
    _, padding = _sizes(shape, kernel, stride, dilation, same=options.Padding() == 0)
    return Window(kernel, stride, dilation, padding)


def geometry(node: Node, options: Any, kernel: Pair) -> str | None:
    """What is wrong with the geometry of a window, if anything: for the rules of operators that have one."""
    source, target = node.activation(0), node.result()
    stride, dilation = _steps(options)
    numbers = (*stride, *dilation, *kernel)
    if min(numbers) < 1 or max(numbers) > _LARGEST:
        return f"it has the impossible geometry {kernel=} {stride=} {dilation=}"
    for tensor in (source, target):
        if len(tensor.file_shape) != 4 or not (tensor.batched or _is_between_batches(node)):
            return f'"{tensor.name}" has the shape {list(tensor.file_shape)}'
    if source.file_shape[0] != target.file_shape[0]:
        return f"it makes {list(target.file_shape)} of {list(source.file_shape)}"
    sizes, padding = _sizes(source.shape[-3:], kernel, stride, dilation, same=options.Padding() == 0)
    if max(padding) > _LARGEST:
        return f"it has the impossible geometry {kernel=} {stride=} {dilation=} {padding=}"
    if sizes != target.shape[-3:-1]:
        return f"it should make a {sizes[0]}×{sizes[1]} map, the file says {list(target.shape)}"
    return None


def slides(options_name: str) -> Callable[[Node], str | None]:
    """The rule about the geometry of a convolution, for those with these options."""

    def rule(node: Node) -> str | None:
        """It slides over maps of height, width and channels, in a batch of 1 or between SPACE_TO_BATCH_ND and
        BATCH_TO_SPACE_ND, and its result has the size that follows."""
        height, width = node.constant(1, "INT8").shape[1:3]
        return geometry(node, node.options(options_name), (height, width))

    return rule


def _is_between_batches(node: Node) -> bool:
    """Whether it is a convolution that SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND dilate, which fold.py understands."""
    if node.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return False
    around = (one for one in node.file.operators if node.index(0) in one.outputs or node.outputs[0] in one.inputs)
    return {one.kind for one in around} == {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"}


def _steps(options: Any) -> tuple[Pair, Pair]:
    dilated = hasattr(options, "DilationHFactor")
    dilation = (options.DilationHFactor(), options.DilationWFactor()) if dilated else (1, 1)
    return (options.StrideH(), options.StrideW()), dilation


def _sizes(shape: Sequence[int], kernel: Pair, stride: Pair, dilation: Pair, *, same: bool) -> tuple[Pair, Pair]:
    """((height, width) of the output, (top, left) padding): what is missing to the last output, the smaller half
    before."""
    sizes, padding = [], []
    for size, taps, step, spread in zip(shape[:2], kernel, stride, dilation, strict=True):
        reach = (taps - 1) * spread + 1
        out = ceil(size / step) if same else (size - reach) // step + 1
        sizes.append(out)
        padding.append(max(0, (out - 1) * step + reach - size) // 2 if same else 0)
    return (sizes[0], sizes[1]), (padding[0], padding[1])


def window_options(op: Unary, window: Window) -> dict[str, int]:
    """The fields of the schema that say how a window slides, of a case that `case_window` made."""
    same = 0
    sizes = _sizes(op.input.shape, window.kernel, window.stride, window.dilation, same=True)
    if sizes != (op.output.shape[:2], window.padding):
        same = 1
    return {"Padding": same, "StrideH": window.stride[0], "StrideW": window.stride[1]}


def case_window(
    random: np.random.Generator, kernel: Pair | None = None, *, dilated: bool = True, most: int = 4
) -> tuple[Pair, Window, Pair]:
    """((height, width) of the input, a window, (height, width) of the output), with at least one output."""

    def pair(limit: int) -> Pair:
        return (int(random.integers(1, limit + 1)), int(random.integers(1, limit + 1)))

    chosen, same = kernel or pair(most), bool(random.integers(2))
    stride = pair(4) if random.integers(2) else (1, 1)
    dilation = pair(3) if dilated and random.integers(3) == 0 else (1, 1)
    least = [1 if same else (k - 1) * d + 1 for k, d in zip(chosen, dilation, strict=True)]
    size = (least[0] + int(random.integers(0, 6)), least[1] + int(random.integers(0, 6)))
    out, padding = _sizes(size, chosen, stride, dilation, same=same)
    return size, Window(chosen, stride, dilation, padding), out


def taps(window: Window, x: Array, out_shape: Sequence[int]) -> list[tuple[int, int, Array]]:
    """(row, column, `[samples, out_height, out_width, channels]` under that tap of the kernel); padding is 0."""
    return taps_padded(window, x, out_shape, 0)


def taps_padded(window: Window, x: Array, out_shape: Sequence[int], padding: int) -> list[tuple[int, int, Array]]:
    """The same, with another value as padding."""
    padded = _padded(window, x, out_shape, padding)
    found = []
    for row, column in np.ndindex(*window.kernel):
        rows, columns = (
            slice(tap * d, tap * d + (size - 1) * s + 1, s)
            for tap, d, s, size in zip((row, column), window.dilation, window.stride, out_shape[:2], strict=True)
        )
        found.append((row, column, padded[:, rows, columns]))
    return found


def _padded(window: Window, x: Array, out_shape: Sequence[int], value: int) -> Array:
    margins = [(0, 0)]
    for axis in (0, 1):
        reach = (out_shape[axis] - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis] + 1
        before = window.padding[axis]
        margins.append((before, max(0, reach - before - x.shape[axis + 1])))
    return np.pad(x, [*margins, (0, 0)], constant_values=value)
