"""Runs a lowered program in this process: its own kernels, in C for this PC, on its own arena, in its own order.

What is left out is the text of the generated C, which tests/tasks compiles. It costs a call a kernel, where a compiler
takes a quarter of a second.
"""

import ctypes
import hashlib
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.compiler.kernels.harness import INCLUDES, RUNTIME, ZIG
from tinyprune import files
from tinyprune.compiler.kernels import Argument, Place, Struct
from tinyprune.compiler.program import Program, Step

_GUARD_BYTES = 256
_ALIGNMENT = 16
#: Undefined behaviour ends the process. Not for this PC's own core: zig's clang has been wrong for some.
_FLAGS = ("-O1", "-shared", "-fPIC", "-mcpu=baseline", "-fsanitize=undefined", "-fsanitize-trap=undefined")


@cache
def kernels() -> ctypes.CDLL:
    """All of the runtime, compiled for this PC: once for all processes, kept by what it is made of."""
    sources = sorted((RUNTIME / "src").glob("*.c"))
    parts = [path.read_bytes() for path in (*sources, *sorted((RUNTIME / "include").glob("*.h")))]
    made_of = hashlib.sha256(repr((_FLAGS, parts)).encode()).hexdigest()
    path = Path(tempfile.gettempdir()) / f"tinyprune-kernels-{made_of[:16]}.so"
    if not path.exists():
        with files.whole(path) as part:
            subprocess.run([*ZIG, *_FLAGS, *INCLUDES, *map(str, sources), "-o", str(part)], check=True)
    return ctypes.CDLL(str(path))


class Arena:
    """Bytes of which nothing is known, between guards."""

    def __init__(self, size_bytes: int) -> None:
        whole = np.random.default_rng(0).integers(0, 256, size_bytes + 2 * _GUARD_BYTES + _ALIGNMENT).astype(np.uint8)
        start = _GUARD_BYTES + -(whole.ctypes.data + _GUARD_BYTES) % _ALIGNMENT
        self._guards = [whole[:start], whole[start + size_bytes :]]
        self._before = [guard.copy() for guard in self._guards]
        self.bytes = whole[start : start + size_bytes].view(np.int8)

    @property
    def is_exceeded(self) -> bool:
        return any(not np.array_equal(*pair) for pair in zip(self._guards, self._before, strict=True))


def infer(program: Program, inputs: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int8], bool]:
    """The answers `[samples, output_bytes]` to `[samples, input_bytes]`, one after the other from a fresh start, and
    whether a kernel wrote beside the arena."""
    graph, arena = program.graph, Arena(program.arena.arena_bytes)
    for state, offset in program.states:
        arena.bytes[offset : offset + state.size_bytes] = state.initial.reshape(-1).view(np.int8)
    calls = [_prepared(program.steps[number], arena.bytes) for number in range(len(program.steps))]
    answers = []
    for row in inputs:
        ends = zip(graph.inputs, program.input_offsets, graph.split_inputs(row[None]), strict=True)
        for tensor, offset, part in ends:
            arena.bytes[offset : offset + tensor.size_bytes] = np.ascontiguousarray(part).reshape(-1).view(np.int8)
        for loop in program.loops:
            for turn in range(program.steps[loop[0]].rows or 1):
                for number in loop:
                    calls[number](turn)
        places = zip(graph.outputs, program.output_offsets, strict=True)
        answers.append(np.concatenate([arena.bytes[at : at + tensor.size_bytes] for tensor, at in places]))
    return np.stack(answers), arena.is_exceeded


def _prepared(step: Step, arena: npt.NDArray[np.int8]):  # type: ignore[no-untyped-def]
    """The step's calls as a function of the row."""
    function, kept = getattr(kernels(), step.kernel.name), list[npt.NDArray[np.generic]]()

    def pointer(argument: Argument) -> ctypes.c_void_p | None:
        if isinstance(argument, Place):
            offset = _offset(step, argument)
            return None if offset is None else ctypes.c_void_p(arena.ctypes.data + offset)
        values = list(argument.fields.values()) if isinstance(argument, Struct) else argument.values
        kept.append(np.array(values, np.int32 if isinstance(argument, Struct) else None))
        return ctypes.c_void_p(kept[-1].ctypes.data)

    calls = [[argument if argument == Place.ROW else pointer(argument) for argument in call] for call in step.calls]

    def call(row: int) -> None:
        for arguments in calls:
            function(*(ctypes.c_int32(row) if argument == Place.ROW else argument for argument in arguments))
        assert kept is not None  # what C points to

    return call


def _offset(step: Step, place: Place) -> int | None:
    if place == Place.SCRATCH:
        return step.scratch_offset if step.scratch_bytes else None
    places = {"input": step.input_offsets, "output": step.output_offsets, "state": step.state_offsets}
    return places[place.kind][place.number]
