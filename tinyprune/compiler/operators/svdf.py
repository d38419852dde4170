"""SVDF: a fully connected layer over what filters made of the last inputs.

Each filter makes one number of an input (feature weights), remembers the last ones, and weighs them (time weights);
`rank` filters add up to an output. What is remembered, `[batch, filters, memory]` with the newest last, is int8 or
int16. All sums wrap at 32 bits, as TFLite Micro's do.
"""

from dataclasses import dataclass, replace

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node, tensor_name, type_of
from tinyprune.compiler.graph import Activation, Array, Int8, Int32, State, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result

_OPTIONS = "SVDFOptions"
_STATES = ("INT16", "INT8")


@dataclass(frozen=True, slots=True, eq=False)
class Svdf(Unary):
    """Arrays are read-only."""

    memory: State
    memory_scale: np.float32
    memory_zero_point: int
    features: Int8  # [filters, inputs]
    feature_scale: np.float32
    times: Array  # [filters, memory], of the state's type
    time_scale: np.float32
    bias: Int32  # [filters / rank]

    def __post_init__(self) -> None:
        for array in (self.features, self.times, self.bias):
            array.setflags(write=False)

    @property
    def states(self) -> tuple[State, ...]:
        return (self.memory,)

    @property
    def macs(self) -> int:
        filters, inputs = self.features.shape
        found: int = self.input.count // inputs * filters * (inputs + self.times.shape[1])
        return found

    @property
    def rank(self) -> int:
        return len(self.features) // len(self.bias)

    @property
    def rescalings(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of what filters make of an input, and of outputs; scales multiply in double."""
        scales = (self.input.scale, self.feature_scale, self.memory_scale, self.time_scale, self.output.scale)
        source, feature, memory, time, target = map(float, scales)
        first, second = (
            fixed_point.quantize_multiplier(r) for r in (source * feature / memory, memory * time / target)
        )
        return first, second


def shapes_fit(node: Node) -> str | None:
    """Its input is [batch, inputs], its weights are [filters, inputs] and [filters, memory], its variable is
    [batch, filters · memory], its bias [outputs] and its result [batch, outputs]; outputs times rank are the filters.
    """
    source, target, rank = node.activation(0), node.result(), node.options(_OPTIONS).Rank()
    features, times = node.constant(1, "INT8"), node.constant(2, type_of(node.file, node.index(2)))
    state, bias = node.variable(4, *_STATES), node.constant(3, "INT32")
    shapes = [list(shape) for shape in (features.shape, times.shape, bias.shape, state.shape)]
    fact = f"it has rank {rank}, weights {shapes[0]} and {shapes[1]}, bias {shapes[2]} and variable {shapes[3]}"
    if not len(source.file_shape) == features.ndim == times.ndim == len(target.file_shape) == 2 or rank < 1:
        return fact
    filters, memory = times.shape
    batch, inputs = source.file_shape
    units = filters // rank
    right = (
        features.shape == (filters, inputs),
        filters % rank == 0,
        bias.shape == (units,),
        target.file_shape == (batch, units),
        state.shape == (batch, memory * filters),
    )
    return None if all(right) else fact


def types_fit(node: Node) -> str | None:
    """Its variable and its time weights are both int16 or both int8."""
    node.variable(4, *_STATES)
    kinds = [type_of(node.file, node.index(place)) for place in (2, 4)]
    return None if kinds[0] == kinds[1] else f"its time weights are {kinds[0]}, its variable is {kinds[1]}"


def symmetric_weights(node: Node) -> str | None:
    """Its weights have one scale, and the zero point 0; so does an int16 variable."""
    for place in (1, 2, *([4] if type_of(node.file, node.index(4)) == "INT16" else [])):
        if node.quantization(place)[1] != 0:
            return f'tensor "{tensor_name(node.file, node.index(place))}" has a zero point other than 0'
    return None


def bias_scale_fits(node: Node) -> str | None:
    """It has a bias, whose scale is that of the variable times that of the time weights, to 0.00001."""
    if not node.has(3):
        return "it has no bias"
    wanted = float(node.quantization(4)[0] * node.quantization(2)[0])
    found = float(node.quantization(3)[0])
    return None if abs(found - wanted) < 1e-5 else f"its bias has scale {found:g}, not {wanted:g}"


def in_range(node: Node) -> str | None:
    """It multiplies by less than 2^30."""
    scales = [node.activation(0).scale, *(node.quantization(place)[0] for place in (1, 2, 4)), node.result().scale]
    source, features, times, state, target = map(float, scales)
    factors = source * features / state, state * times / target
    return None if max(factors) < 2.0**30 else f"it multiplies by {factors[0]:g} and {factors[1]:g}"


def read(node: Node) -> Svdf:
    memory_scale, memory_zero_point = node.quantization(4)
    return Svdf(
        node.name, *node.ends(), node.variable(4, *_STATES), memory_scale, memory_zero_point,
        node.constant(1, "INT8"), node.quantization(1)[0],
        node.constant(2, type_of(node.file, node.index(2))), node.quantization(2)[0], node.constant(3, "INT32"),
    )  # fmt: skip


def infer(op: Svdf, x: Array, state: Array) -> tuple[Int8, Array]:
    filters, memory = op.times.shape
    limits = np.iinfo(op.memory.dtype)
    rows = x.reshape(-1, op.features.shape[1]).astype(np.int64) - op.input.zero_point
    first, second = op.rescalings
    dots = (rows @ op.features.astype(np.int64).T).astype(np.int32)
    made = fixed_point.multiply_by_quantized_multiplier(dots, *first)
    newest = np.clip(made, limits.min, limits.max).astype(np.int64) + op.memory_zero_point
    kept = state.reshape(-1, filters, memory)
    after = np.concatenate([kept[..., 1:], newest.astype(state.dtype)[..., None]], axis=-1)
    weighed = ((after.astype(np.int64) - op.memory_zero_point) * op.times).sum(axis=-1)
    sums = (weighed.reshape(len(rows), -1, op.rank).sum(axis=-1) + op.bias).astype(np.int32)
    scaled = fixed_point.multiply_by_quantized_multiplier(sums, *second).astype(np.int64) + op.output.zero_point
    outputs = np.clip(scaled, -128, 127).astype(np.int8).reshape(len(x), *op.output.shape)
    return outputs, after.reshape(state.shape)


def case(random: np.random.Generator) -> Svdf:
    """Mostly such that outputs spread; sums that wrap at 32 bits, and batches, are among them."""
    batch, rank, units = int(random.choice([1, 1, 2])), cases.size(random, 3), cases.size(random, 8)
    inputs, memory, dtype = cases.size(random, 40), cases.size(random, 12), random.choice(["int8", "int16"])
    limits = np.iinfo(dtype)
    wild = random.integers(5) == 0  # whose sums wrap
    largest = limits.max if wild or dtype == "int8" else 400
    features = cases.values(random, (rank * units, inputs))
    times: Array = random.integers(-largest, largest + 1, (rank * units, memory)).astype(dtype)
    source = _rows(cases.activation(random, (inputs,)), batch)
    spread = float(source.scale) * inputs**0.5 * 74 * 74
    memory_scale = np.float32(spread * random.uniform(0.3, 3) / limits.max)
    reach = float(memory_scale) * limits.max * largest * (memory * rank) ** 0.5
    zero_point = cases.zero_point(random) if dtype == "int8" else 0
    start: Array = np.full((batch, rank * units * memory), zero_point, dtype)
    target = _rows(cases.activation(random, (units,), 1, scale_=float(reach * random.uniform(0.3, 3) / 300)), batch)
    bias: Int32 = random.integers(-(1 << 18), 1 << 18, units).astype(np.int32)
    return Svdf(
        "svdf", source, target, State("svdf/memory", start.shape, start), memory_scale, zero_point,
        features, np.float32(1.0), times, np.float32(1.0), bias,
    )  # fmt: skip


def _rows(tensor: Activation, batch: int) -> Activation:
    return tensor if batch == 1 else replace(tensor, shape=(batch, *tensor.shape), batched=False)


def write(op: Svdf) -> Written:
    one, bias_scale = np.ones(1, np.float32), np.array([op.memory_scale * op.time_scale], np.float32)
    return Written(
        "SVDF", _OPTIONS, {"Rank": op.rank},
        (
            ("features", op.features, op.feature_scale * one, 0), ("times", op.times, op.time_scale * one, 0),
            ("bias", op.bias, bias_scale, 0),
        ),
        order=("operand 0", "features", "times", "bias", "state 0"),
        states=((float(op.memory_scale), op.memory_zero_point),),
    )  # fmt: skip


SVDF = Operator(
    Svdf, "svdf", "Filters over an input and over what they made of the last ones. The variable is int8 or int16.",
    read,
    (one_result, types_fit, shapes_fit, symmetric_weights, bias_scale_fits, in_range), infer, case, write, "AddSvdf",
)  # fmt: skip
