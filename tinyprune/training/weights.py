"""The float32 weights of a tf_keras model as an .npz: one array for each variable, under the variable's name."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tinyprune import files
from tinyprune.errors import ModelError


def save(model: Any, path: Path) -> None:
    """The file appears whole or not at all."""
    with files.replacing(path) as part:
        np.savez_compressed(part, allow_pickle=False, **{variable.name: variable.numpy() for variable in model.weights})


def load(model: Any, path: Path) -> None:
    """Raises ModelError where the file cannot be read or has the weights of another architecture."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"the weights {path} cannot be read: {error}") from error
    if {name: array.shape for name, array in found.items()} != {each.name: each.shape for each in model.weights}:
        raise ModelError(f"{path} has the weights of another architecture than {model.name}")
    model.set_weights([found[variable.name] for variable in model.weights])
