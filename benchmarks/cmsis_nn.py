"""The peer: a network as calls of Arm's CMSIS-NN, in our firmware, by our compiler, on our meter.

The sources are those that the `bakenn` wheel carries (CMSIS-NN 4.0.0, revision ca5dc34: convolutions, fully connected
layers and pools), or a checkout that the environment variable CMSIS_NN_ROOT names, which has all that there is.
bakenn's own generator is not used: it refuses files of today's TFLite converter (bias scales that differ in the last
bit, fully connected layers of four axes), and it takes portable C where padding is not symmetric, as in DS-CNN's first
layer, which CMSIS-NN itself can run. Each layer makes the call that TFLite Micro would make (cmsis_calls.py); there is
no interpreter (benchmarks/tflm.py has it, with its own CMSIS-NN).
"""

import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2

from benchmarks.cmsis_calls import OUR_SOFTMAX, Code, code_of
from tinyprune.compiler import memory
from tinyprune.compiler.graph import Activation, Graph, Op
from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource
from tinyprune.errors import MissingDependency, ModelError, UsageError
from tinyprune.firmware import codegen, names
from tinyprune.firmware.toolchain import Compiler

ROOT_VARIABLE = "CMSIS_NN_ROOT"
_BINDINGS = "Bindings"
_SEVERAL = "get_buffer_sizes"
_FLOAT = ("f16", "f32", "flt")
_NO_MATH = {"cmsis_nn/math.h": "/* Included by CMSIS-NN 4.0.0, which uses nothing of it; bare clang has none. */\n"}


@dataclass(frozen=True, slots=True)
class Sources:
    """CMSIS-NN as text: path in the project → content."""

    version: str
    files: dict[str, str]
    flags: tuple[str, ...]

    @property
    def functions(self) -> frozenset[str]:
        """A file bears the name of its function."""
        return frozenset(Path(path).stem for path in self.files if path.endswith(".c"))


def sources() -> Sources:
    """Of CMSIS_NN_ROOT, else of the bakenn wheel. Raises UsageError or MissingDependency where there are none."""
    root = os.environ.get(ROOT_VARIABLE)
    if root:
        return _of_checkout(Path(root))
    found = importlib.util.find_spec("bakenn")
    if found is None or not found.submodule_search_locations:
        raise MissingDependency(
            f"no CMSIS-NN to compare with: `pip install bakenn` (extra: bench), or set {ROOT_VARIABLE} to a checkout"
        )
    vendor = Path(found.submodule_search_locations[0]) / "backend/cmsis_nn/vendor"
    files = _texts(vendor, [*vendor.rglob("*.h"), *vendor.rglob("*.c")]) | _NO_MATH
    includes = ("-Icmsis_nn/cmsis_nn/Include", "-Icmsis_nn/cmsis_core/Include", "-Icmsis_nn")
    version = f"CMSIS-NN 4.0.0 (bakenn {importlib.metadata.version('bakenn')})"
    return Sources(version, files, (*includes, "-DBAKENN_CMSIS_NN_BUILTIN_MEMORY"))


def _of_checkout(root: Path) -> Sources:
    if not (root / "Include/arm_nnfunctions.h").is_file():
        raise UsageError(f"{ROOT_VARIABLE}={root}: no Include/arm_nnfunctions.h there, so no checkout of CMSIS-NN")
    code = [path for path in (root / "Source").glob("*/*.c") if path.parent.name != _BINDINGS]
    integer = [path for path in (*code, *(root / "Include").rglob("*.h")) if not path.stem.endswith(_FLOAT)]
    return Sources(f"CMSIS-NN ({root.name})", _texts(root, integer), ("-Icmsis_nn/Include",))


def _texts(root: Path, paths: Sequence[Path]) -> dict[str, str]:
    return {f"cmsis_nn/{path.relative_to(root).as_posix()}": path.read_text(encoding="utf-8") for path in paths}


def compiler_for(compiler: Compiler, peer: Sources) -> Compiler:
    """The same compiler, with -O2 as TFLite Micro builds CMSIS-NN; warnings about the peer's code are not ours to
    fix."""
    ours = [flag for flag in compiler.compile_flags if not flag.startswith("-W") and flag not in ("-Xclang", "-Oz")]
    kept = ["-O2" if flag == "-Os" else flag for flag in ours]
    return replace(compiler, compile_flags=(*kept, *peer.flags))


def generate(graph: Graph, board: Board, name: str, peer: Sources) -> FirmwareSource:
    """The project of tinyprune with the network's file exchanged. Raises ModelError for what CMSIS-NN cannot run."""
    layers = _layers(graph, peer)
    home = _homes(graph)
    plan = _plan(graph, layers, home)

    def offsets(tensors: Sequence[Activation]) -> tuple[int, ...]:
        return tuple(plan.offsets[home[tensor.index]] for tensor in tensors)

    program = Program(graph, board, (), plan, offsets(graph.inputs), offsets(graph.outputs))
    ours = codegen.generate(program, name)
    calls = [
        {
            "symbol": f"tp_layer_{number:02d}_{op.name}",
            "declarations": code.declarations,
            "statement": code.statement(
                [f"(arena + {offset})" for offset in offsets((*op.activations, *op.outputs))],
                f"(arena + {plan.offsets.get(_scratch(number), 0)})",
            ),
        }
        for number, (op, code) in enumerate(layers)
    ]
    template = Path(__file__).with_name("cmsis_network.c.j2").read_text(encoding="utf-8")
    network = jinja2.Template(template, undefined=jinja2.StrictUndefined).render(
        layers=calls, **codegen.context(program, name)
    )
    softmax = codegen.runtime([OUR_SOFTMAX])
    code = _needed(peer, {code.function for _, code in layers})
    return replace(ours, files={**ours.files, **softmax, f"network/{names.library_name(name)}.c": network, **code})


def _needed(peer: Sources, functions: set[str]) -> dict[str, str]:
    """These functions and what they call: a file bears the name of its function. With headers and small files of
    several functions."""
    code = {Path(path).stem: (path, text) for path, text in peer.files.items() if path.endswith(".c")}
    found = {path: text for path, text in peer.files.items() if path.endswith(".h") or _SEVERAL in path}
    while functions:
        texts = dict(code.pop(name) for name in functions if name in code)
        found |= texts
        functions = {word for text in texts.values() for word in re.findall(r"\w+", text)} & code.keys()
    return found


def places(graph: Graph, peer: Sources) -> dict[int, int]:
    """Tensor → its offset in the arena of what `generate` makes. Results that nobody reads stay there to the end."""
    home = _homes(graph)
    plan = _plan(graph, _layers(graph, peer), home)
    return {tensor: plan.offsets[name] for tensor, name in home.items()}


def _plan(graph: Graph, layers: Sequence[tuple[Op, Code]], home: dict[int, str]) -> memory.Plan:
    return memory.plan(_buffers(graph, layers, home), search=False)


def operators(graph: Graph, peer: Sources) -> list[tuple[Op, str]]:
    """The layers that `generate` makes: operator and the function that runs it."""
    return [(op, code.function) for op, code in _layers(graph, peer)]


def _layers(graph: Graph, peer: Sources) -> list[tuple[Op, Code]]:
    ops = [op for op in graph.ops if not op.is_view]
    codes = [code_of(op, f"l{number}_", peer.functions) for number, op in enumerate(ops)]
    unknown = sorted({type(op).__name__ for op, code in zip(ops, codes, strict=True) if code is None})
    if unknown:
        raise ModelError(f"{peer.version} has no function for these layers of the network: {', '.join(unknown)}")
    return [(op, code) for op, code in zip(ops, codes, strict=True) if code is not None]


def _homes(graph: Graph) -> dict[int, str]:
    """Tensor → the buffer in which it lies: a reshape copies nothing."""
    home: dict[int, str] = {tensor.index: f"map {tensor.index}" for tensor in graph.inputs}
    for op in graph.ops:
        for tensor in op.outputs:
            home[tensor.index] = home[op.activations[0].index] if op.is_view else f"map {tensor.index}"
    return home


def _buffers(graph: Graph, layers: Sequence[tuple[Op, Code]], home: dict[int, str]) -> list[memory.Buffer]:
    end = len(layers)
    lives: dict[str, tuple[int, int, int]] = {}  # (bytes, first, last)

    def use(key: int, bytes_: int, when: int) -> None:
        _, first, last = lives.get(home[key], (0, when, when))
        lives[home[key]] = (bytes_, min(first, when), max(last, when))

    read = {tensor for op in graph.ops for tensor in op.activations}
    unread = [tensor for op in graph.ops for tensor in op.outputs if tensor not in read]
    for tensors, when in ((graph.inputs, 0), ((*graph.outputs, *unread), end)):
        for tensor in tensors:
            use(tensor.index, tensor.size_bytes, when)
    for number, (op, _) in enumerate(layers):
        for tensor in (*op.activations, *op.outputs):
            use(tensor.index, tensor.size_bytes, number)
    scratch = [
        memory.Buffer(_scratch(number), code.scratch_bytes, number, number)
        for number, (_, code) in enumerate(layers)
        if code.scratch_bytes
    ]
    return [memory.Buffer(name, *life) for name, life in lives.items()] + scratch


def _scratch(number: int) -> str:
    return f"scratch {number}"
