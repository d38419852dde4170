"""What a random network costs as it is lowered, in the emulator's modelled cycles, beside portable C and dense kernels.

One network has many operators, since three compilers run for each.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias
from unittest import mock

from benchmarks.layer_runs import Bench, program_times, roomy
from tinyprune.compiler import candidates, lower
from tinyprune.compiler.graph import Graph, Op
from tinyprune.compiler.kernels import Kernel
from tinyprune.compiler.sparsity import DENSE
from tinyprune.device.boards import Board

#: How much longer than another way the chosen one may take: kernels are chosen by estimates (benchmarks.choices).
_ALLOWED = 1.03
_CORE = "m4"
Fitting: TypeAlias = Callable[[Op, str, Board], Sequence[Kernel]]

_fitting = candidates.fitting


def _portable(op: Op, pattern: str, board: Board) -> list[Kernel]:
    return [kernel for kernel in _fitting(op, pattern, board) if kernel.isa == "c"]


def _dense(op: Op, _pattern: str, board: Board) -> list[Kernel]:
    return _fitting(op, DENSE, board)


WAYS: dict[str, Fitting] = {"chosen": _fitting, "portable": _portable, "dense": _dense}


def cycles(graph: Graph, fitting: Fitting) -> int:
    """Of an inference, with the fastest of the kernels that are fitting."""
    candidates.layers_of.cache_clear()
    with mock.patch.object(candidates, "fitting", fitting), tempfile.TemporaryDirectory() as folder:
        program = lower.lower(graph, roomy(_CORE))
        times, equal = program_times(program, Bench(_CORE, None, Path(folder)))
    candidates.layers_of.cache_clear()
    assert all(equal)
    return sum(times)


def verdict(graph: Graph) -> str:
    taken = {way: cycles(graph, fitting) for way, fitting in WAYS.items()}
    slower = [way for way, other in taken.items() if taken["chosen"] > _ALLOWED * other]
    told = ", ".join(f"{way} {count:,}" for way, count in taken.items())
    return f"slower than {' and '.join(slower)}: {told}" if slower else f"no slower: {told}"
