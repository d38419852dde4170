"""The kernels of tp_kernels_dsp.h against the reference: on this PC under sanitizers, and as Cortex-M4 code."""

from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st

from tests.compiler.kernels import harness
from tests.compiler.kernels.cases import FILLS as FILLS_BY_NAME
from tests.compiler.kernels.cases import POISON, fill, sparse
from tests.compiler.kernels.harness import Library
from tests.tflite_models import Conv, Depthwise, Input, Layer, Pool, graph
from tinyprune.compiler import kernels, reference
from tinyprune.compiler.graph import Op
from tinyprune.compiler.kernels import FiveWide, Kernel, Struct, Wiring, depthwise_five, five_conv, five_wide, twins
from tinyprune.compiler.kernels.depthwise_five import from_planes, to_planes
from tinyprune.compiler.kernels.five_conv import Format
from tinyprune.compiler.sparsity import NM

Int8 = npt.NDArray[np.int8]

#: As many different ones for each back end.
EXAMPLES = pytest.mark.parametrize("examples", [20, pytest.param(60, marks=pytest.mark.slow)])
ROWS = st.integers(1, 7)
ZERO_POINTS = st.sampled_from([-128, 127, 0, -1, 1]) | st.integers(-128, 127)
FILLS = st.sampled_from([*["random"] * 8, *FILLS_BY_NAME])
BY_NAME = {kernel.name: kernel for kernel in (*five_wide.ROWS, *five_conv.ROWS, *twins.ROWS)}
FORMS = pytest.mark.parametrize("form", [*five_conv.FORMATS, twins.TWINS], ids=lambda form: form.name)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("host", marks=pytest.mark.compiler),
        pytest.param("arm-gcc", marks=[pytest.mark.compiler, pytest.mark.emulator]),
        pytest.param("arm-zig", marks=[pytest.mark.compiler, pytest.mark.emulator]),
    ],
)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def library(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    started = harness.start(backend, tmp_path_factory)
    yield started
    started.close()


def many(examples: int, salt: str, check: Callable[..., None], *given_to_it: Any) -> None:
    """Calls `check` with the arguments and a source of examples, which are others for each `salt`."""

    @seed(crc32(salt.encode()))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        check(*given_to_it, data)

    run()


@st.composite
def slide(draw: st.DrawFn, pool: bool = False) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any]]:
    """(map height and width, kernel height and width, the rest), with at least one output."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, dilation = draw(pair), (1, 1) if pool else draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    least = [(k - 1) * d + 1 if padding == "VALID" else 1 for k, d in zip(kernel, dilation, strict=True)]
    height, width = (draw(st.integers(size, size + 5)) for size in least)
    return (height, width), kernel, {"stride": draw(pair), "dilation": dilation, "padding": padding}


def relu_fields(random: np.random.Generator, taps: int, channels: int, spread: float = 1) -> dict[str, Any]:
    """Scales in the kernels' reach, TFLite's shifts of -4 to -10, which put sums anywhere between a few steps and far
    beyond int8; biases as large as the sums. Larger scales are for small weights. Without spread the scales are powers
    of two, which make ties. A channel of less scale may have sums so low that it is dead."""
    size = int(taps**0.5 * 127 * 70)
    powers = random.integers(random.choice([5, 5, 2]), 12, channels)
    bias = random.integers(-size, size + 1, channels).astype(np.int32)
    if random.random() < 0.3:
        powers[-1], bias[-1] = 12, -128 * 128 * taps
    return {
        "weight_scales": 0.2 * 2.0 ** (random.uniform(0, 1, channels) * spread - powers),
        "bias": bias,
        "scale": 0.02,
        "zero_point": -128,
        "activation": "RELU",
    }


def fields_for(form: Format, data: st.DataObject, random: np.random.Generator, weights: Int8) -> dict[str, Any]:
    """Of `exact` anything that a layer without ReLU may have. A channel may be dead, wherever its scale and bias lie;
    where channels can be carried, some may be out of reach, and the layer may clamp lower than to 127."""
    fields = relu_fields(random, weights[0].size, len(weights), data.draw(st.sampled_from([0, 1])))
    if data.draw(st.booleans()):
        weights[0] = 0
        fields["weight_scales"][0] *= 2.0 ** data.draw(st.integers(-20, 20))
        fields["bias"][0] = data.draw(st.sampled_from([0, 12345, 1 << 30, -(1 << 30)]))  # as quantizers clip it
    if form.carries and data.draw(st.booleans()):
        fields["weight_scales"] *= 2.0 ** random.choice([0, 0, -9, 3, 5, 12], len(weights))
    if form.carries and data.draw(st.booleans()):
        fields |= {"activation": "RELU6", "scale": data.draw(st.sampled_from([0.03, 0.1]))}
    if form.name in ("exact", "duos_exact", "twins") and data.draw(st.booleans()):
        fields |= {
            "activation": data.draw(st.sampled_from(["NONE", "RELU", "RELU6"])),
            "zero_point": data.draw(ZERO_POINTS),
            "scale": data.draw(st.sampled_from([0.02, 3.0])),
        }
    return fields


def pruned(data: st.DataObject, random: np.random.Generator, shape: tuple[int, ...], form: str = "pairs") -> Int8:
    """Weights that are dense, 2:4 or have zeros anywhere; for `sp14` 1:4, some groups being empty, for `duos` also 2:4
    in positions that channels share."""
    weights = fill(data.draw(FILLS), random, shape)
    if form == "sp14":
        groups = random.random((weights.size // 4, 4))
        kept = (groups == groups.max(axis=1, keepdims=True)) & (groups < data.draw(st.sampled_from([1, 0.8, 0])))
        return weights * kept.reshape(shape)
    if form.startswith("duos") and data.draw(st.booleans()):
        rows = random.random((shape[0], weights[0].size))
        return weights * NM(2, 4, data.draw(st.sampled_from([2, 4]))).mask(rows).reshape(shape)
    zeros = data.draw(st.sampled_from(["2:4", 0, 0.5, 0.75, 0.9, 1]))
    return sparse(weights, random) if zeros == "2:4" else weights * (random.random(shape) >= zeros)


def struct(op: Op) -> npt.NDArray[np.int32]:
    return np.array(list(kernels.layer_fields(op).values()), np.int32)


def pack(kernel: Kernel, op: Op) -> npt.NDArray[Any]:
    assert kernel.pack is not None
    return kernel.pack(op)


def words(count: int) -> npt.NDArray[np.uint8]:
    return np.full(-(-count // 4) * 4, POISON, np.uint8)


def planes(x: Int8, slots: int, first: int) -> Int8:
    """A five-wide map in which everything but the rows is poison."""
    inside = to_planes(np.ones_like(x), slots, first) == 1
    return np.where(inside, to_planes(x, slots, first), np.uint8(POISON).view(np.int8))


def constant(*arrays: npt.NDArray[Any]) -> None:
    for array in arrays:
        array.setflags(write=False)


def run_conv(library: Library, form: Format, op: Any, x: Int8, first: int | None) -> Int8:
    """`first` is the first slot of a five-wide output map; None asks for [height][width][channels]."""
    height, _, channels = op.output.shape
    slots = 0 if first is None else depthwise_five.slots(height, first)
    where = np.array([slots, first or 0], np.int32)
    y = np.full(op.output.shape if first is None else (channels, 5 * slots), POISON, np.uint8).view(np.int8)
    layer, weights = struct(op), five_conv.pack(form, op)
    constant(layer, where, weights, x)
    scratch = words(five_conv.scratch_bytes(form, op))
    library.call(f"tp_conv_2d_s8_{form.name}_dsp", [layer, where, weights, x, y, scratch])
    if first is None:
        return y
    y = y.copy()
    found = from_planes(y, height, first)
    np.testing.assert_array_equal(y, planes(found, slots, first))  # nothing else was written
    return found


@FORMS
@EXAMPLES
def test_conv(library: Library, backend: str, form: Format, examples: int) -> None:
    many(examples, f"{backend} conv {form.name}", conv, library, form)


def conv(library: Library, form: Format, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size, window, rest = data.draw(slide())
    in_channels, out_channels = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 9))
    if data.draw(st.booleans()):
        window, in_channels = (1, 1), 4 * in_channels
    in_channels += -in_channels % form.multiple
    out_channels = max(out_channels, form.together)
    weights = pruned(data, random, (out_channels, *window, in_channels), form.name)
    fields = fields_for(form, data, random, weights)
    op = graph(Input((*size, in_channels), 0.1, data.draw(ZERO_POINTS)), [Conv(weights=weights, **fields, **rest)]).ops[
        0
    ]
    assume(five_conv.accepts(form, op))
    x = fill(data.draw(FILLS), random, op.input.shape)
    first = data.draw(st.integers(1, 3)) if op.output.shape[1] == 5 else None
    np.testing.assert_array_equal(run_conv(library, form, op, x, first), reference.run_op(op, x[None])[0][0])


@FORMS
@EXAMPLES
def test_conv_of_a_row_of_five(library: Library, backend: str, form: Format, examples: int) -> None:
    many(examples, f"{backend} conv_of_a_row_of_five {form.name}", conv_of_a_row_of_five, library, form)


def conv_of_a_row_of_five(library: Library, form: Format, data: st.DataObject) -> None:
    """Every count of groups around the kernel's runs of 16."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    in_channels, out_channels = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 5))
    in_channels += -in_channels % form.multiple
    out_channels = max(out_channels, form.together)
    weights = pruned(data, random, (out_channels, 1, 1, in_channels), form.name)
    layer = Conv(weights=weights, **fields_for(form, data, random, weights))
    op = graph(Input((data.draw(ROWS), 5, in_channels), 0.1, data.draw(ZERO_POINTS)), [layer]).ops[0]
    assume(five_conv.accepts(form, op))
    x = fill(data.draw(FILLS), random, op.input.shape)
    found = run_conv(library, form, op, x, data.draw(st.sampled_from([None, 1, 2])))
    np.testing.assert_array_equal(found, reference.run_op(op, x[None])[0][0])


def depthwise_layer(data: st.DataObject, random: np.random.Generator, channels: int) -> Depthwise:
    weights = fill(data.draw(FILLS), random, (3, 3, channels))
    return Depthwise(weights=weights, padding="SAME", **relu_fields(random, 9, channels))


def channel_counts(multiple: int = 1) -> st.SearchStrategy[int]:
    counts = st.integers(1, 12) | st.sampled_from([16, 31, 32, 33, 36])
    return counts.map(lambda count: multiple * count)


@pytest.mark.parametrize("name", ["dense", "dense8"])
@EXAMPLES
def test_depthwise(library: Library, backend: str, name: str, examples: int) -> None:
    many(examples, f"{backend} depthwise {name}", depthwise, library, name)


def depthwise(library: Library, name: str, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    height, channels = data.draw(ROWS), data.draw(channel_counts(2) | channel_counts())
    op: Any = graph(
        Input((height, 5, channels), 0.1, data.draw(ZERO_POINTS)), [depthwise_layer(data, random, channels)]
    ).ops[0]
    assume(five_wide.accepts_depthwise(op))
    x, first = fill(data.draw(FILLS), random, op.input.shape), data.draw(st.integers(1, 3))
    slots = depthwise_five.slots(height, first)
    layer, where, weights = (
        struct(op),
        np.array([slots, first], np.int32),
        pack(BY_NAME[f"tp_depthwise_3x3_s8_{name}_dsp"], op),
    )
    constant(layer, where, weights)
    y = np.full(op.output.shape, POISON, np.uint8).view(np.int8)
    scratch = words(five_wide.depthwise_scratch_bytes(op))
    library.call(f"tp_depthwise_3x3_s8_{name}_dsp", [layer, where, weights, planes(x, slots, first), y, scratch])
    np.testing.assert_array_equal(y, reference.run_op(op, x[None])[0][0])


@pytest.mark.parametrize(
    "names",
    [
        ("dense", "pairs"),
        ("dense8", "pairs8"),
        *(("dense", name) for name in ("taps", "sp14", "exact", "duos", "duos_exact", "twins")),
    ],
    ids="-".join,
)
@EXAMPLES
def test_two_layers_row_by_row(library: Library, backend: str, names: tuple[str, str], examples: int) -> None:
    many(examples, f"{backend} two_layers_row_by_row {names}", two_layers_row_by_row, library, names)


def two_layers_row_by_row(library: Library, names: tuple[str, str], data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    height, channels, out_channels = data.draw(ROWS), data.draw(channel_counts(4)), data.draw(st.integers(1, 9))
    channels += -channels % (8 if names[1] == "sp14" else 1)
    out_channels += out_channels == 1
    weights = pruned(data, random, (out_channels, 1, 1, channels), names[1])
    layers: list[Layer] = [
        depthwise_layer(data, random, channels),
        Conv(weights=weights, **relu_fields(random, channels, out_channels)),
    ]
    ops: Any = graph(Input((height, 5, channels), 0.1, data.draw(ZERO_POINTS)), layers).ops
    used = [
        BY_NAME[f"tp_depthwise_3x3_row_s8_{names[0]}_dsp"],
        BY_NAME[f"tp_conv_1x1_row_s8_{names[1]}_dsp"],
    ]
    assume(all(kernel.accepts(op) for kernel, op in zip(used, ops, strict=True)))
    x = fill(data.draw(FILLS), random, ops[0].input.shape)
    first_in, first_out = data.draw(st.sampled_from([(2, 1), (1, 2), (3, 2)]))
    slots = depthwise_five.slots(height, max(first_in, first_out))
    wiring = Wiring(FiveWide(slots, first_in), FiveWide(slots, first_out))
    structs = [kernel.arguments(op, wiring)[0] for kernel, op in zip(used, ops, strict=True)]
    parameters = np.array([list(s.fields.values()) for s in structs if isinstance(s, Struct)], np.int32)
    depthwise, pointwise = (pack(kernel, op) for kernel, op in zip(used, ops, strict=True))
    constant(parameters, depthwise, pointwise)
    shared = np.full((max(channels, out_channels), 5 * slots), POISON, np.uint8).view(np.int8)
    shared[:channels] = planes(x, slots, first_in)
    row = np.full(five_wide.row_bytes(channels), POISON, np.uint8)
    scratch = words(used[1].scratch_bytes(ops[1]))
    library.call(f"test_rows_{names[0]}_{names[1]}", [parameters, depthwise, pointwise, shared, row, scratch])
    expected = reference.run_op(ops[1], reference.run_op(ops[0], x[None])[0])[0][0]
    np.testing.assert_array_equal(from_planes(shared[:out_channels], height, first_out), expected)


@EXAMPLES
def test_average_pool(library: Library, backend: str, examples: int) -> None:
    many(examples, f"{backend} average_pool", average_pool, library)


def average_pool(library: Library, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    height, channels, first = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 9)), data.draw(st.integers(1, 3))
    activation = data.draw(st.sampled_from(["NONE", "RELU"]))
    source = Input((height, 5, channels), 0.1, data.draw(ZERO_POINTS))
    op: Any = graph(source, [Pool(kernel=(height, 5), activation=activation)]).ops[0]
    assert five_wide.accepts_pool(op)
    x, slots = fill(data.draw(FILLS), random, op.input.shape), depthwise_five.slots(height, first)
    layer, where, planar = struct(op), np.array([slots, first], np.int32), planes(x, slots, first)
    constant(layer, where, planar)
    y = np.full(channels, POISON, np.uint8).view(np.int8)
    library.call("tp_average_pool_five_s8_dsp", [layer, where, planar, y])
    np.testing.assert_array_equal(y, reference.run_op(op, x[None])[0].ravel())


def test_guards_refuse_other_shapes() -> None:
    fields = relu_fields(np.random.default_rng(0), 9, 8)
    weights = np.ones((3, 3, 8), np.int8)

    def depthwise(size: tuple[int, int] = (4, 5), **changes: Any) -> bool:
        layer = Depthwise(**({"weights": weights, "padding": "SAME"} | fields | changes))
        op: Any = graph(Input((*size, 8), 0.1, 0), [layer]).ops[0]
        return five_wide.accepts_depthwise(op)

    assert depthwise()
    assert not depthwise((4, 6))
    assert not depthwise((6, 7), padding="VALID")
    assert not depthwise((8, 10), stride=(2, 2))
    assert not depthwise(dilation=(2, 2))
    assert not depthwise(weights=np.ones((3, 2, 8), np.int8))
    assert not depthwise(activation="RELU6", scale=0.05)  # clamps below 127
    assert not depthwise(zero_point=-127)
    assert not depthwise(weight_scales=[1e3] * 8)


@given(st.lists(st.integers(-128, 127), min_size=16, max_size=16))
@settings(max_examples=20)
def test_sums_that_begin_with_nothing(library: Library, values: list[int]) -> None:
    """A zero to begin with may share its register with the zero that differences are taken from."""
    x, y = np.array(values, np.int8), np.zeros(2, np.uint32)
    library.call("test_add_bytes", [x, y])
    assert y.tolist() == [sum(values) + 16 * 128, sum(values[:4]) + 4 * 128]


@pytest.mark.parametrize("height", [1, 3, 4, 9])
@pytest.mark.parametrize("channels", [1, 4, 7])
def test_a_map_is_brought_to_planes_and_back(library: Library, height: int, channels: int) -> None:
    x = fill("random", np.random.default_rng(height), (height, 5, channels))
    where = five_wide.new_map(height)
    values = np.array([height, channels, where.slots, where.first], np.int32)
    planes = np.full((channels, 5 * where.slots), POISON, np.uint8).view(np.int8)
    library.call("tp_five_wide_s8_dense_c", [values, x.copy(), planes])
    expected = to_planes(x, where.slots, where.first)
    written = to_planes(np.ones_like(x), where.slots, where.first).astype(bool)
    np.testing.assert_array_equal(planes, np.where(written, expected, np.int8(np.uint8(POISON).view(np.int8))))
    back = np.full(x.shape, POISON, np.uint8).view(np.int8)
    library.call("tp_interleaved_s8_dense_c", [values, planes.copy(), back])
    np.testing.assert_array_equal(back, x)
