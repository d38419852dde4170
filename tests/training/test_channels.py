"""Channels that layers share: reordered without changing what a network computes, or removed with all their readers."""

from itertools import permutations

import numpy as np
import pytest

from tinyprune.compiler.sparsity import NM, Unstructured, parse
from tinyprune.errors import ModelError, UsageError
from tinyprune.training.prune import channels, filters, matrix_of, permute, prune
from tinyprune.training.prune.kernels import kernels_of


def randomize(model):
    """Every variable, statistics of batch normalizations too, so that a channel out of place shows."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1, weights.shape) * rng.choice([-1, 1], weights.shape[-1]) if "var" not in
                       variable.name else rng.uniform(0.5, 2, weights.shape)
                       for variable, weights in zip(model.weights, model.get_weights(), strict=True)])  # fmt: skip
    return model


@pytest.fixture
def chain():
    """Convolution, depthwise, pointwise, flattened at 2 × 2 positions, two dense layers."""
    from tf_keras import Sequential, layers

    return randomize(
        Sequential(
            [
                layers.Input((6, 6, 1)),
                layers.Conv2D(12, 3, use_bias=False, name="conv"),
                layers.BatchNormalization(name="conv_bn"),
                layers.ReLU(),
                layers.DepthwiseConv2D(3, name="depthwise"),
                layers.BatchNormalization(scale=False),
                layers.Conv2D(16, 1, activation="relu", name="pointwise"),
                layers.Dropout(0.5),
                layers.Flatten(),
                layers.Dense(8, activation="tanh", name="hidden"),
                layers.Dense(3, activation="softmax", name="dense"),
            ]
        )
    )


@pytest.fixture
def residual():
    """Two convolutions whose channels an addition ties together, and one that a concatenation needs as it is."""
    from tf_keras import Model, layers

    start = layers.Input((4, 4, 3))
    left = layers.Conv2D(8, 1, name="left")(start)
    right = layers.Conv2D(8, 1, name="right")(left)
    tied = layers.Add()([left, right])
    both = layers.Concatenate(name="both")([tied, layers.Conv2D(8, 1, name="beside")(tied)])
    return randomize(Model(start, layers.Dense(2, name="dense")(layers.GlobalAveragePooling2D()(both))))


def inputs(model):
    return np.random.default_rng(1).normal(size=(3, *model.input_shape[1:])).astype(np.float32)


def kept_energy(model, pattern):
    energies = [(kernel.matrix() ** 2, pattern.mask(kernel.matrix())) for kernel in kernels_of(model) if kernel.option]
    return np.array([energy[mask].sum() / energy.sum() for energy, mask in energies])


def test_channels_know_who_makes_passes_on_and_reads_them(chain):
    found = channels.find(chain)
    names = [[[layer.name for layer in part] for part in (c.makers, c.readers)] for c in found]
    assert names == [
        [["conv"], ["pointwise"]], [["pointwise"], ["hidden"]], [["hidden"], ["dense"]], [["dense"], []],
    ]  # fmt: skip
    assert [layer.name for layer in found[0].followers][:2] == ["conv_bn", "depthwise"]
    assert [c.fixed for c in found] == ["", "", "", "they are an output of the model"]


def test_an_addition_ties_channels_and_a_concatenation_holds_them(residual):
    found = {c.makers[0].name: c for c in channels.find(residual)}
    assert [layer.name for layer in found["left"].makers] == ["left", "right"]
    assert "both, a Concatenate" in found["left"].fixed
    assert "both, a Concatenate" in found["beside"].fixed
    with pytest.raises(ModelError, match=r"has no channels to reorder .left: both, a Concatenate, needs them as they"):
        permute.permute(residual, NM(2, 4))


@pytest.mark.parametrize("text", ["2:4", "1:4", "2:8", "2:4g2", "2:4g4"])
def test_reordered_channels_compute_the_same_and_lose_less(chain, text):
    pattern = parse(text)
    reordered = permute.permute(chain, pattern)
    np.testing.assert_allclose(reordered.predict(inputs(chain)), chain.predict(inputs(chain)), rtol=1e-4, atol=1e-6)
    before, after = kept_energy(chain, pattern), kept_energy(reordered, pattern)
    assert after.sum() > before.sum() + 0.001
    assert sorted(np.abs(matrix_of(reordered.get_layer("pointwise").kernel.numpy())).sum(axis=0)) == pytest.approx(
        sorted(np.abs(matrix_of(chain.get_layer("pointwise").kernel.numpy())).sum(axis=0))
    )


def test_the_order_of_eight_channels_is_the_best_of_all_up_to_swaps():
    """Swaps end where no pair gains; on eight channels that is within a hair of the best of all 35 splittings."""
    from tf_keras import Sequential, layers

    model = randomize(
        Sequential([layers.Input((8,)), layers.Dense(8, name="maker"), layers.Dense(6, name="reader"), layers.Dense(2)])
    )
    reader = matrix_of(model.get_layer("reader").kernel.numpy()) ** 2
    pattern = NM(2, 4)

    def kept(order):
        return reader[:, order][pattern.mask(np.sqrt(reader[:, order]))].sum()

    best = max(kept(np.array((0, *rest))) for rest in permutations(range(1, 8)) if rest[0] < rest[1] < rest[2])
    order = permute.best_order(channels.find(model)[0], pattern)
    assert sorted(order) == list(range(8))
    assert kept(order) >= 0.995 * best
    assert kept(order) > kept(np.arange(8))


def test_pruning_reorders_first_where_it_is_told_to(chain):
    plain, reordered = prune(chain, "2:4"), prune(chain, "2:4", reorder=True)
    assert kept_energy(reordered.model, NM(2, 4)).min() == 1
    norms = [sum((kernel.matrix() ** 2).sum() for kernel in kernels_of(m.model)) for m in (plain, reordered)]
    assert norms[1] > norms[0]
    with pytest.raises(UsageError, match="reordered for one N:M pattern"):
        prune(chain, Unstructured(0.5), reorder=True)


def test_filters_go_with_everything_that_reads_their_channels(chain):
    pointwise = chain.get_layer("pointwise")
    kernel, bias = pointwise.get_weights()
    gone = np.array([1, 3, 5, 7, 9, 11, 13, 15])
    kernel[..., gone] *= 1e-3
    bias[gone] = 0
    pointwise.set_weights([kernel, bias])
    smaller, report = filters.shrink(chain, 0.5)
    sizes = [smaller.get_layer(name).output_shape[-1] for name in ("conv", "depthwise", "pointwise", "hidden", "dense")]
    assert sizes == [8, 8, 8, 4, 3]
    np.testing.assert_array_equal(smaller.get_layer("pointwise").bias.numpy(), bias[::2])
    lines = {line.name: line for line in report}
    assert lines["pointwise"].reason == "16 → 8 channels, 12 → 8 taps"
    assert (lines["pointwise"].removed, lines["pointwise"].pruned) == (16 * 12 - 8 * 8, True)
    assert lines["dense"].reason == "3 → 3 channels, 8 → 4 taps"


def test_removing_channels_that_do_nothing_changes_nothing(chain):
    """Half of the filters of each layer but the last answer zero to everything: what is left computes the same."""
    for name in ("conv", "pointwise", "hidden"):
        layer = chain.get_layer(name)
        kernel, *bias = layer.get_weights()
        kernel[..., ::2] = 0
        layer.set_weights([kernel, *(np.where(np.arange(len(b)) % 2, b, 0) for b in bias)])
    normalization, neutral = chain.get_layer("conv_bn"), (0, 0, 0, 1)
    weights = zip(normalization.get_weights(), neutral, strict=True)
    normalization.set_weights([np.where(np.arange(12) % 2, weight, at_even) for weight, at_even in weights])
    smaller, _ = filters.shrink(chain, 0.34)
    assert [smaller.get_layer(name).output_shape[-1] for name in ("conv", "pointwise", "hidden")] == [8, 12, 4]
    np.testing.assert_allclose(smaller.predict(inputs(chain)), chain.predict(inputs(chain)), rtol=1e-4)


def test_nested_models_whose_weights_have_the_same_names_keep_them_apart():
    from tf_keras import Model, Sequential, layers

    def block(name: str):
        return Sequential([layers.Input((4, 4, 8)), layers.Conv2D(8, 1, name="conv")], name=name)

    start = layers.Input((4, 4, 3))
    maps = layers.Conv2D(8, 1, name="stem")(start)
    for name in ("first", "second"):
        maps = layers.Conv2D(8, 1, name=f"behind_{name}")(layers.Conv2D(8, 1, name=f"of_{name}")(block(name)(maps)))
    model = randomize(Model(start, layers.Dense(2)(layers.GlobalAveragePooling2D()(maps))))
    wanted = model.predict(inputs(model), verbose=0)
    np.testing.assert_allclose(permute.permute(model, NM(2, 4)).predict(inputs(model), verbose=0), wanted, rtol=1e-4)
    smaller, report = filters.shrink(model, 0.5)
    for name in ("first", "second"):
        for kept, given in zip(smaller.get_layer(name).weights, model.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(kept, given)
    assert {line.name: line.removed for line in report}["of_first"] > 0


def test_numbers_beside_tensors_are_no_channels():
    from tf_keras import Model, layers

    start = layers.Input((6, 8))
    maps = layers.Conv1D(8, 1, name="first")(start)
    with pytest.raises(ModelError, match=r"has no channels to reorder .first: .*needs them as they are"):
        permute.permute(Model(start, layers.Dense(2)(1.0 - maps)), NM(2, 4))


def test_whatever_else_sees_channels_holds_them():
    """Also where Keras hands a layer its second tensor by another way than as a list."""
    from tf_keras import Model, layers

    start = layers.Input((6, 8))
    for joined in (lambda a, b: a + b, layers.MultiHeadAttention(2, 4, name="attention")):
        first, second = (layers.Conv1D(8, 1, name=name)(start) for name in ("first", "second"))
        both = Model(start, [joined(first, second), layers.Dense(4, name="reader")(second)])
        assert {c.makers[0].name: bool(c.fixed) for c in channels.find(both) if c.makers}["second"]
    first = layers.Conv1D(8, 1, name="first")(start)
    pooled = layers.GlobalAveragePooling1D(data_format="channels_first", name="pooled")(first)
    found = channels.find(Model(start, layers.Dense(2)(pooled)))[0]
    assert found.fixed == "pooled, a GlobalAveragePooling1D, needs them as they are"


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 2.0])
def test_a_share_of_channels_out_of_range_is_refused(chain, share):
    with pytest.raises(UsageError, match="% of the channels is out of range"):
        filters.shrink(chain, share)


@pytest.mark.parametrize("share", [0.1, 0.04])
def test_a_share_that_removes_no_channel_is_refused(chain, share):
    with pytest.raises(ModelError, match=rf"would lose no channel: .* multiple of 4, .* more than {100 * share:g} %"):
        filters.shrink(chain, share)


def test_layers_that_keep_all_their_channels_say_why(chain):
    _, report = filters.shrink(chain, 0.13)
    assert [layer.name for layer in report if layer.pruned] == ["pointwise", "hidden"]
    reasons = {layer.name: layer.reason for layer in report if not layer.pruned}
    assert reasons["conv"] == "all 12 channels stay: they go in fours"
    assert reasons["dense"] == "they are an output of the model"


def test_a_normalization_behind_a_flatten_holds_its_channels():
    from tf_keras import Sequential, layers

    model = randomize(
        Sequential(
            [
                layers.Input((4, 4, 3)),
                layers.Conv2D(8, 1, name="conv"),
                layers.Conv2D(8, 1, name="next"),
                layers.Flatten(),
                layers.BatchNormalization(name="behind"),
                layers.Dense(2, name="dense"),
            ]
        )
    )
    found = {c.makers[0].name: c.fixed for c in channels.find(model)}
    assert (found["conv"], found["next"]) == ("", "behind, a BatchNormalization, needs them as they are")
    smaller, _ = filters.shrink(model, 0.5)
    assert [smaller.get_layer(name).filters for name in ("conv", "next")] == [4, 8]
    np.testing.assert_allclose(
        permute.permute(model, NM(2, 4)).predict(inputs(model), verbose=0),
        model.predict(inputs(model), verbose=0),
        rtol=1e-4,
    )
