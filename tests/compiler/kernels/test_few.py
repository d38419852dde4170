"""Convolutions of few taps: where runs of pixels, kernels and their rows begin and end."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.compiler.kernels import harness
from tests.compiler.kernels.cases import PLAIN, check, fill
from tests.compiler.kernels.harness import Library
from tests.compiler.kernels.test_kernels import BACKENDS
from tests.tflite_models import Conv, Input, graph
from tinyprune.compiler.operators.conv_2d import Conv2D

FEW = PLAIN["tp_conv_2d_s8_few_dsp"]


@pytest.fixture(scope="module", params=BACKENDS[:3])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    started = harness.start(request.param, tmp_path_factory)
    yield started
    started.close()


def layer(size: tuple[int, int], kernel: tuple[int, int, int], stride: int = 1, channels: int = 3) -> Conv2D:
    """Channel 1 has no weights."""
    weights = fill("random", np.random.default_rng(sum(size)), (channels, *kernel))
    weights[1:2] = 0
    conv = Conv(
        weights=weights, weight_scales=[0.002] * channels, scale=0.1, zero_point=-128, activation="RELU",
        stride=(stride, stride), padding="SAME",
    )  # fmt: skip
    op = graph(Input((*size, kernel[2]), 0.05, 7), [conv]).ops[0]
    assert isinstance(op, Conv2D)
    return op


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [
        ((5, 8), (1, 1, 8), 1), ((3, 11), (1, 1, 8), 1), ((4, 70), (1, 1, 8), 2), ((9, 1), (1, 8, 1), 1),
        ((3, 33), (2, 2, 2), 1), ((6, 5), (2, 1, 4), 2), ((1, 1), (3, 3, 1), 1), ((7, 32), (3, 3, 1), 1),
        ((5, 66), (3, 3, 1), 2), ((12, 2), (3, 3, 1), 3),
    ],
)  # fmt: skip
def test_any_size(
    library: Library, size: tuple[int, int], kernel: tuple[int, int, int], stride: int, channels: int
) -> None:
    op = layer(size, kernel, stride, channels)
    assert FEW.accepts(op)
    check(library, FEW, op, fill("random", np.random.default_rng(0), (1, *op.input.shape)))


@pytest.mark.parametrize("kernel", [(1, 1, 7), (2, 2, 1), (3, 1, 3), (3, 3, 2), (4, 1, 2), (1, 1, 9)])
def test_other_kernels_are_left_to_others(kernel: tuple[int, int, int]) -> None:
    assert not FEW.accepts(layer((9, 9), kernel))
