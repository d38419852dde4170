"""Program → FirmwareSource: renders the templates and picks the C files that are copied. No decisions are made here."""

import re
import textwrap
from math import ceil
from pathlib import PurePosixPath
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from tinyprune import __version__
from tinyprune.firmware import FirmwareSource
from tinyprune.graph import macs
from tinyprune.kernels import Argument, Constant, Layout, Place, Struct
from tinyprune.program import Program, Step
from tinyprune.resources import FIRMWARE_TEMPLATES
from tinyprune.toolchain import arm_flags, optimization

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
    files = {**_copied("app", "app"), **_port(program), **_runtime(program)}
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


def _port(program: Program) -> dict[str, str]:
    """What every Cortex-M shares, and over it the family's own files."""
    shared = {} if program.board.cpu.core == "host" else _copied("ports/cortex_m", "port")
    return {**shared, **_copied(f"ports/{program.board.family}", "port")}


def _runtime(program: Program) -> dict[str, str]:
    """The headers, the kernels that the program calls, and what those call: a file bears the name of its function."""
    files = _copied("runtime", "runtime")
    wanted, used = {step.kernel.name for step in program.steps}, set()
    while wanted:
        used |= wanted
        texts = [files[f"runtime/src/{name}.c"] for name in wanted]
        called = {word for text in texts for word in re.findall(r"\btp_\w+", text)}
        wanted = {name for name in called if f"runtime/src/{name}.c" in files} - used
    return {path: text for path, text in files.items() if path.endswith(".h") or PurePosixPath(path).stem in used}


def _context(program: Program, name: str, paths: list[str]) -> dict[str, Any]:
    graph = program.graph
    return {
        "version": __version__,
        "name": _c_string(name),
        "title": f"{_c_string(name)} for {program.board.title}",
        "sha256": graph.model_sha256,
        "board": program.board,
        "cpu_flags": arm_flags(program.board),
        "optimization": optimization(program.board),
        "input": graph.input,
        "output": graph.output,
        "input_scale_nano": round(float(graph.input.scale) * 1e9),
        "output_scale_nano": round(float(graph.output.scale) * 1e9),
        "arena_bytes": program.arena.arena_bytes,
        "lower_bound_bytes": program.arena.lower_bound_bytes,
        "input_offset": program.input_offset,
        "output_offset": program.output_offset,
        "loops": [
            {"rows": program.steps[group[0]].rows, "steps": [_step(number, program.steps[number]) for number in group]}
            for group in program.loops
        ],
        "has_linker_script": "port/link.ld" in {path.removesuffix(".j2") for path in paths},
    }


def _c_string(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in " ._-+") else "_" for c in text)


def layer_symbol(number: int, step: Step) -> str:
    """The C function of one layer; emulators find layers by it."""
    return f"tp_layer_{number:02d}_{step.op.name}"


def _step(number: int, step: Step) -> dict[str, Any]:
    shapes = " → ".join("×".join(map(str, tensor.shape)) for tensor in (step.op.input, step.op.output))
    layout = "" if step.output_layout is Layout.INTERLEAVED else f", output {step.output_layout.value}"
    return {
        "name": step.op.name,
        "function": layer_symbol(number, step),
        "parameter": "uint8_t *arena, int32_t row" if step.rows else "uint8_t *arena",
        "describe": f"{step.op.name}: {shapes}, {step.pattern}, {macs(step.op):,} MACs{layout}",
        "reason": step.reason,
        "kernel": step.kernel.name,
        "structs": [
            {"type": argument.type, "name": _argument_name(step, argument), "fields": argument.fields}
            for argument in step.arguments
            if isinstance(argument, Struct)
        ],
        "constants": [_constant(step, constant) for constant in step.constants],
        "arguments": [_argument(step, argument) for argument in step.arguments],
    }


def _argument_name(step: Step, argument: Struct | Constant) -> str:
    suffix = argument.name if isinstance(argument, Constant) else argument.type.removeprefix("tp_")
    return f"{step.op.name}_{suffix}"


def _argument(step: Step, argument: Argument) -> str:
    if isinstance(argument, Struct):
        return f"&{_argument_name(step, argument)}"
    if isinstance(argument, Constant):
        return _argument_name(step, argument)
    if argument is Place.ROW:
        return "row"
    if argument is Place.SCRATCH:
        return f"arena + {step.scratch_offset}" if step.scratch_bytes else "0"
    offset = step.input_offset if argument is Place.INPUT else step.output_offset
    return f"(int8_t *)(arena + {offset})"


def _constant(step: Step, constant: Constant) -> dict[str, Any]:
    values = constant.values
    channels = constant.type == "tp_channel"
    return {
        "name": _argument_name(step, constant),
        "type": constant.type,
        "count": len(values) if channels else values.size,
        "comment": f"{constant.name} {list(values.shape)}, {values.nbytes:,} bytes",
        "text": _channels(values) if channels else _numbers(values),
    }


def _channels(values: npt.NDArray[np.generic]) -> str:
    return "\n".join("    {" + ", ".join(map(_int32, row)) + "}," for row in values.tolist())


def _int32(value: int) -> str:
    return "INT32_MIN" if value == np.iinfo(np.int32).min else str(value)


def _numbers(values: npt.NDArray[np.generic]) -> str:
    suffix, width = ("u", 10) if values.dtype == np.uint32 else ("", 24)
    words = [f"{value}{suffix}" for value in values.ravel().tolist()]
    lines = [", ".join(words[i * width : (i + 1) * width]) + "," for i in range(ceil(len(words) / width))]
    return textwrap.indent("\n".join(lines), "    ")
