"""The network in the interpreter of TFLite Micro: for users who must stay on it."""

from dataclasses import dataclass
from pathlib import Path

from tinyprune.boards import Board
from tinyprune.emulators import Start
from tinyprune.firmware import FirmwareImage, FirmwareSource
from tinyprune.program import Program
from tinyprune.tflm import arena, compile, source, tree
from tinyprune.tflm.operators import operators
from tinyprune.tflm.source import Network
from tinyprune.tflm.tree import Tree, find
from tinyprune.toolchain import Compiler

__all__ = ["Built", "Network", "Tree", "build", "compiler", "dense", "find", "operators", "tree"]

compiler = compile.compiler


@dataclass(frozen=True, slots=True)
class Built:
    source: FirmwareSource
    image: FirmwareImage
    arena_bytes: int


def dense(model: bytes, program: Program) -> Network:
    """The model as it is: every layer a builtin operator."""
    return Network(model, operators(model, program.graph))


def build(
    program: Program, network: Network, name: str, board: Board, at: Tree, gcc: Compiler, start: Start, output: Path
) -> Built:
    """Firmware in `output` with the smallest arena that works in the emulator; raises what its parts raise."""
    made: list[FirmwareSource] = []

    def make(arena_bytes: int, note: str) -> FirmwareImage:
        made.append(source.generate(program, network, name, at, arena_bytes, note))
        return compile.link(made[-1], board, gcc, at, output)

    maps = max(op.input.size_bytes + op.output.size_bytes for op in program.graph.ops)
    image, arena_bytes = arena.fit(make, start, board, maps)
    return Built(made[-1], image, arena_bytes)
