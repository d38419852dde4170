"""The networks that travel with the project: readable, complete, and as good as they say."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyprune.compiler import reader, sparsity
from tinyprune.compiler.sparsity import two_of_four
from tinyprune.errors import ModelError, UsageError
from tinyprune.training import speech_commands, zoo
from tinyprune.training.prune import masks_of, matrix_of, verify
from tinyprune.training.quantize import quantize
from tinyprune.training.train import int8_accuracy

WITHOUT_WEIGHTS = ("ds-cnn-l-2x4", "ds-cnn-l-dense")
WITH_WEIGHTS = (
    "ds-cnn-m-2x4",
    "ds-cnn-m-dense",
    "ds-cnn-s-2x4",
    "ds-cnn-s-dense",
    "kws12-s-2x4",
    "kws12-s-dense",
)
NAMES = (*WITHOUT_WEIGHTS, *WITH_WEIGHTS)


@pytest.fixture
def copy(tmp_path) -> Path:
    """The default entry in a folder of its own, to be damaged."""
    for suffix in ("json", "npz", "tflite"):
        shutil.copy(zoo.FOLDER / f"{zoo.DEFAULT}.{suffix}", tmp_path)
    return tmp_path


def change(folder: Path, **fields: object) -> zoo.ZooEntry:
    path = folder / f"{zoo.DEFAULT}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return zoo.load(zoo.DEFAULT, folder)


def test_the_zoo_holds_the_default_and_its_dense_twin():
    assert zoo.list_entries() == NAMES
    assert zoo.DEFAULT in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_how_it_came_about(name):
    entry = zoo.load(name)
    assert entry.name == name
    assert entry.task == ("kws12" if name.startswith("kws12") else "kws10")
    assert entry.labels == speech_commands.task_of(entry.labels).labels
    assert entry.pattern == ("dense" if name.endswith("dense") else "2:4")
    assert all(stage.epochs > 0 and stage.batch_clips > 0 for stage in entry.stages)
    assert entry.accuracy.split == "validation"
    assert set(entry.versions) == {"tensorflow", "tf_keras", "numpy"}
    assert zoo.model_bytes(entry) < {"S": 50_000, "M": 200_000, "L": 550_000}[entry.size]
    assert zoo.has_weights(entry) == (name in WITH_WEIGHTS)


@pytest.mark.parametrize("of_size", ["ds-cnn-s", "ds-cnn-m", "ds-cnn-l", "kws12-s"])
def test_the_pruned_entry_is_the_child_of_the_dense_one(of_size):
    dense, pruned = zoo.load(f"{of_size}-dense"), zoo.load(f"{of_size}-2x4")
    assert pruned.stages[:-1] == dense.stages
    assert pruned.dense_accuracy == dense.accuracy == dense.dense_accuracy
    assert pruned.accuracy.clips == dense.accuracy.clips


@pytest.mark.parametrize("of_size", ["ds-cnn-s", "ds-cnn-m", "kws12-s"])
def test_pruning_cost_less_than_a_point_of_int8_accuracy(of_size):
    entry = zoo.load(f"{of_size}-2x4")
    assert entry.dense_accuracy.int8 - entry.accuracy.int8 <= 0.009


def test_metadata_are_read_without_tensorflow():
    code = "import sys; from tinyprune.training import zoo; "
    code += "print(zoo.load(zoo.DEFAULT).task, 'tensorflow' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "kws10 False\n"


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_weights_are_as_sparse_as_the_entry_says(name):
    entry = zoo.load(name)
    model = zoo.build_model(entry)
    kernels = [model.get_layer(layer).kernel.numpy() for layer in zoo.load("ds-cnn-s-2x4").pruned_layers]
    sparse = {two_of_four.PATTERN.matches(matrix_of(kernel)) for kernel in kernels}
    assert sparse == {entry.pattern == "2:4"}


def test_the_masks_of_the_default_entry_hold():
    entry = zoo.load(zoo.DEFAULT)
    model = zoo.build_model(entry)
    masks = masks_of(model)
    assert tuple(masks) == entry.pruned_layers
    verify(model, masks)


def test_what_is_written_is_read_back(tmp_path):
    entry = zoo.load(zoo.DEFAULT)
    model = zoo.build_model(entry)
    zoo.write(entry, model, zoo.int8_model(entry), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{entry.name}.{end}" for end in ("json", "npz", "tflite")}
    assert zoo.load(entry.name, tmp_path) == entry
    for one, other in zip(model.get_weights(), zoo.build_model(entry, tmp_path).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unknown_name_lists_the_zoo():
    with pytest.raises(UsageError, match=f"the zoo has no model 'resnet'; it has {', '.join(NAMES)}$"):
        zoo.load("resnet")


def test_damaged_metadata_are_refused(copy):
    (copy / f"{zoo.DEFAULT}.json").write_text("{")
    with pytest.raises(ModelError, match=r"the zoo entry .*ds-cnn-s-2x4.json is damaged"):
        zoo.load(zoo.DEFAULT, copy)
    (copy / f"{zoo.DEFAULT}.json").write_text('{"name": "x"}')
    with pytest.raises(ModelError, match="is damaged: 'labels'"):
        zoo.load(zoo.DEFAULT, copy)


def test_an_unknown_size_is_refused(copy):
    with pytest.raises(ModelError, match="has size 'XL'; expected one of S, M, L"):
        change(copy, size="XL")


def test_an_unknown_architecture_is_refused(copy):
    with pytest.raises(ModelError, match="has the architecture 'resnet'; expected one of ds-cnn, tc-resnet"):
        change(copy, architecture="resnet")


def test_damaged_weights_are_refused(copy):
    (copy / f"{zoo.DEFAULT}.npz").write_bytes(b"PK\x03\x04 and nothing")
    with pytest.raises(ModelError, match=r"the weights .*ds-cnn-s-2x4.npz cannot be read"):
        zoo.build_model(zoo.load(zoo.DEFAULT, copy), copy)


def test_weights_of_another_architecture_are_refused(copy):
    np.savez(copy / f"{zoo.DEFAULT}.npz", **{"conv/kernel:0": np.zeros(3)})
    with pytest.raises(ModelError, match=r"ds-cnn-s-2x4.npz has the weights of another architecture"):
        zoo.build_model(zoo.load(zoo.DEFAULT, copy), copy)


def test_an_entry_that_is_not_as_sparse_as_it_says_is_refused(copy):
    shutil.copy(zoo.FOLDER / "ds-cnn-s-dense.npz", copy / f"{zoo.DEFAULT}.npz")
    with pytest.raises(
        ModelError, match="layer conv of zoo entry ds-cnn-s-2x4 is not 2:4, although its metadata says so"
    ):
        zoo.build_model(zoo.load(zoo.DEFAULT, copy), copy)


@pytest.mark.data
@pytest.mark.tflm
@pytest.mark.parametrize("name", [zoo.DEFAULT, "kws12-s-2x4"])
def test_recorded_accuracy_is_what_the_audio_gives(name):
    root = os.environ.get("TINYPRUNE_DATA")
    if not root:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    entry = zoo.load(name)
    task = speech_commands.task_of(entry.labels)
    clips = speech_commands.evaluation_clips(speech_commands.load(Path(root), "validation", task.left_out), task=task)
    if len(clips.targets) != entry.accuracy.clips:
        pytest.skip(f"{name} was recorded on {entry.accuracy.clips} clips; TINYPRUNE_DATA has {len(clips.targets)}")
    measured = int8_accuracy(quantize(zoo.build_model(entry)), clips)
    assert measured == pytest.approx(entry.accuracy.int8, abs=1.5 / len(clips.targets))


@pytest.mark.parametrize("name", NAMES)
def test_the_int8_file_is_the_one_that_was_measured(name):
    entry = zoo.load(name)
    found = {matrix_pattern(op) for op in reader.read(zoo.int8_model(entry)).ops} - {None}
    assert found == {entry.pattern}


def matrix_pattern(op) -> str | None:
    rows = op.matrix
    return None if rows is None else sparsity.discover(rows)


def test_a_damaged_int8_file_is_refused(copy):
    entry = zoo.load(zoo.DEFAULT, copy)
    path = copy / f"{zoo.DEFAULT}.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="is not the one that its metadata speaks of"):
        zoo.int8_model(entry, copy)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        zoo.int8_model(entry, copy)
