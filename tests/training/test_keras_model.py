"""Files that hold no Keras model are refused by what is wrong with them; those that do: test_quantize.py."""

import importlib

import pytest

from tinyprune.errors import ModelError, UsageError
from tinyprune.training import keras_model


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.keras", r"model.keras is damaged or no Keras model: File is not a zip file"),
        ("model.h5", r"model.h5 is damaged or no Keras model: .*file signature not found"),
        ("model.onnx", r"model.onnx is converted to a float .tflite first, by onnx2tf in an environment of its own: "),
    ],
)
def test_damaged_and_foreign_files_are_refused(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(ModelError, match=message):
        keras_model.load(tmp_path / name)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "folder/saved_model.pb"])
def test_an_empty_file_is_told(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(ModelError, match=rf"{name} is empty; save or copy the model again"):
        keras_model.load(path.parent if name.startswith("folder") else path)


@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_weights_without_their_network_are_told(tmp_path, keras):
    module = importlib.import_module(keras)
    model = module.Sequential([module.layers.Input((4,)), module.layers.Dense(2)])
    model.save_weights(tmp_path / "it.weights.h5")
    message = r"it.weights.h5 holds no network, at most its weights; save it with model.save\(\)"
    with pytest.raises(ModelError, match=message):
        keras_model.load(tmp_path / "it.weights.h5")


def test_a_truncated_keras_file_is_refused(tmp_path):
    from tf_keras import Sequential, layers

    Sequential([layers.Input((8,)), layers.Dense(4)]).save(tmp_path / "whole.keras")
    whole = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cut.keras is damaged or no Keras model"):
        keras_model.load(tmp_path / "cut.keras")


def test_a_saved_model_without_layers_is_refused(tmp_path):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "exported"))
    with pytest.raises(ModelError, match=r"exported holds no Keras model, only functions; save it with model.save"):
        keras_model.load(tmp_path / "exported")


def test_a_missing_model_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"there is no model .*none.keras"):
        keras_model.load(tmp_path / "none.keras")
