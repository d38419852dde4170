"""Layers to try each kernel on, as hypothesis strategies, and how a kernel is called on a layer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.compiler.kernels.harness import Library
from tests.tflite_models import Conv, Dense, Depthwise, Input, Layer, Pool, Rescale, Soft, graph
from tinyprune.compiler import kernels, reference
from tinyprune.compiler.graph import Op
from tinyprune.compiler.kernels import Kernel
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.sparsity import TWO_OF_FOUR, two_of_four

Int8 = npt.NDArray[np.int8]

POISON = 0xA5
INPUT_SCALE = 0.1
ZERO_POINTS = st.sampled_from([-128, 127, 0, -1, 1]) | st.integers(-128, 127)
INT8_FILLS = {
    "random": lambda random, shape: random.integers(-128, 128, shape),
    "lowest": lambda _, shape: np.full(shape, -128),
    "highest": lambda _, shape: np.full(shape, 127),
    "extremes": lambda random, shape: random.choice([-128, 127], shape),
    "zeros": lambda _, shape: np.zeros(shape),
}
FILLS = st.sampled_from([*["random"] * 8, *INT8_FILLS])


def many(examples: int, salt: str, check: Callable[..., None], *given_to_it: Any) -> None:
    """Calls `check` with the arguments and a source of examples, which are others for each `salt`."""

    @seed(crc32(salt.encode()))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        check(*given_to_it, data)

    run()


def fill(kind: str, random: np.random.Generator, shape: tuple[int, ...]) -> Int8:
    filled: Int8 = INT8_FILLS[kind](random, shape).astype(np.int8)
    return filled


def sparse(weights: Int8, random: np.random.Generator) -> Int8:
    """2:4 along the taps of `[out_channels, …, in_channels]`, the kept positions at random."""
    rows = random.random((len(weights), weights[0].size), dtype=np.float32)
    return (weights.reshape(rows.shape) * two_of_four.PATTERN.mask(rows)).reshape(weights.shape)


@st.composite
def weighted_fields(draw: st.DrawFn, random: np.random.Generator, taps: int, channels: int) -> dict[str, Any]:
    """Scales such that outputs of random inputs spread over the int8 range, or beyond, or little; biases to match."""
    output_scale = draw(st.sampled_from([0.01, 0.0078125, 0.03]))
    accumulators = taps**0.5 * 74 * 74  # standard deviation
    spread = draw(st.sampled_from([50, 50, 50, 50, 1000, 2]))
    scales = spread * output_scale / INPUT_SCALE / accumulators * 2 ** random.uniform(-1, 1, channels)
    powers = 2.0 ** np.round(np.log2(scales))
    bias = draw(st.sampled_from([0, *[int(accumulators)] * 5, 1 << 26]))
    return {
        "weight_scales": powers if draw(st.booleans()) else scales,
        "bias": random.integers(-bias, bias + 1, channels).astype(np.int32),
        "scale": output_scale,
        "zero_point": draw(ZERO_POINTS),
    }


@st.composite
def pointwise(draw: st.DrawFn, kernel: Kernel, multiple: int = 1) -> tuple[Input, Layer]:
    """A 1×1 convolution or a fully connected layer."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    in_channels, out_channels = multiple * draw(st.integers(1, max(1, 48 // multiple))), draw(st.integers(1, 20))
    weights = fill(draw(FILLS), random, (out_channels, in_channels))
    if kernel.pattern == TWO_OF_FOUR:
        weights = sparse(weights, random)
    fields = draw(weighted_fields(random, in_channels, out_channels))
    source = Input((in_channels,), INPUT_SCALE, draw(ZERO_POINTS))
    if draw(st.booleans()):
        rows = draw(st.integers(1, 9))
        return replace(source, shape=(rows, in_channels) if rows > 1 else (in_channels,)), Dense(
            weights=weights, **fields
        )
    source = replace(source, shape=(draw(st.integers(1, 5)), draw(st.integers(2, 5)), in_channels))
    return source, Conv(weights=weights[:, None, None, :], **fields)


@st.composite
def slide(draw: st.DrawFn, pool: bool = False) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any]]:
    """(map height and width, kernel height and width, the rest), with at least one output."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, dilation = draw(pair), (1, 1) if pool else draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    least = [(k - 1) * d + 1 if padding == "VALID" else 1 for k, d in zip(kernel, dilation, strict=True)]
    height, width = (draw(st.integers(size, size + 5)) for size in least)
    return (height, width), kernel, {"stride": draw(pair), "dilation": dilation, "padding": padding}


@st.composite
def conv_2d(draw: st.DrawFn, kernel: Kernel) -> tuple[Input, Layer]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, window, rest = draw(slide())
    in_channels, out_channels = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    weights = fill(draw(FILLS), random, (out_channels, *window, in_channels))
    if kernel.pattern == TWO_OF_FOUR:
        weights = sparse(weights, random)
    fields = draw(weighted_fields(random, weights[0].size, out_channels))
    return Input((*size, in_channels), INPUT_SCALE, draw(ZERO_POINTS)), Conv(weights=weights, **fields, **rest)


@st.composite
def depthwise_2d(draw: st.DrawFn, _: Kernel) -> tuple[Input, Layer]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, window, rest = draw(slide())
    in_channels = draw(st.integers(1, 9))
    out_channels = in_channels * draw(st.integers(1, 3))
    weights = fill(draw(FILLS), random, (*window, out_channels))
    fields = draw(weighted_fields(random, weights[..., 0].size, out_channels))
    return Input((*size, in_channels), INPUT_SCALE, draw(ZERO_POINTS)), Depthwise(weights=weights, **fields, **rest)


@st.composite
def depthwise_3x3(draw: st.DrawFn, _: Kernel, multiple: int = 1) -> tuple[Input, Layer]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    (height, width), _window, rest = draw(slide())
    height, width = (size + 2 * dilation for size, dilation in zip((height, width), rest["dilation"], strict=True))
    channels = multiple * draw(st.integers(1, max(2, 9 // multiple)))
    weights = fill(draw(FILLS), random, (3, 3, channels))
    fields = draw(weighted_fields(random, 9, channels))
    return Input((height, width, channels), INPUT_SCALE, draw(ZERO_POINTS)), Depthwise(
        weights=weights, **fields, **rest
    )


@st.composite
def average_pool(draw: st.DrawFn, _: Kernel) -> tuple[Input, Layer]:
    size, window, rest = draw(slide(pool=True))
    return Input((*size, draw(st.integers(1, 9))), INPUT_SCALE, draw(ZERO_POINTS)), Pool(kernel=window, **rest)


@st.composite
def softmax(draw: st.DrawFn, _: Kernel) -> tuple[Input, Layer]:
    depth = draw(st.integers(1, 20) | st.sampled_from([reference.MAX_SOFTMAX_DEPTH]))
    scale = draw(st.floats(0.01, 0.1) | st.sampled_from([2.0**-10, 0.0625, 1.0, 30.0]))
    rows = draw(st.integers(1, 3))
    shape = (rows, depth) if rows > 1 else (depth,)
    return Input(shape, scale, draw(ZERO_POINTS)), Soft(beta=draw(st.sampled_from([1.0, 0.5, 2.0])))


@st.composite
def quantize(draw: st.DrawFn, _: Kernel) -> tuple[Input, Layer]:
    shape = (draw(st.integers(1, 40)),)
    scales = st.floats(1e-3, 10) | st.sampled_from([0.1, 0.5, 1.0])
    source = Input(shape, draw(scales), draw(ZERO_POINTS))
    return source, Rescale(scale=draw(scales), zero_point=draw(ZERO_POINTS))


#: Kernel → strategy for (input, layer).
CASES = {
    "tp_conv_1x1_s8_sp24_dsp": lambda kernel: pointwise(kernel, multiple=4),
    "tp_conv_1x1_s8_sp24_c": lambda kernel: pointwise(kernel, multiple=8),
    "tp_conv_2d_s8_sp24_c": conv_2d,
    "tp_conv_2d_s8_sp24x4_c": conv_2d,
    "tp_conv_1x1_s8_dense_c": pointwise,
    "tp_conv_2d_s8_dense_c": conv_2d,
    "tp_depthwise_2d_s8_dense_c": depthwise_2d,
    "tp_depthwise_3x3_s8_dense_c": depthwise_3x3,
    "tp_conv_1x1_s8_quads_dsp": pointwise,
    "tp_depthwise_3x3_s8_quads_dsp": lambda kernel: depthwise_3x3(kernel, multiple=4),
    "tp_average_pool_s8_dense_c": average_pool,
    "tp_softmax_s8_dense_c": softmax,
    "tp_quantize_s8_dense_c": quantize,
}


@st.composite
def operator_and_input(draw: st.DrawFn, kernel: Kernel) -> tuple[Op, Int8]:
    """An operator that the kernel accepts, and one input for it; clamped anyhow."""
    source, layer = draw(CASES[kernel.name](kernel))
    op = graph(source, [layer]).ops[0]
    if not isinstance(op, Softmax | Quantize) and draw(st.sampled_from([False, False, True])):
        low, high = sorted((draw(st.integers(-128, 127)), draw(st.integers(-128, 127))))
        op = replace(op, activation_min=low, activation_max=high)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return op, fill(draw(FILLS), random, (1, *op.input.shape))


def run_kernel(library: Library, kernel: Kernel, op: Op, x: Int8) -> Int8:
    """The kernel's output `[1, *output shape]` for one input; output and scratch are poisoned beforehand."""
    y = np.full((1, *op.output.shape), POISON, np.uint8).view(np.int8)
    constants = [np.array(list(kernels.parameters(op).values()), np.int32), x]
    scratch = []
    if isinstance(op, Weighted):
        assert kernel.pack is not None
        numbers = [] if kernel.name == "tp_depthwise_3x3_s8_quads_dsp" else [kernels.channels(op)]  # in its weights
        constants[1:1] = [kernel.pack(op), *numbers]
        scratch = [np.full(kernel.scratch_bytes(op), POISON, np.uint8)]
    for array in constants:
        array.setflags(write=False)
    library.call(kernel.name, [*constants, y, *scratch])
    return y
