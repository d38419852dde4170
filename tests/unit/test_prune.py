"""2:4 masks on tf_keras kernels: where they fall, that training keeps them, and what the report says."""

import numpy as np
import pytest

from tinyprune.errors import ModelError
from tinyprune.models import ds_cnn
from tinyprune.prune import matrix_of, prune, verify


@pytest.fixture
def model():
    """A first convolution with one input channel, and one of each kind behind it."""
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    return Sequential(
        [
            layers.Input((6, 4, 1)),
            layers.Conv2D(5, (3, 2), name="conv"),
            layers.DepthwiseConv2D(2, name="depthwise"),
            layers.BatchNormalization(name="bn"),
            layers.Conv2D(7, 1, name="pointwise"),
            layers.Conv2DTranspose(3, 2, name="transpose"),
            layers.Conv2D(2, 1, name="narrow"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="dense"),
        ]
    )


def kernel(model, name):
    return model.get_layer(name).kernel.numpy()


def test_groups_of_a_convolution_run_along_its_taps_input_channels_fastest(model):
    weights = np.zeros((3, 2, 1, 5), dtype=np.float32)
    weights[:, :, 0, 1] = [[1, 4], [3, 2], [5, 6]]
    model.get_layer("conv").set_weights([weights, np.zeros(5)])
    pruned = prune(model)
    np.testing.assert_array_equal(kernel(pruned.model, "conv")[:, :, 0, 1], [[0, 4], [3, 0], [5, 6]])


def test_every_group_keeps_its_two_largest_and_the_original_is_untouched(model):
    before = [weights.copy() for weights in model.get_weights()]
    pruned = prune(model)
    for name in ("conv", "pointwise", "dense"):
        dense, sparse = matrix_of(kernel(model, name)), matrix_of(kernel(pruned.model, name))
        for row, kept in zip(dense, sparse, strict=True):
            for start in range(0, len(row), 4):
                group, left = row[start : start + 4], kept[start : start + 4]
                largest = np.sort(np.abs(group))[::-1][:2]
                np.testing.assert_array_equal(np.sort(np.abs(left[left != 0]))[::-1], largest)
                np.testing.assert_array_equal(left[left != 0], group[left != 0])
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_the_report_names_each_layer_with_the_reason(model):
    lines = {line.name: line for line in prune(model).layers}
    assert {name: line.pruned for name, line in lines.items()} == {
        "conv": True,
        "depthwise": False,
        "pointwise": True,
        "transpose": False,
        "narrow": False,
        "dense": True,
    }
    assert lines["depthwise"].reason == "depthwise: a filter has one input channel and few taps"
    assert lines["transpose"].reason == "Conv2DTranspose is not supported"
    assert lines["narrow"].reason == "only 3 taps, a group has 4"
    assert (lines["conv"].weights, lines["conv"].zeros) == (30, 10)
    assert (lines["depthwise"].weights, lines["depthwise"].zeros) == (20, 0)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_moves_the_kept_weights_and_no_others(model, optimizer):
    pruned = prune(model)
    before = {name: kernel(pruned.model, name) for name in pruned.masks}
    pruned.model.compile(optimizer, loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    pruned.model.fit(rng.normal(size=(32, 6, 4, 1)), rng.integers(3, size=32), epochs=3, verbose=0)
    verify(pruned.model, pruned.masks)
    for name, mask in pruned.masks.items():
        moved = matrix_of(kernel(pruned.model, name)) != matrix_of(before[name])
        assert not moved[~mask].any()
        assert moved[mask].mean() > 0.5


def test_verify_names_the_violated_layer(model):
    pruned = prune(model)
    layer = pruned.model.get_layer("pointwise")
    weights = np.where(layer.kernel.numpy() == 0, np.float32(0.5), layer.kernel.numpy())
    layer.kernel.assign(weights)
    with pytest.raises(
        ModelError, match=r"layer pointwise violates its 2:4 mask: 14 of 14 pruned weights are not zero"
    ):
        verify(pruned.model, pruned.masks)


def test_verify_refuses_masks_of_another_model(model):
    masks = prune(model).masks
    with pytest.raises(ModelError, match="has no layer elsewhere"):
        verify(model, {"elsewhere": masks["conv"]})
    with pytest.raises(ModelError, match=r"layer dense has weights \(3, \d+\), its mask is \(5, 6\)"):
        verify(model, {"dense": masks["conv"]})


def test_a_model_without_prunable_layers_is_refused():
    from tf_keras import Sequential, layers

    model = Sequential([layers.Input((4, 4, 2)), layers.DepthwiseConv2D(3)], name="tiny")
    with pytest.raises(ModelError, match="model tiny has no layer to prune"):
        prune(model)


def test_of_a_ds_cnn_all_but_the_depthwise_layers_are_pruned():
    pruned = prune(ds_cnn("S", 10))
    names = {line.name for line in pruned.layers if line.pruned}
    assert names == {"conv", *(f"pointwise_{index}" for index in range(1, 5)), "dense"}
    assert all(2 * line.zeros == line.weights for line in pruned.layers if line.pruned)
