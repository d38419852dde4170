"""Whether loading a Keras file would run code that travels with it or that it names: asked before it is loaded.

Keras makes of a file whatever classes and functions its configuration names. A Lambda layer is Python bytecode; others
call any function of TensorFlow, or read other files. So the configuration is read as data, and all that it names must
be a layer or a plain function of Keras.
"""

import importlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyprune.errors import ModelError, printable

#: Classes of Keras that run code from the file, call what it names, or read files that it names.
_CLASSES = frozenset({
    "Lambda", "__lambda__", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod", "TFSMLayer", "TorchModuleWrapper",
    "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup", "TextVectorization",
})  # fmt: skip
#: Packages that may be named: parts of Keras, and of it those that hold layers and plain functions.
_KERAS = re.compile(
    r"(tf_)?keras(\.src)?(\.(layers|ops|models|engine|activations|initializers|regularizers|constraints|dtype_policies|"
    r"mixed_precision|quantizers|random|losses|metrics|optimizers)(\.\w+)*)?"
    r"|tensorflow_model_optimization\.python\.core\.(sparsity|quantization|clustering)(\.\w+)*"
)
_OURS = ("tinyprune.training.keras_model", "ActivationRange")
_NAME = re.compile(r"([\w ]+>)?\w+")
#: Functions of TensorFlow that a TFOpLambda layer may call.
_FUNCTIONS = re.compile(
    r"(math|nn|linalg|image|quantization|bitwise|signal|__operators__)\.[\w.]+|(compat\.v1\.)?(abs|add|argmax|argmin|cast|"
    r"clip_by_value|concat|convert_to_tensor|divide|equal|exp|expand_dims|fill|gather|greater|identity|less|matmul|maximum|"
    r"minimum|multiply|negative|one_hot|ones|ones_like|pad|pow|rank|repeat|reshape|reverse|round|shape|sigmoid|sign|slice|"
    r"split|sqrt|square|squeeze|stack|strided_slice|subtract|tanh|tile|transpose|unstack|where|zeros|zeros_like)"
)
#: Operators of a SavedModel's graphs that reach out of it; and those that its own saving and loading needs.
_OPERATORS = re.compile(r".*(PyFunc|ReadFile|WriteFile|MatchingFiles|Reader|Dataset|Print|Summary|Remote|Rpc).*")
_SAVING = frozenset({"Save", "SaveV2", "SaveSlices", "MergeV2Checkpoints", "Restore", "RestoreV2", "RestoreSlice"})
_LARGEST_BYTES = 1 << 26


def refuse(path: Path) -> None:
    """Raises ModelError where loading the Keras file or SavedModel `path` could run code of its own, or where that
    cannot be told."""
    try:
        found = next(_found(path), None)
    except RecursionError:
        found = "a configuration nested too deeply to be looked through"
    if found is not None:
        raise ModelError(
            f"{path} has {found}: loading it could run code that somebody put into the file. Nothing was loaded; if "
            "you know where it comes from, allow that with --trust"
        )


def _found(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from _in_saved_model(path)
        return
    config = json.loads(_config(path))
    if isinstance(config, dict):
        config.pop("compile_config", None)  # we never ask for it
    yield from _in_config(config)


def _config(path: Path) -> str | bytes:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
            content = file.read(_LARGEST_BYTES + 1)
        if len(content) > _LARGEST_BYTES:
            raise ValueError(f"its config.json is larger than {_LARGEST_BYTES >> 20} MB")
        return content
    h5py = importlib.import_module("h5py")
    with h5py.File(path) as file:
        config: str | bytes = file.attrs["model_config"]
    return config


def _in_config(part: Any) -> Iterator[str]:
    """What a configuration names that must not be loaded, in words."""
    if isinstance(part, list):
        for each in part:
            yield from _in_config(each)
    if not isinstance(part, Mapping):
        return
    if "class_name" in part:
        yield from _in_object(part)
    for key, value in part.items():
        if value == "lambda" and key.endswith("_type"):
            yield f'Python code ("{printable(key)}")'
        yield from _in_config(value)


def _in_object(part: Mapping[str, Any]) -> Iterator[str]:
    name, module, config = part["class_name"], part.get("module"), part.get("config")
    registered = part.get("registered_name") or ""
    if not all(isinstance(each, str) and _NAME.fullmatch(each) for each in (name, registered or "_")):
        yield f"a class of no proper name ({printable(str(name))})"
    for each in (str(name), str(registered)):
        if each.rpartition(">")[2] in _CLASSES:
            yield f"a layer {printable(each)}"
    if module and (module, name) != _OURS and not (isinstance(module, str) and _KERAS.fullmatch(module)):
        what = config if name == "function" else name
        yield f"{printable(str(what))} of the Python module {printable(str(module))}"
    if str(name).endswith("TFOpLambda"):
        called = config.get("function") if isinstance(config, Mapping) else None
        if not isinstance(called, str) or not _FUNCTIONS.fullmatch(called):
            yield f"a layer that calls TensorFlow's {printable(str(called))}"


def _in_saved_model(folder: Path) -> Iterator[str]:
    from tensorflow.core.protobuf import saved_model_pb2
    from tf_keras.protobuf import saved_metadata_pb2

    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    texts = [node.user_object.metadata for graph in model.meta_graphs for node in graph.object_graph_def.nodes]
    described = folder / "keras_metadata.pb"
    if described.is_file():
        texts += [node.metadata for node in saved_metadata_pb2.SavedMetadata.FromString(described.read_bytes()).nodes]
    for text in filter(None, texts):
        yield from _in_config(json.loads(text))
    for graph in model.meta_graphs:
        yield from _in_graph(graph.graph_def)


def _in_graph(graph: Any) -> Iterator[str]:
    """Operators that reach out of a graph; those that save are in functions which no other function calls."""
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    saving = {name for name, nodes in functions.items() if any(node.op in _SAVING for node in nodes)}
    for name, nodes in [("", graph.node), *functions.items()]:
        for node in nodes:
            called = {node.op, *(value.func.name for value in node.attr.values())}
            called |= {each.name for value in node.attr.values() for each in value.list.func}
            if _OPERATORS.fullmatch(node.op) or (not name and node.op in _SAVING) or (name and called & saving):
                yield f"an operator {printable(node.op)}"
