"""A network of `torch.export` read from its .pt2 file, without running anything that somebody else put into it.

PyTorch reads such a file by unpickling parts of it, calling the functions it names, and evaluating expressions. So a
copy is read that holds what is plain: tensors as bytes, and a graph that names operators of ATen. What else is in the
file and cannot be left out is refused, unless the user trusts it.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinyprune.errors import MissingDependency, ModelError, first_line, printable

SUFFIX = ".pt2"
INSTALL = '`pip install torch --index-url https://download.pytorch.org/whl/cpu`, then `pip install "tinyprune[torch]"`'

#: What a file has in its one folder: the graph, tensors as bytes, and an example of the inputs.
_PARTS = re.compile(
    r"[^/]+/(models/model\.json|data/(weights/(weight_\d+|model_weights_config\.json)"
    r"|constants/(tensor_\d+|model_constants_config\.json)|sample_inputs/model\.pt)"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id))"
)
#: Functions that a graph may call.
_TARGETS = re.compile(
    r"torch\.ops\.aten\.(?!from_file|to_file)\w+\.\w+|torch\.sym_(int|float|max|min|not)"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|getitem|and_|or_)"
)
#: Sizes that are not fixed, as SymPy writes them.
_EXPRESSION = re.compile(r"(\b(Symbol|Integer|Add|Mul|Max|Min|positive|integer|True)\b|'\w+'|\d|[(),=\s*+-]|\bs\d+\b)*")
#: How inputs and outputs are nested.
_NESTING = re.compile(r'([\[\]{}:,\s]|null|\d|"(type|context|children_spec|builtins\.(tuple|list|dict)|\[\]|\w*)")*')
_PLAIN = re.compile(r"[\w.:-]*")
_LARGEST_BYTES = 1 << 28


def read(path: Path, *, trust: bool = False) -> Any:
    """The `torch.export.ExportedProgram` in a file.

    Raises ModelError for a file that is none, or that could run code where it is not trusted, MissingDependency
    without PyTorch.
    """
    content = path.read_bytes() if trust else _copy(path)
    try:
        import torch
    except ImportError:
        raise MissingDependency(f"PyTorch is not installed: {INSTALL}") from None
    try:
        return torch.export.load(io.BytesIO(content))
    except Exception as error:  # whatever PyTorch makes of versions and damages
        raise ModelError(
            f"{path} cannot be loaded by PyTorch {torch.__version__}: {first_line(error)}; save it again with "
            "torch.export.save"
        ) from error


def _copy(path: Path) -> bytes:
    """The file, with nothing in it but what is plain."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            odd = next((name for name in names if not _PARTS.fullmatch(name)), None)
            if odd is not None:
                raise _refused(path, f"holds {printable(odd)}")
            if sum(part.file_size for part in archive.infolist()) > _LARGEST_BYTES:
                raise ModelError(f"{path} is larger than {_LARGEST_BYTES >> 20} MB, more than any microcontroller has")
            parts = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise ModelError(f"{path} is damaged or no .pt2 file of torch.export.save: {first_line(error)}") from error
    parts |= {
        name: json.dumps(_checked(path, content)).encode() for name, content in parts.items() if name.endswith(".json")
    }
    for name, content in parts.items():
        if name.endswith(".pt"):
            _check_pickle(path, content)
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return copy.getvalue()


def _checked(path: Path, content: bytes) -> Any:
    """A JSON part without what only debugging needs."""
    try:
        part = json.loads(content)
        found = next(_odd(part), None)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {first_line(error)}") from error
    if found is not None:
        raise _refused(path, found)
    return part


def _odd(part: Any, key: str = "") -> Iterator[str]:
    """What is not plain, in words; strips code and remarks on the way."""
    if isinstance(part, dict):
        part.pop("guards_code", None)
        if "target" in part and "metadata" in part:
            part["metadata"] = {}
        if part.get("use_pickle"):
            yield "has pickled tensors"
        for name, value in part.items():
            if not _PLAIN.fullmatch(name):
                yield f"has a strange name ({printable(name)})"
            yield from _odd(value, name)
    elif isinstance(part, list):
        for each in part:
            yield from _odd(each, key)
    elif isinstance(part, str):
        pattern = {"target": _TARGETS, "expr_str": _EXPRESSION, "in_spec": _NESTING, "out_spec": _NESTING}.get(key)
        text = part.replace('\\"', "") if key in ("in_spec", "out_spec") else part
        if not (pattern or _PLAIN).fullmatch(text) and key != "torch_version":
            yield f"has a {printable(key)} of a kind that is not known ({printable(part)})"


def _check_pickle(path: Path, content: bytes) -> None:
    """Only tensors may be pickled, which PyTorch can read as such."""
    try:
        import torch
    except ImportError:
        raise MissingDependency(f"PyTorch is not installed: {INSTALL}") from None
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise _refused(path, "has a pickled object as its example input") from error


def _refused(path: Path, what: str) -> ModelError:
    return ModelError(
        f"{path} {what}: loading it could run code that somebody put into the file. Nothing was loaded; save a plain "
        "network with torch.export.save, or, if you know where it comes from, allow that with --trust"
    )
