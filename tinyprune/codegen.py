"""Program → FirmwareSource: renders the templates and picks the C files that are copied. No decisions are made here."""

import textwrap
from math import ceil
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from tinyprune import __version__
from tinyprune.firmware import FirmwareSource
from tinyprune.graph import Softmax, Weighted, macs
from tinyprune.program import Program, Step
from tinyprune.resources import FIRMWARE_TEMPLATES
from tinyprune.toolchain import arm_flags

_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "uint32": "uint32_t"}
_SUFFIXES = (".c", ".h", ".j2")  # nothing else in the templates' folders is part of a project
_RENDERED = {
    "network.h.j2": "network/network.h",
    "network.c.j2": "network/network.c",
    "weights.h.j2": "network/weights.h",
    "weights.c.j2": "network/weights.c",
    "CMakeLists.txt.j2": "CMakeLists.txt",
    "README.md.j2": "README.md",
}


def generate(program: Program, name: str) -> FirmwareSource:
    """The whole project of one network on one board, as relative path → text. `name` is the model's, for people to
    read."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FIRMWARE_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    files = {**_copied("app", "app"), **_copied(f"ports/{program.board.family}", "port"), **_runtime(program)}
    context = _context(program, name, sorted(files))
    for path in [path for path in files if path.endswith(".j2")]:
        files[path.removesuffix(".j2")] = templates.from_string(files.pop(path)).render(context)
    rendered = _RENDERED | ({"arm-none-eabi.cmake.j2": "arm-none-eabi.cmake"} if context["cpu_flags"] else {})
    context["sources"] = sorted(path for path in (*files, *rendered.values()) if path.endswith(".c"))
    for template, path in rendered.items():
        files[path] = templates.get_template(template).render(context)
    return FirmwareSource(program.board.name, program.graph.model_sha256, files)


def _copied(folder: str, target: str) -> dict[str, str]:
    root = FIRMWARE_TEMPLATES / folder
    return {
        f"{target}/{path.relative_to(root).as_posix()}": path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.suffix in _SUFFIXES
    }


def _runtime(program: Program) -> dict[str, str]:
    """The headers and only the kernels that the program calls."""
    used = {f"runtime/src/{step.kernel.name}.c" for step in program.steps}
    files = _copied("runtime", "runtime")
    return {path: text for path, text in files.items() if path.endswith(".h") or path in used}


def _context(program: Program, name: str, paths: list[str]) -> dict[str, Any]:
    graph = program.graph
    return {
        "version": __version__,
        "name": _c_string(name),
        "title": f"{_c_string(name)} for {program.board.title}",
        "sha256": graph.model_sha256,
        "board": program.board,
        "cpu_flags": arm_flags(program.board),
        "input": graph.input,
        "output": graph.output,
        "input_scale_nano": round(float(graph.input.scale) * 1e9),
        "output_scale_nano": round(float(graph.output.scale) * 1e9),
        "arena_bytes": program.arena.arena_bytes,
        "lower_bound_bytes": program.arena.lower_bound_bytes,
        "input_offset": program.input_offset,
        "output_offset": program.output_offset,
        "steps": [_step(number, step) for number, step in enumerate(program.steps)],
        "has_linker_script": "port/link.ld" in {path.removesuffix(".j2") for path in paths},
    }


def _c_string(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in " ._-+") else "_" for c in text)


def layer_symbol(number: int, step: Step) -> str:
    """The C function of one layer; emulators find layers by it."""
    return f"tp_layer_{number:02d}_{step.op.name}"


def _step(number: int, step: Step) -> dict[str, Any]:
    shapes = " → ".join("×".join(map(str, tensor.shape)) for tensor in (step.op.input, step.op.output))
    context: dict[str, Any] = {
        "name": step.op.name,
        "function": layer_symbol(number, step),
        "describe": f"{step.op.name}: {shapes}, {step.pattern}, {macs(step.op):,} MACs",
        "reason": step.reason,
        "kernel": step.kernel.name,
        "parameter_type": "tp_softmax" if isinstance(step.op, Softmax) else "tp_layer",
        "parameters": step.parameters,
        "input_offset": step.input_offset,
        "output_offset": step.output_offset,
        "scratch_offset": step.scratch_offset,
        "scratch_bytes": step.kernel.scratch_bytes(step.op),
        "weighted": isinstance(step.op, Weighted),
    }
    if step.weights is not None and step.channels is not None:
        context |= {
            "weights_type": _C_TYPES[step.weights.dtype.name],
            "weights_count": step.weights.size,
            "weights_comment": f"{step.pattern}, {step.weights.nbytes:,} bytes as {list(step.weights.shape)}",
            "weights_text": _numbers(step.weights),
            "channels": [[_int32(value) for value in row] for row in step.channels.tolist()],
        }
    return context


def _int32(value: int) -> str:
    return "INT32_MIN" if value == np.iinfo(np.int32).min else str(value)


def _numbers(values: npt.NDArray[np.generic]) -> str:
    suffix, width = ("u", 10) if values.dtype == np.uint32 else ("", 24)
    words = [f"{value}{suffix}" for value in values.ravel().tolist()]
    lines = [", ".join(words[i * width : (i + 1) * width]) + "," for i in range(ceil(len(words) / width))]
    return textwrap.indent("\n".join(lines), "    ")
