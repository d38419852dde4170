"""Element-wise kernels of two operands: portable C."""

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, operand
from tinyprune.compiler.operators.add import LEFT_SHIFT, Add, Sub
from tinyprune.compiler.sparsity import DENSE

#: Nested loops of C's tp_loops.
_LOOPS = 4
_MOST = 255 << LEFT_SHIFT  # of an operand, before it is scaled


def loops(op: Add) -> dict[str, int] | None:
    """The values of `tp_loops`, by field name; None where the shapes want more loops than there are."""
    rank = len(op.output.shape)
    counts = list(op.output.shape)
    strides = [_strides(tensor.shape, rank) for tensor in op.inputs]
    joined: list[tuple[int, ...]] = []
    for count, left, right in zip(reversed(counts), *map(reversed, strides), strict=True):
        if count == 1:
            continue
        inner = joined[-1] if joined else None
        if inner and (left, right) == (inner[0] * inner[1], inner[0] * inner[2]):
            joined[-1] = (inner[0] * count, inner[1], inner[2])
        else:
            joined.append((count, left, right))
    if len(joined) > _LOOPS:
        return None
    rows = [*[(1, 0, 0)] * (_LOOPS - len(joined)), *reversed(joined)]
    names = ("count", "left", "right")
    return {f"{name}_{n}": row[place] for place, name in enumerate(names) for n, row in enumerate(rows)}


def _strides(shape: tuple[int, ...], rank: int) -> list[int]:
    """Bytes from one index of each of the output's axes to the next; 0 where the operand is broadcast."""
    padded = (*[1] * (rank - len(shape)), *shape)
    steps = [int(np.prod(padded[axis + 1 :], dtype=int)) for axis in range(rank)]
    return [0 if count == 1 else step for count, step in zip(padded, steps, strict=True)]


def _has_loops(op: Add) -> bool:
    return loops(op) is not None


def _loops_struct(op: Add, *, swapped: bool = False) -> Struct:
    found = loops(op)
    assert found is not None
    if swapped:
        other = {"left": "right", "right": "left"}
        found = {name: found[f"{other.get(name[:-2], name[:-2])}{name[-2:]}"] for name in found}
    return Struct("tp_loops", found)


def over_operands(op: Add) -> tuple[int, ...]:
    """The operands that are not broadcast: the result may lie over them."""
    return tuple(number for number, tensor in enumerate(op.inputs) if tensor.shape == op.output.shape)


def _add(op: Add, _wiring: Wiring) -> Call:
    first, second, behind = op.scalings
    fields = {
        "left_zero_point": op.left.zero_point, "left_multiplier": first[0], "left_shift": first[1],
        "right_zero_point": op.right.zero_point, "right_multiplier": second[0], "right_shift": second[1],
        "right_sign": -1 if isinstance(op, Sub) else 1,
        "output_multiplier": behind[0], "output_shift": behind[1], "output_zero_point": op.output.zero_point,
        "activation_min": op.activation_min, "activation_max": op.activation_max,
    }  # fmt: skip
    return _loops_struct(op), Struct("tp_add", fields), operand(op, 0), operand(op, 1), Place.OUTPUT


def is_fast(op: Add) -> bool:
    """Whether C's `tp_add_s8_fast_c` is exact for every input.

    With the larger scale first, its operand is exactly (x − zero_point)·2^19, which no rounding touches. The second one
    is `multiply_by_quantized_multiplier` of (x − zero_point)·2^20, rounded by s = −shift: what
    `fixed_point.fast_rounding_is_exact` proves of `tp_requantize_fast` holds for it with a zero point of 0 (or s is 0:
    equal scales). The sum is at most 2·255·2^19, and rounded to the output as there.
    """
    if not _has_loops(op):
        return False
    _, (_, right_shift) = _ordered(op)
    _, _, (_, shift) = op.scalings
    second = right_shift == 0 or fixed_point.fast_rounding_is_exact(_MOST, right_shift, 0)
    return second and fixed_point.fast_rounding_is_exact(_MOST, shift, op.output.zero_point)


def _ordered(op: Add) -> tuple[tuple[int, int], tuple[int, int]]:
    """((number of the operand of the larger scale, of the other one), (multiplier, shift) of the other one)."""
    first = 0 if op.left.scale >= op.right.scale else 1
    return (first, 1 - first), op.scalings[1 - first]


def _add_fast(op: Add, _wiring: Wiring) -> Call:
    (first, second), (multiplier, shift) = _ordered(op)
    signs = (1, -1) if isinstance(op, Sub) else (1, 1)
    output_multiplier, output_shift = op.scalings[2]
    half = 1 << (-output_shift - 1)
    factor = signs[first] << LEFT_SHIFT
    fields = {
        "left_factor": factor, "left_offset": -op.inputs[first].zero_point * factor,
        "right_offset": -op.inputs[second].zero_point << (LEFT_SHIFT + 1), "right_multiplier": multiplier,
        "right_shift": -shift, "right_sign": 2 * signs[second],
        "output_multiplier": output_multiplier, "output_shift": -output_shift,
        "output_offset": half + (op.output.zero_point << -output_shift),
        "activation_min": op.activation_min, "activation_max": op.activation_max,
    }  # fmt: skip
    operands = operand(op, first), operand(op, second)
    return _loops_struct(op, swapped=first == 1), Struct("tp_add_fast", fields), *operands, Place.OUTPUT


_ADD = (Add, Sub)

ROWS = (
    Kernel(
        "tp_add_s8_fast_c", _ADD, DENSE, "c", is_fast, _add_fast, lambda op: 90 + 17 * op.output.count,
        in_place=over_operands,
    ),
    Kernel(
        "tp_add_s8_dense_c", _ADD, DENSE, "c", _has_loops, _add, lambda op: 90 + 55 * op.output.count,
        in_place=over_operands,
    ),
)  # fmt: skip
