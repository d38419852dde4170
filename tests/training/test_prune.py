"""Masks on tf_keras kernels: where they fall, that training keeps them, and what the report says."""

import numpy as np
import pytest

from tinyprune.compiler.sparsity import NM, Threshold, Unstructured, parse
from tinyprune.errors import ModelError, UsageError
from tinyprune.training.models import ds_cnn
from tinyprune.training.prune import matrix_of, prune, schedule, unmasked, verify


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
    assert lines["transpose"].reason == "Conv2DTranspose is not supported; Conv1D, Conv2D, Dense, LSTM are"
    assert lines["narrow"].reason == "only 3 taps, a group has 4"
    assert lines["conv"].reason == "2:4 along taps, by magnitude, the last group has 2 taps"
    assert lines["pointwise"].reason == "2:4 along taps, by magnitude, the last group has 1 taps"
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
    with pytest.raises(ModelError, match=r"layer pointwise violates its mask: 14 of 14 pruned weights are not zero"):
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
    with pytest.raises(ModelError, match=r"model tiny has no layer to prune to 2:4 \(depthwise_conv2d.*: depthwise: "):
        prune(model)
    with pytest.raises(ModelError, match=r"model empty has no layer to prune \(no layer has a kernel\)"):
        prune(Sequential([layers.Input((4,)), layers.ReLU()], name="empty"), "1:4")


def test_of_a_ds_cnn_all_but_the_depthwise_layers_are_pruned():
    pruned = prune(ds_cnn("S", 10))
    names = {line.name for line in pruned.layers if line.pruned}
    assert names == {"conv", *(f"pointwise_{index}" for index in range(1, 5)), "dense"}
    assert all(2 * line.zeros == line.weights for line in pruned.layers if line.pruned)


@pytest.fixture
def sequences():
    """Sequences of five features to sequences of three."""
    from tf_keras import Input, Model, layers, utils

    utils.set_random_seed(0)
    encoder_input, decoder_input = Input((7, 5)), Input((4, 3))
    narrowed = layers.Conv1D(6, 3, padding="causal", name="conv")(encoder_input)
    _, *state = layers.LSTM(8, return_state=True, name="encoder")(narrowed)
    decoded = layers.LSTM(8, return_sequences=True, name="decoder")(decoder_input, initial_state=state)
    return Model([encoder_input, decoder_input], layers.Dense(3, name="dense")(decoded), name="translator")


@pytest.mark.parametrize("share", [0.8, 0.85, 0.9])
def test_a_sequence_to_sequence_network_has_exactly_that_share_of_zeros(sequences, share):
    pruned = prune(sequences, Unstructured(share))
    names = ["conv", "encoder", "encoder/recurrent_kernel", "decoder", "decoder/recurrent_kernel", "dense"]
    assert [line.name for line in pruned.layers] == names == list(pruned.masks)
    assert [line.zeros for line in pruned.layers] == [round(share * line.weights) for line in pruned.layers]


@pytest.mark.parametrize("share", [*(pytest.param(share, marks=pytest.mark.slow) for share in (0.8, 0.85)), 0.9])
def test_it_still_has_it_after_training(sequences, share):
    pruned = prune(sequences, Unstructured(share))
    pruned.model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(16, 7, 5)), rng.normal(size=(16, 4, 3))]
    pruned.model.fit(inputs, rng.normal(size=(16, 4, 3)), epochs=2, verbose=0)
    verify(pruned.model, pruned.masks)
    recurrent = pruned.model.get_layer("decoder").cell.recurrent_kernel.numpy()
    assert (recurrent == 0).sum() == round(share * recurrent.size)


@pytest.mark.parametrize("pattern", ["1:4", "3:5", "2:4g2", "2:4g4", "unstructured-75", "threshold-0.8"])
def test_every_pattern_holds_in_every_layer_that_takes_it(model, pattern):
    pruned, wanted = prune(model, pattern), parse(pattern)
    assert set(pruned.masks) >= {"conv", "pointwise"}
    for name, mask in pruned.masks.items():
        dense, sparse = (matrix_of(kernel(network, name)) for network in (model, pruned.model))
        np.testing.assert_array_equal(mask, wanted.mask(dense))
        np.testing.assert_array_equal(sparse, dense * mask)
    lines = {line.name: line for line in pruned.layers}
    assert lines["conv"].reason.startswith(f"{pattern} along taps")


def test_a_layer_with_too_few_channels_to_share_is_named(model):
    lines = {line.name: line for line in prune(model, "1:3g4").layers}
    assert lines["narrow"].reason == "only 2 output channels, 4 have to share positions"
    assert lines["conv"].reason == "1:3g4 along taps, by magnitude, the last 1 channels share among themselves"


def test_a_model_inside_the_model_is_named():
    from tf_keras import Sequential, layers

    inner = Sequential([layers.Input((8,)), layers.Dense(8)], name="inner")
    outer = Sequential([layers.Input((8,)), inner, layers.Dense(4, name="dense")])
    lines = {line.name: line for line in prune(outer).layers}
    assert (lines["inner"].pruned, lines["inner"].reason) == (False, "a model inside the model; prune it by itself")
    assert lines["dense"].pruned


def test_pruning_in_steps_gives_nested_masks(model):
    first = prune(model, "3:4")
    second = prune(first.model, "2:4")
    third = prune(second.model, "1:4")
    for name in third.masks:
        assert not (third.masks[name] & ~second.masks[name]).any()
        assert not (second.masks[name] & ~first.masks[name]).any()
    rng = np.random.default_rng(0)
    second.model.compile("adam", "sparse_categorical_crossentropy")
    second.model.fit(rng.normal(size=(32, 6, 4, 1)), rng.integers(3, size=32), verbose=0)
    verify(second.model, second.masks)


def test_schedules_end_at_the_pattern():
    assert schedule(NM(2, 4), 2) == (NM(3, 4), NM(2, 4))
    assert schedule(NM(1, 4, 2), 3) == (NM(3, 4, 2), NM(2, 4, 2), NM(1, 4, 2))
    assert [round(step.sparsity, 6) for step in schedule(Unstructured(0.8), 2)] == [0.7, 0.8]
    assert schedule(Threshold(0.5), 1) == (Threshold(0.5),)


@pytest.mark.parametrize(("pattern", "steps"), [(NM(2, 4), 3), (Threshold(0.5), 2)])
def test_impossible_schedules_are_refused(pattern, steps):
    with pytest.raises(UsageError, match=f"{pattern.name} cannot be reached in {steps} steps"):
        schedule(pattern, steps)
    with pytest.raises(UsageError, match="a schedule has at least one step, not 0"):
        schedule(pattern, 0)


def test_a_constraint_of_the_users_still_holds():
    from tf_keras import Sequential, constraints, layers

    model = Sequential([layers.Input((8,)), layers.Dense(4, kernel_constraint=constraints.MaxNorm(0.5), name="dense")])
    pruned = prune(model)
    pruned.model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    pruned.model.fit(rng.normal(size=(64, 8)), 9 * rng.normal(size=(64, 4)), epochs=5, verbose=0)
    verify(pruned.model, pruned.masks)
    assert np.linalg.norm(kernel(pruned.model, "dense"), axis=0).max() < 0.5 + 1e-5
    assert isinstance(unmasked(pruned).get_layer("dense").kernel_constraint, constraints.MaxNorm)


def test_what_is_saved_needs_no_tinyprune_and_no_violated_mask_is_saved(model, tmp_path):
    from tf_keras import models

    pruned = prune(model)
    unmasked(pruned).save(tmp_path / "pruned.keras")
    loaded = models.load_model(tmp_path / "pruned.keras")
    for one, other in zip(loaded.get_weights(), pruned.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pruned.model.get_layer("dense").kernel.assign_add(np.ones_like(kernel(model, "dense")))
    with pytest.raises(ModelError, match="layer dense violates its mask"):
        unmasked(pruned)


def test_a_diverged_model_is_refused(model):
    model.get_layer("pointwise").kernel.assign_add(np.full((1, 1, 5, 7), np.nan))
    with pytest.raises(ModelError, match="layer pointwise has NaN or infinite weights: its training diverged"):
        prune(model)


@pytest.mark.parametrize("pattern", ["4:4", "unstructured-0"])
def test_bad_patterns_are_refused(model, pattern):
    with pytest.raises(UsageError, match=r"is no N:M pattern|out of range"):
        prune(model, pattern)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shares", "dense"), [("MobileNet", (0.5,), 13), ("InceptionV3", (0.5, 0.75, 0.875), 0)]
)
def test_large_networks_get_exactly_that_share_of_zeros(name, shares, dense):
    from tf_keras import applications

    network = getattr(applications, name)(weights=None)
    for share in shares:
        lines = prune(network, Unstructured(share)).layers
        assert all(line.zeros == round(share * line.weights) for line in lines if line.pruned)
        assert [line.kind for line in lines if not line.pruned] == ["DepthwiseConv2D"] * dense


def test_frozen_layers_that_are_not_pruned_are_named_too(model):
    model.get_layer("depthwise").trainable = False
    reasons = {layer.name: layer.reason for layer in prune(model).layers if not layer.pruned}
    assert reasons["depthwise"].startswith("depthwise: ")


def test_one_weight_of_a_layer_always_stays():
    mask = Unstructured(0.95).mask(np.array([[1.0, -3.0, 2.0, 0.5]]))
    np.testing.assert_array_equal(mask, [[False, True, False, False]])
    assert Unstructured(0.95).refusal(1, 1) == "only 1 weights"
