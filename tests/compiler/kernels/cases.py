"""Operators to try each kernel on, from the cases of the operators themselves, and how a kernel is called on one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest

from tests.compiler.kernels.harness import Library
from tinyprune.compiler import reference, sparsity
from tinyprune.compiler.graph import Array, ConstantTensor, Op, State, Tensor
from tinyprune.compiler.kernels import KERNELS, Argument, Constant, Kernel, Layout, Struct
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.max_pool_2d import MaxPool2D
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.sparsity import ANY, DENSE, TWO_OF_FOUR

Int8 = npt.NDArray[np.int8]
Windowed = TypeVar("Windowed", Conv2D, DepthwiseConv2D, MaxPool2D)

POISON = 0xA5
#: Kernels between maps as the file has them; the others: test_five_wide.py.
PLAIN = {
    kernel.name: kernel
    for kernel in KERNELS
    if kernel.reads is Layout.INTERLEAVED and Layout.INTERLEAVED in kernel.writes
}
#: Of a type's limits: values of a shape.
FILLS: dict[str, Callable[[np.random.Generator, tuple[int, ...], int, int], Array]] = {
    "random": lambda random, shape, low, high: random.integers(low, high + 1, shape),
    "lowest": lambda _, shape, low, _high: np.full(shape, low),
    "highest": lambda _, shape, _low, high: np.full(shape, high),
    "extremes": lambda random, shape, low, high: random.choice([low, high], shape),
    "zeros": lambda _, shape, _low, _high: np.zeros(shape),
}
#: Those of kernels with DSP instructions whose contract says that they run on every core.
ANYWHERE = ("tp_conv_1x1_s8_sp24_dsp", "tp_conv_1x1_s8_quads_dsp", "tp_depthwise_2d_s8_quads_dsp")
_MOST_TRIES = 4000


def fill(kind: str, random: np.random.Generator, shape: tuple[int, ...], dtype: str = "int8") -> Array:
    limits = np.iinfo(dtype)
    return FILLS[kind](random, shape, limits.min, limits.max).astype(dtype)


def some(random: np.random.Generator, shape: tuple[int, ...], dtype: str = "int8") -> Array:
    """Random values mostly."""
    return fill(str(random.choice([*["random"] * 8, *FILLS])), random, shape, dtype)


def sparse(weights: Int8, random: np.random.Generator, pattern: str = TWO_OF_FOUR) -> Int8:
    """A pattern along the taps of `[out_channels, …, in_channels]`, the kept positions at random."""
    rows = random.random((len(weights), weights[0].size), dtype=np.float32)
    return (weights.reshape(rows.shape) * sparsity.parse(pattern).mask(rows)).reshape(weights.shape).astype(np.int8)


def draws(kernel: Kernel, count: int, salt: str) -> Iterator[tuple[Op, tuple[Array, ...]]]:
    """`count` operators that the kernel accepts, of all kinds that it is for, each with operands `[1, *shape]`; clamped
    anyhow. Others for each `salt`."""
    random = np.random.default_rng(crc32(f"{salt} {kernel.name}".encode()))
    kinds = [operator for operator in OPERATORS.values() if issubclass(operator.op, kernel.ops)]
    found = 0
    for number in range(_MOST_TRIES):
        op = kinds[number % len(kinds)].case(random)
        pattern = kernel.pattern if kernel.pattern not in (ANY, DENSE) else random.choice([DENSE, TWO_OF_FOUR, "1:4"])
        if isinstance(op, Weighted) and op.matrix is not None and pattern != DENSE:
            op = replace(op, weights=sparse(op.weights, random, str(pattern)))
        if "activation_min" in {field.name for field in fields(op)} and random.integers(3) == 0:
            least, most = op.outputs[0].limits
            low, high = sorted(int(bound) for bound in random.integers(least, most + 1, 2))
            op = replace(op, activation_min=low, activation_max=high)  # type: ignore[call-arg]
        if isinstance(op, (Conv2D, DepthwiseConv2D, MaxPool2D)) and random.integers(3) == 0:
            op = padded(op, random)
        if kernel.runs(op):
            yield op, operands(op, random)
            found += 1
        if found == count:
            return
    pytest.fail(f"{kernel.name}: only {found} of {_MOST_TRIES} cases are for it; its operators need other cases")


def padded(op: Windowed, random: np.random.Generator) -> Windowed:
    """With any padding, as fold.py makes it: something of the map is under the window everywhere."""
    slide, padding, sizes = op.window, [], []
    for axis in (0, 1):
        reach, size = (slide.kernel[axis] - 1) * slide.dilation[axis] + 1, op.input.shape[axis]
        before, after = (int(random.integers(min(reach, 4))) for _ in range(2))
        if size + before + after < reach:
            return op
        padding.append(before)
        most = (size + before + after - reach) // slide.stride[axis]
        sizes.append(min(most, (size + before - 1) // slide.stride[axis]) + 1)
    window = replace(slide, padding=(padding[0], padding[1]))
    return replace(op, window=window, output=replace(op.output, shape=(*sizes, op.output.shape[2])))


def operands(op: Op, random: np.random.Generator) -> tuple[Array, ...]:
    return tuple(
        tensor.values[None] if isinstance(tensor, ConstantTensor) else _values(tensor, random) for tensor in op.inputs
    )


def _values(tensor: Tensor, random: np.random.Generator) -> Array:
    if tensor.dtype == "bool":
        return some(random, (1, *tensor.shape)) > 0
    return some(random, (1, *tensor.shape), tensor.dtype)


def _some_state(state: State, random: np.random.Generator) -> Array:
    """What earlier inferences may have left."""
    limits = np.iinfo(state.dtype)
    if random.integers(4) == 0:
        return random.choice([limits.min, limits.max], state.shape).astype(state.dtype)
    return random.integers(limits.min, limits.max + 1, state.shape).astype(state.dtype)


def run_kernel(
    library: Library, kernel: Kernel, op: Op, *given: Array, before: Mapping[State, Array] | None = None
) -> tuple[Array, ...]:
    """What the kernel makes of operands `[1, *shape]`: its results, and the states behind it, which were as `before`;
    results and scratch are poisoned beforehand."""
    sources = [np.array(x.view(np.int8) if x.dtype == np.bool_ else x).reshape(-1) for x in given]
    for source in sources:
        source.setflags(write=False)
    results = [np.full(tensor.size_bytes, POISON, np.uint8).view(np.int8) for tensor in op.outputs]
    states = [np.array((before or {}).get(state, state.initial)).reshape(-1) for state in op.states]
    scratch = np.full(kernel.scratch_bytes(op), POISON, np.uint8)

    def array(argument: Argument) -> npt.NDArray[np.generic]:
        if isinstance(argument, Struct):
            return _constant(np.array(list(argument.fields.values()), np.int32))
        if isinstance(argument, Constant):
            return _constant(np.array(argument.values))
        if argument.kind == "scratch":
            return scratch
        return {"input": sources, "output": results, "state": states}[argument.kind][argument.number]

    for call in kernel.calls(op):
        library.call(kernel.name, [array(argument) for argument in call])
    shaped = [
        result.view(tensor.dtype).reshape(1, *tensor.shape) for result, tensor in zip(results, op.outputs, strict=True)
    ]
    return (*shaped, *states)


def _constant(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    values.setflags(write=False)
    return values


def check(library: Library, kernel: Kernel, op: Op, *given: Array) -> None:
    """The kernel against the reference."""
    random = np.random.default_rng(len(op.name) + int(sum(x.astype(np.int64).sum() for x in given)) % 1000)
    before = {state: _some_state(state, random) for state in op.states}
    states: dict[State, Array] = {state: values[None].copy() for state, values in before.items()}
    wanted = (*reference.run_op(op, *given, states=states), *(state.reshape(-1) for state in states.values()))
    for found, want in zip(run_kernel(library, kernel, op, *given, before=before), wanted, strict=True):
        np.testing.assert_array_equal(found, want, err_msg=str(op))
