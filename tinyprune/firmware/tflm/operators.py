"""The operators of a .tflite in order, as TFLite Micro's interpreter runs them."""

from collections import Counter
from dataclasses import dataclass

from tinyprune.compiler import reader
from tinyprune.compiler.file import File
from tinyprune.compiler.graph import Graph, Op
from tinyprune.compiler.operators import OPERATORS
from tinyprune.errors import ModelError

#: Builtin operator → the method of MicroMutableOpResolver that adds it.
RESOLVER = {kind: one.resolver for kind, one in OPERATORS.items() if one.resolver} | {"SHAPE": "AddShape"}
#: The kind of an operator that `layers.py` exchanged.
CUSTOM = "CUSTOM"


@dataclass(frozen=True, slots=True)
class Operator:
    """One of the file: its kind as the schema names it, and the operator of the graph that it is, if any."""

    name: str
    kind: str
    op: Op | None

    @property
    def is_layer(self) -> bool:
        """Whether the graph's reports have a row for it."""
        return self.op is not None and not self.op.is_view


def operators(model: bytes, graph: Graph) -> tuple[Operator, ...]:
    """All operators of `model`, which `graph` was read from. Raises ModelError for one that has no place here."""
    import tflite

    file = File.of(tflite.Model.GetRootAsModel(model, 0))
    ops, counts, found = iter(graph.ops), Counter[str](), []
    for one in file.operators:
        kind = one.kind
        if kind not in RESOLVER:
            raise ModelError(f"TFLite Micro has no operator {kind} (number {one.number}): build without --runtime tflm")
        op = None if reader.vanishes(file, one) else next(ops)
        counts[kind] += 1
        found.append(Operator(op.name if op else f"{kind.lower()}_{counts[kind]}", kind, op))
    return tuple(found)
