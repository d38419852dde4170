"""Kernels that reduce axes: means, sums, largest and smallest values, and where they stand. Portable C."""

from itertools import groupby
from math import prod

from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, always
from tinyprune.compiler.operators.arg_max import ArgMax, ArgMin
from tinyprune.compiler.operators.mean import Mean, Sum
from tinyprune.compiler.operators.reduce_max import ReduceMax, ReduceMin
from tinyprune.compiler.operators.reduction import Reduction
from tinyprune.compiler.sparsity import DENSE

#: Nested loops of C's tp_reduce, of each kind.
_LOOPS = 3


def reduce_fields(op: Reduction) -> dict[str, int]:
    """The values of `tp_reduce`, by field name. Six axes never make more than three loops of a kind."""
    kept, reduced = _loops(op)
    rows = {
        "kept": [count for count, _ in kept], "kept_stride": [stride for _, stride in kept],
        "reduced": [count for count, _ in reduced], "reduced_stride": [stride for _, stride in reduced],
    }  # fmt: skip
    return {f"{name}_{n}": value for name, row in rows.items() for n, value in enumerate(row)}


def _loops(op: Reduction) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(count, stride) of the loops over what is kept, and over what is reduced, the outermost first; neighbouring axes
    of one kind are one loop."""
    shape = op.input.shape
    kept, reduced = list[tuple[int, int]](), list[tuple[int, int]]()
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    for is_reduced, group in groupby(axes, lambda axis: axis in op.inner_axes):
        some = list(group)
        loop = prod(shape[axis] for axis in some), prod(shape[some[-1] + 1 :])
        (reduced if is_reduced else kept).append(loop)
    return [(1, 0)] * (_LOOPS - len(kept)) + kept, _padded(reduced)


def _padded(reduced: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [*[(1, 0)] * (_LOOPS - len(reduced)), *reduced] if reduced else [(1, 0), (1, 0), (1, 1)]


def _mean(op: Sum, _wiring: Wiring) -> Call:
    multiplier, shift = op.rescaling
    fields = {
        "multiplier": multiplier, "shift": shift, "offset": -op.input.zero_point * op.count,
        "output_zero_point": op.output.zero_point,
    }  # fmt: skip
    return Struct("tp_reduce", reduce_fields(op)), Struct("tp_mean", fields), Place.INPUT, Place.OUTPUT


def _extreme(op: Reduction, _wiring: Wiring) -> Call:
    return Struct("tp_reduce", reduce_fields(op)), Place.INPUT, Place.OUTPUT


def _arg_max(op: ArgMax, _wiring: Wiring) -> Call:
    before, along, behind = op.sizes
    fields = {"before": before, "along": along, "behind": behind, "flip": -1 if isinstance(op, ArgMin) else 0}
    return Struct("tp_arg_max", fields), Place.INPUT, Place.OUTPUT


def _mean_cycles(op: Sum) -> float:
    return _cycles(op, lanes=8, a_value=(2.7, 11), a_result=86)


def _slow_mean_cycles(op: Sum) -> float:
    return 14 * op.input.count + 60 * op.output.count


def _extreme_cycles(op: Reduction) -> float:
    return _cycles(op, lanes=4, a_value=(3.3, 15), a_result=35)


def _cycles(op: Reduction, lanes: int, a_value: tuple[float, float], a_result: float) -> float:
    """What a value and a result cost where values lie side by side, several at a time or one by one; what runs along
    the values of one result takes 80 more to begin."""
    kept, reduced = _loops(op)
    along = kept[-1][1] != 1
    together = (reduced if along else kept)[-1][0] >= lanes
    return op.input.count * a_value[0 if together else 1] + op.output.count * (a_result + 80 * along)


def _arg_max_cycles(op: ArgMax) -> float:
    return 60 + 16 * op.input.count + 20 * op.output.count


ROWS = (
    Kernel("tp_mean_s8_dense_c", (Mean, Sum), DENSE, "c", always, _mean, _mean_cycles),
    Kernel("tp_reduce_max_s8_dense_c", (ReduceMax,), DENSE, "c", always, _extreme, _extreme_cycles),
    Kernel("tp_reduce_min_s8_dense_c", (ReduceMin,), DENSE, "c", always, _extreme, _extreme_cycles),
    Kernel("tp_arg_max_s8_dense_c", (ArgMax, ArgMin), DENSE, "c", always, _arg_max, _arg_max_cycles),
    Kernel("tp_mean_s16_dense_c", (Mean, Sum), DENSE, "c", always, _mean, _slow_mean_cycles, dtypes=("int16",)),
)
