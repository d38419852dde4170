"""Lowering: the right kernel for the pattern and the board, and a clear refusal of what cannot fit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import networks, tflite_models
from tests.tflite_models import Conv, Dense, Depthwise, Input, Soft
from tinyprune.compiler import choose, fixed_point, lower, reader, sparsity
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.kernels import KERNELS, Layout, five_conv, five_wide, twins
from tinyprune.compiler.operators.reshape import Reshape
from tinyprune.compiler.operators.weighted import requantization
from tinyprune.device import boards
from tinyprune.errors import DoesNotFit, ModelError

NANO33 = replace(boards.load("nano33"), reads={})  # its memory answers at once: what is chosen by cycles alone
HOST = boards.load("host")


def kernels(model: bytes, board: boards.Board) -> dict[str, str]:
    return {step.op.name: step.kernel.name for step in lower.lower(reader.read(model), board).steps}


def test_five_wide_layers_run_row_by_row_in_place() -> None:
    program = lower.lower(reader.read(networks.ds_cnn()), NANO33)
    found = {step.op.name: (step.kernel.name, step.output_layout.value) for step in program.steps}
    row = ("tp_depthwise_3x3_row_s8_dense_dsp", "row")
    pointwise = ("tp_conv_1x1_row_s8_pairs_dsp", "five-wide")
    assert found == {
        "conv_1": ("tp_conv_2d_s8_pairs_dsp", "five-wide"),
        "depthwise_1": row,
        "conv_2": pointwise,
        "depthwise_2": row,
        "conv_3": pointwise,
        "depthwise_3": row,
        "conv_4": pointwise,
        "average_pool_1": ("tp_average_pool_five_s8_dsp", "interleaved"),
        "fully_connected_1": ("tp_conv_1x1_s8_twins_dsp", "interleaved"),
        "softmax_1": ("tp_softmax_s8_dense_c", "interleaved"),
    }
    assert program.loops == ((0,), (1, 2), (3, 4), (5, 6), (7,), (8,), (9,))
    assert len({step.output_offsets[0] for step in program.steps if step.output_layout.value == "five-wide"}) == 1


def test_a_layout_ends_where_the_next_layer_does_not_know_it() -> None:
    found = lower.lower(reader.read(networks.ds_cnn(tail=False)), NANO33).steps
    assert found[-1].output_layout is Layout.INTERLEAVED
    assert found[-1].kernel.name == "tp_conv_2d_s8_pairs_dsp"


def test_size_weighs_bytes_against_cycles() -> None:
    graph = reader.read(networks.ds_cnn())
    small, fast = (lower.lower(graph, NANO33, goal) for goal in ("size", "speed"))  # type: ignore[arg-type]
    bytes_of = [sum(step.constant_bytes for step in program.steps) for program in (small, fast)]
    cycles = [sum(step.kernel.cycles(step.op) for step in program.steps) for program in (small, fast)]
    assert bytes_of[0] < 0.65 * bytes_of[1]
    assert cycles[1] < cycles[0] < 1.3 * cycles[1]
    assert small.steps[2].kernel.name == "tp_conv_1x1_row_s8_pairs8_dsp"
    assert small.steps[1].kernel.name == "tp_depthwise_3x3_row_s8_dense8_dsp"
    assert small.arena.arena_bytes == fast.arena.arena_bytes
    least = lower.smallest_constants(fast)
    assert (least.constant_bytes, least.cycles_ratio) == (bytes_of[0], cycles[0] / cycles[1])
    assert lower.smallest_constants(small) == lower.SmallestConstants(bytes_of[0], 1)


@pytest.mark.parametrize(
    ("zeros", "used"),
    [(0, "twins"), ("2:4", "pairs"), ("2:4g2", "duos"), ("2:4g4", "duos"), (0.5, "pairs"), (0.9, "taps")],
)
def test_zeros_choose_how_weights_are_stored(zeros: float | str, used: str) -> None:
    random = np.random.default_rng(0)
    scores = random.random((64, 64))
    kept = sparsity.parse(zeros).mask(scores) if isinstance(zeros, str) else scores >= zeros
    weights = (random.integers(-127, 128, (64, 64)) * kept).reshape(64, 1, 1, 64)
    layer = Conv(
        weights=weights.astype(np.int8), weight_scales=[0.002] * 64, scale=0.02, zero_point=-128, activation="RELU"
    )
    step = lower.lower(tflite_models.graph(Input((25, 5, 64), 0.1, 3), [layer]), NANO33).steps[0]
    assert step.kernel.name == f"tp_conv_2d_s8_{used}_dsp"


def out_of_reach(channels: int, odd: dict[int, float]) -> lower.Step:
    """What runs a layer with ReLU, 2:4g2 as far as it is even, of which some channels have other scales than the
    others."""
    random = np.random.default_rng(0)
    kept = sparsity.parse("2:4g2").mask(random.random((64, 64)))[:channels]
    weights = (random.integers(-127, 128, (channels, 64)) * kept).astype(np.int8).reshape(channels, 1, 1, 64)
    scales = np.full(channels, 0.002)
    for channel, scale in odd.items():
        scales[channel] = scale
    layer = Conv(weights=weights, weight_scales=scales, scale=0.02, zero_point=-128, activation="RELU")
    return lower.lower(tflite_models.graph(Input((25, 5, 64), 0.1, 3), [layer]), NANO33).steps[0]


@pytest.mark.parametrize(("channels", "odd"), [(63, {}), (64, {5: 1e-6}), (63, {5: 1e-6, 7: 0.2})])
def test_a_channel_out_of_reach_costs_itself(channels: int, odd: dict[int, float]) -> None:
    """One that is left over when two are computed at a time, of small scale, of large scale."""
    plain, step = out_of_reach(64, {}), out_of_reach(channels, odd)
    assert all(layer.kernel.name.startswith("tp_conv_2d_s8_duos") for layer in (plain, step))
    carried = len(odd) + channels % 2
    assert step.kernel.cycles(step.op) < (1 + 4 * carried / channels) * plain.kernel.cycles(plain.op)


def test_a_layer_of_channels_out_of_reach_takes_another_kernel() -> None:
    assert "exact" in out_of_reach(64, dict.fromkeys(range(48), 1e-6)).kernel.name


def test_a_dead_channel_does_not_take_the_fast_kernel_away() -> None:
    weights = np.random.default_rng(0).integers(-127, 128, (16, 1, 1, 64)).astype(np.int8)
    weights[3] = 0
    scales, bias = np.full(16, 0.002), np.zeros(16, np.int32)
    scales[3], bias[3] = 1e-7, 1 << 30  # as quantizers clip it
    fields: dict[str, Any] = {"weights": weights, "weight_scales": scales, "bias": bias, "scale": 0.02}
    for activation, zero_point in (("RELU", -128), ("NONE", 5)):
        layer = Conv(**fields, zero_point=zero_point, activation=activation)
        step = lower.lower(tflite_models.graph(Input((25, 5, 64), 0.1, 3), [layer]), NANO33).steps[0]
        assert step.kernel.name == "tp_conv_2d_s8_twins_dsp"
        alone = five_conv.carried(twins.TWINS, step.op)
        assert alone is not None
        assert not alone.any()


def depthwise(scale: float, bias: int) -> Any:
    """A 3×3 layer five columns wide, input zero point 3, with one channel of another scale and bias than the others."""
    weights = np.random.default_rng(0).integers(-100, 101, (3, 3, 16)).astype(np.int8)
    weights[1, 1, 3] = 127
    scales, biases = np.full(16, 0.02 * 2**-7.5), np.zeros(16, np.int32)
    scales[3], biases[3] = scale, bias
    fields: dict[str, Any] = {"weights": weights, "weight_scales": scales, "bias": biases, "scale": 0.02}
    layer = Depthwise(**fields, padding="SAME", zero_point=-128, activation="RELU")
    return tflite_models.graph(Input((25, 5, 16), 1.0, 3), [layer]).ops[0]


def test_a_depthwise_channel_of_large_scale_does_not_take_the_fast_kernel_away() -> None:
    assert five_wide.accepts_depthwise(depthwise(0.02 * 2**-4.5, 0))
    assert not five_wide.accepts_depthwise(depthwise(0.02 * 2**-2.5, 0))


def test_a_channel_of_small_scale_does_not_either_where_no_input_lifts_it() -> None:
    scale = 0.02 * 2**-11.5
    op = depthwise(scale, 0)
    weights = op.weights[:, :, 3].astype(np.int64)
    highest = int((weights * (np.where(weights > 0, 127, -128) - 3)).sum())
    multiplier, shift = (numbers[3] for numbers in requantization(op))
    sums = np.arange(1 << 13)
    last = int(np.flatnonzero(fixed_point.multiply_by_quantized_multiplier(sums, multiplier, shift) == 0).max())
    assert shift == -11
    assert 0 < last < sums[-1]
    assert not five_wide.accepts_depthwise(op)
    assert five_wide.accepts_depthwise(depthwise(scale, last - highest))
    assert not five_wide.accepts_depthwise(depthwise(scale, last + 1 - highest))


def test_a_core_without_dsp_gets_portable_kernels() -> None:
    assert kernels(networks.every_operator(), HOST)["conv_2"] == "tp_conv_2d_s8_sp24x4_c"


def test_dense_layers_get_dense_kernels() -> None:
    assert kernels(networks.every_operator(pruned=False), NANO33)["conv_2"] == "tp_conv_2d_s8_duos_exact_dsp"


def test_every_choice_says_why() -> None:
    program = lower.lower(reader.read(networks.every_operator()), NANO33)
    assert [step.pattern for step in program.steps] == ["2:4", "dense", "2:4", "dense", "2:4", "dense"]
    assert "weights are 2:4" in program.steps[0].reason
    assert "fastest of" in program.steps[0].reason
    assert "the only kernel" in program.steps[3].reason


def test_a_reshape_costs_nothing() -> None:
    graph = reader.read(networks.every_operator())
    assert any(isinstance(op, Reshape) for op in graph.ops)
    program = lower.lower(graph, NANO33)
    pool, dense = program.steps[3], program.steps[4]
    assert pool.output_offsets == dense.input_offsets


def test_the_arena_holds_the_two_largest_maps_and_no_more() -> None:
    program = lower.lower(reader.read(networks.every_operator()), HOST)
    assert program.arena.arena_bytes == program.arena.lower_bound_bytes


def test_too_large_for_flash_says_by_how_much_and_what_would_fit() -> None:
    graph = reader.read(networks.one_dense(1024, 1000))
    with pytest.raises(DoesNotFit, match=r"1,036,000 bytes of flash.*983,040 \(52,960 too many\)") as caught:
        lower.lower(graph, NANO33)
    assert "pruned 2:4 and with --optimize size, the weights that are dense now take 384,000 bytes less" in str(
        caught.value
    )
    pruned = reader.read(networks.one_dense(1024, 1000, pruned=True))
    assert NANO33.flash is not None
    large = replace(NANO33, flash=replace(NANO33.flash, bytes=2_000_000))
    fast, small = (lower.lower(pruned, board) for board in (large, NANO33))
    assert 1_036_000 - lower.constant_bytes(small) == 384_000
    assert lower.constant_bytes(fast) - lower.constant_bytes(small) == 388_012
    assert "with --optimize size the constants need 388,012 bytes less" in lower.flash_advice(fast, "speed")
    tight = replace(NANO33, flash=replace(NANO33.flash, bytes=lower.constant_bytes(small) - 1))
    with pytest.raises(DoesNotFit, match=rf"its weights need {lower.constant_bytes(small):,} bytes of .*\(1 too many"):
        lower.lower(pruned, tight)


def test_speed_means_the_fastest_network_that_the_flash_has_room_for() -> None:
    graph = reader.read(networks.ds_cnn())
    small, fast = (lower.lower(graph, NANO33, goal) for goal in ("size", "speed"))  # type: ignore[arg-type]
    sizes = lower.constant_bytes(small), lower.constant_bytes(fast)
    cycles = []
    for bytes_ in (sizes[0], sum(sizes) // 2, sizes[1]):
        program = lower.lower(graph, NANO33, "speed", lower.Room(bytes_))
        assert lower.constant_bytes(program) <= bytes_
        cycles.append(sum(step.kernel.cycles(step.op) for step in program.steps))
        assert any("that the flash has room for" in step.reason for step in program.steps) == (bytes_ < sizes[1])
    assert cycles == sorted(cycles, reverse=True)
    assert len(set(cycles)) == 3


def test_a_long_front_is_thinned_and_keeps_its_ends() -> None:
    paths = [choose._Path(1000 - number, number, ()) for number in range(1000)]
    beaten = [choose._Path(2000, number, ()) for number in range(1, 1000)]
    front = choose._unbeaten([*paths, *beaten])
    assert (front[0], front[-1]) == (paths[0], paths[-1])
    assert choose.MOST_PATHS // 2 < len(front) <= choose.MOST_PATHS + 1
    assert not set(front) & set(beaten)


def test_too_large_for_ram_names_the_layer() -> None:
    assert NANO33.ram is not None
    small = replace(NANO33, ram=replace(NANO33.ram, bytes=2952))
    with pytest.raises(DoesNotFit, match=r"arena needs [\d,]+ bytes of RAM, the board has 904 beside") as caught:
        lower.lower(reader.read(networks.every_operator()), small)
    assert 'layer "conv_2"' in str(caught.value)


def wide_network() -> Graph:
    """A convolution of 4×4 over 24 channels, which kernels for speed gather rows of."""
    random = np.random.default_rng(7)
    weights = random.integers(-127, 128, (24, 4, 4, 24)).astype(np.int8)
    layer = Conv(weights=weights, weight_scales=[0.002] * 24, scale=0.02, zero_point=-128, activation="RELU")
    return tflite_models.graph(Input((20, 20, 24), 0.1, -1), [layer, layer])


def test_ram_is_the_smallest_arena_and_the_fastest_way_to_it() -> None:
    graph = wide_network()
    fast, small, least = (lower.lower(graph, NANO33, goal) for goal in ("speed", "size", "ram"))  # type: ignore[arg-type]
    maps = 24 * (20 * 20 + 17 * 17)  # which is what an interpreter without scratch needs
    assert maps <= least.arena.arena_bytes < maps + 16 < min(fast.arena.arena_bytes, small.arena.arena_bytes)
    names = [step.kernel.name for step in least.steps]
    assert names == ["tp_conv_2d_direct_s8_dense_dsp", "tp_conv_2d_s8_twins_dsp"]  # the second one's maps leave room
    cycles = [sum(step.kernel.cycles(step.op) for step in program.steps) for program in (fast, least)]
    smallest = lower.smallest_arena(fast)
    assert (smallest.arena_bytes, smallest.cycles_ratio) == (
        least.arena.arena_bytes,
        pytest.approx(cycles[1] / cycles[0]),
    )


def test_where_ram_is_short_layers_that_need_less_are_as_fast_as_ever() -> None:
    graph = wide_network()
    fast, least = (lower.lower(graph, NANO33, goal) for goal in ("speed", "ram"))  # type: ignore[arg-type]
    between = (fast.arena.arena_bytes + least.arena.arena_bytes) // 2
    for most in (fast.arena.arena_bytes, fast.arena.arena_bytes - 1, between, least.arena.arena_bytes):
        program = lower.lower(graph, NANO33, room=lower.Room(arena=most))
        assert program.arena.arena_bytes <= most
        board = boards.limited(NANO33, ram_bytes=most + 2048)
        assert [step.kernel for step in lower.lower(graph, board).steps] == [step.kernel for step in program.steps]
    with pytest.raises(
        DoesNotFit, match=rf"the board has {least.arena.arena_bytes - 1:,} beside the stack \(1 too many"
    ):
        lower.lower(graph, boards.limited(NANO33, ram_bytes=least.arena.arena_bytes - 1 + 2048))


def test_ram_of_a_network_that_runs_row_by_row() -> None:
    """`ram` on a network with five-wide maps, rows that are handed on, and a reshape."""
    graph = reader.read(networks.ds_cnn())
    fast, least = (lower.lower(graph, NANO33, goal) for goal in ("speed", "ram"))  # type: ignore[arg-type]
    assert least.arena.arena_bytes < 0.6 * fast.arena.arena_bytes
    assert lower.smallest_arena(least).cycles_ratio == 1


def test_sums_beyond_30_bits_are_not_rounded_as_narrow_ones() -> None:
    weights = np.random.default_rng(3).integers(-127, 128, (16, 64)).astype(np.int8)
    takes = {}
    for bias in (0, 1 << 30):
        dense = Dense(weights=weights, weight_scales=[0.01] * 16, scale=0.1, bias=np.full(16, bias, np.int32))
        op = tflite_models.graph(Input((1, 64), 0.1), [dense]).ops[0]
        takes[bias] = {kernel.name for kernel in KERNELS if kernel.runs(op)}
    assert "tp_conv_1x1_s8_quads_dsp" in takes[0] - takes[1 << 30]
    assert "tp_conv_1x1_s8_dense_c" in takes[1 << 30]


def test_ram_of_a_softmax_is_that_of_its_maps_alone() -> None:
    """A softmax in the arena of a larger layer keeps its exponentials."""
    alone = tflite_models.graph(Input((1, 10), 0.1), [Soft()])
    assert lower.lower(alone, NANO33, "speed").arena.arena_bytes >= 4 * 10
    assert lower.lower(alone, NANO33, "ram").arena.arena_bytes <= 2 * 16
    dense = Dense(weights=np.ones((10, 400), np.int8), weight_scales=[0.01] * 10, scale=0.1)
    behind = tflite_models.graph(Input((1, 400), 0.1), [dense, Soft()])
    assert lower.lower(behind, NANO33, "ram").steps[-1].kernel.name == "tp_softmax_s8_dense_c"


def test_a_bias_that_was_clipped_is_named() -> None:
    """Some quantizers give dead channels a scale of next to nothing, and their bias what is left of it."""
    bias = np.array([5, -(1 << 31), 7, -(1 << 31)], np.int32)
    weights = np.ones((4, 1, 1, 2), np.int8)
    layer = Conv(weights=weights, weight_scales=[0.01, 1e-13, 0.01, 1e-13], bias=bias, activation="RELU")
    with pytest.raises(
        ModelError, match=r"bias of 2 of 4 channels \(1, 3\) has been clipped to -2,147,483,648.*1\.0e-13"
    ):
        lower.lower(tflite_models.graph(Input((2, 2, 2), 0.1, 3), [layer]), HOST)
