"""The command line, called as a user does, in an empty folder; models to call it with."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tinyprune import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Calls the command line in an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tinyprune", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 file with every operator."""
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    path.write_bytes(networks.every_operator())
    return path


@pytest.fixture
def dense(tmp_path: Path) -> None:
    """`dense.keras`, and `x.npy`, inputs for it."""
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    network = Sequential(
        [
            layers.Input((8, 6, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Flatten(name="flatten"),
            layers.Dense(4, name="dense"),
        ]
    )
    network.save(tmp_path / "dense.keras")
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(40, 8, 6, 1)).astype(np.float32))


@pytest.fixture
def float_file(dense: None, tmp_path: Path) -> None:  # noqa: ARG001 (writes the model)
    """`dense.keras` as a float .tflite, `float.tflite`."""
    from tf_keras.models import load_model

    from tinyprune.training.quantize import convert_float

    (tmp_path / "float.tflite").write_bytes(convert_float(load_model(tmp_path / "dense.keras")))
