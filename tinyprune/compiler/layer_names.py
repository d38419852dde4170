"""What the layers of a file are called: as the user's model calls them, where its tensors still tell.

Converters join the names of all that became one operator: "net/stem_relu/Relu;net/stem/Conv2D" is the layer "stem" of
Keras, "…/torch.nn.modules.container.Sequential_stem/torch.nn.modules.conv.Conv2d_0;1" is "stem.0" of PyTorch. These are
data of strangers: what `name_layers` returns is safe as part of a name in C, in HTML and on a terminal.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tinyprune.compiler.file import File
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.tables import StoredOperator

_LONGEST = 32
_DEEPEST = 5  # scopes of a name
#: What computes an operator's weights with its input, as TensorFlow and PyTorch call it.
_OWN = {
    "CONV_2D": ("conv2d", "conv1d", "convolution"),
    "DEPTHWISE_CONV_2D": ("depthwise", "conv2d", "conv1d"),
    "FULLY_CONNECTED": ("matmul", "linear"),
    "TRANSPOSE_CONV": ("conv2d_transpose", "convtranspose2d"),
}
_TORCH = re.compile(r"(?:\w+\.)+([A-Z][A-Za-z0-9]*)_(\w+)")
#: Of another layer, that was fused.
_ACTIVATIONS = ("relu", "tanh", "sigmoid")


class _Part(NamedTuple):
    """A name of those that were joined: what was computed, and in which scopes, the outermost first."""

    computed: str
    scopes: tuple[str, ...]


def name_layers(file: File, operators: Sequence[StoredOperator]) -> dict[int, str]:
    """A name for each operator, by its number; no two are the same, whatever the case of their letters. Where the file
    does not tell, or tells the same of several operators of a kind: kind and number, "conv_2"."""
    scopes = _within_model([_scopes(file, one) for one in operators])
    names = [""] * len(operators)
    for depth in range(1, _DEEPEST + 1):
        tried = [name or _safe(path[-depth:]) for name, path in zip(names, scopes, strict=True)]
        pairs = [(name.lower(), one.kind) for name, one in zip(tried, operators, strict=True)]
        counts = Counter(pairs)
        names = [name if counts[pair] == 1 else "" for name, pair in zip(tried, pairs, strict=True)]
    distinct = _distinct(names, [one.kind for one in operators])
    return {one.number: name for one, name in zip(operators, distinct, strict=True)}


def _within_model(scopes: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the model's own name, and without the number that Keras 3 puts behind it and behind every layer's when it
    traces the model again: "net_1/stem_1"."""
    roots = {path[0] for path in scopes if path}
    if len(roots) != 1:
        return list(scopes)
    inner = [path[1:] for path in scopes]
    _, _, number = roots.pop().rpartition("_")
    again = f"_{number}"
    if not number.isdigit() or not all(path[0].endswith(again) for path in inner if path):
        return inner
    return [(path[0].removesuffix(again), *path[1:]) if path else path for path in inner]


def _scopes(file: File, one: StoredOperator) -> tuple[str, ...]:
    """Where the layer stands in the user's model; empty if that is not known."""
    own = _OWN.get(one.kind, ())
    weights, results = _parts(file, one.inputs[1:2] if own else ()), _parts(file, one.outputs[:1])
    for wanted, parts in ((own, weights), (own, results), (("biasadd",), results)):
        for part in parts:
            if part.computed in wanted:
                return part.scopes
    if own:
        return results[0].scopes if len(results) == 1 else ()
    plain = [part for part in results if part.computed not in _ACTIVATIONS]
    return next((part.scopes for part in (*plain, *results)), ())


def _parts(file: File, tensors: Iterable[int]) -> list[_Part]:
    names = (file.tensors[index].whole_name for index in tensors if 0 <= index < len(file.tensors))
    return [_part(text) for name in names for text in name.split(";") if "/" in text]


def _part(text: str) -> _Part:
    *scopes, last = text.split("/")
    if torch := _TORCH.fullmatch(last):
        layer = [found[2] for scope in (*scopes, last) if (found := _TORCH.fullmatch(scope)) and found[2] != "wrapped"]
        return _Part(torch[1].lower(), tuple(layer))
    own = (scope for scope, before in zip(scopes, ("", *scopes), strict=False) if scope not in (before, "Tensordot"))
    alone = tuple(own)
    return _Part(last.rstrip("0123456789_:").lower(), alone)


def _safe(scopes: Sequence[str]) -> str:
    """As a name in C and everywhere; empty where nothing is left of it."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(scopes)).strip("_")[:_LONGEST].rstrip("_")
    return "" if plain[:1].isdigit() else plain


def _prefix(kind: str) -> str:
    """Of names of a kind; those that only a float network may have are called as TFLite calls them."""
    return OPERATORS[kind].prefix if kind in OPERATORS else _safe([kind.lower()])


def _distinct(names: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """With kind and number where there is no name. Of operators of several kinds with one name, the one with weights
    keeps it, or the first in the file; the others get their kind behind it."""
    prefixes, counts = (
        [OPERATORS[kind].prefix if kind in OPERATORS else _safe([kind.lower()]) for kind in kinds],
        Counter[str](),
    )
    named = [number for number, name in enumerate(names) if name]
    named.sort(key=lambda number: kinds[number] not in _OWN)
    owners = {names[number].lower(): number for number in reversed(named)}
    taken, chosen = set(owners), list[str]()
    for number, (name, prefix) in enumerate(zip(names, prefixes, strict=True)):
        counts[prefix] += 1
        if name and owners[name.lower()] == number:
            chosen.append(name)
            continue
        wanted = f"{name}_{prefix}" if name else f"{prefix}_{counts[prefix]}"
        while wanted.lower() in taken:
            wanted = f"layer_{wanted}"
        taken.add(wanted.lower())
        chosen.append(wanted)
    return chosen
