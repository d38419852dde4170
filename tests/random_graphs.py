"""Networks of any operators, at random: each one's own case, its operands made of what earlier ones left."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from tests.graphs import Build, Network
from tinyprune.compiler import sparsity
from tinyprune.compiler.graph import Activation, ConstantTensor, Op, State, Tensor
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.comparison import Greater
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.quantize import Quantize

_Tensor = TypeVar("_Tensor", bound=Tensor)
#: The most values of a tensor between operators.
_MOST = 300
_TRIES = 40


def mixed_network(seed: int, count: int = 6) -> Network:
    """`count` operators of any kinds, with forks, joins and several outputs."""
    random = np.random.default_rng(seed)
    b = Build(seed)
    source = b.tensor((4, 5, 3))
    pool, loose = [source], list[Activation]()
    for _ in range(count):
        op = _any_case(random)
        operands = {tensor: _adapted(b, random, pool, tensor) for tensor in op.activations}
        own = {tensor: _fresh(b, tensor) for tensor in (*op.inputs, *op.outputs)}
        op = _with(op, own | operands, len(b.ops))
        b.ops.append(op)
        loose = [tensor for tensor in loose if tensor not in op.activations] + list(op.outputs)
        pool += [tensor for tensor in op.outputs if tensor.dtype == "int8" and tensor.count <= _MOST]
    return b.network([source], loose or [b.reshape(source, (source.count,))])


def pruned(network: Network, random: np.random.Generator) -> Network:
    """The same with zeros in the weights of some layers, in any of the patterns."""
    return replace(network, ops=tuple(_pruned(op, random) for op in network.ops))


def _pruned(op: Op, random: np.random.Generator) -> Op:
    patterns = (None, *sparsity.STRUCTURED, sparsity.Unstructured(0.8))
    pattern = patterns[int(random.integers(len(patterns)))]
    if pattern is None or not isinstance(op, Conv2D | FullyConnected):
        return op
    rows = op.weights.reshape(len(op.weights), -1)
    if pattern.refusal(*rows.shape):
        return op
    return replace(op, weights=op.weights * pattern.mask(rows).reshape(op.weights.shape))


def _any_case(random: np.random.Generator) -> Op:
    kinds = list(dict.fromkeys(OPERATORS.values()))
    for _ in range(_TRIES):
        op: Op = kinds[int(random.integers(len(kinds)))].case(random)
        tensors = (*op.activations, *op.outputs)
        if op.activations and all(tensor.count <= _MOST for tensor in tensors) and _is_plain(op):
            return op
    raise AssertionError("no case is small enough")


def _is_plain(op: Op) -> bool:
    """Whether a fully connected layer, a reshape and a conversion can make its operands."""
    return all(tensor.dtype in ("int8", "int16", "bool") and tensor.batched for tensor in op.activations)


def _adapted(b: Build, random: np.random.Generator, pool: list[Activation], wanted: Activation) -> Activation:
    """A tensor of the wanted shape, type and quantization, out of one that is there."""
    if wanted.dtype != "int8":
        scale = float(wanted.scale) * 200 if wanted.dtype == "int16" else 0.05
        narrow = replace(wanted, dtype="int8", scale=np.float32(scale), zero_point=0)
        return _converted(b, _adapted(b, random, pool, narrow), wanted)
    source = pool[int(random.integers(len(pool)))]
    flat = b.reshape(source, (source.count,))
    rows = replace(_fresh(b, wanted), shape=(wanted.count,))
    weights = random.integers(-127, 128, (wanted.count, source.count)).astype(np.int8)
    scale = np.float32(float(wanted.scale) / float(source.scale) / 127 / max(1, source.count) ** 0.5)
    bias = random.integers(-500, 500, wanted.count).astype(np.int32)
    name = f"adapter_{len(b.ops)}"
    b.ops.append(FullyConnected(name, flat, rows, weights, np.array([scale], np.float32), bias, -128, 127))
    return b.reshape(rows, wanted.shape) if len(wanted.shape) != 1 else rows


def _converted(b: Build, narrow: Activation, wanted: Activation) -> Activation:
    """int8 as int16, or as bool: where it is above 0."""
    made, name = _fresh(b, wanted), f"converter_{len(b.ops)}"
    if wanted.dtype == "int16":
        b.ops.append(Quantize(name, narrow, made))
        return made
    number, zero = b.tensor(()).index, np.zeros((), np.int8)
    limit = ConstantTensor(number, f"t{number}", (), narrow.scale, 0, batched=False, values=zero)
    b.ops.append(Greater(name, narrow, limit, made))
    return made


def _fresh(b: Build, like: _Tensor) -> _Tensor:
    number = b.tensor((1,)).index
    return replace(like, index=number, name=f"t{number}")


def _with(op: Op, tensors: Mapping[Tensor, Tensor], number: int) -> Op:
    """The operator with other activations, and variables and a name of its own."""

    def exchanged(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(exchanged(part) for part in value)
        if isinstance(value, State):
            return replace(value, name=f"{value.name}_{number}")
        return tensors.get(value, value) if isinstance(value, Tensor) else value

    values = {field.name: exchanged(getattr(op, field.name)) for field in fields(op)}
    return replace(op, **values | {"name": f"{op.name}_{number}"})
