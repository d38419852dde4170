"""The operators of a .tflite in order, as TFLite Micro's interpreter runs them."""

from collections import Counter
from dataclasses import dataclass

from tinyprune.compiler.graph import Graph, Op, Reshape
from tinyprune.errors import ModelError

#: Builtin operator → the method of MicroMutableOpResolver that adds it.
RESOLVER = {
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "FULLY_CONNECTED": "AddFullyConnected",
    "PACK": "AddPack",
    "QUANTIZE": "AddQuantize",
    "RESHAPE": "AddReshape",
    "SHAPE": "AddShape",
    "SOFTMAX": "AddSoftmax",
    "STRIDED_SLICE": "AddStridedSlice",
}
#: The kind of an operator that `layers.py` exchanged.
CUSTOM = "CUSTOM"
#: What the reader leaves out of the graph: it only computes the shape operand of a RESHAPE.
_SHAPE_ARITHMETIC = ("SHAPE", "STRIDED_SLICE", "PACK")


@dataclass(frozen=True, slots=True)
class Operator:
    """One of the file: its kind as the schema names it, and the operator of the graph that it is, if any."""

    name: str
    kind: str
    op: Op | None

    @property
    def is_layer(self) -> bool:
        """Whether the graph's reports have a row for it."""
        return self.op is not None and not isinstance(self.op, Reshape)


def operators(model: bytes, graph: Graph) -> tuple[Operator, ...]:
    """All operators of `model`, which `graph` was read from. Raises ModelError for one that has no place here."""
    import tflite

    file = tflite.Model.GetRootAsModel(model, 0)
    subgraph = file.Subgraphs(0)
    names = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
    ops, counts, found = iter(graph.ops), Counter[str](), []
    for number in range(subgraph.OperatorsLength()):
        code = file.OperatorCodes(subgraph.Operators(number).OpcodeIndex())
        kind = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if kind not in RESOLVER:
            raise ModelError(f"operator {kind} (number {number}) is not known to tinyprune's TFLite Micro runtime")
        op = None if kind in _SHAPE_ARITHMETIC else next(ops)
        counts[kind] += 1
        found.append(Operator(op.name if op else f"{kind.lower()}_{counts[kind]}", kind, op))
    return tuple(found)
