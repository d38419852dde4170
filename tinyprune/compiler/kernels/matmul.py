"""The kernel of products of matrices: portable C."""

from math import prod

from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring, always, operand
from tinyprune.compiler.operators.batch_matmul import BatchMatMul
from tinyprune.compiler.sparsity import DENSE

#: Axes before the matrices, of C's tp_matmul.
_BATCHES = 3


def matmul_fields(op: BatchMatMul) -> dict[str, int]:
    """The values of `tp_matmul`, by field name."""
    multiplier, shift = op.rescaling
    batches = (*[1] * _BATCHES, *op.output.file_shape[:-2])[-_BATCHES:]
    steps = {"batch": list(batches), "left": _strides(op.left.file_shape), "right": _strides(op.right.file_shape)}
    return {f"{name}_{n}": step for name, some in steps.items() for n, step in enumerate(some)} | {
        "rows": op.output.file_shape[-2], "depth": op.depth, "columns": op.output.file_shape[-1],
        "left_transposed": int(op.left_transposed), "right_transposed": int(op.right_transposed),
        "left_zero_point": op.left.zero_point, "right_zero_point": op.right.zero_point,
        "multiplier": multiplier, "shift": shift, "output_zero_point": op.output.zero_point,
    }  # fmt: skip


def _strides(shape: tuple[int, ...]) -> list[int]:
    """Bytes from one matrix to the next along each axis before the last two; 0 where the operand is broadcast."""
    padded = (*[1] * (_BATCHES + 2 - len(shape)), *shape)
    return [0 if padded[axis] == 1 else prod(padded[axis + 1 :]) for axis in range(_BATCHES)]


def _arguments(op: BatchMatMul, _wiring: Wiring) -> Call:
    return Struct("tp_matmul", matmul_fields(op)), operand(op, 0), operand(op, 1), Place.OUTPUT, Place.SCRATCH


def _scratch_bytes(op: BatchMatMul) -> int:
    rows = op.output.file_shape[-2]
    return 4 * rows + op.depth + (rows * op.depth if op.left_transposed else 0)


def _cycles(op: BatchMatMul) -> float:
    return 4.3 * op.macs + 150 * op.output.count


ROWS = (
    Kernel(
        "tp_batch_matmul_s8_dense_c", (BatchMatMul,), DENSE, "c", always, _arguments, _cycles,
        scratch_bytes=_scratch_bytes,
    ),
)  # fmt: skip
