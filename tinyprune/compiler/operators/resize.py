"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: a map of another height and width.

TFLite's arithmetic (tensorflow/lite/kernels/internal/reference/): nearest neighbours are found in float32, which the
compiler does; positions between pixels are Q10 numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Int8, Unary
from tinyprune.compiler.moves import Move, moves_of, strides
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_quantization

#: Bits behind the point of a position.
POSITION_BITS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Resize(Unary):
    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True, slots=True, eq=False)
class ResizeNearestNeighbor(Resize):
    def sources(self, axis: int) -> list[int]:
        """The index of the input for each one of the output, along the height (0) or the width."""
        before, behind = self.input.shape[axis], self.output.shape[axis]
        return _nearest(before, behind, self.align_corners, self.half_pixel_centers)

    @property
    def value_moves(self) -> tuple[Move, ...] | None:
        """Where every pixel is repeated as often; else a kernel has a table."""
        height, width, channels = self.input.shape
        tall, wide = self.output.shape[0] // height, self.output.shape[1] // width
        for axis, times in ((0, tall), (1, wide)):
            if self.sources(axis) != [n // max(times, 1) for n in range(self.input.shape[axis] * times)]:
                return None
        shape = (height, tall, width, wide, channels)
        row, pixel, _ = strides(self.input.shape)
        return moves_of(shape, (row, 0, pixel, 0, 1), strides(shape))


@dataclass(frozen=True, slots=True, eq=False)
class ResizeBilinear(Resize):
    def steps(self, axis: int) -> tuple[int, int]:
        """(position of the first output pixel, step to the next) in the input, along the height (0) or the width."""
        before, behind = self.input.shape[axis], self.output.shape[axis]
        return _steps(before, behind, self.align_corners, self.half_pixel_centers)


_Resize = TypeVar("_Resize", bound=Resize)


def _nearest(before: int, behind: int, align_corners: bool, half_pixel_centers: bool) -> list[int]:
    one = np.float32(1)
    aligned = align_corners and behind > 1
    scale = one * (before - 1) / np.float32(behind - 1) if aligned else one * before / np.float32(behind)
    positions = (np.arange(behind).astype(np.float32) + np.float32(0.5 if half_pixel_centers else 0)) * scale
    floors = np.floor(positions)
    rounded = np.where(positions - floors >= 0.5, floors + 1, floors) if align_corners else floors
    found: list[int] = np.clip(rounded.astype(np.int64), 0, before - 1).tolist()
    return found


def _steps(before: int, behind: int, align_corners: bool, half_pixel_centers: bool) -> tuple[int, int]:
    if align_corners and behind > 1:
        before, behind = before - 1, behind - 1
    step = ((before << POSITION_BITS) + behind // 2) // behind
    return (step // 2 - (1 << POSITION_BITS - 1) if half_pixel_centers else 0), step


def _options(node: Node) -> tuple[bool, bool]:
    name = "ResizeBilinearOptions" if node.kind == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    options = node.options_or_none(name)
    return (bool(options.AlignCorners()), bool(options.HalfPixelCenters())) if options else (False, False)


def size_is_constant(node: Node) -> str | None:
    """It is between maps of height, width and as many channels, in a batch of 1; the new size is constant."""
    source, target, size = node.activation(0), node.result(), node.constant(1, "INT32")
    maps = source.batched and target.batched and len(source.shape) == len(target.shape) == 3
    if maps and size.shape == (2,) and (*size.tolist(), source.shape[2]) == target.shape:
        return None
    return f"it makes {list(target.file_shape)} of {list(source.file_shape)} by the size {size.ravel().tolist()}"


def one_way_to_align(node: Node) -> str | None:
    """It has not both align_corners and half_pixel_centers."""
    return "it has both" if all(_options(node)) else None


def stays_inside(node: Node) -> str | None:
    """Its positions in Q10 do not run over the last pixel, as they may where one pixel becomes a thousand."""
    source, target = node.activation(0), node.result()
    for before, behind in zip(source.shape[:2], target.shape[:2], strict=False):
        first, step = _steps(before, behind, *_options(node))
        if first + (behind - 1) * step >> POSITION_BITS >= before:
            return f"it makes {behind} pixels of {before}"
    return None


def _reader(kind: type[_Resize]) -> Callable[[Node], _Resize]:
    return lambda node: kind(node.name, *node.ends(), *_options(node))


def infer_nearest(op: ResizeNearestNeighbor, x: Array) -> Array:
    return np.take(np.take(x, op.sources(0), 1), op.sources(1), 2)


def infer_bilinear(op: ResizeBilinear, x: Array) -> Int8:
    (above, below, y), (left, right, w) = _between(op, 0), _between(op, 1)
    unit, wide = 1 << POSITION_BITS, x.astype(np.int64)
    y, w = y[:, None, None], w[:, None]
    rows = [np.take(wide, rows, 1) for rows in (above, below)]
    upper, lower = (np.take(row, left, 2) * (unit - w) + np.take(row, right, 2) * w for row in rows)
    total = upper * (unit - y) + lower * y
    rounded = (np.abs(total) + (1 << 2 * POSITION_BITS - 1)) >> 2 * POSITION_BITS
    found: Int8 = (np.sign(total) * rounded).astype(np.int8)
    return found


def _between(op: ResizeBilinear, axis: int) -> tuple[npt.NDArray[np.int64], ...]:
    """(the pixel before, the pixel behind, how far from the first one in Q10) for each output pixel."""
    first, step = op.steps(axis)
    positions = first + step * np.arange(op.output.shape[axis], dtype=np.int64)
    unit = 1 << POSITION_BITS
    before = np.maximum(positions, 0) // unit
    behind = np.minimum((positions + unit - 1) // unit, op.input.shape[axis] - 1)
    return before, behind, positions - unit * before


def _case_of(kind: type[_Resize], name: str) -> Callable[[np.random.Generator], _Resize]:
    def case(random: np.random.Generator) -> _Resize:
        """Twice and three times the size are among them, and smaller maps."""
        size, channels = (cases.size(random, 9), cases.size(random, 9)), cases.size(random, 20)
        behind = (cases.size(random, 20), cases.size(random, 20))
        if random.integers(3) == 0:
            behind = (size[0] * int(random.integers(1, 4)), size[1] * int(random.integers(1, 4)))
        dtype = cases.dtype(random) if kind is ResizeNearestNeighbor else "int8"
        source = cases.activation(random, (*size, channels), dtype=dtype)
        how = [(False, False), (True, False), (False, True)][random.integers(3)]
        return kind(name, source, cases.activation(random, (*behind, channels), 1, like=source), *how)

    return case


def _writer(kind: str, options: str) -> Callable[[Resize], Written]:
    def write(op: Resize) -> Written:
        fields = {"AlignCorners": op.align_corners, "HalfPixelCenters": op.half_pixel_centers}
        return Written(kind, options, fields, (("size", np.array(op.output.shape[:2], np.int32), None, 0),))

    return write


RESIZE_NEAREST_NEIGHBOR = Operator(
    ResizeNearestNeighbor, "resize", "A map of another size, of the nearest pixels.", _reader(ResizeNearestNeighbor),
    (one_result, size_is_constant, same_quantization), infer_nearest, _case_of(ResizeNearestNeighbor, "resize"),
    _writer("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"), "AddResizeNearestNeighbor",
    types=("INT8", "INT16"),
)  # fmt: skip
RESIZE_BILINEAR = Operator(
    ResizeBilinear, "resize", "A map of another size, interpolated between pixels.", _reader(ResizeBilinear),
    (one_result, size_is_constant, one_way_to_align, stays_inside, same_quantization), infer_bilinear,
    _case_of(ResizeBilinear, "resize"), _writer("RESIZE_BILINEAR", "ResizeBilinearOptions"), "AddResizeBilinear",
)  # fmt: skip
