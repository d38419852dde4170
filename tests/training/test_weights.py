"""Float weights in an .npz: what the zoo and the examples store."""

from pathlib import Path

import numpy as np
import pytest

from tinyprune.errors import ModelError
from tinyprune.training import weights


def network(units: int, seed: int):
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(seed)
    return Sequential(
        [layers.Input((3,)), layers.Dense(units, name="dense"), layers.BatchNormalization(name="bn")], name="net"
    )


def test_weights_are_stored_whole_under_their_variables_names_and_come_back(tmp_path: Path) -> None:
    model, other = network(4, 0), network(4, 1)
    weights.save(model, tmp_path / "new" / "net.npz")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.npz"]
    with np.load(tmp_path / "new" / "net.npz") as archive:
        assert sorted(archive) == sorted(variable.name for variable in model.weights)
    assert not np.array_equal(model.get_weights()[0], other.get_weights()[0])
    weights.load(other, tmp_path / "new" / "net.npz")
    for one, another in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    weights.save(network(4, 0), tmp_path / "net.npz")
    with pytest.raises(ModelError, match=r"net.npz has the weights of another architecture than net"):
        weights.load(network(5, 0), tmp_path / "net.npz")


def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "half.npz").write_bytes(b"PK\x03\x04 and nothing")
    for name in ("half.npz", "none.npz"):
        with pytest.raises(ModelError, match=f"the weights .*{name} cannot be read"):
            weights.load(network(4, 0), tmp_path / name)
