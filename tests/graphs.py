"""Networks that are no chains, for tests: residual blocks, several inputs and outputs, variables, parts that share
bytes. Each is a list of operators of the graph; `tests/operator_files.py` makes files of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from tests.operator_files import file_of
from tinyprune.compiler.graph import Activation, ConstantTensor, Graph, Op, State
from tinyprune.compiler.operators.add import Add
from tinyprune.compiler.operators.arg_max import ArgMax
from tinyprune.compiler.operators.concatenation import Concatenation
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.extremum import Maximum
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.hard_swish import HardSwish
from tinyprune.compiler.operators.l2_normalization import L2Normalization
from tinyprune.compiler.operators.logistic import Logistic, Tanh
from tinyprune.compiler.operators.max_pool_2d import MaxPool2D
from tinyprune.compiler.operators.mean import Mean
from tinyprune.compiler.operators.mul import Mul
from tinyprune.compiler.operators.pad import Pad, PadV2
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.relu import LeakyRelu, Relu, Relu6
from tinyprune.compiler.operators.reshape import ExpandDims, Reshape
from tinyprune.compiler.operators.slice_ import StridedSlice
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.compiler.operators.space_to_batch import BatchToSpace, SpaceToBatch
from tinyprune.compiler.operators.split import Split
from tinyprune.compiler.operators.transpose import Transpose
from tinyprune.compiler.operators.variables import AssignVariable, ReadVariable
from tinyprune.compiler.operators.window import Window
from tinyprune.compiler.sparsity import two_of_four


@dataclass(frozen=True)
class Network:
    """Operators in order, with what goes in and comes out."""

    ops: tuple[Op, ...]
    inputs: tuple[Activation, ...]
    outputs: tuple[Activation, ...]
    initialized: tuple[State, ...] = ()
    names: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @property
    def graph(self) -> Graph:
        return Graph(self.ops, self.inputs, self.outputs, "0" * 64)

    @property
    def file(self) -> bytes:
        return file_of(self.ops, self.inputs, self.outputs, self.initialized, self.names)


class Build:
    """Makes operators one by one, with random weights; tensors are numbered as they come. With int16 for all of them,
    scales are those of int8 over 256, zero points 0."""

    def __init__(self, seed: int = 0, dtype: str = "int8") -> None:
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.ops: list[Op] = []
        self._count = 0

    def tensor(self, shape: Sequence[int], scale: float = 0.1, zero_point: int = 3, dtype: str = "") -> Activation:
        self._count += 1
        if not dtype and self.dtype == "int16":
            scale, zero_point = scale / 256, 0
        kind = dtype or self.dtype
        return Activation(self._count, f"t{self._count}", tuple(shape), np.float32(scale), zero_point, kind)

    def wide(self, shape: Sequence[int], scale: float) -> Activation:
        """int16"""
        return self.tensor(shape, scale, 0, "int16")

    def like(self, tensor: Activation, shape: Sequence[int]) -> Activation:
        return self.tensor(shape, float(tensor.scale), tensor.zero_point, tensor.dtype)

    def _name(self, kind: str) -> str:
        return f"{kind}_{len(self.ops) + 1}"

    def _weights(self, *shape: int) -> np.ndarray:
        return self.random.integers(-127, 128, shape).astype(np.int8)

    def _fields(self, weights: np.ndarray, channels: int) -> tuple:  # type: ignore[type-arg]
        taps = weights.size // channels
        scales = np.full(channels, 1.0 / (taps**0.5 * 74), np.float32) * self.random.uniform(0.7, 1.4, channels)
        bias = self.random.integers(-900, 900, channels).astype(np.int32)
        limits = (-128, 127)
        if self.dtype == "int16":
            bias, limits = bias.astype(np.int64) * 256, (-32768, 32767)
        return weights, scales.astype(np.float32), bias, *limits

    def conv(self, x: Activation, channels: int, kernel: tuple[int, int] = (1, 1), relu: bool = True) -> Activation:
        """SAME padding, stride 1."""
        y = self.tensor((*x.shape[:2], channels), 0.15, -128 if relu else 5)
        fields = self._fields(self._weights(channels, *kernel, x.shape[2]), channels)
        padding = ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
        self.ops.append(Conv2D(self._name("conv"), x, y, *fields, Window(kernel, padding=padding)))
        return y

    def valid_conv(self, x: Activation, channels: int, stride: int = 1) -> Activation:
        """3×3, VALID padding, ReLU; of several maps where the first axis is a batch."""
        *batch, height, width, _ = x.shape
        sizes = [(size - 3) // stride + 1 for size in (height, width)]
        y = replace(self.tensor((*batch, *sizes, channels), 0.15, -128), batched=x.batched)
        fields = self._fields(self._weights(channels, 3, 3, x.shape[-1]), channels)
        self.ops.append(Conv2D(self._name("conv"), x, y, *fields, Window((3, 3), (stride, stride))))
        return y

    def depthwise(self, x: Activation, same: bool = True) -> Activation:
        """3×3, stride 1, ReLU."""
        *batch, height, width, channels = x.shape
        shape = x.shape if same else (*batch, height - 2, width - 2, channels)
        y = replace(self.tensor(shape, 0.12, -128), batched=x.batched)
        fields = self._fields(self._weights(3, 3, channels), channels)
        window = Window((3, 3), padding=(1, 1) if same else (0, 0))
        self.ops.append(DepthwiseConv2D(self._name("depthwise"), x, y, *fields, window))
        return y

    def pad(self, x: Activation, *pairs: tuple[int, int], value: int | None = None) -> Activation:
        """Before and after each axis."""
        shape = tuple(size + sum(pair) for size, pair in zip(x.shape, pairs, strict=True))
        y = self.like(x, shape)
        before, after = zip((0, 0), *pairs, strict=True)
        kind, fill = (Pad, x.zero_point) if value is None else (PadV2, value)
        self.ops.append(kind(self._name("pad"), x, y, before, after, fill))
        return y

    def space_to_batch(self, x: Activation, block: int, after: int = 0) -> Activation:
        sizes = [(size + after) // block for size in x.shape[:2]]
        y = replace(self.like(x, (block**2, *sizes, x.shape[2])), batched=False)
        name = self._name("space_to_batch")
        self.ops.append(SpaceToBatch(name, x, y, (block, block), (0, 0), (after, after)))
        return y

    def batch_to_space(self, x: Activation, block: int, after: int = 0) -> Activation:
        y = self.like(x, (*(size * block - after for size in x.shape[1:3]), x.shape[3]))
        name = self._name("batch_to_space")
        self.ops.append(BatchToSpace(name, x, y, (block, block), (0, 0), (after, after)))
        return y

    def transpose(self, x: Activation, *order: int) -> Activation:
        """The axes of a map, without the batch."""
        y = self.like(x, [x.shape[axis] for axis in order])
        self.ops.append(Transpose(self._name("transpose"), x, y, (0, *(axis + 1 for axis in order))))
        return y

    def expand_dims(self, x: Activation, axis: int) -> Activation:
        y = self.like(x, (*x.shape[:axis], 1, *x.shape[axis:]))
        self.ops.append(ExpandDims(self._name("expand_dims"), x, y))
        return y

    def dense(self, x: Activation, channels: int) -> Activation:
        y = self.tensor((channels,), 0.2, -7)
        fields = self._fields(self._weights(channels, prod(x.shape)), channels)
        self.ops.append(FullyConnected(self._name("fully_connected"), x, y, *fields))
        return y

    def add(self, x: Activation, other: Activation | ConstantTensor, scale: float = 0.2) -> Activation:
        y = self.tensor(x.shape, scale, -11)
        self.ops.append(Add(self._name("add"), x, other, y, -128, 127))
        return y

    def max_pool(self, x: Activation) -> Activation:
        """2×2, stride 2, VALID."""
        y = self.like(x, (x.shape[0] // 2, x.shape[1] // 2, x.shape[2]))
        self.ops.append(MaxPool2D(self._name("max_pool"), x, y, *x.limits, Window((2, 2), (2, 2))))
        return y

    def mean(self, x: Activation, scale: float = 0.08) -> Activation:
        """Global average pooling."""
        y = self.tensor(x.shape[2:], scale, -20)
        self.ops.append(Mean(self._name("mean"), x, y, (1, 2)))
        return y

    def arg_max(self, x: Activation) -> Activation:
        """Along the last axis."""
        self._count += 1
        y = Activation(self._count, f"t{self._count}", x.shape[:-1], np.float32(1), 0, "int32")
        self.ops.append(ArgMax(self._name("arg_max"), x, y, len(x.shape)))
        return y

    def concatenation(self, parts: Sequence[Activation], axis: int) -> Activation:
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        y = self.like(parts[0], shape)
        self.ops.append(Concatenation(self._name("concatenation"), tuple(parts), y, axis))
        return y

    def split(self, x: Activation, count: int, axis: int) -> tuple[Activation, ...]:
        shape = list(x.shape)
        shape[axis] //= count
        parts = tuple(self.like(x, shape) for _ in range(count))
        self.ops.append(Split(self._name("split"), x, parts, axis))
        return parts

    def rows(self, x: Activation, begin: int, end: int) -> Activation:
        y = self.like(x, (end - begin, *x.shape[1:]))
        zeros, ones = (0,) * (len(x.shape) - 1), (1,) * len(x.shape)
        slice_ = StridedSlice(self._name("slice"), x, y, (begin, *zeros), y.shape, ones)
        self.ops.append(slice_)
        return y

    def reshape(self, x: Activation, shape: Sequence[int]) -> Activation:
        y = self.like(x, shape)
        self.ops.append(Reshape(self._name("reshape"), x, y))
        return y

    def read(self, state: State, like: Activation) -> Activation:
        y = self.like(like, state.shape[1:])
        self.ops.append(ReadVariable(self._name("read_variable"), state, y))
        return y

    def assign(self, state: State, x: Activation) -> None:
        self.ops.append(AssignVariable(self._name("assign_variable"), state, x))

    def network(self, inputs: Sequence[Activation], outputs: Sequence[Activation], **more: object) -> Network:
        return Network(tuple(self.ops), tuple(inputs), tuple(outputs), **more)  # type: ignore[arg-type]


def residual() -> Network:
    """A block as ResNet has it: the skip is added to two convolutions; then a max pool."""
    b = Build(1)
    x = b.tensor((8, 6, 4))
    start = b.conv(x, 8, (3, 3))
    inner = b.conv(b.conv(start, 8, (3, 3)), 8, (3, 3), relu=False)
    y = b.max_pool(b.add(start, inner))
    return b.network([x], [b.dense(y, 5)])


def five_wide_block() -> Network:
    """Depthwise and pointwise layers over a map five columns wide, between a fork and a join."""
    b = Build(2)
    x = b.tensor((9, 5, 16))
    start = b.conv(x, 16)
    inner = b.conv(b.depthwise(b.conv(b.depthwise(start), 16)), 16)
    return b.network([x], [b.conv(b.add(start, inner), 8)])


def two_by_two() -> Network:
    """Two inputs and two outputs, both named by a signature."""
    b = Build(3)
    left, right = b.tensor((4, 5, 3)), b.tensor((6,), 0.05, -20)
    first = b.dense(left, 10)
    second = b.dense(right, 10)
    total = b.add(first, second)
    names = (("picture", "motion"), ("class", "gesture"))
    return b.network([left, right], [b.dense(total, 7), b.dense(b.add(total, second), 3)], names=names)


def branches() -> Network:
    """Parts of a concatenation that are computed where they will stand, and one of them is read once more."""
    b = Build(4)
    x = b.tensor((6, 4, 4))
    parts = [b.conv(b.rows(x, 2 * n, 2 * n + 2), 4) for n in range(3)]
    whole = b.concatenation(parts, 0)
    again = b.add(parts[1], b.rows(whole, 4, 6))
    return b.network([x], [b.conv(whole, 4), again])


def gates() -> Network:
    """A split, element-wise work on its parts, the same tensor twice in a concatenation."""
    b = Build(5)
    x = b.tensor((12,))
    a, c, d = b.split(b.dense(x, 24), 3, 0)
    total = b.add(b.add(a, c), d)
    return b.network([x], [b.dense(b.concatenation([total, total], 0), 4)])


def constants() -> Network:
    """Constant operands: an addend for each channel, and one as large as the map."""
    b = Build(6)
    x = b.tensor((5, 5, 8))
    made = []
    for number, shape in enumerate([(8,), (5, 5, 8)], start=100):
        values = b.random.integers(-128, 128, shape).astype(np.int8)
        made.append(ConstantTensor(number, f"c{number}", shape, np.float32(0.07), -9, batched=False, values=values))
    return b.network([x], [b.add(b.add(b.conv(x, 8), made[0]), made[1])])


def streaming(initialized: bool = True) -> Network:
    """As streaming keyword spotters are made: the last two rows are kept, a new one comes in with each inference."""
    b = Build(7)
    x = b.tensor((1, 8), 0.1, 3)
    shape = (1, 2, 8)
    initial = b.random.integers(-128, 128, shape) if initialized else np.full(shape, 3)
    state = State("stream/rows", shape, initial.astype(np.int8))
    kept = b.read(state, x)
    window = b.concatenation([kept, x], 0)
    b.assign(state, b.rows(window, 1, 3))
    y = b.dense(window, 6)
    return b.network([x], [y], initialized=(state,) if initialized else ())


def counter() -> Network:
    """A variable that is computed anew from itself, and a second one that is read before and after it is assigned."""
    b = Build(8)
    x = b.tensor((6,), 0.1, 3)
    total = State("total", (1, 6), np.full((1, 6), 3, np.int8))
    last = State("last", (1, 6), np.full((1, 6), 3, np.int8))
    earlier = b.read(last, x)
    sum_ = b.tensor((6,), 0.1, 3)
    b.ops.append(Add("add_sum", x, b.read(total, x), sum_, -128, 127))
    b.assign(total, sum_)
    b.assign(last, x)
    now = b.read(last, x)
    return b.network([x], [b.add(sum_, earlier), b.add(now, earlier)])


def activations() -> Network:
    """Operators of one value, most of which may run in place, and a softmax over an axis of a map."""
    b = Build(10)
    x = b.tensor((6, 5, 4))
    start = b.conv(x, 8, relu=False)
    ends = [(HardSwish, 0.1, -20), (LeakyRelu, 0.08, 5, 0.1), (Tanh, 1 / 128, 0), (L2Normalization, 1 / 128, 0)]
    y = start
    for kind, scale, zero_point, *more in ends:
        z = b.tensor(y.shape, scale, zero_point)
        b.ops.append(kind(f"layer_{len(b.ops)}", y, z, *more))  # type: ignore[operator]
        y = z
    gate, shares = b.tensor(y.shape, 1 / 256, -128), b.tensor(y.shape, 1 / 256, -128)
    b.ops.append(Logistic("gate", start, gate))
    b.ops.append(Softmax("shares", b.add(y, gate), shares, 1.0))
    return b.network([x], [b.conv(shares, 6), gate])


def clamped() -> Network:
    """RELUs that become fused activations, and such that cannot: of another scale, of a tensor with two readers."""
    b = Build(11)
    x = b.tensor((6, 5, 4))

    def relu(y: Activation, kind: type = Relu, scale: float | None = None) -> Activation:
        z = b.like(y, y.shape) if scale is None else b.tensor(y.shape, scale, y.zero_point)
        b.ops.append(kind(f"relu_{len(b.ops)}", y, z))
        return z

    y = relu(b.conv(x, 8, (3, 3), relu=False), Relu6)
    y = relu(b.add(y, b.conv(x, 8, relu=False)))
    y = relu(b.conv(y, 8, relu=False), scale=0.07)
    end = b.conv(y, 6, relu=False)
    return b.network([x], [relu(end), end])


def classifier() -> Network:
    """Global average pooling, scores, and the class as an int32 output; one of another kind beside it."""
    b = Build(10)
    x = b.tensor((6, 7, 3))
    maps = b.conv(x, 9, (3, 3))
    scores = b.dense(b.mean(maps), 11)
    return b.network([x], [b.arg_max(scores), scores, b.arg_max(maps)])


def untouched() -> Network:
    """Nothing but a reshape."""
    b = Build(9)
    x = b.tensor((3, 4))
    return b.network([x], [b.reshape(x, (12,))])


def padded() -> Network:
    """As PyTorch's exports pad: a PAD before VALID convolutions and pools; one that stays is made in place."""
    b = Build(10)
    x = b.tensor((9, 8, 4))
    ring = ((1, 1), (1, 1), (0, 0))
    y = b.valid_conv(b.pad(x, *ring), 8, stride=2)
    y = b.depthwise(b.pad(y, *ring), same=False)
    y = b.max_pool(b.pad(y, (1, 0), (1, 1), (0, 0)))
    y = b.conv(b.add(y, y), 4, relu=False)
    tall = b.pad(y, (1, 2), (0, 0), (0, 0), value=-7)
    return b.network([x], [b.dense(b.add(tall, tall), 5)])


def dilated() -> Network:
    """Convolutions between batches, with paddings that are cut off again and without."""
    b = Build(11)
    x = b.tensor((10, 14, 4))
    y = b.batch_to_space(b.valid_conv(b.space_to_batch(x, 2), 8), 2)
    y = b.batch_to_space(b.depthwise(b.space_to_batch(b.pad(y, (4, 4), (3, 1), (0, 0)), 4, 2), same=False), 4, 2)
    return b.network([x], [b.conv(y, 3)])


def shuffled() -> Network:
    """As one-dimensional convolutions are written, with channels first on the outside."""
    b = Build(12)
    x = b.tensor((4, 1, 15))
    y = b.conv(b.transpose(x, 1, 2, 0), 8, (1, 3))
    for _ in range(2):
        y = b.conv(b.expand_dims(b.reshape(y, (15, 8)), 0), 8, (1, 3))
    return b.network([x], [b.transpose(y, 2, 0, 1), b.reshape(y, (120,))])


def halfwords() -> Network:
    """int16 between int8 layers, and as an output: gates, sums, products, a pool, parts that stay where they are."""
    b = Build(13)
    x = b.tensor((6, 5, 4))
    start = b.conv(x, 8, relu=False)
    y = b.wide(start.shape, 2.0**-12)
    gate, tilt, product, total, lower = (b.wide(start.shape, scale) for scale in (2**-15, 2**-15, 2**-15, 3e-4, 3e-4))
    b.ops += [
        Quantize("widen", start, y), Logistic("gate", y, gate), Tanh("tilt", y, tilt),
        Mul("product", gate, tilt, product, -32768, 32767), Add("total", product, y, total, 0, 32767),
        LeakyRelu("lower", total, lower, 0.1),
    ]  # fmt: skip
    whole = b.concatenation([lower, total], 0)
    first, second = b.split(whole, 2, 0)
    larger = b.like(first, first.shape)
    b.ops.append(Maximum("larger", first, second, larger))
    pooled = b.max_pool(b.pad(larger, (1, 1), (1, 0), (0, 0)))
    mean, shares = b.wide((8,), 2e-4), b.wide((8,), 2.0**-15)
    narrow, numbers = b.tensor(pooled.shape, 0.02, -9), b.tensor((8,), 0.001, 5, "int32")
    b.ops += [
        Quantize("narrow", pooled, narrow), Mean("mean", pooled, mean, (1, 2)), Softmax("shares", mean, shares, 1.0),
        Quantize("numbers", mean, numbers),
    ]  # fmt: skip
    return b.network([x], [b.dense(narrow, 5), shares, numbers])


def sixteen() -> Network:
    """16x8: convolutions dense and 2:4, with a ReLU and without, one of which accumulates in 32 bits; depthwise ones on
    one channel and on many; fully connected layers on rows and on all."""
    b = Build(7, "int16")
    x = b.tensor((9, 7, 1))
    y = b.conv(b.depthwise(b.conv(b.depthwise(x), 12, (3, 3))), 10)
    pruned, last = b.ops[2], b.ops[3]
    assert isinstance(pruned, DepthwiseConv2D)
    assert isinstance(last, Conv2D)
    b.ops[2] = replace(pruned, activation_min=0)
    mask = two_of_four.PATTERN.mask(last.weights.reshape(10, -1)).reshape(last.weights.shape)
    b.ops[3] = replace(last, weights=last.weights * mask)
    z = b.valid_conv(y, 6, stride=2)
    narrow = b.ops[-1]
    assert isinstance(narrow, Conv2D)
    b.ops[-1] = replace(narrow, bias=narrow.bias.astype(np.int32), activation_min=0, activation_max=10240)  # RELU6
    rows = b.tensor((*z.shape[:2], 5), 0.15)
    b.ops.append(FullyConnected("rows", z, rows, *b._fields(b._weights(5, 6), 5)))
    end = b.tensor((11,), 0.15)
    b.ops.append(FullyConnected("end", rows, end, *b._fields(b._weights(11, rows.count), 11)))
    return b.network([x], [y, end])


NETWORKS: dict[str, Callable[[], Network]] = {
    "residual": residual, "five_wide_block": five_wide_block, "two_by_two": two_by_two, "branches": branches,
    "gates": gates, "constants": constants, "streaming": streaming, "counter": counter, "untouched": untouched,
    "activations": activations, "clamped": clamped, "padded": padded, "dilated": dilated, "shuffled": shuffled,
    "classifier": classifier, "halfwords": halfwords, "sixteen": sixteen,
}  # fmt: skip
STATEFUL = ("streaming", "counter")
