"""The network in the interpreter of TFLite Micro: for users who must stay on it.

.tflite ─choose─▶ choices ─sparse─▶ Network (a .tflite with custom operators) ─build─▶ FirmwareImage, arena measured
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tinyprune.compiler.lower import Optimize
from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.emulators import Start
from tinyprune.device.firmware import FirmwareImage, FirmwareSource, Project
from tinyprune.firmware.tflm import arena, cmake, compile, layers, source
from tinyprune.firmware.tflm.arena import Built
from tinyprune.firmware.tflm.layers import Choice
from tinyprune.firmware.tflm.operators import operators
from tinyprune.firmware.tflm.source import Network
from tinyprune.firmware.tflm.tree import Tree, find, is_named, pinned
from tinyprune.firmware.toolchain import Compiler

__all__ = [
    "Built", "Choice", "Network", "Tree", "build", "choose", "compiler", "dense", "find", "generate", "is_named",
    "operators", "project", "sparse", "unbuilt_project",
]  # fmt: skip

compiler = compile.compiler


def dense(model: bytes, program: Program) -> Network:
    """The model as it is: every layer a builtin operator."""
    return Network(model, operators(model, program.graph))


def choose(model: bytes, program: Program, optimize: Optimize = "speed") -> tuple[Choice, ...]:
    """What each operator of the model becomes, and why."""
    return layers.choose(operators(model, program.graph), program.board, optimize)


def sparse(model: bytes, choices: Sequence[Choice]) -> Network:
    """The model with a custom operator for each layer that `choose` gave a kernel."""
    data, found = layers.convert(model, choices)
    chosen = [(choice.kernel, choice.operator.op) for choice in choices]
    calls = {kernel.name: layers.call(kernel, op) for kernel, op in chosen if kernel is not None and op is not None}
    return Network(data, found, calls)


def generate(program: Program, network: Network, name: str, tree: Tree, arena_bytes: int) -> FirmwareSource:
    """The C and C++ of the firmware."""
    return source.generate(program, network, name, tree, arena_bytes)


def build(
    program: Program, network: Network, name: str, board: Board, tree: Tree, gcc: Compiler, start: Start, output: Path
) -> Built:
    """Firmware in `output` with the smallest arena that works in the emulator; raises what its parts raise."""

    objects: list[Path] = []

    def make(arena_bytes: int) -> FirmwareImage:
        sources = generate(program, network, name, tree, arena_bytes)
        objects[:] = objects or compile.cxx(sources, board, tree, Path(folder))
        return compile.link(sources, objects, board, gcc, tree, output)

    with tempfile.TemporaryDirectory(prefix=".objects-", dir=output) as folder:
        return arena.fit(make, start, board, _maps_bytes(program), program.graph.input_bytes)


def _maps_bytes(program: Program) -> int:
    return program.graph.largest_bytes


def project(
    program: Program, network: Network, name: str, choices: Sequence[Choice], tree: Tree, arena_bytes: int
) -> Project:
    """What the user gets: the sources of the firmware, and CMake around them."""
    sources = generate(program, network, name, tree, arena_bytes)
    return cmake.make(program, sources, name, network, choices, tree, arena_bytes)


def unbuilt_project(program: Program, network: Network, name: str, choices: Sequence[Choice]) -> Project:
    """The same before there is a tree, for the one that its CMake fetches: the arena is all RAM that the board has for
    it, not measured. Raises DoesNotFit, or UsageError for a board that TFLite Micro does not know."""
    tree = pinned(program.board)
    return project(program, network, name, choices, tree, arena.largest_bytes(program.board, _maps_bytes(program)))
