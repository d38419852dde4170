"""Kernels of sums and differences: portable C, and a faster form that is proved by trying every pair of values."""

from functools import cache

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Activation
from tinyprune.compiler.kernels.broadcast import has_loops, loops_struct, over_operands, rows
from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, operand
from tinyprune.compiler.operators.add import Add, Sub, infer
from tinyprune.compiler.sparsity import DENSE

Int64 = npt.NDArray[np.int64]

#: Fraction bits of a line.
SHIFT = 21
_EVERY = np.arange(-128, 128)
_ANYTHING = 1 << 40  # beyond every sum
_STRETCHES = (0.0, 2.0**-20, 2.0**-19, 2.0**-18)
_TRIES = 8


def line(op: Add) -> tuple[int, int, int] | None:
    """(left factor, right factor, offset) with which C's `tp_add_s8_fast_c` is exact for every pair of values; None
    where none was found.

    There are 65,536 pairs, and all are tried. For given factors each pair bounds the offset from both sides; if bounds
    contradict one another, the factors move by the least that reconciles the worst two pairs. TFLite rounds ties away
    from zero: factors that are a little too large do so as well.
    """
    left, right, output = ((float(one.scale), one.zero_point) for one in (op.left, op.right, op.output))
    return _line(isinstance(op, Sub), left, right, output)


@cache
def _line(
    subtracts: bool, left: tuple[float, int], right: tuple[float, int], output: tuple[float, int]
) -> tuple[int, int, int] | None:
    wanted = _sums(Sub if subtracts else Add, left, right, output)
    lowest = np.where(wanted > -128, wanted << SHIFT, -_ANYTHING)
    highest = np.where(wanted < 127, (wanted + 1 << SHIFT) - 1, _ANYTHING)
    for stretch in _STRETCHES:
        factors = np.array([left[0], right[0]]) / output[0] * 2.0 ** (SHIFT + 8) * (1 + stretch)
        if subtracts:
            factors[1] = -factors[1]
        for _ in range(_TRIES):
            if abs(factors).max() >= (1 << 31) - 1:
                return None
            first, second = (round(float(factor)) for factor in factors)
            sums = (_EVERY * first >> 8)[:, None] + (_EVERY * second >> 8)
            below, above = lowest - sums, highest - sums
            low, high = int(below.max()), int(above.min())
            if low <= high:
                most = max(abs(int(sums.min()) + low), abs(int(sums.max()) + low), abs(low) + abs(first) // 2 + 1)
                return (first, second, low) if most < 1 << 31 else None
            worst = [np.array(np.unravel_index(place, sums.shape)) for place in (below.argmax(), above.argmin())]
            way = (worst[0] - worst[1]).astype(float)
            factors += way * (low - high + 1) * 256 / (way @ way)
    return None


def _sums(kind: type[Add], left: tuple[float, int], right: tuple[float, int], output: tuple[float, int]) -> Int64:
    """What TFLite makes of every pair: [256 left values, 256 right ones]."""
    shapes = ((256, 1), (256,), (256, 256))
    tensors = [
        Activation(n, "", shape, np.float32(scale), zero_point)
        for n, (shape, (scale, zero_point)) in enumerate(zip(shapes, (left, right, output), strict=True))
    ]
    op = kind("", tensors[0], tensors[1], tensors[2], -128, 127)
    found: Int64 = infer(op, _EVERY[None, :, None], _EVERY[None]).astype(np.int64)[0]
    return found


def _is_line(op: Add) -> bool:
    return has_loops(op) and line(op) is not None


def _add_fast(op: Add, _wiring: Wiring) -> Call:
    found = line(op)
    assert found is not None
    fields = {
        "left_factor": found[0], "right_factor": found[1], "offset": found[2],
        "activation_min": op.activation_min, "activation_max": op.activation_max,
    }  # fmt: skip
    return loops_struct(op), Struct("tp_add_fast", fields), operand(op, 0), operand(op, 1), Place.OUTPUT


def _add(op: Add, _wiring: Wiring) -> Call:
    first, second, behind = op.scalings
    fields = {
        "left_zero_point": op.left.zero_point, "left_multiplier": first[0], "left_shift": first[1],
        "right_zero_point": op.right.zero_point, "right_multiplier": second[0], "right_shift": second[1],
        "right_sign": -1 if isinstance(op, Sub) else 1,
        "output_multiplier": behind[0], "output_shift": behind[1], "output_zero_point": op.output.zero_point,
        "activation_min": op.activation_min, "activation_max": op.activation_max,
    }  # fmt: skip
    return loops_struct(op), Struct("tp_add", fields), operand(op, 0), operand(op, 1), Place.OUTPUT


_ADD = (Add, Sub)

ROWS = (
    Kernel(
        "tp_add_s8_fast_c", _ADD, DENSE, "c", _is_line, _add_fast,
        lambda op: 90 + 110 * rows(op) + 8.7 * op.output.count, in_place=over_operands,
    ),
    Kernel(
        "tp_add_s8_dense_c", _ADD, DENSE, "c", has_loops, _add, lambda op: 90 + 40 * rows(op) + 133 * op.output.count,
        in_place=over_operands,
    ),
    Kernel(
        "tp_add_s16_dense_c", _ADD, DENSE, "c", has_loops, _add, lambda op: 90 + 40 * rows(op) + 128 * op.output.count,
        in_place=over_operands, dtypes=("int16",),
    ),
)  # fmt: skip
