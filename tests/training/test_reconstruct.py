"""Pruning without labels: against exhaustive search and least squares, and on whole networks against magnitude."""

import sys
from itertools import combinations, product

import numpy as np
import pytest

from tinyprune.compiler.sparsity import NM, Threshold, Unstructured, parse
from tinyprune.errors import DataError, ModelError, UsageError
from tinyprune.training.prune import masks_of, prune, reconstruct, verify
from tinyprune.training.prune.kernels import clone, kernels_of

RNG = np.random.default_rng
METHODS = ("magnitude", "reconstruct", "match")


def layer(rows: int, taps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and second moments of inputs that depend on one another."""
    rng = RNG(seed)
    inputs = rng.normal(size=(500, taps)) @ rng.normal(size=(taps, taps))
    return rng.normal(size=(rows, taps)), inputs.T @ inputs / len(inputs)


def loss(weights: np.ndarray, dense: np.ndarray, second: np.ndarray) -> float:
    """Mean squared change of the answers."""
    return float(np.einsum("ri,ij,rj->", weights - dense, second, weights - dense))


def best(dense: np.ndarray, second: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Least squares on the positions kept."""
    weights = np.zeros_like(dense)
    weights[kept] = np.linalg.lstsq(second[np.ix_(kept, kept)], second[kept] @ dense, rcond=None)[0]
    return weights


@pytest.mark.parametrize("pattern", [NM(2, 4), NM(1, 4), NM(2, 4, 2), Unstructured(0.5), Unstructured(0.9)])
def test_kept_weights_are_the_least_squares_on_their_positions(pattern, monkeypatch):
    monkeypatch.setattr(reconstruct, "DAMPING", 1e-12)
    dense, second = layer(6, 16)
    weights, mask = reconstruct.prune_matrix(dense, second, pattern)
    assert not weights[~mask].any()
    assert pattern.matches(weights)
    assert mask.sum() == pattern.mask(dense).sum()
    for row, wanted, kept in zip(weights, dense, mask, strict=True):
        np.testing.assert_allclose(row, best(wanted, second, kept), rtol=1e-6, atol=1e-8)


def test_the_choice_is_close_to_the_best_of_all_and_far_from_magnitude():
    pattern, found, ideal, naive = NM(2, 4), 0.0, 0.0, 0.0
    for seed in range(20):
        dense, second = layer(1, 8, seed)
        weights, _ = reconstruct.prune_matrix(dense, second, pattern)
        found += loss(weights, dense, second)
        naive += loss(dense * pattern.mask(dense), dense, second)
        choices = list(combinations(range(4), 2))
        masks = [np.isin(np.arange(8), (*one, *np.add(other, 4))) for one, other in product(choices, choices)]
        ideal += min(loss(best(dense[0], second, mask)[None], dense, second) for mask in masks)
    assert ideal <= found < 1.5 * ideal
    assert found < naive / 3


def test_wide_layers_are_solved_at_once(monkeypatch):
    dense, second = layer(8, 32)
    one_by_one, _ = reconstruct.prune_matrix(dense, second, NM(2, 4))
    monkeypatch.setattr(reconstruct, "ONE_AT_A_TIME", 0)
    at_once, mask = reconstruct.prune_matrix(dense, second, NM(2, 4))
    assert NM(2, 4).matches(at_once)
    assert not at_once[~mask].any()
    magnitude = dense * NM(2, 4).mask(dense)
    assert loss(one_by_one, dense, second) < loss(at_once, dense, second) < loss(magnitude, dense, second)
    solved = np.stack([best(weights, second, kept) for weights, kept in zip(dense, mask, strict=True)])
    assert loss(at_once, dense, second) < 1.05 * loss(solved, dense, second)


def test_inputs_that_never_vary_do_no_harm():
    dense, second = layer(4, 8)
    second[:, 3] = second[3] = 0
    weights, _ = reconstruct.prune_matrix(dense, second, NM(2, 4))
    assert np.isfinite(weights).all()
    weights, _ = reconstruct.prune_matrix(dense, np.zeros((8, 8)), NM(2, 4))
    assert np.isfinite(weights).all()


@pytest.fixture
def model():
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    network = Sequential(
        [
            layers.Input((12, 9, 2)),
            layers.Conv2D(16, (3, 2), strides=(2, 1), padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2D(24, 1, activation="relu", name="pointwise"),
            layers.Conv2D(8, (2, 3), dilation_rate=(1, 2), name="dilated"),
            layers.Flatten(),
            layers.Dense(6, name="dense"),
        ]
    )
    network.get_layer("bn").set_weights([RNG(0).uniform(0.5, 1, 16) for _ in range(4)])
    return network


def inputs(count: int = 96, seed: int = 1) -> np.ndarray:
    """Smooth maps, so that neighbouring taps see much the same."""
    noise = RNG(seed).normal(size=(count, 12, 9, 2)).cumsum(axis=1).cumsum(axis=2)
    return (1 + noise / 5).astype(np.float32)


def error(model, pruned, samples) -> float:
    wanted = model.predict(samples, verbose=0)
    return float(((pruned.model.predict(samples, verbose=0) - wanted) ** 2).mean() / wanted.var())


@pytest.mark.parametrize("pattern", ["1:4", "unstructured-75"])
def test_each_method_answers_more_like_the_dense_network_on_inputs_it_never_saw(model, pattern):
    fresh = inputs(seed=2)
    magnitude, rebuilt, matched = (
        prune(model, pattern, method, inputs()) for method in ("magnitude", "reconstruct", "match")
    )
    assert error(model, rebuilt, fresh) < error(model, magnitude, fresh) / 2
    assert error(model, matched, fresh) < error(model, rebuilt, fresh)
    for pruned in (rebuilt, matched):
        verify(pruned.model, pruned.masks)
        assert [line.zeros for line in pruned.layers] == [line.zeros for line in magnitude.layers]
    told = [{line.reason.split(", ", 1)[1] for line in found.layers if line.pruned} for found in (rebuilt, matched)]
    assert told == [{"reconstructed"}, {"reconstructed, matched"}]


@pytest.mark.parametrize("pattern", [NM(2, 4), Unstructured(0.9)])
def test_the_target_is_the_dense_answer_to_the_dense_input(pattern, monkeypatch):
    """Without zeros by least squares; pruned from there, a layer makes good what those before it have lost."""
    monkeypatch.setattr(reconstruct, "DAMPING", 1e-12)
    rng = RNG(0)
    dense_input = rng.normal(size=(500, 16)) @ rng.normal(size=(16, 16))
    seen = dense_input @ (np.eye(16) + 0.3 * rng.normal(size=(16, 16)))
    weights = rng.normal(size=(6, 16))
    zero, second, shared = np.zeros(16), seen.T @ seen / 500, dense_input.T @ seen / 500
    found = reconstruct.answering(weights, reconstruct.Moments(zero, zero, second, shared))
    answer = dense_input @ weights.T
    np.testing.assert_allclose(found, np.linalg.lstsq(seen, answer, rcond=None)[0].T, rtol=1e-6)
    made_good, as_it_was = (reconstruct.prune_matrix(start, second, pattern)[0] for start in (found, weights))
    assert ((seen @ made_good.T - answer) ** 2).sum() < 0.7 * ((seen @ as_it_was.T - answer) ** 2).sum()


@pytest.mark.parametrize(("pruned", "seen"), [("conv", "bn"), ("dense", "dense"), ("conv dilated dense", "dense")])
def test_the_mean_answer_stays_behind_a_batch_normalization_and_of_a_layer_with_bias(model, pruned, seen):
    from tf_keras import Model

    copy = clone(model, {})
    masks = {name: masks_of(copy)[name] for name in pruned.split()}
    reconstruct.reconstruct(model, copy, dict.fromkeys(masks, NM(1, 4)), masks, inputs())
    networks = [Model(network.inputs, network.get_layer(seen).output) for network in (model, copy)]
    answers = [network.predict_on_batch(inputs()).reshape(-1, networks[0].output_shape[-1]) for network in networks]
    assert np.abs(answers[0] - answers[1]).max() > 0.01
    np.testing.assert_allclose(*(answer.mean(axis=0) for answer in answers), atol=1e-4)


@pytest.mark.parametrize("name", ["conv", "pointwise", "dilated", "dense"])
def test_the_moments_are_those_of_what_the_taps_see(model, name):
    """Pruning nothing but asking the columns: kernel × columns is what the layer answers."""
    from tf_keras import Model

    kernel = next(kernel for kernel in kernels_of(model) if kernel.name == name)
    seen = Model(model.inputs, kernel.layer.input).predict(inputs(4), verbose=0)
    answer = reconstruct._columns(kernel.layer, seen) @ kernel.matrix().T
    expected = kernel.layer(seen).numpy().reshape(answer.shape)
    bias = kernel.layer.bias.numpy() if kernel.layer.use_bias else 0
    activated = np.maximum(answer + bias, 0) if name == "pointwise" else answer + bias
    np.testing.assert_allclose(activated, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["causal", "same", "valid"])
def test_sequences_are_seen_as_conv1d_sees_them(padding):
    from tf_keras import Sequential, layers

    options = {"strides": 2} if padding == "valid" else {"dilation_rate": 2}
    network = Sequential([layers.Input((11, 3)), layers.Conv1D(5, 3, padding=padding, use_bias=False, **options)])
    samples = RNG(0).normal(size=(4, 11, 3)).astype(np.float32)
    kernel = kernels_of(network)[0]
    answer = reconstruct._columns(kernel.layer, samples) @ kernel.matrix().T
    np.testing.assert_allclose(answer, network(samples).numpy().reshape(answer.shape), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_reconstructed_falls_back_and_says_so():
    from tf_keras import Input, Model, layers

    features = Input((6, 8))
    twice = layers.Dense(8, name="twice")
    recurrent = layers.LSTM(4, name="lstm")(twice(twice(features)))
    pruned = prune(
        Model(features, layers.Dense(4, name="dense")(recurrent)), "2:4", "reconstruct", RNG(0).normal(size=(9, 6, 8))
    )
    reasons = {line.name: line.reason for line in pruned.layers}
    assert reasons["twice"] == "2:4 along taps, by magnitude: the layer is called several times"
    assert reasons["lstm"] == "2:4 along taps, by magnitude: an LSTM's answer is not linear in its weights"
    assert reasons["dense"] == "2:4 along taps, reconstructed"


def test_a_network_of_one_layer_used_twice_is_matched_by_its_answer():
    from tf_keras import Input, Model, layers, utils

    utils.set_random_seed(0)
    features, twice = Input((8,)), layers.Dense(8, name="twice")
    model = Model(features, twice(twice(features)))
    samples = RNG(0).normal(size=(64, 8)).astype(np.float32)
    plain, matched = prune(model), prune(model, "2:4", "match", samples)
    assert error(model, matched, samples) < error(model, plain, samples)


def test_each_of_several_outputs_is_matched():
    from tf_keras import Input, Model, layers, utils

    utils.set_random_seed(0)
    features = Input((16,))
    trunk = layers.Dense(32, activation="relu", name="trunk")(features)
    model = Model(features, [layers.Dense(4, name="one")(trunk), layers.Dense(8, name="other")(trunk)])
    samples, fresh = RNG(0).normal(size=(2, 128, 16)).astype(np.float32)

    def errors(pruned) -> list[float]:
        pairs = zip(pruned.model.predict(fresh, verbose=0), model.predict(fresh, verbose=0), strict=True)
        return [float(((answer - wanted) ** 2).mean() / wanted.var()) for answer, wanted in pairs]

    rebuilt, matched = (errors(prune(model, "1:4", method, samples)) for method in ("reconstruct", "match"))
    assert matched[0] < rebuilt[0]
    assert matched[1] < rebuilt[1]


def test_a_network_that_ends_in_a_sum_is_matched_by_the_sum():
    from tf_keras import Input, Model, layers, utils

    utils.set_random_seed(0)
    features = Input((16,))
    trunk = layers.Dense(32, activation="relu")(features)
    model = Model(features, layers.Add()([layers.Dense(8)(trunk), layers.Dense(8, name="last")(trunk)]))
    samples, fresh = RNG(0).normal(size=(2, 128, 16)).astype(np.float32)
    rebuilt, matched = (
        error(model, prune(model, "2:4", method, samples), fresh) for method in ("reconstruct", "match")
    )
    assert matched < 0.95 * rebuilt < 0.2


def test_inputs_in_bytes_are_matched_as_well_as_others():
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    model = Sequential([layers.Input((16,)), layers.Dense(32, activation="relu", name="first"), layers.Dense(8)])
    first = model.get_layer("first")
    first.kernel.assign(first.kernel / 255)
    samples, fresh = RNG(0).integers(0, 256, (2, 128, 16)).astype(np.float32)
    rebuilt, matched = (
        error(model, prune(model, "2:4", method, samples), fresh) for method in ("reconstruct", "match")
    )
    assert matched < rebuilt < 1


def test_an_input_and_a_channel_that_are_always_zero_are_matched():
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    model = Sequential([layers.Input((16,)), layers.Dense(8, activation="relu", name="first"), layers.Dense(8)])
    first = model.get_layer("first")
    first.bias.assign([-1, 0, 0, 0, 0, 0, 0, 0])
    first.kernel.assign(first.kernel * [0, 1, 1, 1, 1, 1, 1, 1])
    samples = RNG(0).normal(size=(64, 16)).astype(np.float32)
    samples[:, 0] = 0
    assert error(model, prune(model, "2:4", "match", samples), samples) < 0.5


def test_samples_are_used_without_a_method_being_named(model):
    named, unnamed = prune(model, "1:4", "match", inputs()), prune(model, "1:4", samples=inputs().tolist())
    np.testing.assert_array_equal(named.model.get_layer("dense").kernel, unnamed.model.get_layer("dense").kernel)
    plain, by_rule = prune(model, "1:4"), prune(model, Threshold(0.5), samples=inputs())
    assert {line.reason.split(", ")[1] for line in plain.layers + by_rule.layers if line.pruned} == {"by magnitude"}


def test_of_several_outputs_those_are_matched_that_are_numbers():
    import tensorflow as tf
    from tf_keras import Input, Model, layers, utils

    utils.set_random_seed(0)
    features = Input((16,))
    answer = layers.Dense(8, name="answer")(layers.Dense(16)(features))
    half = layers.Dense(4, dtype="mixed_float16")(answer)
    model = Model(features, [answer, half, tf.argmax(answer, -1)])
    samples = RNG(0).normal(size=(64, 16)).astype(np.float32)
    rebuilt, matched = (prune(model, "1:4", method, samples).model.predict(samples)[0] for method in METHODS[1:])
    wanted = model.predict(samples)[0]
    assert ((matched - wanted) ** 2).mean() < ((rebuilt - wanted) ** 2).mean()


def test_what_is_behind_a_frozen_layer_is_matched():
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    model = Sequential([layers.Input((16,)), layers.Dense(16, name="base"), layers.Dense(4, name="head")])
    model.get_layer("base").trainable = False
    samples = RNG(0).normal(size=(64, 16)).astype(np.float32)
    rebuilt, matched = (prune(model, {"base": NM(1, 4)}, method, samples) for method in METHODS[1:])
    assert error(model, matched, samples) < error(model, rebuilt, samples)


def test_frozen_layers_are_not_matched(model):
    model.get_layer("conv").trainable = False
    rebuilt, matched = (prune(model, "1:4", method, inputs()).model for method in ("reconstruct", "match"))
    moved = [not np.allclose(rebuilt.get_layer(n).kernel, matched.get_layer(n).kernel) for n in ("conv", "pointwise")]
    assert moved == [False, True]
    model.trainable = False
    with pytest.raises(ModelError, match=r"nothing to match: all its layers are frozen .* use method reconstruct"):
        prune(model, "1:4", "match", inputs())


def used_twice_at_the_end():
    from tf_keras import Input, Model, layers, utils

    utils.set_random_seed(0)
    features, twice = Input((8,)), layers.Dense(8, name="twice")
    return Model(features, twice(twice(layers.Dense(8, name="dense")(features)))), RNG(0).normal(size=(64, 8))


def with_a_frozen_layer(model):
    model.get_layer("conv").trainable = False
    return model, inputs()


@pytest.mark.parametrize("case", ["a frozen layer", "a layer behind the answer that is matched"])
def test_the_report_says_matched_of_the_kernels_that_moved(model, case):
    network, samples = with_a_frozen_layer(model) if case == "a frozen layer" else used_twice_at_the_end()
    rebuilt, matched = (prune(network, "1:4", method, samples) for method in ("reconstruct", "match"))
    pairs = zip(kernels_of(rebuilt.model), kernels_of(matched.model), strict=True)
    moved = [one.name for one, other in pairs if not np.array_equal(one.matrix(), other.matrix())]
    assert [line.name for line in matched.layers if "matched" in line.reason] == moved
    assert 0 < len(moved) < len(matched.layers)
    assert not [line.reason for line in rebuilt.layers if "matched" in line.reason]


@pytest.mark.parametrize("others", ["another layer", "the answer"])
def test_a_batch_normalization_takes_nothing_over_where_others_would_see_it(others):
    from tf_keras import Input, Model, layers

    features, shared = Input((6, 6, 4)), layers.BatchNormalization()
    convolved = [layers.Conv2D(8, 1, use_bias=False, name=name)(features) for name in ("left", "right")]
    outputs = (
        [shared(maps) for maps in convolved] if others == "another layer" else [shared(convolved[0]), convolved[0]]
    )
    model = Model(features, outputs)
    before = shared.get_weights()
    pruned = prune(model, "1:4", "reconstruct", RNG(0).normal(1, 1, size=(64, 6, 6, 4)))
    for old, new in zip(before, pruned.model.get_layer(shared.name).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_symbols_are_matched_as_they_are_since_nothing_lies_between_two_of_them(monkeypatch):
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    words = Sequential(
        [layers.Embedding(20, 8, input_length=6), layers.Conv1D(16, 3, activation="relu"), layers.Dense(8)]
    )
    samples = RNG(0).integers(20, size=(64, 6))
    monkeypatch.setattr(sys.modules["tinyprune.training.prune.match"], "_mixtures", None)
    plain, matched = prune(words), prune(words, "2:4", "match", samples)
    assert error(words, matched, samples) < error(words, plain, samples)


BAD_SAMPLES = {
    "shape": (np.zeros((4, 12, 9)), r"pruning samples have shape \[4, 12, 9\]; this model needs \[samples, 12, 9, 2\]"),
    "none": (np.zeros((0, 12, 9, 2)), r"pruning samples have shape \[0, 12, 9, 2\]"),
    "text": (np.full((4, 12, 9, 2), "x"), r"pruning samples are <U1; expected numbers"),
    "NaN": (
        np.where(np.arange(4)[:, None, None, None] == 2, np.nan, inputs(4)),
        r"1 of 4 pruning samples hold NaN or Inf, first sample 2",
    ),
}


@pytest.mark.parametrize("case", BAD_SAMPLES)
@pytest.mark.parametrize("method", ["reconstruct", "match"])
def test_bad_samples_are_refused(model, method, case):
    samples, message = BAD_SAMPLES[case]
    with pytest.raises(DataError, match=message):
        prune(model, "2:4", method, samples)


def test_samples_are_needed_and_a_threshold_has_no_use_for_them(model):
    with pytest.raises(UsageError, match=r"method match needs samples: real inputs of the model, \[samples, \*inp"):
        prune(model, "2:4", "match")
    with pytest.raises(UsageError, match=r"threshold-1 is a rule about magnitudes: use it with method magnitude"):
        prune(model, Threshold(1), "reconstruct", inputs())


def test_a_method_or_model_of_another_kind_is_refused(model):
    from tf_keras import Input, Sequential, layers

    with pytest.raises(UsageError, match="unknown method 'best': give one of magnitude, reconstruct, match"):
        prune(model, "2:4", "best", inputs())
    with pytest.raises(ModelError, match="only a Keras model whose inputs are known can be pruned"):
        prune(Sequential([layers.Dense(4)]), "2:4")
    sequences = RNG(0).normal(size=(9, 5, 8))
    stateful = Sequential([Input(batch_shape=(1, 5, 8)), layers.LSTM(8, stateful=True), layers.Dense(4)])
    with pytest.raises(ModelError, match=r"keeps its state from batch to batch.* build it without stateful=True"):
        prune(stateful, "2:4", "match", sequences)
    called = Sequential([layers.LSTM(8), layers.Dense(4)])
    called(sequences[:1])  # and so has a batch of one in its shape
    pruned = prune(called, "2:4", "match", sequences)
    verify(pruned.model, pruned.masks)


def test_samples_that_overflow_inside_are_refused(model):
    with pytest.raises(ModelError, match="the input of layer pointwise becomes NaN or infinite on these samples"):
        prune(model, parse("2:4"), "reconstruct", np.full((4, 12, 9, 2), 3e38, np.float32))
