"""The builders against the published sizes."""

import numpy as np
import pytest

from tinyprune.compiler import reader
from tinyprune.compiler.sparsity import two_of_four
from tinyprune.training.models import BUILDERS, HEARS, ds_cnn, tc_resnet
from tinyprune.training.prune import prune, unmasked
from tinyprune.training.quantize import quantize_keywords
from tinyprune.training.train import int8_answers


@pytest.mark.parametrize(
    ("size", "map_shape", "channels", "blocks"), [("S", (25, 5), 64, 4), ("M", (13, 5), 172, 4), ("L", (13, 5), 276, 5)]
)
def test_sizes_are_those_of_hello_edge(size, map_shape, channels, blocks):
    model = ds_cnn(size, 12)
    assert model.input_shape == (None, 49, 10, 1)
    assert model.output_shape == (None, 12)
    assert model.get_layer(f"pointwise_{blocks}").output_shape == (None, *map_shape, channels)
    assert model.get_layer("pool").output_shape == (None, 1, 1, channels)
    assert f"depthwise_{blocks + 1}" not in {layer.name for layer in model.layers}
    kernels = 40 * channels + blocks * (9 * channels + channels * channels) + 12 * channels
    assert sum(layer.count_params() for layer in model.layers) == kernels + 12 + 4 * channels * (1 + 2 * blocks)


@pytest.mark.parametrize(("size", "thousands", "frames"), [("S", 66, 7), ("M", 145, 7), ("L", 305, 7)])
def test_sizes_of_tc_resnet_are_the_published_ones(size, thousands, frames):
    model = tc_resnet(size, 12)
    assert (model.input_shape, model.output_shape) == ((None, 49, 40, 1), (None, 12))
    assert model.get_layer("pool").input_shape[1:3] == (frames, 1)
    assert round(model.count_params() / 1000) == thousands


@pytest.mark.parametrize("architecture", BUILDERS)
def test_every_architecture_hears_every_front_end(architecture):
    for front_end in HEARS.values():
        model = BUILDERS[architecture]("S", 3, front_end=front_end)
        assert model.input_shape == (None, *front_end.shape, 1)


@pytest.mark.tflm
def test_a_tc_resnet_of_two_of_four_is_int8_throughout_and_answers_as_before():
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    pruned = unmasked(prune(tc_resnet("S", 4)))
    rng = np.random.default_rng(3)
    clips = (rng.normal(-3, 2, (96, 49, 40, 1)) + rng.normal(0, 4, (96, 1, 40, 1))).astype(np.float32)
    ranges, content = quantize_keywords(pruned, "S", clips, "tc-resnet")
    assert {"features", "block_1_conv_2_bn", "block_1_shortcut_relu", "block_3_relu", "dense"} < set(ranges)
    ops = reader.read(content).ops
    kinds = [type(op).__name__ for op in ops]
    assert (kinds.count("Conv2D"), kinds.count("Add"), kinds.count("Requantize")) == (10, 3, 0)
    assert all(two_of_four.PATTERN.matches(op.matrix) for op in ops if op.matrix is not None)
    answers, wanted = int8_answers(content, clips) / 256 + 0.5, pruned.predict(clips, verbose=0)
    assert np.abs(answers - wanted).mean() < 0.25 * np.abs(wanted - wanted.mean(axis=0)).mean()


def test_ranges_round_as_int8_does():
    ranges = {"features": (-1.0, 1.55)}
    model = ds_cnn("S", 3, ranges)
    simulated = model.get_layer("features_range")(np.array([-3.0, 0.004, 0.006, 1.0, 9.0], dtype=np.float32))
    np.testing.assert_allclose(simulated, [-1.0, 0.0, 0.01, 1.0, 1.55], atol=1e-6)
