"""What an operator is to the rest of tinyprune, and the rules that several operators share.

A rule is a small function: it returns None where it holds, or else the offending fact, which is the first half of what
users read; its docstring is the second half, and stands in docs/operators.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from tinyprune.compiler.file import Node, quantization_of, tensor_name, type_of
from tinyprune.compiler.graph import Array, Op, Tensor

Rule: TypeAlias = Callable[[Node], str | None]


@dataclass(frozen=True, slots=True)
class Written:
    """An operator as a .tflite file has it: the inverse of reading, for tests that make files.

    `constants` are operands behind those of the graph's operator: (name, values, scales, quantized axis); where there
    are no scales, a plain tensor; where a tensor stands for them, one of its scale and zero point.
    """

    code: str  # TFLite's name, "CONV_2D"
    options_type: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    constants: tuple[tuple[str, Array, Array | Tensor | None, int], ...] = ()
    constants_first: bool = False  # whether they stand before the operands
    order: tuple[str, ...] = ()  # else: "operand 0", "state 0", a constant's name, or "" for an operand left out
    states: tuple[tuple[float, int], ...] = ()  # of variable tensors: scale and zero point


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of operator: all that is known of it outside of its kernels."""

    op: type[Op]
    prefix: str  # of layer names: "conv" makes "conv_2"
    about: str  # a sentence for docs/operators.md
    read: Callable[[Node], Op]
    rules: tuple[Rule, ...]
    infer: Callable[..., Array | tuple[Array, ...]]
    """`(op, *operands [samples, *shape], *states [1, *shape])` → its results, and the states after it."""
    case: Callable[[np.random.Generator], Op]
    """Some operator of this kind, for tests: every parameter varies, extremes and odd sizes are among them."""
    write: Callable[[Any], Written]
    resolver: str  # the method of TFLite Micro's op resolver that adds it; "" where TFLite Micro lacks it
    types: tuple[str, ...] = ("INT8",)
    """Of its activations, as the schema calls them: one of these for all operands and results of an operator, but where
    its rules and `read` ask for others."""

    asymmetric: bool = False
    """Whether its int16 tensors may have another zero point than 0."""

    def types_of(self, result: str) -> tuple[str, ...]:
        """Those that go with the type of a result."""
        return (result,) if result in self.types else self.types


def broken_rules(operator: Operator, node: Node) -> list[str]:
    """What the rules have against an operator of a file, a sentence each. Raises ModelError for damage."""
    found = [] if operator.asymmetric else list(_asymmetric_int16(node))
    for rule in operator.rules:
        fact = rule(node)
        if fact is not None:
            found.append(f"{fact}; needed: {sentence(rule)}")
    return found


def too_many(node: Node) -> list[str]:
    """What is to be said of operands that nobody asked for while the operator was read: TFLite Micro refuses them."""
    known = 1 + max(node.asked, default=-1)
    return [f"it has {len(node.inputs)} inputs; needed: {known} at most"] if len(node.inputs) > known else []


def _asymmetric_int16(node: Node) -> Iterator[str]:
    """What is wrong with the zero points of int16 tensors."""
    for index in (*node.inputs, *node.outputs):
        if index >= 0 and type_of(node.file, index) == "INT16" and quantization_of(node.file, index)[1]:
            yield f'tensor "{tensor_name(node.file, index)}" is int16 and must have the zero point 0'


def sentence(rule: Rule) -> str:
    """The rule as users read it: the first paragraph of its docstring, in lower case at the start."""
    text = " ".join((rule.__doc__ or "").split("\n\n")[0].split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[:2] in ("A ", "a ") else text


def one_result(node: Node) -> str | None:
    """It has one result."""
    return None if len(node.outputs) == 1 else f"it has {len(node.outputs)} outputs"


def same_quantization(node: Node) -> str | None:
    """Scale and zero point are the same before and behind it."""
    source, target = node.activation(0), node.result()
    before, behind = ((tensor.scale, tensor.zero_point) for tensor in (source, target))
    if before == behind:
        return None
    return (
        f"it must not change scale or zero point, from {source.scale:g}, {before[1]} to {target.scale:g}, {behind[1]}"
    )


def same_shape(node: Node) -> str | None:
    """Its result has the shape of its operand."""
    return change_of_shape(node.activation(0), node.result())


def change_of_shape(source: Tensor, target: Tensor) -> str | None:
    """What is to be said of a result of another shape than its operand's; the batch is an axis like others."""
    if source.file_shape == target.file_shape:
        return None
    return f"it changes the shape from {list(source.file_shape)} to {list(target.file_shape)}"


def aligned(values: Array, tensor: Tensor, rank: int) -> Array:
    """`[samples, *shape]` with as many axes behind the samples as `rank`, ones in front: ready to be broadcast."""
    return values.reshape(len(values), *[1] * (rank - len(tensor.shape)), *tensor.shape)


def in_file_shape(values: Array, tensor: Tensor) -> Array:
    """`[samples, *shape]` → `[samples, *file_shape]`, for operators whose axes are those of the file."""
    return values.reshape(len(values), *tensor.file_shape)


def in_graph_shape(values: Array, tensor: Tensor) -> Array:
    """The inverse."""
    return values.reshape(len(values), *tensor.shape)


def file_axis(tensor: Tensor, axis: int) -> int | None:
    """An axis of the file's shape (from the end where negative) as one of `tensor.shape`; None for the batch, or none
    of its axes."""
    rank = len(tensor.file_shape)
    if not -rank <= axis < rank:
        return None
    found = axis % rank - (1 if tensor.batched else 0)
    return found if found >= 0 else None
