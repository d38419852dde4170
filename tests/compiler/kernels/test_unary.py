"""Kernels of one operand at their extremes, and with the output over the input."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from tests import operator_files
from tests.compiler.kernels import harness
from tests.compiler.kernels.cases import PLAIN, check, draws
from tests.compiler.kernels.harness import Library
from tests.compiler.kernels.test_kernels import BACKENDS
from tinyprune.compiler import oracle, reference
from tinyprune.compiler.graph import Activation
from tinyprune.compiler.kernels import NOWHERE, Constant, Struct
from tinyprune.compiler.operators import softmax
from tinyprune.compiler.operators.l2_normalization import L2Normalization
from tinyprune.compiler.operators.log_softmax import LogSoftmax
from tinyprune.compiler.operators.relu import Relu
from tinyprune.compiler.operators.softmax import Softmax


@pytest.fixture(scope="module", params=BACKENDS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    started = harness.start(str(request.param), tmp_path_factory)
    yield started
    started.close()


def source(shape: tuple[int, ...], scale: float = 0.1, zero_point: int = 0) -> Activation:
    return Activation(0, "x", shape, np.float32(scale), zero_point)


def test_a_table_of_any_count(library: Library) -> None:
    for count in (*range(1, 10), 256):
        target = Activation(1, "y", (count,), np.float32(0.1), -128)
        op = Relu("relu", source((count,)), target)
        every = np.arange(256, dtype=np.uint8).view(np.int8)
        check(library, PLAIN["tp_lookup_s8_dense_c"], op, every[None, -count:])


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_vectors_of_extreme_length(library: Library, zero_point: int) -> None:
    """Of nothing but zero; with a sum of squares of 1, 2, …; the longest of all."""
    kernel = PLAIN["tp_l2_normalization_s8_dense_c"]
    near = np.clip(np.arange(-4, 5) + zero_point, -128, 127)
    rows = np.stack(np.meshgrid(near, near, near), axis=-1).reshape(1, -1, 3).astype(np.int8)
    for x in (rows, *(np.full((1, 1, 1 << 15), value, np.int8) for value in (-128, zero_point, 127))):
        shape = x.shape[1:]
        target = Activation(1, "y", shape, np.float32(1 / 128), 0)
        check(library, kernel, L2Normalization("l2", source(shape, 0.1, zero_point), target), x)


@pytest.mark.parametrize("scale", [2.0**-25, 0.01, 0.1, 0.7, 30.0, 2.0**30])
def test_log_softmax_of_many_and_of_every_difference(library: Library, scale: float) -> None:
    """The most equal values that there may be; two values with every difference; a sum that grows one by one."""
    kernel, every = PLAIN["tp_log_softmax_s8_dense_c"], np.arange(-128, 128).astype(np.int8)
    pairs = np.stack([np.full(256, 127, np.int8), every], axis=1)
    growing = np.where(np.tri(60, dtype=bool), 127, np.arange(60)[:, None] * 4 - 128).astype(np.int8)
    most = np.zeros((1, 4095), np.int8)
    for x in (pairs, growing, most):
        target = Activation(1, "y", x.shape, np.float32(1 / 16), 127)
        check(library, kernel, LogSoftmax("log", source(x.shape, scale), target), x[None])


IN_PLACE = {
    "tp_l2_normalization_s8_dense_c": "test_in_place_l2_normalization",
    "tp_log_softmax_s8_dense_c": "test_in_place_log_softmax",
    "tp_lookup_s8_dense_c": "test_in_place_lookup",
    "tp_softmax_s8_dense_c": "test_in_place_softmax",
    "tp_softmax_s8_table_c": "test_in_place_softmax_table",
    "tp_softmax_s8_twice_c": "test_in_place_softmax_twice",
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_the_output_may_be_the_input(library: Library, name: str) -> None:
    kernel = PLAIN[name]
    for op, operands in draws(kernel, 20, "in place"):
        (place,) = kernel.in_place(op)
        (wanted,) = reference.run_op(op, *operands)
        constants = []
        for argument in kernel.arguments(op, NOWHERE):
            if isinstance(argument, Struct):
                constants.append(np.array(list(argument.fields.values()), np.int32))
            elif isinstance(argument, Constant):
                constants.append(np.array(argument.values))
        found = np.array(operands[place]).reshape(-1)
        scratch = [np.zeros(kernel.scratch_bytes(op), np.uint8)] if kernel.scratch_bytes(op) else []
        library.call(IN_PLACE[name], [*constants, found, *scratch])
        np.testing.assert_array_equal(found, wanted.reshape(-1))


@pytest.mark.parametrize("scale", [2.0**-25, 0.01, 0.1, 0.7, 30.0, 2.0**30])
@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        (("tp_softmax_s8_dense_c", "tp_softmax_s8_twice_c"), "int8"),
        (("tp_softmax_s8_to_s16_c", "tp_softmax_s8_to_s16_twice_c"), "int16"),
    ],
)
def test_softmax_of_many_and_of_every_difference(
    library: Library, names: Iterable[str], dtype: str, scale: float
) -> None:
    """Two values with every difference; the most equal values that these kernels take, and as many different ones."""
    pairs = np.stack([np.full(256, 127, np.int8), np.arange(-128, 128).astype(np.int8)], axis=1)
    most = np.stack([np.zeros(511), np.arange(511) % 256 - 128]).astype(np.int8)
    for x in (pairs, most):
        bits, low = 8 * np.dtype(dtype).itemsize, np.iinfo(dtype).min
        target = Activation(1, "y", x.shape, np.float32(2.0**-bits), int(low), dtype=dtype)
        for name in names:
            check(library, PLAIN[name], Softmax("softmax", source(x.shape, scale), target, 1.0), x[None])


def test_softmax_of_more_values_than_tflite_micro_is_sure_of(library: Library) -> None:
    """Sums below, at and above 2^9, the most values that there may be."""
    random = np.random.default_rng(5)
    for depth in (511, 512, 513, 1000, 4095):
        x = np.stack([np.zeros(depth), random.integers(-128, 128, depth), np.arange(depth) % 256 - 128]).astype(np.int8)
        target = Activation(1, "y", x.shape, np.float32(1 / 256), -128)
        for scale in (0.0005, 0.05):
            op = Softmax("softmax", source(x.shape, scale), target, 1.0)
            check(library, PLAIN["tp_softmax_s8_table_c"], op, x[None])


@pytest.mark.tflm
def test_softmax_of_many_values_as_tflite_micro() -> None:
    depth = 1000
    target = Activation(1, "y", (depth,), np.float32(1 / 256), -128)
    op = Softmax("softmax", source((depth,), 0.1), target, 1.0)
    inputs = np.random.default_rng(6).integers(-128, 128, (40, depth)).astype(np.int8)
    wanted = oracle.infer(operator_files.file_of([op], [op.input], [op.output]), inputs)
    np.testing.assert_array_equal(softmax.infer(op, inputs), wanted)
