"""Program → FirmwareSource: renders the templates and picks the C files that are copied. No decisions are made here."""

import re
import textwrap
from collections.abc import Iterable
from math import ceil
from pathlib import PurePosixPath
from typing import Any, get_args

import jinja2
import numpy as np
import numpy.typing as npt

from tinyprune import __version__
from tinyprune.compiler.graph import macs
from tinyprune.compiler.kernels import Argument, Constant, Layout, Place, Struct
from tinyprune.compiler.program import Program, Step
from tinyprune.device.families import FAMILIES
from tinyprune.device.firmware import FirmwareSource
from tinyprune.firmware.audio import FrontEnd
from tinyprune.firmware.audio.tables import Arithmetic
from tinyprune.resources import FIRMWARE_TEMPLATES

#: What may lie in a folder of C that is copied; `.j2` is rendered.
_SUFFIXES = (".c", ".h", ".j2")


def generate(program: Program, name: str, audio: FrontEnd | None = None) -> FirmwareSource:
    """The C of one network on one board, as relative path → text: what `build.py` makes firmware of, whatever the
    project. `name` is the model's, for people to read; with `audio` the firmware hears."""
    kernels = runtime(step.kernel.name for step in program.steps)
    files = {**copied("app", "app"), **_port(program), **kernels, **_audio(audio)}
    about = {**context(program, name), **audio_context(audio)}
    for path in [path for path in files if path.endswith(".j2")]:
        files[path.removesuffix(".j2")] = _environment().from_string(files.pop(path)).render(about)
    files |= {f"network/{path}": text for path, text in rendered("network", about).items()}
    return FirmwareSource(program.board.name, program.graph.model_sha256, files)


def rendered(folder: str, about: dict[str, Any]) -> dict[str, str]:
    """Every template below firmware_templates/`folder`: path in it, without `.j2`, → text."""
    root = FIRMWARE_TEMPLATES / folder
    paths = [path.relative_to(FIRMWARE_TEMPLATES).as_posix() for path in sorted(root.rglob("*.j2"))]
    return {path.removeprefix(f"{folder}/").removesuffix(".j2"): render(path, about) for path in paths}


def render(path: str, about: dict[str, Any]) -> str:
    """One template below firmware_templates."""
    return _environment().get_template(path).render(about)


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FIRMWARE_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _audio(audio: FrontEnd | None) -> dict[str, str]:
    """The front end with the arithmetic that it is for."""
    if audio is None:
        return {}
    others = {f"audio/tp_audio_{name}.c" for name in get_args(Arithmetic) if name != audio.tables.arithmetic}
    return {path: text for path, text in copied("audio", "audio").items() if path not in others}


def audio_context(audio: FrontEnd | None) -> dict[str, Any]:
    """What templates may say about the front end of a network that hears."""
    if audio is None:
        return {"audio": None}
    texts = {table.name: _numbers(table.values.astype(_dtype(table.c_type))) for table in audio.tables.arrays}
    return {"audio": audio, "audio_texts": texts}


def _dtype(c_type: str) -> str:
    return "float32" if c_type == "float" else c_type.removesuffix("_t")


def copied(folder: str, target: str) -> dict[str, str]:
    """The C files and templates below firmware_templates/`folder` as they are, below `target`."""
    root = FIRMWARE_TEMPLATES / folder
    return {
        f"{target}/{path.relative_to(root).as_posix()}": path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.suffix in _SUFFIXES
    }


def _port(program: Program) -> dict[str, str]:
    """The files of the family's folders, templates not yet rendered."""
    files = {}
    for folder in FAMILIES[program.board.family].folders:
        files.update(copied(f"ports/{folder}", "port"))
    return files


def runtime(kernels: Iterable[str]) -> dict[str, str]:
    """The headers, these kernels, and what those call: a file bears the name of its function."""
    files = copied("runtime", "runtime")
    wanted, used = set(kernels), set[str]()
    while wanted:
        used |= wanted
        texts = [files[f"runtime/src/{name}.c"] for name in wanted]
        called = {word for text in texts for word in re.findall(r"\btp_\w+", text)}
        wanted = {name for name in called if f"runtime/src/{name}.c" in files} - used
    return {path: text for path, text in files.items() if path.endswith(".h") or PurePosixPath(path).stem in used}


def context(program: Program, name: str) -> dict[str, Any]:
    """What templates may say about a network on a board."""
    graph = program.graph
    return {
        "version": __version__,
        "name": _c_string(name),
        "title": f"{_c_string(name)} for {program.board.title}",
        "sha256": graph.model_sha256,
        "board": program.board,
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
    if values.dtype == np.float32:
        suffix, width, words = "f", 8, [f"{value:.9g}" for value in values.ravel().tolist()]
        words = [word if set(word) & {".", "e"} else f"{word}.0" for word in words]
    else:
        suffix, width = ("u", 10) if values.dtype == np.uint32 else ("", 24)
        words = [str(value) for value in values.ravel().tolist()]
    words = [f"{word}{suffix}" for word in words]
    lines = [", ".join(words[i * width : (i + 1) * width]) + "," for i in range(ceil(len(words) / width))]
    return textwrap.indent("\n".join(lines), "    ")
