"""Program → FirmwareSource: renders the templates and picks the C files that are copied. No decisions are made here."""

import hashlib
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, prod
from pathlib import PurePosixPath
from typing import Any, get_args

import jinja2
import numpy as np
import numpy.typing as npt

from tinyprune import __version__
from tinyprune.compiler.graph import Activation, Op, State, Tensor
from tinyprune.compiler.kernels import Argument, Constant, Layout, Place, Struct
from tinyprune.compiler.program import Program, Step
from tinyprune.device.families import FAMILIES
from tinyprune.device.firmware import FirmwareSource
from tinyprune.firmware.audio import FrontEnd
from tinyprune.firmware.audio.tables import Arithmetic
from tinyprune.firmware.names import c_name, library_name
from tinyprune.resources import FIRMWARE_TEMPLATES

#: What may lie in a folder of C that is copied; `.j2` is rendered.
_SUFFIXES = (".c", ".h", ".j2")
_IDENTIFIER_CHARACTERS = 40
#: Where the generated runtime gives kernels the names that they are linked by.
_NAMES, _NAMES_PLACE = "runtime/include/tp_names.h", "/* NAMES */\n"
_WEAK = "#if defined(__GNUC__) && defined(__ELF__)\n#pragma weak {}\n#endif\n"
#: Of the header that programs include: docs/c-interface.md says what it promises.
ABI_VERSION = 1


def generate(program: Program, name: str, audio: FrontEnd | None = None) -> FirmwareSource:
    """The C of one network on one board, as relative path → text: what `build.py` makes firmware of, whatever the
    project. `name` is the network's, of which C gets `names.c_name`; with `audio` the firmware hears."""
    kernels = runtime(step.kernel.name for step in program.steps)
    files = {**copied("app", "app"), **_port(program, hears=audio is not None), **kernels, **_audio(audio)}
    about = {**context(program, name), **audio_context(audio)}
    for path in [path for path in files if path.endswith(".j2")]:
        files[path.removesuffix(".j2")] = _environment().from_string(files.pop(path)).render(about)
    library = about["library"]
    files |= {f"network/{path.replace('NAME', library)}": text for path, text in rendered("network", about).items()}
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


def _port(program: Program, *, hears: bool) -> dict[str, str]:
    """The files of the family's folders, templates not yet rendered."""
    files, family = {}, FAMILIES[program.board.family]
    microphone = (family.microphone,) if hears and program.board.microphone else ()
    for folder in (*family.folders, *microphone):
        files.update(copied(f"ports/{folder}", "port"))
    return files


def runtime(kernels: Iterable[str]) -> dict[str, str]:
    """The headers, these kernels, and what those call: a file bears the name of its function.

    Any number of networks may be linked: the symbol of a kernel says which version of the runtime it is of, and equal
    ones are one (tp_names.h)."""
    files = copied("runtime", "runtime")
    version = hashlib.sha256("\0".join(f"{path}\0{text}" for path, text in files.items()).encode()).hexdigest()[:8]
    symbols = {path: PurePosixPath(path).stem for path in files if path.endswith(".c")}
    wanted, used = set(kernels), set[str]()
    while wanted:
        used |= wanted
        texts = [files[f"runtime/src/{name}.c"] for name in wanted]
        called = {word for text in texts for word in re.findall(r"\btp_\w+", text)}
        wanted = {name for name in called if f"runtime/src/{name}.c" in files} - used
    for path, name in symbols.items():
        files[path] = files[path].replace("#include", f"{_WEAK.format(f'{name}_{version}')}#include", 1)
    names = "".join(f"#define {name} {name}_{version}\n" for name in symbols.values())
    files[_NAMES] = files[_NAMES].replace(_NAMES_PLACE, names)
    return {path: text for path, text in files.items() if path.endswith(".h") or PurePosixPath(path).stem in used}


def context(program: Program, name: str, prefix: str | None = None) -> dict[str, Any]:
    """What templates may say about a network on a board; its C names begin with `prefix`, by default its own."""
    graph, prefix, library = program.graph, prefix or c_name(name), library_name(name)
    inputs = _ends(f"{prefix}_input", graph.inputs, graph.input_names, program.input_offsets)
    outputs = _ends(f"{prefix}_output", graph.outputs, graph.output_names, program.output_offsets)
    return {
        "version": __version__,
        "name": _c_string(name),
        "prefix": prefix,
        "macro": prefix.upper(),
        "library": library,
        "guard": f"{library.upper()}_H",
        "abi_version": ABI_VERSION,
        "title": f"{_c_string(name)} for {program.board.title}",
        "sha256": graph.model_sha256,
        "board": program.board,
        "inputs": inputs,
        "outputs": outputs,
        "input_bytes": graph.input_bytes,
        "output_bytes": graph.output_bytes,
        "states": [_state(number, state, offset) for number, (state, offset) in enumerate(program.states, start=1)],
        "state_bytes": sum(state.size_bytes for state in graph.states),
        "arena_bytes": program.arena.arena_bytes,
        "lower_bound_bytes": program.arena.lower_bound_bytes,
        "loops": [
            {
                "rows": program.steps[group[0]].rows,
                "steps": [_step(i, program.steps[i], prefix, i in program.ram_steps) for i in group],
            }
            for group in program.loops
        ],
        "in_ram": bool(program.ram_steps),
    }


def _c_string(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in " ._-+") else "_" for c in text)


def _ends(
    start: str, tensors: Sequence[Activation], names: Sequence[str], offsets: Sequence[int]
) -> list[dict[str, Any]]:
    """The network's inputs or outputs: where there is but one it needs no name in C."""
    found = []
    for tensor, name, offset, identifier in zip(tensors, names, offsets, identifiers(names), strict=True):
        which = start.rpartition("_")[2]
        suffix = f"_{identifier}" if len(tensors) > 1 else ""
        found.append(
            {
                "title": f"{which.capitalize()} {_c_string(name)}" if suffix else which.capitalize(),
                "end": f"{which}{suffix}",
                "function": f"{start}{suffix}",
                "macro": f"{start}{suffix}".upper(),
                "shape": "×".join(map(str, tensor.shape)) or "1",
                "count": prod(tensor.shape),
                "bytes": tensor.size_bytes,
                "dtype": tensor.dtype,
                "limits": tensor.limits,
                "type": c_type(tensor.dtype),
                "scale": tensor.scale,
                "scale_nano": round(float(tensor.scale) * 1e9),
                "scale_literal": f"{np.format_float_scientific(np.float32(tensor.scale), unique=True, trim='0')}f",
                "zero_point": tensor.zero_point,
                "offset": offset,
            }
        )
    return found


def c_type(dtype: str) -> str:
    """What C calls NumPy's type of numbers."""
    return "int8_t" if dtype == "bool" else f"{dtype}_t"


def identifiers(names: Sequence[str]) -> list[str]:
    """For each of somebody else's names one that C takes, in lower case; no two are the same."""
    found: list[str] = []
    for number, name in enumerate(names):
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower().removesuffix(":0")).strip("_")[:_IDENTIFIER_CHARACTERS]
        plain = plain if plain and not plain[0].isdigit() else f"{number}_{plain}".rstrip("_")
        found.append(plain if plain not in found else f"{plain}_{number}")
    return found


def _state(number: int, state: State, offset: int) -> dict[str, Any]:
    """A variable: filled with one byte where all its initial bytes are the same, else copied from a constant."""
    initial = np.ascontiguousarray(state.initial).reshape(-1).view(np.int8)
    same = bool((initial == initial[0]).all())
    return {
        "title": _c_string(state.name),
        "bytes": state.size_bytes,
        "offset": offset,
        "fill": int(initial[0]) if same else None,
        "name": f"state_{number}",
        "text": "" if same else _numbers(initial),
    }


def layer_symbol(number: int, step: Step) -> str:
    """The C function of one layer; emulators find layers by it."""
    return f"tp_layer_{_numbered(number, step)}"


def _numbered(number: int, step: Step) -> str:
    """What C names of a layer have in common. With its number no network's names can be another's, whatever both call
    their layers."""
    return f"{number:02d}_{step.op.name}"


def _step(number: int, step: Step, prefix: str, in_ram: bool) -> dict[str, Any]:
    op = step.op
    layout = "" if step.output_layout is Layout.INTERLEAVED else f", output {step.output_layout.value}"
    names = _argument_names(_numbered(number, step), step, prefix)
    arguments = list(dict.fromkeys(argument for call in step.calls for argument in call))
    return {
        "name": op.name,
        "function": layer_symbol(number, step),
        "parameter": "uint8_t *arena, int32_t row" if step.rows else "uint8_t *arena",
        "describe": f"{op.name}: {shapes(op)}, {step.pattern}, {op.macs:,} MACs{layout}",
        "reason": step.reason,
        "structs": [
            {"type": argument.type, "name": names[argument], "fields": argument.fields}
            for argument in arguments
            if isinstance(argument, Struct)
        ],
        "constants": [
            _constant(names[argument], argument, in_ram) for argument in arguments if isinstance(argument, Constant)
        ],
        "calls": [
            f"{step.kernel.name}({', '.join(_argument(step, argument, names) for argument in call)})"
            for call in step.calls
        ],
    }


def shapes(op: Op) -> str:
    """Of its operands and results, for people to read."""
    before, behind = (
        " and ".join("×".join(map(str, tensor.shape)) or "1" for tensor in some)
        or " and ".join(state.name for state in op.states)
        for some in (op.inputs, op.outputs)
    )
    return f"{before} → {behind}"


def _argument_names(layer: str, step: Step, prefix: str) -> dict[Argument, str]:
    """The C names of structs and constants; those of the second and later calls are numbered. Constants are global."""
    found: dict[Argument, str] = {}
    for number, call in enumerate(step.calls, start=1):
        for argument in call:
            if isinstance(argument, Place) or argument in found:
                continue
            more = f"_{number}" if number > 1 else ""
            if isinstance(argument, Constant):
                found[argument] = f"{prefix}_{layer}_{argument.name}{more}"
            else:
                found[argument] = f"layer_{layer}_{argument.type.removeprefix('tp_')}{more}"
    return found


def _argument(step: Step, argument: Argument, names: Mapping[Argument, str]) -> str:
    if isinstance(argument, Struct):
        return f"&{names[argument]}"
    if isinstance(argument, Constant):
        return names[argument]
    if argument == Place.ROW:
        return "row"
    if argument == Place.SCRATCH:
        return f"arena + {step.scratch_offset}" if step.scratch_bytes else "0"
    offsets = {"input": step.input_offsets, "output": step.output_offsets, "state": step.state_offsets}[argument.kind]
    op = step.op
    typed: dict[str, Sequence[Tensor | State]] = {"input": op.inputs, "output": op.outputs, "state": op.states}
    dtype = typed[argument.kind][argument.number].dtype
    return f"({c_type(dtype)} *)(arena + {offsets[argument.number]})"


def _constant(name: str, constant: Constant, in_ram: bool) -> dict[str, Any]:
    values = constant.values
    channels = constant.type in ("tp_channel", "tp_wide_channel", "tp_lstm_sum")
    return {
        "name": name,
        "type": constant.type,
        "storage": "TP_IN_RAM" if in_ram else "const",
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
