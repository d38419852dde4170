"""Kernels that go over maps in pieces, where their bands, strips, tiles and channels begin and end."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.compiler.kernels import harness
from tests.compiler.kernels.cases import PLAIN, check, fill, sparse
from tests.compiler.kernels.harness import Library
from tests.compiler.kernels.test_kernels import BACKENDS
from tests.tflite_models import Conv, Input, graph
from tinyprune.compiler.graph import Activation
from tinyprune.compiler.kernels import planes, quads
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.window import Window

FEW, FEW_PAIRS = (PLAIN[f"tp_conv_2d_s8_{name}_dsp"] for name in ("few", "few_pairs"))
THREE, ANY = (PLAIN[f"tp_depthwise_{kernel}_s8_planes_dsp"] for kernel in ("3x3", "2d"))


@pytest.fixture(scope="module", params=BACKENDS[:3])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    started = harness.start(request.param, tmp_path_factory)
    yield started
    started.close()


def layer(
    size: tuple[int, int, int],
    window: Window,
    multiplier: int = 1,
    zero_point: int = -128,
    clamp: tuple[int, int] = (-128, 127),
) -> DepthwiseConv2D:
    """Padding on both sides; channel 1 has no weights, channel 2 is out of the fast rounding's reach."""
    random = np.random.default_rng(sum(size))
    channels = size[2] * multiplier
    reaches = [(window.kernel[n] - 1) * window.dilation[n] + 1 for n in (0, 1)]
    out = [(size[n] + 2 * window.padding[n] - reaches[n]) // window.stride[n] + 1 for n in (0, 1)]
    weights = fill("random", random, (*window.kernel, channels))
    bias = random.integers(-5000, 5000, channels).astype(np.int32)
    scales = np.full(channels, 0.02 / weights[..., 0].size ** 0.5, np.float32)
    weights[..., 1:2], bias[1:2], bias[2:3], scales[2:3] = 0, 1 << 30, 1 << 30, 1e-6
    source = Activation(0, "x", size, np.float32(0.05), 7)
    output = Activation(1, "y", (*out, channels), np.float32(0.1), zero_point)
    return DepthwiseConv2D("depthwise", source, output, weights, scales, bias, *clamp, window)


def convolution(size: tuple[int, int], kernel: tuple[int, int, int], stride: int = 1, channels: int = 3) -> Conv2D:
    """Padding as SAME; channel 1 has no weights."""
    weights = fill("random", np.random.default_rng(sum(size)), (channels, *kernel))
    weights[1:2] = 0
    conv = Conv(
        weights=weights, weight_scales=[0.002] * channels, scale=0.1, zero_point=-128, activation="RELU",
        stride=(stride, stride), padding="SAME",
    )  # fmt: skip
    op = graph(Input((*size, kernel[2]), 0.05, 7), [conv]).ops[0]
    assert isinstance(op, Conv2D)
    return op


def window(
    kernel: tuple[int, int], stride: int = 1, padding: tuple[int, int] = (0, 0), dilation: tuple[int, int] = (1, 1)
) -> Window:
    return Window(kernel, (stride, stride), dilation, padding)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 11])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 4), (13, 10), (16, 5)])
def test_three_by_three(library: Library, size: tuple[int, int], stride: int, channels: int) -> None:
    op = layer((*size, channels), window((3, 3), stride, (1, 1)), zero_point=-128 if channels % 2 else 3)
    assert THREE.accepts(op)
    check(library, THREE, op, fill("random", np.random.default_rng(0), (1, *op.input.shape)))


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize(
    ("size", "slide"),
    [
        ((30, 1), window((3, 1))), ((24, 1), window((10, 1))), ((15, 1), window((15, 1))), ((1, 40), window((1, 5), 2)),
        ((19, 2), window((9, 1), 2, (4, 0))), ((9, 11), window((5, 5), 1, (2, 2))), ((8, 8), window((2, 2), 2)),
        ((14, 9), window((7, 7), 2, (3, 3))), ((9, 17), window((3, 4), 1, (2, 3), (2, 3))), ((5, 6), window((1, 1))),
        ((21, 3), window((5, 1), 1, (3, 0), (4, 1))),
    ],
)  # fmt: skip
def test_any_kernel(library: Library, size: tuple[int, int], slide: Window, multiplier: int) -> None:
    op = layer((*size, 6), slide, multiplier, 5, (-100, 90))
    assert ANY.accepts(op)
    check(library, ANY, op, fill("random", np.random.default_rng(0), (1, *op.input.shape)))


def test_one_channel_out_of_reach_is_marked_alone() -> None:
    op = layer((4, 4, 5), window((3, 3)))
    assert quads.inexact(op).tolist() == [False, False, True, False, False]
    assert planes.fields(op)["exact"] == 1
    words = planes.pack(planes.pack_kernel_3x3, op)
    assert (words[:, 6] == 0).tolist() == [False, False, True, False, False]


def test_strides_above_two_are_left_to_others() -> None:
    assert not ANY.accepts(layer((9, 9, 4), window((2, 2), 3)))
    assert not ANY.accepts(layer((9, 9, 4), window((2, 2), 2, (0, 0), (2, 2))))
    assert ANY.accepts(layer((9, 2, 4), window((2, 9), 3, (0, 4))))  # one column of outputs has no stride


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [
        ((5, 8), (1, 1, 8), 1), ((3, 19), (1, 1, 8), 1), ((4, 99), (1, 1, 8), 2), ((9, 1), (1, 8, 1), 1),
        ((3, 49), (2, 2, 2), 1), ((6, 5), (2, 1, 4), 2), ((1, 1), (3, 3, 1), 1), ((7, 48), (3, 3, 1), 1),
        ((5, 98), (3, 3, 1), 2), ((12, 2), (3, 3, 1), 3),
    ],
)  # fmt: skip
def test_few_taps(
    library: Library, size: tuple[int, int], kernel: tuple[int, int, int], stride: int, channels: int
) -> None:
    op, random = convolution(size, kernel, stride, channels), np.random.default_rng(0)
    assert FEW.accepts(op)
    check(library, FEW, op, fill("random", random, (1, *op.input.shape)))
    assert FEW_PAIRS.accepts(op) == (kernel != (3, 3, 1))
    if kernel != (3, 3, 1):
        op = replace(op, weights=sparse(op.weights, random))
        check(library, FEW_PAIRS, op, fill("random", random, (1, *op.input.shape)))


@pytest.mark.parametrize("kernel", [(1, 1, 7), (2, 2, 1), (3, 1, 3), (3, 3, 2), (4, 1, 2), (1, 1, 9)])
def test_other_kernels_of_few_taps_are_left_to_others(kernel: tuple[int, int, int]) -> None:
    assert not FEW.accepts(convolution((9, 9), kernel))


@pytest.mark.parametrize("channels", [4, 6])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [
        ((5, 9), (3, 3, 3), 1), ((8, 7), (2, 1, 1), 2), ((9, 12), (5, 5, 1), 2), ((6, 5), (2, 1, 5), 1),
        ((4, 8), (3, 7, 3), 1),
    ],
)  # fmt: skip
def test_rows_of_a_kernel_that_end_with_one_tap(
    library: Library, size: tuple[int, int], kernel: tuple[int, int, int], stride: int, channels: int
) -> None:
    op, twins = convolution(size, kernel, stride, channels), PLAIN["tp_conv_2d_s8_twins_dsp"]
    assert twins.accepts(op)
    check(library, twins, op, fill("random", np.random.default_rng(0), (1, *op.input.shape)))
    carries = replace(op, bias=np.array([1 << 30, *op.bias[1:]], np.int32))
    check(library, twins, carries, fill("random", np.random.default_rng(1), (1, *op.input.shape)))


@pytest.mark.parametrize("form", ["pairs", "duos", "duos_exact", "twins"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("size", "kernel"),
    [((3, 9), (3, 3, 4)), ((8, 6), (3, 3, 12)), ((6, 17), (3, 5, 8)), ((11, 5), (5, 3, 4)), ((7, 8), (2, 4, 16))],
)
def test_strips(library: Library, size: tuple[int, int], kernel: tuple[int, int, int], stride: int, form: str) -> None:
    op, strips = convolution(size, kernel, stride, 6), PLAIN[f"tp_conv_2d_s8_{form}_dsp"]
    assert strips.accepts(op)
    check(library, strips, op, fill("random", np.random.default_rng(0), (1, *op.input.shape)))
