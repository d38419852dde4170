"""Keras files that would run code of somebody else's when they are loaded: refused before anything of them runs."""

import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyprune.errors import ModelError
from tinyprune.tasks.quantize import QuantizeRequest, run_quantize
from tinyprune.training import keras_model

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


def with_lambda(keras: str, file: str, marker: Path) -> None:
    """A model whose Lambda layer writes a file whenever it is called, and so when it is loaded."""
    module = importlib.import_module(keras)
    body = f"__import__('pathlib').Path({str(marker)!r}).touch() or inputs * 2"
    code = eval(f"lambda inputs: {body}")  # closures do not travel in .h5 files
    layers = module.layers
    model = module.Sequential([layers.Input((4,)), layers.Lambda(code, output_shape=(4,)), layers.Dense(2)])
    model.save(file)
    marker.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("keras", "name"),
    [("tf_keras", "m.h5"), ("tf_keras", "m.keras"), ("tf_keras", "m"), ("keras", "m.h5"), ("keras", "m.keras")],
)
def test_no_lambda_runs(tmp_path: Path, keras: str, name: str) -> None:
    marker = tmp_path / "it-ran"
    with_lambda(keras, str(tmp_path / name), marker)
    with pytest.raises(ModelError, match=rf"{name} has (a layer Lambda|Python code .*): .*allow that with --trust"):
        keras_model.load(tmp_path / name)
    assert not marker.exists()
    if keras == "tf_keras":
        keras_model.load(tmp_path / name, trust=True)
        assert marker.exists() or name == "m"


def test_trust_goes_all_the_way(tmp_path: Path) -> None:
    with_lambda("tf_keras", str(tmp_path / "m.h5"), tmp_path / "it-ran")
    samples = np.random.default_rng(0).normal(size=(20, 4))
    with pytest.raises(ModelError, match="--trust"):
        run_quantize(QuantizeRequest(tmp_path / "m.h5", samples, None), print)
    assert run_quantize(QuantizeRequest(tmp_path / "m.h5", samples, None, trust=True), print).tflite[4:8] == b"TFL3"


def dense() -> Any:
    from tf_keras import Sequential, layers

    return Sequential([layers.Input((4,)), layers.Dense(2, activation="relu", name="d")])


def changed(path: Path, layer: dict[str, Any], **settings: Any) -> None:
    """Saves a model of one Dense layer whose description is changed by hand."""
    dense().save(path.with_name("honest.keras"))
    with zipfile.ZipFile(path.with_name("honest.keras")) as honest, zipfile.ZipFile(path, "w") as hostile:
        for name in honest.namelist():
            content = honest.read(name)
            if name == "config.json":
                config = json.loads(content)
                target = config["config"]["layers"][1]
                target["config"] |= settings
                target |= layer
                content = json.dumps(config).encode()
            hostile.writestr(name, content)


@pytest.mark.parametrize(
    ("layer", "settings", "what"),
    [
        ({"module": "os", "class_name": "system", "registered_name": None}, {}, "system of the Python module os"),
        (
            {},
            {"activation": {"class_name": "function", "module": "builtins", "config": "eval"}},
            "eval of the Python module builtins",
        ),
        ({"module": "keras", "class_name": "utils.get_file"}, {}, r"a class of no proper name \(utils.get_file\)"),
        ({"module": "keras.utils", "class_name": "get_file"}, {}, "get_file of the Python module keras.utils"),
        ({"class_name": "TFOpLambda"}, {"function": "io.write_file"}, "a layer that calls TensorFlow's io.write_file"),
        ({}, {"cell": [{"residual_fn_type": "lambda"}]}, r'Python code \("residual_fn_type"\)'),
        ({"registered_name": "Custom>Lambda"}, {}, "a layer Custom>Lambda"),
    ],
)  # fmt: skip
def test_what_a_description_names_must_be_keras(
    tmp_path: Path, layer: dict[str, Any], settings: dict[str, Any], what: str
) -> None:
    changed(tmp_path / "m.keras", layer, **settings)
    with pytest.raises(ModelError, match=f"m.keras has {what}: loading it could run code"):
        keras_model.load(tmp_path / "m.keras")


def test_a_description_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
        archive.writestr("config.json", '{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(ModelError, match=r"m.keras has a configuration nested too deeply|m.keras is damaged"):
        keras_model.load(tmp_path / "m.keras")


def test_a_graph_that_writes_files_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf
    from tf_keras import layers

    class Writes(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            tf.io.write_file(str(tmp_path / "it-ran"), "x")
            return x

    from tf_keras import Sequential

    Sequential([layers.Input((4,)), Writes(), layers.Dense(2)]).save(tmp_path / "m")
    (tmp_path / "it-ran").unlink(missing_ok=True)
    with pytest.raises(ModelError, match="m has an operator WriteFile: loading it could run code"):
        keras_model.load(tmp_path / "m")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize(
    ("keras", "name"),  # Keras 3 writes no SavedModel
    [("tf_keras", "m.keras"), ("tf_keras", "m.h5"), ("tf_keras", "m"), ("keras", "m.keras"), ("keras", "m.h5")],
)
def test_honest_networks_are_loaded(tmp_path: Path, keras: str, name: str) -> None:
    module = importlib.import_module(keras)
    layers = module.layers
    x = inputs = module.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu", kernel_regularizer="l2", padding="same")(x)
    if (keras, name) != ("keras", "m.h5"):  # which Keras 3 itself cannot read back
        x = x + x
    x = layers.Add()([x, x])
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    x = module.Sequential([module.Input((8,)), layers.Dense(3, activation=module.activations.softmax)])(x)
    model = module.Model(inputs, x)
    model.compile("adam", "mse")
    model.save(tmp_path / name)
    assert keras_model.load(tmp_path / name).output_shape == (None, 3)
