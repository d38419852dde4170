"""`.tflite` → Graph. What tinyprune cannot run is refused here: everything that stands in a model's way, at once.

The format is TensorFlow Lite's FlatBuffers schema (version 3, identifier TFL3). A batch of −1 is fixed to 1. Nothing in
the file is trusted: any damage ends in ModelError. What an operator may be is said in `operators/`.
"""

import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tinyprune import files
from tinyprune.compiler.edges import Edges, edges_of, float_fault
from tinyprune.compiler.file import (
    File,
    Node,
    activation_of,
    has_data,
    tensor_name,
    type_of,
    without_ignored,
)
from tinyprune.compiler.graph import Activation, Graph, Op, State, order_faults
from tinyprune.compiler.layer_names import name_layers
from tinyprune.compiler.made_constants import with_made_constants
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.operator import broken_rules, too_many
from tinyprune.compiler.operators.variables import VANISHING, states_of
from tinyprune.compiler.tables import StoredOperator
from tinyprune.errors import ModelError, Obstacle, UsageError, printable

DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError, AssertionError)
#: Operators that only compute the shape operand of a RESHAPE; the shape is fixed, so they vanish.
_SHAPE_ARITHMETIC = {"SHAPE", "STRIDED_SLICE", "PACK"}
#: Operators that TFLite Micro computes in float32 only, and such that it lacks: there is nothing to be equal to.
_FLOAT_ONLY = frozenset({"CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND", "SIN", "SQRT", "SQUARE"})
_NOT_IN_TFLITE_MICRO = frozenset({"GELU", "RELU_0_TO_1", "RELU_N1_TO_1"})
_MOST_PLACES = 3  # that an error names of one obstacle


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises UsageError where it cannot be opened."""
    try:
        return files.content(path, files.MOST_MODEL_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the model: {error.strerror}") from None


def read(data: bytes, name: str = "model") -> Graph:
    """The graph of `.tflite` bytes; `name` is what messages call them. Raises ModelError, with all obstacles."""
    with _told_by(data, name):
        return _read(data)


def read_float(data: bytes, name: str = "model") -> File | None:
    """The file, if it computes in floating point from end to end; None if it does not, and `read` is to be asked.

    Raises ModelError where it is no .tflite, or damaged.
    """
    with _told_by(data, name):
        file, edges = _opened(data)
        return None if float_fault(file, edges) is None else file


@contextmanager
def _told_by(data: bytes, name: str) -> Iterator[None]:
    """Damage, and that bytes are no .tflite at all, end in ModelError."""
    if data[4:8] != b"TFL3":
        what, advice = _what_else(data, name)
        raise ModelError(f"{name}: not a .tflite file ({what}); {advice}")
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{name}: {error}", error.obstacles) from None
    except DAMAGE as error:
        raise ModelError(
            f"{name}: damaged or truncated .tflite file ({type(error).__name__}: {error}); convert or copy it again"
        ) from None


def _what_else(data: bytes, name: str) -> tuple[str, str]:
    """What a file is that is no .tflite, as far as its first bytes or its name tell, and what to do with it."""
    convert = "convert the model to int8 .tflite first"
    if not data:
        return "it is empty", "copy or convert the model again"
    if data.startswith(b"\x89HDF"):
        return "it is HDF5", "a Keras model must be called .h5"
    if data.startswith(b"PK\x03\x04") and b"metadata.json" in data:
        return "it is a Keras model", "it must be called .keras"
    if data.startswith(b"PK\x03\x04") and b"data.pkl" in data:
        return "it is a PyTorch file", convert
    if name.endswith(".onnx"):
        return "it is called ONNX", convert
    return "the identifier TFL3 is missing", convert


def _opened(data: bytes) -> tuple[File, Edges]:
    import tflite

    model = tflite.Model.GetRootAsModel(data, 0)
    if model.SubgraphsLength() < 1:
        raise ModelError("the model has no subgraph")
    return edges_of(with_made_constants(without_ignored(File.of(model))))


def _read(data: bytes) -> Graph:
    file, edges = _opened(data)
    fault = float_fault(file, edges)
    if fault is not None:
        raise ModelError(fault, (Obstacle("", None, "", fault),))
    obstacles: list[Obstacle] = []
    inputs = _ends(file, edges, "inputs", obstacles)
    outputs = _ends(file, edges, "outputs", obstacles)
    ops = _operators(file, edges, obstacles)
    if not obstacles:
        obstacles += [Obstacle("", None, "", fault) for fault in order_faults(ops, inputs, outputs)]
    if obstacles:
        raise ModelError(told(obstacles, OPERATORS), tuple(obstacles))
    names, places = _names(file), (file.inputs, file.outputs)
    ends = [[edges.ends.get(index) for index in some] for some in places]
    input_names, output_names = (_distinct(names[index] for index in some) for some in places)
    input_edges, output_edges = (tuple(None if end is None else end[1] for end in some) for some in ends)
    notes = tuple(dict.fromkeys([*(end[2] for some in ends for end in some if end is not None), *_notes(file)]))
    return Graph(
        tuple(ops),
        inputs,
        outputs,
        hashlib.sha256(data).hexdigest(),
        input_names=input_names,
        output_names=output_names,
        input_edges=input_edges,
        output_edges=output_edges,
        notes=notes,
    )


def _notes(file: File) -> list[str]:
    """What users must know of inputs that are left out, and where constants are in sparse encoding, which TFLite Micro
    does not take."""
    found = [f'input "{tensor_name(file, index)}" is left out: operators do not look at it' for index in file.ignored]
    count = sum(tensor.sparsity is not None for tensor in file.tensors)
    if not count and not file.densified:
        return found
    return [
        *found,
        f"TFLite Micro does not take TFLite's sparse encoding: {count} constants are expanded, and outputs are "
        "compared with TFLite Micro on the expanded model",
    ]


def _ends(file: File, edges: Edges, which: str, obstacles: list[Obstacle]) -> tuple[Activation, ...]:
    """The network's inputs, or its outputs, which may be int32 as well."""
    found: list[Activation] = []
    numbers = file.inputs if which == "inputs" else file.outputs
    if not numbers:
        obstacles.append(Obstacle("", None, "", f"the model has no {which}"))
    for number in numbers:
        index = edges.ends[number][0] if number in edges.ends else number
        try:
            types = ("INT8", "INT16", "BOOL", "INT32") if which == "outputs" else ("INT8", "INT16", "BOOL")
            found.append(activation_of(file, edges.same.get(index, index), *types, numbers=which == "outputs"))
            dropped = (one for one in file.operators if one.number in edges.dropped)
            writer = next((one for one in dropped if number in one.outputs), None)
            if writer is not None and which == "inputs":
                raise ModelError(f'tensor "{tensor_name(file, number)}" is an input that {writer.kind} writes')
            if has_data(file, index):
                raise ModelError(f'tensor "{found[-1].name}" is one of the model\'s {which}, but has constant data')
        except ModelError as error:
            obstacles.append(Obstacle("", None, "", str(error)))
    return tuple(found)


def _operators(file: File, edges: Edges, obstacles: list[Obstacle]) -> list[Op]:
    """In the file's order, which is the order of execution."""
    states, ops = _states(file, obstacles), list[Op]()
    known = (one for one in file.operators if one.kind in OPERATORS and one.number not in edges.dropped)
    names = name_layers(file, [one for one in known if not vanishes(file, one)])
    for one in file.operators:
        number, kind, outputs = one.number, one.kind, one.outputs
        stored = (i for i in outputs if i not in file.densified and i not in file.made and has_data(file, i))
        constant = next((tensor_name(file, i) for i in stored), None)
        if constant is not None:
            reason = f'operator {kind} writes tensor "{constant}", which has constant data'
            obstacles.append(Obstacle(kind, number, constant, reason))
            continue
        if number in edges.dropped or vanishes(file, one):
            continue
        tensor = next((tensor_name(file, i) for i in outputs), "?")
        if kind not in OPERATORS:
            obstacles.append(Obstacle(kind, number, tensor, _unsupported(kind)))
            continue
        operator = OPERATORS[kind]
        inputs = tuple(edges.same.get(index, index) for index in one.inputs)
        types = operator.types_of(type_of(file, outputs[0])) if outputs else operator.types
        node = Node(file, kind, names[number], number, inputs, outputs, one.table, states, types)
        op = _operator(node, tensor, obstacles)
        if op is not None:
            ops.append(op)
    return ops


def vanishes(file: File, one: StoredOperator) -> bool:
    """Whether an operator of the file has no operator in the graph."""
    if one.kind in (*VANISHING, "DENSIFY") or any(index in file.made for index in one.outputs):
        return True
    return one.kind in _SHAPE_ARITHMETIC and all(type_of(file, index) == "INT32" for index in one.outputs)


def _states(file: File, obstacles: list[Obstacle]) -> Mapping[int, State]:
    try:
        return states_of(file)
    except ModelError as error:
        obstacles.append(Obstacle("", None, "", str(error)))
        return {}


def _operator(node: Node, tensor: str, obstacles: list[Obstacle]) -> Op | None:
    """The operator, or what is wrong with it added to the obstacles."""
    operator = OPERATORS[node.kind]
    try:
        found = broken_rules(operator, node)
        if not found:
            op = operator.read(node)
            found = too_many(node)
        if not found:
            return op
    except ModelError as error:
        found = [str(error)]
    reasons = [f'operator "{node.name}": {reason}' for reason in found]
    obstacles += [Obstacle(node.kind, node.number, tensor, reason) for reason in reasons]
    return None


def _unsupported(kind: str) -> str:
    if kind == "DEQUANTIZE":
        return "is not supported but at outputs of the network: it turns int8 to float32; quantize to full int8"
    if kind.startswith("CUSTOM"):
        return "is not supported: it was made for one runtime or chip; give the model as it was before that compiler"
    if kind in _FLOAT_ONLY:
        return "is not supported: TensorFlow Lite Micro computes it in float32 only"
    if kind in _NOT_IN_TFLITE_MICRO:
        return "is not supported: TensorFlow Lite Micro does not have it"
    return "is not supported"


def told(obstacles: Sequence[Obstacle], supported: Collection[str]) -> str:
    """All obstacles, those of one kind together: in a line if there is one, else a line each. `supported`: kinds."""
    groups: dict[tuple[str, str], list[Obstacle]] = {}
    for obstacle in obstacles:
        unsupported = obstacle.reason.startswith("is not supported")
        groups.setdefault((obstacle.operator if unsupported else "", _without_names(obstacle)), []).append(obstacle)
    lines = [_line(group) for group in groups.values()]
    if any(obstacle.reason.startswith("is not supported") for obstacle in obstacles):
        lines[-1] += f"; supported: {', '.join(sorted(supported))}"
    if len(lines) == 1:
        return lines[0]
    return f"{len(lines)} obstacles stand in the way:\n" + "\n".join(f"  {line}" for line in lines)


def _without_names(obstacle: Obstacle) -> str:
    """What is the same about obstacles of one kind: their text without what stands in quotes."""
    return "".join(obstacle.reason.split('"')[::2])


def _line(group: Sequence[Obstacle]) -> str:
    first, shown = group[0], group[:_MOST_PLACES]
    more = f"; and {len(group) - _MOST_PLACES} more" if len(group) > _MOST_PLACES else ""
    if first.number is None:
        others = [one.reason.split('"')[1] for one in shown[1:] if '"' in one.reason]
        return first.reason + (f' (also "{"; ".join(others)}"{more})' if others else "")
    if first.reason.startswith("is not supported"):
        places = "; ".join(f'number {one.number}, tensor "{one.tensor}"' for one in shown)
        return f"operator {first.operator} ({places}{more}) {first.reason}"
    places = "; ".join(f'{one.operator}, number {one.number}, tensor "{one.tensor}"' for one in shown)
    return f"{first.reason} ({places}{more})"


def _names(file: File) -> dict[int, str]:
    """Inputs and outputs as the model's first signature of the main subgraph calls them, or else their tensors do."""
    found = {index: tensor_name(file, index) for index in (*file.inputs, *file.outputs)}
    for number in range(file.model.SignatureDefsLength()):
        signature = file.model.SignatureDefs(number)
        if signature.SubgraphIndex() != 0:
            continue
        signed: dict[int, str] = {}
        for length, entry in (
            (signature.InputsLength(), signature.Inputs),
            (signature.OutputsLength(), signature.Outputs),
        ):
            for place in range(length):
                signed.setdefault(int(entry(place).TensorIndex()), printable(entry(place).Name() or b"?"))
        return found | signed
    return found


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """With a number behind those that were there before."""
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name} {len(found)}")
    return tuple(found)
