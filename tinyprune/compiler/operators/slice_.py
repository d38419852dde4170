"""SLICE and STRIDED_SLICE: a part of a tensor, every n-th index of each axis."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Unary
from tinyprune.compiler.moves import Move, moved, strides
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_quantization

_MOST_AXES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Unary):
    """`begins`, `sizes` and `steps` are those of the axes of the input's shape; the output may lack axes of size 1."""

    begins: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def value_moves(self) -> tuple[Move, ...]:
        before = strides(self.input.shape)
        start = sum(begin * stride for begin, stride in zip(self.begins, before, strict=True))
        stepped = [step * stride for step, stride in zip(self.steps, before, strict=True)]
        return (moved(0, 0, self.sizes, stepped, strides(self.sizes), (start, 0)),)


@dataclass(frozen=True, slots=True, eq=False)
class StridedSlice(Slice):
    """The same, read from an operator that says where it ends."""


def _ranges(node: Node) -> list[range] | None:
    """The indices of each axis of the file's shape; None where they are outside of it."""
    shape = node.activation(0).file_shape
    if node.kind == "SLICE":
        begins, sizes = (node.constant(n, "INT32").ravel().tolist() for n in (1, 2))
        if len(begins) != len(shape) or len(sizes) != len(shape):
            return None
        ends = [
            length if size == -1 else begin + size for begin, size, length in zip(begins, sizes, shape, strict=True)
        ]
        inside = all(0 <= b < e <= n for b, e, n in zip(begins, ends, shape, strict=True))
        return [range(b, e) for b, e in zip(begins, ends, strict=True)] if inside else None
    return _strided_ranges(node, shape)


def _strided_ranges(node: Node, shape: tuple[int, ...]) -> list[range] | None:
    options = node.options("StridedSliceOptions")
    begins, ends, steps = (node.constant(n, "INT32").ravel().tolist() for n in (1, 2, 3))
    if not len(begins) == len(ends) == len(steps) == len(shape) or 0 in steps:
        return None
    found = []
    for axis, (begin, end, step, length) in enumerate(zip(begins, ends, steps, shape, strict=True)):
        bit = 1 << axis
        if options.ShrinkAxisMask() & bit:
            index = begin + length if begin < 0 else begin
            if step < 0 or not 0 <= index < length:  # one step back from an index is before its end: nothing is there
                return None
            found.append(range(index, index + 1))
            continue
        first = None if options.BeginMask() & bit else begin
        last = None if options.EndMask() & bit else end
        found.append(range(*slice(first, last, step).indices(length)))
    return found if all(len(indices) for indices in found) else None


def cut_inside(node: Node) -> str | None:
    """Where it begins, its steps and its size are constants, and what it cuts out lies inside of its input."""
    if _ranges(node) is None:
        return f"it cuts out nothing, or something outside of {list(node.activation(0).file_shape)}"
    return None


def few_axes(node: Node) -> str | None:
    """Its input has at most 4 axes with the batch, and none of them is masked as new or as "…"."""
    source = node.activation(0)
    if len(source.file_shape) > _MOST_AXES:
        return f"its input has {len(source.file_shape)} axes"
    if node.kind == "STRIDED_SLICE":
        options = node.options("StridedSliceOptions")
        if options.EllipsisMask() or options.NewAxisMask():
            return "it has an ellipsis or a new axis"
    return None


def result_fits(node: Node) -> str | None:
    """Its result has the shape that is cut out."""
    ranges = _ranges(node)
    if ranges is None:
        return None
    sizes = [len(indices) for indices in ranges]
    if node.kind == "STRIDED_SLICE":
        mask = node.options("StridedSliceOptions").ShrinkAxisMask()
        sizes = [size for axis, size in enumerate(sizes) if not mask & 1 << axis]
    target = node.result()
    return (
        None if list(target.file_shape) == sizes else f"it should make {sizes}, the file says {list(target.file_shape)}"
    )


def read(node: Node) -> Slice:
    source, target = node.ends()
    ranges = _ranges(node)
    assert ranges is not None
    inner = ranges[len(source.file_shape) - len(source.shape) :]
    cut = (tuple(r.start for r in inner), tuple(len(r) for r in inner), tuple(r.step for r in inner))
    return (Slice if node.kind == "SLICE" else StridedSlice)(node.name, source, target, *cut)


def infer(op: Slice, x: Array) -> Array:
    for axis, (begin, size, step) in enumerate(zip(op.begins, op.sizes, op.steps, strict=True)):
        x = np.take(x, [begin + i * step for i in range(size)], axis=axis + 1)
    return x.reshape(len(x), *op.output.shape)


def _case(random: np.random.Generator, kind: type[Slice], steps_of: tuple[int, ...]) -> Slice:
    shape = tuple(cases.size(random, 9) for _ in range(random.integers(1, _MOST_AXES)))
    steps = tuple(int(random.choice(steps_of)) for _ in shape)
    begins, sizes = [], []
    for length, step in zip(shape, steps, strict=True):
        begin = int(random.integers(length))
        most = ceil((length - begin) / step) if step > 0 else begin // -step + 1
        begins.append(begin)
        sizes.append(int(random.integers(1, most + 1)))
    source = cases.activation(random, shape, dtype=cases.dtype(random))
    return kind("slice", source, cases.activation(random, sizes, 1, like=source), tuple(begins), tuple(sizes), steps)


def case(random: np.random.Generator) -> Slice:
    return _case(random, Slice, (1,))


def case_strided(random: np.random.Generator) -> Slice:
    return _case(random, StridedSlice, (1, 1, 2, 3, -1, -2))


def _constants(**columns: list[int]) -> tuple[tuple[str, Array, None, int], ...]:
    return tuple((name, np.array(values, np.int32), None, 0) for name, values in columns.items())


def write(op: Slice) -> Written:
    batch = [0] * op.input.batched, [1] * op.input.batched
    return Written("SLICE", "SliceOptions", {}, _constants(begin=[*batch[0], *op.begins], size=[*batch[1], *op.sizes]))


def write_strided(op: Slice) -> Written:
    """Ends before index 0 cannot be written as numbers: those bits of the mask say "up to the end"."""
    ones, ends, mask = [1] * op.input.batched, [], 0
    for axis, (begin, size, step) in enumerate(zip(op.begins, op.sizes, op.steps, strict=True), start=len(ones)):
        end = begin + size * step
        ends.append(max(end, 0))
        mask |= (end < 0) << axis
    columns = {
        "begin": [*[0] * len(ones), *op.begins], "end": [*ones, *ends], "strides": [*ones, *op.steps],
    }  # fmt: skip
    return Written("STRIDED_SLICE", "StridedSliceOptions", {"EndMask": mask}, _constants(**columns))


_RULES = (one_result, few_axes, cut_inside, result_fits, same_quantization)
SLICE = Operator(
    Slice, "slice", "A part of a tensor. Where it is one run of bytes it costs nothing: it is where it was.", read,
    _RULES, infer, case, write, "AddSlice",
    types=("INT8", "INT16"),
)  # fmt: skip
STRIDED_SLICE = Operator(
    StridedSlice, "slice", "A part of a tensor, every n-th index of each axis, forwards or backwards.", read, _RULES,
    infer, case_strided, write_strided, "AddStridedSlice",
    types=("INT8", "INT16"),
)  # fmt: skip
