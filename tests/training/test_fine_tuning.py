"""Pruning with labels: what is learned from a user's arrays, and a run that goes on as if it had never stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyprune.compiler.sparsity import NM
from tinyprune.errors import DataError, ModelError, UsageError
from tinyprune.training.fine_tuning import Step, fine_tune, task
from tinyprune.training.keras_model import Examples
from tinyprune.training.prune import PrunedModel, prune, schedule
from tinyprune.training.train import SQUARED_ERROR, Recipe, score

RECIPE = Recipe(epochs=6, learning_rate=0.01, weight_decay=0.0, batch_samples=16, seed=1)


def network(last: str | None = "softmax", outputs: int = 3):
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    return Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, activation="relu", name="first"),
            layers.Dropout(0.2, rng_type="stateful"),
            layers.Dense(outputs, activation=last, name="last"),
        ]
    )


def examples(seed: int = 0, count: int = 100) -> Examples:
    """The class is which of three inputs is the largest."""
    inputs = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return Examples(inputs, inputs[:, :3].argmax(axis=1))


def steps_to(pattern: NM, count: int, seen: list[str] | None = None) -> list[Step]:
    def pruning(wanted: NM):
        def run(model) -> PrunedModel:
            if seen is not None:
                seen.append(wanted.name)
            return prune(model, wanted, "reconstruct", examples().inputs)

        return run

    return [Step(each.name, pruning(each)) for each in schedule(pattern, count)]


def test_training_after_pruning_learns_and_holds_the_last_mask(tmp_path: Path) -> None:
    shown: list[tuple[str, int]] = []
    model = network()
    pruned, before, after = fine_tune(
        model, steps_to(NM(1, 4), 3), examples, examples(99), RECIPE, tmp_path,
        lambda step, result: shown.append((step.name, result.epoch)),
    )  # fmt: skip
    assert shown == [("3:4", 0), ("3:4", 1), ("2:4", 0), ("2:4", 1), ("1:4", 0), ("1:4", 1)]
    kernel = pruned.model.get_layer("first").kernel.numpy()
    kept = kernel != 0
    assert (kept.T.reshape(16, 2, 4).sum(axis=2) <= 1).all()
    assert score(pruned.model, examples(99)) == after > before
    assert [layer.zeros for layer in pruned.layers] == [96, 36]
    assert not np.allclose(kernel[kept], model.get_layer("first").kernel.numpy()[kept])


def test_a_killed_run_goes_on_with_its_mask_and_prunes_nothing_twice(tmp_path: Path) -> None:
    whole, *_ = fine_tune(network(), steps_to(NM(1, 4), 3), examples, examples(99), RECIPE, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(step: Step, result) -> None:
        if (step.name, result.epoch) == ("2:4", 0):
            raise Killed

    with pytest.raises(Killed):
        fine_tune(network(), steps_to(NM(1, 4), 3), examples, examples(99), RECIPE, tmp_path / "parts", kill)
    pruned_to: list[str] = []
    steps = steps_to(NM(1, 4), 3, pruned_to)
    resumed, *_ = fine_tune(network(), steps, examples, examples(99), RECIPE, tmp_path / "parts")
    assert pruned_to == ["1:4"]
    assert resumed.layers == whole.layers
    for name, mask in whole.masks.items():
        np.testing.assert_array_equal(resumed.masks[name], mask)
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_more_steps_than_epochs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="6 epochs are too few for 7 steps"):
        fine_tune(network(), steps_to(NM(1, 8), 7), examples, examples(99), RECIPE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_tenth_is_held_out_and_every_epoch_has_all_the_others() -> None:
    data = examples()
    divided = task(network(), *data, 0.0)
    assert (len(divided.training.inputs), len(divided.held_out.inputs)) == (90, 10)
    together = np.concatenate([divided.training.inputs, divided.held_out.inputs])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(data.inputs, axis=0))
    first, again, other = divided.epoch(3, 0), divided.epoch(3, 0), divided.epoch(3, 1)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert not np.array_equal(first.inputs, other.inputs)
    np.testing.assert_array_equal(first.targets, first.inputs[:, :3].argmax(axis=1))


def test_logits_and_probabilities_are_told_apart() -> None:
    for last, from_logits in (("softmax", False), (None, True)):
        assert task(network(last), *examples(), 0.0).loss.get_config()["from_logits"] is from_logits


@pytest.mark.parametrize("last", ["softmax", None])
def test_distillation_mixes_in_the_dense_networks_answers(last: str | None) -> None:
    model = network(last)
    divided = task(model, *examples(), 0.25)
    answers = model.predict(divided.training.inputs, verbose=0)
    if last is None:
        answers = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    right = divided.training.inputs[:, :3].argmax(axis=1)
    np.testing.assert_allclose(divided.training.targets, 0.75 * np.eye(3)[right] + 0.25 * answers, atol=1e-6)
    assert divided.held_out.targets.dtype == np.int64
    assert divided.loss.name == "categorical_crossentropy"


def test_values_are_learned_by_their_squared_error(tmp_path: Path) -> None:
    data = examples()
    divided = task(network(None), data.inputs, data.inputs[:, :3].astype(np.float64), 0.0)
    assert (divided.loss, divided.metric) == (SQUARED_ERROR, "mean squared error")
    pruned, before, after = fine_tune(
        network(None), steps_to(NM(2, 4), 1), lambda n: divided.epoch(0, n), divided.held_out, RECIPE, tmp_path,
        loss=divided.loss,
    )  # fmt: skip
    expected = ((pruned.model.predict(divided.held_out.inputs, verbose=0) - divided.held_out.targets) ** 2).mean()
    assert after == pytest.approx(expected)
    assert after < before


INPUTS, CLASSES = examples()
MISTAKES = {
    "too few": (INPUTS[:19], CLASSES[:19], "19 samples are too few to train on and to hold some out; 20 are the least"),
    "another length": (
        INPUTS,
        CLASSES[:99],
        r"labels are int64 \[99\]; this model and these samples need the number .* \[100\]",
    ),
    "another shape": (INPUTS, np.zeros((100, 4)), r"or values, real numbers \[100, 3\]"),
    "words": (INPUTS, np.array(["yes"] * 100), r"labels are <U3 \[100\]"),
    "class beyond": (INPUTS, CLASSES + 1, r"label \d+ is 3; this model's classes are 0 to 2"),
    "negative class": (INPUTS, CLASSES - 1, r"label \d+ is -1"),
    "NaN": (INPUTS, np.where(np.arange(300) == 6, np.nan, 0.0).reshape(100, 3), "label 2 has NaN or infinity"),
    "NaN in inputs": (np.full((100, 8), np.nan), CLASSES, "100 of 100 training samples hold NaN or Inf"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_arrays_that_do_not_belong_to_the_model_are_refused(case: str) -> None:
    inputs, labels, message = MISTAKES[case]
    with pytest.raises(DataError, match=message):
        task(network(), inputs, labels, 0.0)


@pytest.mark.parametrize("labels", [CLASSES > 0, (CLASSES > 0)[:, None]], ids=["flat", "column"])
def test_one_output_learns_values(labels: np.ndarray) -> None:
    divided = task(network("sigmoid", 1), INPUTS, labels.astype(np.int64), 0.0)
    assert divided.loss == SQUARED_ERROR
    assert (divided.training.targets.shape, divided.training.targets.dtype) == ((90, 1), np.float32)


@pytest.mark.parametrize("labels", [np.eye(3)[CLASSES], np.eye(3, dtype=np.int32)[CLASSES], CLASSES[:, None]])
def test_one_hot_rows_and_columns_are_classes(labels: np.ndarray) -> None:
    divided = task(network(), INPUTS, labels, 0.0)
    np.testing.assert_array_equal(divided.held_out.targets, divided.held_out.inputs[:, :3].argmax(axis=1))


def test_a_sigmoid_for_each_class_is_no_probability_of_one() -> None:
    with pytest.raises(DataError, match=r"\(sigmoids\?\): give values as labels, real numbers \[samples, 3\]"):
        task(network("sigmoid"), *examples(), 0.0)


@pytest.mark.parametrize("rows", [np.eye(3)[CLASSES], np.eye(3, dtype=np.int64)[CLASSES]])
def test_one_hot_rows_are_values_to_a_sigmoid_for_each_class(rows: np.ndarray) -> None:
    divided = task(network("sigmoid"), INPUTS, rows, 0.0)
    assert divided.loss == SQUARED_ERROR
    np.testing.assert_array_equal(divided.held_out.targets, np.eye(3)[divided.held_out.inputs[:, :3].argmax(axis=1)])


def test_damaged_files_of_a_stopped_run_are_named(tmp_path: Path) -> None:
    fine_tune(network(), steps_to(NM(2, 4), 1), examples, examples(99), RECIPE, tmp_path)
    (tmp_path / "1" / "masks.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"1 is damaged .*; remove .* to start over"):
        fine_tune(network(), steps_to(NM(2, 4), 1), examples, examples(99), RECIPE, tmp_path)


def test_no_epoch_is_lost_between_steps_and_none_is_heard_twice(tmp_path: Path) -> None:
    shown: list[str] = []
    asked: list[int] = []

    def epoch(number: int) -> Examples:
        asked.append(number)
        return examples(number)

    fine_tune(
        network(), steps_to(NM(1, 4), 3), epoch, examples(99), replace(RECIPE, epochs=5), tmp_path,
        lambda step, _result: shown.append(step.name),
    )  # fmt: skip
    assert shown == ["3:4", "2:4", "1:4", "1:4", "1:4"]
    assert asked == [0, 1, 2, 3, 4]


def test_a_frozen_model_is_not_trained_in_vain(tmp_path: Path) -> None:
    model = network()
    model.trainable = False
    with pytest.raises(ModelError, match=r"nothing to train: all its layers are frozen"):
        fine_tune(model, steps_to(NM(2, 4), 1), examples, examples(99), RECIPE, tmp_path)


def test_a_model_with_several_outputs_is_refused() -> None:
    from tf_keras import Model, layers

    x = layers.Input((8,))
    with pytest.raises(ModelError, match="expected one, all of whose axes are fixed"):
        task(Model(x, [layers.Dense(2)(x), layers.Dense(3)(x)]), *examples(), 0.0)
