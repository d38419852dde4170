"""The DS-CNN builders against the published sizes."""

import pytest

from tinyprune.training.models import ds_cnn


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


def test_ranges_round_as_int8_does():
    import numpy as np

    ranges = {"features": (-1.0, 1.55)}
    model = ds_cnn("S", 3, ranges)
    simulated = model.get_layer("features_range")(np.array([-3.0, 0.004, 0.006, 1.0, 9.0], dtype=np.float32))
    np.testing.assert_allclose(simulated, [-1.0, 0.0, 0.01, 1.0, 1.55], atol=1e-6)
