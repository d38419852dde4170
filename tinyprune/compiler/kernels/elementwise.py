"""The kernel that moves bytes: portable C."""

from tinyprune.compiler.graph import Move
from tinyprune.compiler.kernels.kernel import Call, Kernel, Place, Struct, Wiring
from tinyprune.compiler.operators.concatenation import Concatenation
from tinyprune.compiler.operators.reshape import Reshape
from tinyprune.compiler.operators.slice_ import Slice, StridedSlice
from tinyprune.compiler.operators.split import Split, SplitV
from tinyprune.compiler.operators.variables import AssignVariable, ReadVariable
from tinyprune.compiler.sparsity import DENSE

#: Nested loops of C's tp_copy.
_LOOPS = 4


def copy_fields(move: Move) -> dict[str, int]:
    """The values of `tp_copy`, by field name."""
    missing = _LOOPS - len(move.counts)
    rows = {
        "count": (*[1] * missing, *move.counts), "source": (*[0] * missing, *move.source_strides),
        "target": (*[0] * missing, *move.target_strides),
    }  # fmt: skip
    first = {"size": move.size, "source_offset": move.source_offset, "target_offset": move.target_offset}
    return first | {f"{name}_{n}": value for name, row in rows.items() for n, value in enumerate(row)}


def _copy(move: Move, _wiring: Wiring) -> Call:
    source = Place("state" if move.source < 0 else "input", max(move.source, 0))
    target = Place("state" if move.target < 0 else "output", max(move.target, 0))
    return Struct("tp_copy", copy_fields(move)), source, target


def _copy_cycles(op: Concatenation) -> float:
    """What a run costs, and a byte in it."""
    return sum(60 + (20 + 1.3 * move.size) * move.size_bytes / move.size for move in op.moves)


def _runs(op: Concatenation) -> bool:
    return all(len(move.counts) <= _LOOPS for move in op.moves)


_MOVES = (AssignVariable, Concatenation, ReadVariable, Reshape, Slice, Split, SplitV, StridedSlice)

ROWS = (Kernel("tp_copy_s8_dense_c", _MOVES, DENSE, "c", _runs, _copy, _copy_cycles, moves=True),)
