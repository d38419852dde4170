"""Every kernel against the reference: on this PC under sanitizers, and as Cortex-M4 code in an emulator."""

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import harness
from tests.compiler.kernels.cases import ANYWHERE, FILLS, PLAIN, POISON, check, draws, fill, run_kernel, sparse
from tests.compiler.kernels.harness import RUNTIME, ZIG, Host, Library
from tests.tflite_models import Conv, Dense, Input, Soft, graph, model
from tinyprune.compiler import fixed_point, kernels
from tinyprune.compiler.kernels import KERNELS, Kernel, five_wide, layer_fields
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.reader import read

BACKENDS = [
    pytest.param("host", marks=pytest.mark.compiler),
    pytest.param("arm-gcc", marks=[pytest.mark.compiler, pytest.mark.emulator]),
    pytest.param("arm-zig", marks=[pytest.mark.compiler, pytest.mark.emulator]),
    pytest.param("m0-gcc", marks=[pytest.mark.compiler, pytest.mark.emulator]),
    pytest.param("m0-zig", marks=[pytest.mark.compiler, pytest.mark.emulator]),
]
#: As many different ones for each back end.
EXAMPLES = pytest.mark.parametrize("examples", [50, pytest.param(200, marks=pytest.mark.slow)])


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def library(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    started = harness.start(backend, tmp_path_factory)
    yield started
    started.close()


def test_every_row_has_a_source_and_every_source_a_row() -> None:
    sources = {path.stem: path.read_text() for path in (RUNTIME / "src").glob("*.c")}
    names = {kernel.name for kernel in (*KERNELS, *five_wide.RELAYOUTS.values())}
    assert names <= set(sources)
    for part in set(sources) - names:
        assert any(part in text for name, text in sources.items() if name != part), f"nothing calls {part}"


@pytest.mark.parametrize("kernel", PLAIN.values(), ids=lambda kernel: kernel.name)
@EXAMPLES
def test_equals_reference(library: Library, backend: str, kernel: Kernel, examples: int) -> None:
    if backend.startswith("m0") and kernel.isa != "c" and kernel.name not in ANYWHERE:
        return  # not made for this core
    for op, operands in draws(kernel, examples, backend):
        check(library, kernel, op, *operands)


@pytest.mark.parametrize("name", [name for name in PLAIN if "1x1" in name])
@pytest.mark.parametrize("weight_fill", FILLS)
def test_the_pointwise_layers_of_ds_cnn(library: Library, name: str, weight_fill: str) -> None:
    """64 → 64 channels over 125 pixels (a group of one at the end) or few, all extremes against all extremes."""
    kernel, random = PLAIN[name], np.random.default_rng(1)
    weights = sparse(fill(weight_fill, random, (64, 1, 1, 64)), random)
    layer = Conv(weights=weights, weight_scales=[0.002] * 64, scale=0.5, zero_point=-128, activation="RELU")
    maps = ((25, 5, 64), (1, 3, 64))  # few pixels for a kernel that leaves many to others
    ops = [graph(Input(shape, 0.05, -128), [layer]).ops[0] for shape in maps]
    op = next(op for op in ops if kernel.accepts(op))
    for input_fill in FILLS:
        x = fill(input_fill, random, (1, *op.input.shape))
        check(library, kernel, op, x)


@pytest.mark.parametrize("pixels", range(1, 10))
def test_dsp_kernel_on_any_number_of_pixels(library: Library, pixels: int) -> None:
    """Lowering prefers the portable kernel below four, but the contract does not ask for them."""
    random = np.random.default_rng(pixels)
    weights = sparse(fill("random", random, (3, 20)), random)
    op = graph(Input((pixels, 20), 0.05, 3), [Dense(weights=weights, weight_scales=[0.003, 0.002, 0.001])]).ops[0]
    x = fill("random", random, (1, pixels, 20))
    kernel = PLAIN["tp_conv_1x1_s8_sp24_dsp"]
    check(library, kernel, op, x)


@pytest.mark.parametrize("name", ["tp_softmax_s8_dense_c", "tp_softmax_s8_table_c"])
@pytest.mark.parametrize("scale", [0.02, 0.05, 0.1])
def test_softmax_of_many_rows(library: Library, scale: float, name: str) -> None:
    """Enough probabilities that some lie near the edge of two outputs, where a less exact reciprocal would show."""
    op = graph(Input((1500, 3), scale), [Soft()]).ops[0]
    x = np.random.default_rng(2).integers(-40, 40, (1, 1500, 3)).astype(np.int8)
    check(library, PLAIN[name], op, x)


def ties(shift: int) -> tuple[np.ndarray, np.ndarray]:
    """(accumulators, multipliers) that the first rounding or the second cuts exactly in half, and their neighbours."""
    accumulators, multipliers = [], []
    odd = np.concatenate([np.arange(-129, 130, 2), np.arange(-(1 << 29) + 1, 1 << 29, (1 << 24) + 2)])
    for zeros in range(31):  # of the multiplier, in binary, at its end: acc · m is an odd multiple of 2^30
        multiplier = (1 << 30) + (1 << zeros) if zeros < 30 else 1 << 30
        acc = odd * (1 << (30 - zeros))
        accumulators.append(acc[np.abs(acc) < 1 << 30])
        multipliers.append(np.full(len(accumulators[-1]), multiplier))
    half = odd * (1 << (-shift - 1)) if shift < 0 else odd  # after the first rounding: an odd multiple of half
    for multiplier in (1 << 30, 3 << 29, (1 << 31) - 1):
        acc = np.round(half * (2.0**31 / multiplier)).astype(np.int64)
        accumulators.append(acc[np.abs(acc) < 1 << 30])
        multipliers.append(np.full(len(accumulators[-1]), multiplier))
    acc, multiplier = np.concatenate(accumulators), np.concatenate(multipliers)
    around = np.concatenate([acc - 1, acc, acc + 1])
    return around.clip(-(1 << 30) + 1, (1 << 30) - 1).astype(np.int32), np.tile(multiplier, 3).astype(np.int32)


@pytest.mark.parametrize("shift", range(-31, 8))
def test_requantize_on_every_kind_of_tie(library: Library, shift: int) -> None:
    acc, multiplier = ties(shift)
    y, shifts = np.zeros_like(acc), np.full_like(acc, shift)
    library.call("test_requantize", [np.array([len(acc)], np.int32), acc, multiplier, shifts, y])
    np.testing.assert_array_equal(y, fixed_point.multiply_by_quantized_multiplier(acc, multiplier, shift))


def test_doubling_high_mul_from_halves(library: Library) -> None:
    extremes = np.array([-(1 << 31), 1 - (1 << 31), -65537, -65536, -1, 0, 1, 32767, 65535, 65536, (1 << 31) - 1])
    a, b = (part.ravel()[1:] for part in np.meshgrid(extremes, extremes))  # all but the lowest by the lowest
    random = np.random.default_rng(0)
    a, b = (np.concatenate([part, random.integers(-(1 << 31), 1 << 31, 20000)]) for part in (a, b))
    y = np.zeros((len(a), 2), np.int32)
    library.call("test_doubling_high_mul", [np.array([len(a)], np.int32), a.astype(np.int32), b.astype(np.int32), y])
    np.testing.assert_array_equal(y, np.repeat((a * b + (1 << 30) >> 31)[:, None], 2, axis=1))


@pytest.mark.parametrize("least", [-128, -127])
@pytest.mark.parametrize("reach", [8, 17, 19, 20, 21, 27, 28, 30])
def test_outputs_that_share_what_can_be_prepared(library: Library, reach: int, least: int) -> None:
    """As one by one: any shift and zero point, accumulators within and beyond what the fast way takes."""
    random = np.random.default_rng(reach)
    count = 2000
    shifts, multipliers = random.integers(-31, 3, count), random.integers(0, 1 << 31, count)
    bias = random.integers(-(1 << reach), 1 << reach, count)
    acc = bias[:, None] + random.integers(-(1 << reach), 1 << reach, (count, 4))
    for zero_point in (-128, 3, 127):
        quantized = {"output_zero_point": zero_point, "activation_min": least, "activation_max": 127}
        layer = np.array([quantized.get(field, 0) for field in kernels.LAYER_FIELDS], np.int32)
        y = np.zeros((count, 2, 4), np.int8)
        channels = np.stack([bias, multipliers, shifts], axis=1).astype(np.int32)
        taps = np.array([-(-(1 << reach) >> 14)], np.int32)
        arrays = [np.array([count], np.int32), layer, channels, acc.astype(np.int32), taps, y]
        library.call("test_put_several", arrays)
        np.testing.assert_array_equal(y[:, 0], y[:, 1])


@functools.cache
def ties_of_fast_rounding(shift: int, zero_point: int) -> tuple[np.ndarray, np.ndarray]:
    """Those on which the kernels' own rounding is right."""
    acc, multiplier = ties(shift)
    fits = np.array([fixed_point.fast_rounding_is_exact(abs(int(a)), shift, zero_point) for a in acc])
    return acc[fits], multiplier[fits]


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
@pytest.mark.parametrize("shift", range(-30, 0))
def test_fast_requantize_on_every_kind_of_tie(library: Library, shift: int, zero_point: int) -> None:
    acc, multiplier = ties_of_fast_rounding(shift, zero_point)
    assert len(acc) > 1000 or shift < -22
    y, shifts, zero_points = np.zeros_like(acc), np.full_like(acc, shift), np.full_like(acc, zero_point)
    library.call("test_requantize_fast", [np.array([len(acc)], np.int32), acc, multiplier, shifts, zero_points, y])
    exact = fixed_point.multiply_by_quantized_multiplier(acc, multiplier, shift)
    np.testing.assert_array_equal(y, exact + zero_point)


@pytest.mark.parametrize("name", ["tp_conv_1x1_s8_sp24_dsp", "tp_conv_1x1_s8_dense_c"])
def test_layers_round_ties_as_the_reference(library: Library, name: str) -> None:
    """With powers of two for scales, every second accumulator is a tie of the first rounding, many of the second."""
    kernel = PLAIN[name]
    bias = np.arange(-1200, 1200, dtype=np.int32)
    layer = Dense(weights=np.zeros((len(bias), 4), np.int8), bias=bias, weight_scales=(0.25,), scale=2.0)
    op = graph(Input((4, 4), 1.0, 0), [layer]).ops[0]
    assert kernel.accepts(op)
    x = np.zeros((1, 4, 4), np.int8)
    check(library, kernel, op, x)
    (y,) = run_kernel(library, kernel, op, x)
    away_from_zero = np.trunc(bias / 8 + np.copysign(0.5, bias))
    assert (y[0, 0] != np.clip(away_from_zero, -128, 127)).any()  # rounded twice is not rounded once


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=64))
@example([0x7FFF7FFF, 0x80008000, 0x807F807F, 0x7F807F80, 0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_dsp_instructions(library: Library, words: list[int]) -> None:
    a = np.array(words, np.uint32)
    b = np.roll(a, 1) & np.uint32(0x7FFF7FFF)
    y = np.zeros((len(a), 25), np.uint32)
    library.call("test_dsp", [np.array([len(a)], np.int32), a, b, y])
    expected = [dsp_instructions(int(p), int(q)) for p, q in zip(a, b, strict=True)]
    np.testing.assert_array_equal(y.astype(np.int64), expected)


def dsp_instructions(a: int, b: int) -> list[int]:
    """What the Armv7-M reference manual says of each instruction, with Python's integers."""

    def signed(value: int, bits: int) -> int:
        value &= (1 << bits) - 1
        return value - (1 << bits) if value >> (bits - 1) else value

    def pair(low: int, high: int) -> int:
        return (low & 0xFFFF) | (high & 0xFFFF) << 16

    bytes_of_a = [a >> 8 * i & 0xFF for i in range(4)]
    extended = [signed(byte, 8) for byte in bytes_of_a]
    words = [
        signed(a, 16) * signed(b, 16) + signed(a >> 16, 16) * signed(b >> 16, 16) + 1,
        pair(extended[0], extended[2]),
        pair(extended[1], extended[3]),
        pair(a, b),
        pair(a, b >> 16),
        pair(a >> 16, b >> 16),
        (signed(a, 32) * signed(b, 32) + (1 << 31)) >> 32,
        ((signed(a, 32) * signed(b, 32) + (1 << 31)) >> 32) + 1,
        min(max(signed(a, 32), -128), 127),
        min(max(signed(a, 32), -32768), 32767),
        min(max(signed(a, 32) >> 21, -128), 127),
        (signed(a, 32) * signed(b, 16) >> 16) + 1,
        (signed(a, 32) * signed(b >> 16, 16) >> 16) + 1,
        sum((part & 0xFF) << 8 * i for i, part in enumerate((a, b, a >> 8, b >> 8))),
        *(
            sum((choose(signed(a >> 8 * i, 8), signed(b >> 8 * i, 8)) & 0xFF) << 8 * i for i in range(4))
            for choose in (min, max)
        ),
        *(signed(a >> i, 16) * signed(b >> j, 16) + 1 for i in (0, 16) for j in (0, 16)),
        min(max(signed(a, 32), -(b >> 8)), b >> 4),
    ]
    return [word & 0xFFFFFFFF for word in words] + bytes_of_a


@pytest.mark.compiler
@pytest.mark.parametrize("sanitized", ["gcc or clang", "zig"])
def test_the_harness_catches_an_overrun(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, sanitized: str
) -> None:
    if sanitized == "zig":
        Host.compile(tmp_path, [*ZIG, "-O1"])
        host = Host(tmp_path)
    else:
        host = Host(harness.once(tmp_path_factory, "kernels-host", Host.compile))
    a = np.zeros(4, np.uint32)
    with pytest.raises(AssertionError, match="ended the process"):
        host.call("test_dsp", [np.array([5], np.int32), a, a.copy(), np.zeros((5, 25), np.uint32)])
    host.call("test_dsp", [np.array([4], np.int32), a, a.copy(), np.zeros((4, 25), np.uint32)])
    host.close()


@pytest.mark.parametrize("dense", [True, False])
def test_one_scale_for_the_layer_serves_every_channel(dense: bool) -> None:
    weights = np.ones((3, 4), np.int8) if dense else np.ones((3, 1, 1, 4), np.int8)
    layer = (Dense if dense else Conv)(weights=weights, weight_scales=[0.01])
    source = Input((2, 2, 4))
    for op in (graph(source, [layer]).ops[0], read(model(source, [layer])).ops[0]):
        assert isinstance(op, Weighted)
        packed = kernels.channels(op)
        assert packed.shape == (3, 3)
        each = graph(source, [replace(layer, weight_scales=[0.01] * 3)]).ops[0]
        assert isinstance(each, Weighted)
        np.testing.assert_array_equal(packed, kernels.channels(each))


def test_a_function_that_never_returns_is_ended(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "TIMEOUT_S", 1)
    with pytest.raises(AssertionError, match=r"did not return|took more than 1 s"):
        library.call("test_never_returns", [np.array([1], np.int32)])
    library.call("test_never_returns", [np.array([0], np.int32)])


@pytest.mark.parametrize("name", ["tp_conv_1x1_s8_sp24_dsp", "tp_conv_2d_s8_sp24_c"])
def test_no_scratch_is_read_before_it_is_written(library: Library, name: str) -> None:
    """What the last record reads beyond the taps has weights 0, so outputs cannot tell; poison must not stand there."""
    kernel, random = PLAIN[name], np.random.default_rng(5)
    layer = Dense(weights=sparse(fill("random", random, (3, 20)), random), weight_scales=[0.002])
    op = graph(Input((5, 20), 0.05, 3), [layer]).ops[0]
    assert kernel.accepts(op)
    assert kernel.pack is not None
    constants = [np.array(list(layer_fields(op).values()), np.int32), kernel.pack(op), kernels.channels(op)]
    scratch = np.full(kernel.scratch_bytes(op), POISON, np.uint8)
    y = np.zeros(op.output.shape, np.int8)
    library.call(kernel.name, [*constants, np.ones(op.input.shape, np.int8), y, scratch])
    assert not (scratch == POISON).any()


def test_dsp_kernel_is_refused_where_fast_rounding_is_not_exact() -> None:
    layer = Dense(weights=np.full((2, 16), 0, np.int8), weight_scales=(1.0,), scale=0.5)
    op = graph(Input((4, 16), 1.0, 0), [layer]).ops[0]
    assert isinstance(op, FullyConnected)
    assert not PLAIN["tp_conv_1x1_s8_sp24_dsp"].accepts(op)
    small = replace(op, output=replace(op.output, scale=np.float32(8.0)))
    assert PLAIN["tp_conv_1x1_s8_sp24_dsp"].accepts(small)
    assert kernels.max_accumulator(small) == 0
