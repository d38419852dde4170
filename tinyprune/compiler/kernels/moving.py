"""Kernels that move bytes, or repeat them: portable C."""

from math import prod

import numpy as np

from tinyprune.compiler.graph import ConstantTensor, Op
from tinyprune.compiler.kernels.kernel import Argument, Call, Constant, Kernel, Place, Struct, Wiring, always
from tinyprune.compiler.moves import MOST_LOOPS, Move
from tinyprune.compiler.operators.broadcast_to import BroadcastTo, Tile
from tinyprune.compiler.operators.cast import Cast
from tinyprune.compiler.operators.concatenation import Concatenation
from tinyprune.compiler.operators.gather import Gather
from tinyprune.compiler.operators.mirror_pad import MirrorPad
from tinyprune.compiler.operators.pack import Pack, Unpack
from tinyprune.compiler.operators.pad import Pad
from tinyprune.compiler.operators.reshape import View
from tinyprune.compiler.operators.resize import ResizeBilinear, ResizeNearestNeighbor
from tinyprune.compiler.operators.reverse import Reverse
from tinyprune.compiler.operators.slice_ import Slice
from tinyprune.compiler.operators.space_to_batch import BatchToSpace, SpaceToBatch
from tinyprune.compiler.operators.space_to_depth import DepthToSpace, SpaceToDepth
from tinyprune.compiler.operators.split import Split
from tinyprune.compiler.operators.transpose import Transpose
from tinyprune.compiler.operators.variables import AssignVariable, ReadVariable
from tinyprune.compiler.sparsity import DENSE

#: Bytes are moved whatever they stand for.
_ANY = ("int8", "bool", "int16", "int32")
#: Runs up to here C copies as two words; up to there word by word.
_SHORT, _LONG = 8, 32


def copy_fields(move: Move) -> dict[str, int]:
    """The values of `tp_copy`, by field name. The loop of most turns is the innermost: it costs least."""
    loops = sorted(zip(move.counts, move.source_strides, move.target_strides, strict=True), key=lambda loop: loop[0])
    whole = [*[(1, 0, 0)] * (MOST_LOOPS - len(loops)), *loops]
    rows = dict(zip(("count", "source", "target"), zip(*whole, strict=True), strict=True))
    first = {"size": move.size, "source_offset": move.source_offset, "target_offset": move.target_offset}
    return first | {f"{name}_{n}": value for name, row in rows.items() for n, value in enumerate(row)}


def _copy(op: Op, move: Move, _wiring: Wiring) -> Call:
    source: Argument = Place("state" if move.source < 0 else "input", max(move.source, 0))
    moved = None if move.source < 0 else op.inputs[move.source]
    if isinstance(moved, ConstantTensor):
        source = Constant(f"operand_{move.source}", "int8_t", np.frombuffer(moved.values.tobytes(), np.int8))
    target = Place("state" if move.target < 0 else "output", max(move.target, 0))
    return Struct("tp_copy", copy_fields(move)), source, target


def _copy_cycles(op: Op) -> float:
    """What a turn of the outer loops costs, and a run. The loop of most turns is the innermost."""
    return sum(
        60 + 45 * prod(move.counts) / max(move.counts, default=1) + _run_cycles(move.size) * prod(move.counts)
        for move in op.moves or ()
    )


def _run_cycles(size: int) -> float:
    if size <= 2:
        return 6
    if size < 4:
        return 35
    if size <= _SHORT:
        return 14
    return 25 + 2.3 * size if size <= _LONG else 80 + 0.8 * size


def _runs(op: Op) -> bool:
    moves = op.moves
    return moves is not None and op.fill is None and all(len(move.counts) <= MOST_LOOPS for move in moves)


def pad_axes(before: tuple[int, ...], sizes: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(before, inside, after) of each axis that must be told apart, the outermost first: axes behind which nothing is
    added are joined with the one before."""
    found = [(0, 1, 0)]
    for b, n, a in zip(reversed(before), reversed(sizes), reversed(after), strict=True):
        if found[-1][0] == found[-1][2] == 0:
            inner = found[-1][1]
            found[-1] = (b * inner, n * inner, a * inner)
        elif b or a or n > 1:
            found.append((b, n, a))
    return found[::-1]


def _pad_axes(op: Pad) -> list[tuple[int, int, int]]:
    """Those of bytes."""
    size = np.dtype(op.input.dtype).itemsize
    return pad_axes((*op.before, 0), (*op.input.file_shape, size), (*op.after, 0))


def _pads(op: Pad) -> bool:
    return len(_pad_axes(op)) <= MOST_LOOPS


def _pad(op: Pad, _wiring: Wiring) -> Call:
    axes = _pad_axes(op)
    whole = [*[(0, 1, 0)] * (MOST_LOOPS - len(axes)), *axes]
    fields, inner = {"value": op.value & 0xFFFF if op.output.dtype == "int16" else 0x0101 * (op.value & 0xFF)}, 1
    for number, (before, size, after) in reversed(list(enumerate(whole))):
        fields |= {f"before_{number}": before * inner, f"after_{number}": after * inner, f"count_{number}": size}
        inner *= before + size + after
    order = ["value", *(f"{name}_{n}" for name in ("count", "before", "after") for n in range(MOST_LOOPS))]
    return Struct("tp_pad", {name: fields[name] for name in order}), Place.INPUT, Place.OUTPUT


def _pad_cycles(op: Pad) -> float:
    rows = prod(size for _, size, _ in _pad_axes(op)[:-1])
    return 100 + 130 * rows + 1.2 * op.output.size_bytes


def _tables(op: Gather | ResizeNearestNeighbor) -> tuple[int, int, int, list[int], list[int]]:
    """(turns, bytes from one to the next, bytes of a run, offsets of rows, offsets of runs in a row)"""
    item = np.dtype(op.input.dtype).itemsize
    if isinstance(op, Gather):
        outer, inner, size = op.blocks
        run = inner * item
        return outer, size * run, run, [0], [index * run for index in op.indices.ravel().tolist()]
    _, width, channels = op.input.shape
    run = channels * item
    return 1, 0, run, [index * width * run for index in op.sources(0)], [index * run for index in op.sources(1)]


def _gather(op: Gather | ResizeNearestNeighbor, _wiring: Wiring) -> tuple[Argument, ...]:
    outer, stride, size, rows, columns = _tables(op)
    fields = {"outer": outer, "stride": stride, "rows": len(rows), "columns": len(columns), "size": size}
    tables = [
        Constant(name, "int32_t", np.array(some, np.int32)) for name, some in (("rows", rows), ("columns", columns))
    ]
    return Struct("tp_table", fields), *tables, Place.INPUT, Place.OUTPUT


def _gather_cycles(op: Gather | ResizeNearestNeighbor) -> float:
    """A row that is the one before is copied whole."""
    outer, _, size, rows, columns = _tables(op)
    new = sum(row != before for row, before in zip(rows, [-1, *rows], strict=False))
    row_bytes = len(columns) * size
    gathered = 40 + _run_cycles(size) * len(columns)
    return 80 + outer * (new * gathered + (len(rows) - new) * (60 + 1.2 * row_bytes))


def _bilinear(op: ResizeBilinear, _wiring: Wiring) -> tuple[Argument, ...]:
    (first_row, row), (first_column, column) = op.steps(0), op.steps(1)
    fields = {
        "in_height": op.input.shape[0], "in_width": op.input.shape[1], "channels": op.input.shape[2],
        "out_height": op.output.shape[0], "out_width": op.output.shape[1],
        "first_row": first_row, "row_step": row, "first_column": first_column, "column_step": column,
    }  # fmt: skip
    return Struct("tp_resize", fields), Place.INPUT, Place.OUTPUT


def _bilinear_cycles(op: ResizeBilinear) -> float:
    height, width, channels = op.output.shape
    return height * (30 + width * (60 + 31 * channels))


_MOVES = (
    AssignVariable, BatchToSpace, BroadcastTo, Cast, Concatenation, DepthToSpace, Gather, MirrorPad, Pack, ReadVariable,
    ResizeNearestNeighbor, Reverse, Slice, SpaceToBatch, SpaceToDepth, Split, Tile,
    Transpose, Unpack, View,
)  # fmt: skip

ROWS = (
    Kernel("tp_copy_s8_dense_c", _MOVES, DENSE, "c", _runs, _copy, _copy_cycles, moves=True, dtypes=_ANY),
    Kernel("tp_pad_s8_dense_c", (Pad,), DENSE, "c", _pads, _pad, _pad_cycles, leaves=True, dtypes=_ANY),
    Kernel(
        "tp_gather_s8_dense_c", (Gather, ResizeNearestNeighbor), DENSE, "c", always, _gather, _gather_cycles,
        dtypes=_ANY,
    ),
    Kernel("tp_resize_bilinear_s8_dense_c", (ResizeBilinear,), DENSE, "c", always, _bilinear, _bilinear_cycles),
)  # fmt: skip
