"""Training that resumes as if it had never stopped; and the example script from recordings to zoo entries."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import recordings
from tinyprune.errors import DataError, ModelError
from tinyprune.training import zoo
from tinyprune.training.keras_model import Examples
from tinyprune.training.train import HISTORY, EpochResult, Recipe, score, train

RECIPE = Recipe(epochs=4, learning_rate=0.01, weight_decay=0.01, batch_samples=16, seed=5)


def network():
    """Small, with everything that has state in training: batch statistics, dropout, the optimizer's moments."""
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    return Sequential(
        [
            layers.Input((49, 10, 1)),
            layers.Conv2D(4, (7, 3), strides=4, use_bias=False, name="conv"),
            layers.BatchNormalization(momentum=0.8, name="conv_bn"),
            layers.ReLU(),
            Sequential([layers.Dropout(0.3, rng_type="stateful"), layers.Flatten()]),
            layers.Dense(3, activation="softmax", name="dense"),
        ]
    )


def clips_of_epoch(epoch: int, count: int = 96) -> Examples:
    """Three classes of noise that differ in level along the frames."""
    rng = np.random.default_rng(epoch)
    labels = rng.integers(3, size=count)
    features = rng.normal(size=(count, 49, 10)) + np.eye(3)[labels].repeat([16, 16, 17], axis=1)[:, :, None]
    return Examples(features.astype(np.float32)[..., None], labels)


VALIDATION = clips_of_epoch(1000)


def weights_after(folder: Path, recipe: Recipe = RECIPE, **options) -> list[np.ndarray]:
    model = network()
    train(model, options.pop("clips", clips_of_epoch), VALIDATION, recipe, folder, **options)
    return model.get_weights()


class Stopped(Exception):
    pass


def stop_after(epochs: int):
    def progress(result: EpochResult) -> None:
        if result.epoch + 1 == epochs:
            raise Stopped

    return progress


def test_training_learns_and_keeps_its_history(tmp_path):
    seen: list[EpochResult] = []
    model = network()
    history = train(model, clips_of_epoch, VALIDATION, RECIPE, tmp_path, seen.append)
    assert tuple(seen) == history
    assert [line.epoch for line in history] == [0, 1, 2, 3]
    assert history[-1].loss < history[0].loss
    assert history[-1].validation_score == score(model, VALIDATION) > 0.6
    recorded = json.loads((tmp_path / HISTORY).read_text())
    assert [EpochResult(**line) for line in recorded["epochs"]] == seen
    assert Recipe(**recorded["recipe"]) == RECIPE


def test_a_stopped_training_goes_on_as_if_never_stopped(tmp_path):
    whole = weights_after(tmp_path / "whole")
    with pytest.raises(Stopped):
        weights_after(tmp_path / "parts", progress=stop_after(2))
    asked: list[int] = []

    def clips(epoch: int) -> Examples:
        asked.append(epoch)
        return clips_of_epoch(epoch)

    resumed = weights_after(tmp_path / "parts", clips=clips)
    assert asked == [2, 3]
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_finished_training_only_loads_its_weights(tmp_path):
    trained = weights_after(tmp_path)
    loaded = weights_after(tmp_path, clips=lambda epoch: pytest.fail(f"epoch {epoch} was asked for"))
    for one, other in zip(trained, loaded, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_follows_a_training_is_the_same_whether_that_was_loaded_or_not(tmp_path):
    """The next optimizer begins anew: with the state of the last it would train at a learning rate of nothing."""

    def both(second: str) -> list[np.ndarray]:
        model = network()
        train(model, clips_of_epoch, VALIDATION, RECIPE, tmp_path / "first")
        train(model, clips_of_epoch, VALIDATION, replace(RECIPE, epochs=2, seed=6), tmp_path / second)
        return model.get_weights()

    for one, other in zip(both("second"), both("again"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_one_checkpoint_is_kept(tmp_path):
    weights_after(tmp_path)
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"history", "checkpoint-3"}


def test_what_a_killed_write_left_is_removed(tmp_path):
    with pytest.raises(Stopped):
        weights_after(tmp_path, progress=stop_after(2))
    (tmp_path / "checkpoint-2_temp").mkdir()
    (tmp_path / "checkpoint-2_temp" / "part-00000-of-00001.tempstate1").touch()
    weights_after(tmp_path)
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"history", "checkpoint-3"}


def test_a_damaged_checkpoint_is_named(tmp_path):
    weights_after(tmp_path, replace(RECIPE, epochs=1))
    (data,) = tmp_path.glob("checkpoint-0.data*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(DataError, match="checkpoint-0 is damaged; remove"):
        weights_after(tmp_path, replace(RECIPE, epochs=1))


def test_weights_that_diverge_in_the_last_batch_are_no_checkpoint(tmp_path):
    """The loss of an epoch is of before its last step."""
    huge = replace(RECIPE, epochs=1, learning_rate=1e38, batch_samples=96)
    with pytest.raises(ModelError, match="diverged: its answers are NaN or infinite after epoch 1; lower"):
        weights_after(tmp_path, huge)
    assert not list(tmp_path.glob("checkpoint-*"))


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_trainings_are_not_all_warm_up(tmp_path, epochs):
    before = network().get_weights()
    model = network()
    model.set_weights(before)
    train(model, lambda epoch: clips_of_epoch(epoch, 16), VALIDATION, replace(RECIPE, epochs=epochs), tmp_path)
    assert not np.allclose(model.get_weights()[0], before[0])


def test_divergence_in_the_first_epoch_promises_no_checkpoint(tmp_path):
    bad = Examples(np.full((96, 49, 10, 1), np.nan, np.float32), np.zeros(96, np.int64))
    with pytest.raises(ModelError, match=r"in epoch 1; lower the learning rate \(0.01\)$"):
        weights_after(tmp_path, clips=lambda _epoch: bad)


def test_divergence_stops_with_the_epoch_and_keeps_the_checkpoint_before(tmp_path):
    def clips(epoch: int) -> Examples:
        good = clips_of_epoch(epoch)
        return good if epoch < 2 else Examples(good.inputs * np.float32(np.nan), good.targets)

    with pytest.raises(
        ModelError, match=r"training diverged: the loss is nan in epoch 3; lower the learning rate \(0.01\)"
    ):
        weights_after(tmp_path, clips=clips)
    assert len(json.loads((tmp_path / HISTORY).read_text())["epochs"]) == 2
    assert all(np.isfinite(weights).all() for weights in weights_after(tmp_path))


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    weights_after(tmp_path, replace(RECIPE, epochs=1))
    with pytest.raises(DataError, match="holds a training with another epochs, seed; choose another folder"):
        weights_after(tmp_path, replace(RECIPE, epochs=2, seed=6))


@pytest.mark.parametrize("content", ["{", "[]", '{"recipe": {}, "epochs": [{"epoch": 0}]}'])
def test_a_damaged_history_is_refused(tmp_path, content):
    (tmp_path / HISTORY).write_text(content)
    with pytest.raises(DataError, match=r"history.json is no training history .*; remove .* to start over"):
        weights_after(tmp_path)


def test_a_lost_checkpoint_is_noticed(tmp_path):
    weights_after(tmp_path, replace(RECIPE, epochs=1))
    for path in tmp_path.glob("checkpoint-*"):
        path.unlink()
    with pytest.raises(DataError, match="has a history but not its checkpoint-0"):
        weights_after(tmp_path, replace(RECIPE, epochs=1))


SCRIPT = Path(__file__).parents[2] / "examples" / "kws" / "train.py"


def run_script(monkeypatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return int(end.value.code)


@pytest.mark.tflm
def test_the_example_goes_from_recordings_to_zoo_entries(tmp_path, monkeypatch, capsys):
    recordings.write(tmp_path / "data")
    options = ("--data", tmp_path / "data", "--seed", 3, "--out", tmp_path / "out", "--epochs", 2)
    assert run_script(monkeypatch, *options, "--fine-tuning-epochs", 1, "--data-set", "tones") == 0
    shown = capsys.readouterr().out
    assert "dense epoch 2/2: loss" in shown
    assert "ds-cnn-s-2x4: validation" in shown

    dense, pruned = (zoo.load(f"ds-cnn-s-{pattern}", tmp_path / "out") for pattern in ("dense", "2x4"))
    assert [(stage.name, stage.epochs, stage.seed) for stage in pruned.stages] == [
        ("dense", 2, 3),
        ("2:4 fine-tuning", 1, 4),
    ]
    assert pruned.dense_accuracy == dense.accuracy
    assert (pruned.accuracy.data_set, pruned.accuracy.split, pruned.accuracy.clips) == ("tones", "validation", 30)
    assert dense.pruned_layers == ()
    kernel = zoo.build_model(pruned, tmp_path / "out").get_layer("pointwise_3").kernel.numpy()
    assert (kernel == 0).mean() == 0.5


def test_the_example_reports_missing_data_and_leaves(tmp_path, monkeypatch, capsys):
    assert run_script(monkeypatch, "--data", tmp_path / "none", "--out", tmp_path / "out") == 1
    assert "error: there is no folder" in capsys.readouterr().err
