"""What a network will take on a board, told from its lowered program alone: nothing is compiled or run.

Constants and arena are those of the firmware, byte for byte. The rest are estimates, which `python -m
benchmarks.estimates` holds against firmware that was built and run; docs/check.md has how far they were off.
"""

import re
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tinyprune.compiler import lower
from tinyprune.compiler.candidates import fitting
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.program import Program, Step
from tinyprune.compiler.sparsity import DENSE
from tinyprune.firmware import codegen
from tinyprune.resources import FIRMWARE_TEMPLATES

#: Bytes of flash: the program around a network, a step's function with its parameters, a token of a kernel's C.
PORT_BYTES, STEP_BYTES, TOKEN_BYTES = 4550, 146, 0.76
#: Bytes of RAM beside the arena, without the stack and the buffers of the inputs.
PORT_RAM_BYTES = 192
#: Core → modelled cycles for a cycle of the figures that rank kernels, which are of a Cortex-M4. None: not modelled.
CORE_CYCLES: dict[str, float | None] = {
    "cortex-m0": None,
    "cortex-m0plus": 1.31,
    "cortex-m3": 1.05,
    "cortex-m4": 1.15,
    "cortex-m7": None,
    "cortex-m33": 1.15,
    "cortex-m55": 1.15,
    "host": None,
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """`arena_bytes` is exact; RAM is without the stack; no cycles where the core's are not modelled."""

    flash_bytes: int
    ram_bytes: int
    arena_bytes: int
    cycles: int | None


def estimate(program: Program) -> Estimate:
    """Of firmware that `build` would make."""
    kernels = frozenset(step.kernel.name for step in program.steps)
    code = PORT_BYTES + STEP_BYTES * len(program.steps) + TOKEN_BYTES * _tokens(kernels)
    buffers = sum(tensor.size_bytes for tensor in program.graph.inputs)
    each = [step_cycles(program, step) for step in program.steps]
    return Estimate(
        flash_bytes=lower.constant_bytes(program) + round(code),
        ram_bytes=program.arena.arena_bytes + buffers + PORT_RAM_BYTES,
        arena_bytes=program.arena.arena_bytes,
        cycles=None if CORE_CYCLES[program.board.cpu.core] is None else sum(cycles or 0 for cycles in each),
    )


def step_cycles(program: Program, step: Step) -> int | None:
    """Of one layer; None where the core's cycles are not modelled."""
    factor = CORE_CYCLES[program.board.cpu.core]
    return None if factor is None else round(factor * step.kernel.cycles(step.op))


def dense_ratio(program: Program, step: Step) -> float | None:
    """Cycles of this step if none of its weights were zero, on the fastest kernel that takes maps laid out as here, to
    those of the step, both estimated. None for dense weights, and where there is no such kernel."""
    here = step.kernel.cycles(step.op)
    if step.pattern == DENSE or not here or not isinstance(step.op, Weighted):
        return None
    full = replace(step.op, weights=np.where(step.op.weights == 0, np.int8(1), step.op.weights))
    kernels = [kernel for kernel in fitting(full, DENSE, program.board) if kernel.reads is step.kernel.reads]
    return min((kernel.cycles(full) / here for kernel in kernels), default=None)


@cache
def _tokens(kernels: frozenset[str]) -> int:
    """Words and signs in the C of these kernels and of what they call."""
    return sum(_tokens_of(path) for path in codegen.runtime(kernels) if path.endswith(".c"))


@cache
def _tokens_of(path: str) -> int:
    text = (FIRMWARE_TEMPLATES / path).read_text(encoding="utf-8")
    without_comments = re.sub(r"/\*.*?\*/|//[^\n]*|^#[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return len(re.findall(r"\w+|[^\w\s]", without_comments))
