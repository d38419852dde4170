"""Pruning of int8 .tflite files in place: what changes, how near the network stays, what is left alone."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tflite

from tests.tflite_file import Operator, Tensor, write
from tests.tflite_models import Conv, Dense, Depthwise, Flatten, Input, Layer, Soft, model
from tinyprune.compiler import reader, reference, sparsity
from tinyprune.compiler.graph import Graph
from tinyprune.errors import DataError, ModelError
from tinyprune.training.prune import int8_model
from tinyprune.training.prune.int8_file import File, Revision

SOURCE = Input((10, 6, 4), scale=0.05)
RANDOM = np.random.default_rng(5)


def _int8(*shape: int) -> np.ndarray:
    return RANDOM.normal(0, 40, shape).round().clip(-127, 127).astype(np.int8)


def _layers() -> list[Layer]:
    """Each answers about as wide as int8; all of the weights' scales differ."""
    bias = RANDOM.integers(-500, 500, 16).astype(np.int32)
    scales = tuple(np.linspace(0.002, 0.006, 16))
    return [
        Conv(weights=_int8(16, 3, 3, 4), weight_scales=scales, bias=bias, zero_point=-128, activation="RELU"),
        Depthwise(weights=_int8(3, 3, 16), weight_scales=scales, bias=bias, zero_point=-128, activation="RELU"),
        Conv(weights=_int8(16, 1, 1, 16), weight_scales=scales, bias=bias, zero_point=-128, activation="RELU"),
        Flatten(),
        Dense(weights=_int8(5, 192), weight_scales=(0.003,), bias=bias[:5]),
    ]


LAYERS = _layers()


def _samples(count: int, seed: int) -> np.ndarray:
    """Inputs whose channels go together, as those of real networks do."""
    random = np.random.default_rng(seed)
    mixed = random.normal(0, 1, (count, *SOURCE.shape[:2], 3)) @ np.random.default_rng(0).normal(0, 1, (3, 4))
    return mixed.astype(np.float32)


def _infer(content: bytes, samples: np.ndarray) -> np.ndarray:
    graph = reader.read(content)
    stored = np.rint(samples / SOURCE.scale).clip(-128, 127).astype(np.int8)
    return reference.infer(graph, stored).astype(float)


def _silent(_stage: str) -> None:
    pass


@pytest.mark.parametrize(("pattern", "part"), [("2:4", 0.6), ("1:4", 0.6), ("2:4g2", 0.95), ("unstructured-60", 0.6)])
def test_the_network_follows_the_pattern_and_is_nearer_than_by_magnitude(pattern: str, part: float) -> None:
    content, wanted = model(SOURCE, LAYERS), sparsity.parse(pattern)
    plain = int8_model.prune(content, "m", wanted, None, _silent)
    made = int8_model.prune(content, "m", wanted, _samples(64, 1), _silent)
    for each in (plain, made):
        matrices = [op.matrix for op in reader.read(each.content).ops if op.matrix is not None]
        assert [wanted.matches(matrix) for matrix in matrices] == [True] * 3
        assert [layer.pruned for layer in each.layers] == [True, False, True, True]
        assert [layer.zeros for layer in each.layers if layer.pruned] == [int((m == 0).sum()) for m in matrices]
    fresh = _samples(48, 2)
    before = _infer(content, fresh)
    error, plain_error = (((_infer(each.content, fresh) - before) ** 2).mean() for each in (made, plain))
    assert error < part * plain_error


@pytest.mark.parametrize("source", [None, _samples(40, 3)], ids=["magnitude", "reconstructed"])
def test_only_constants_of_pruned_layers_change(source: np.ndarray | None) -> None:
    content = model(SOURCE, LAYERS)
    made = int8_model.prune(content, "m", sparsity.parse("2:4"), source, _silent).content
    assert (len(made), made == content) == (len(content), False)
    assert File(made).revised(_constants(reader.read(made), reader.read(content))) == content


def _constants(here: Graph, wanted: Graph) -> dict:
    """What turns the pruned layers of one network into those of another."""
    return {
        op: Revision(other.matrix, other.weight_scales, other.bias)
        for op, other in zip(here.ops, wanted.ops, strict=True)
        if other.matrix is not None
    }


def test_a_network_without_a_bias_keeps_its_answers_near_too() -> None:
    layers = [replace(layer, bias=None) if isinstance(layer, Conv | Dense) else layer for layer in LAYERS]
    content = model(SOURCE, [*layers, Soft()])
    made = int8_model.prune(content, "m", sparsity.parse("2:4"), _samples(64, 1), _silent)
    plain = int8_model.prune(content, "m", sparsity.parse("2:4"), None, _silent)
    before = _infer(content, _samples(48, 2))
    near, far = (np.abs(_infer(each.content, _samples(48, 2)) - before).mean() for each in (made, plain))
    assert near < far


def _two_layers(weights: Sequence[int], biases: Sequence[int]) -> bytes:
    """Two fully connected layers 8 → 8, each with one of the tensors of weights (2, 3) and biases (4, 5)."""
    scale, zero = (0.01,), (0,)
    constants = [
        Tensor("w0", (8, 8), tflite.TensorType.INT8, scale, zero, 0, _int8(8, 8)),
        Tensor("w1", (8, 8), tflite.TensorType.INT8, scale, zero, 0, _int8(8, 8)),
        Tensor("b0", (8,), tflite.TensorType.INT32, (0.001,), zero, 0, np.arange(8, dtype=np.int32)),
        Tensor("b1", (8,), tflite.TensorType.INT32, (0.001,), zero, 0, np.arange(8, dtype=np.int32)),
    ]
    maps = [Tensor(name, (1, 8), scales=(0.1,), zero_points=zero) for name in ("x", "y", "z")]
    operators = [
        Operator(tflite.BuiltinOperator.FULLY_CONNECTED, inputs, outputs, "FullyConnectedOptions", {})
        for inputs, outputs in (((0, weights[0], biases[0]), (1,)), ((1, weights[1], biases[1]), (6,)))
    ]
    return write([maps[0], maps[1], *constants, maps[2]], operators, (0,), (6,))


def test_layers_that_share_constants() -> None:
    inputs = RANDOM.integers(-99, 99, (40, 8)).astype(np.int8)
    with pytest.raises(ModelError, match="fully_connected_2: other layers use the same weights"):
        int8_model.prune(_two_layers((2, 2), (4, 5)), "m", sparsity.parse("2:4"), inputs, _silent)
    content = _two_layers((2, 3), (4, 4))
    before, after = (
        reader.read(each) for each in (content, int8_model.prune(content, "m", sparsity.NM(2, 4), inputs, _silent)[0])
    )
    for old, new in zip(before.ops, after.ops, strict=True):
        assert sparsity.NM(2, 4).matches(new.matrix)
        assert (old.bias == new.bias).all()
        assert (old.weight_scales == new.weight_scales).all()


def test_wrong_inputs_and_nothing_to_prune_are_told() -> None:
    content = model(SOURCE, LAYERS)
    with pytest.raises(DataError, match=r"shape \[samples, 10, 6, 4\] is needed, not \[3, 5\]"):
        int8_model.prune(content, "m", sparsity.parse("2:4"), np.zeros((3, 5)), _silent)
    with pytest.raises(ModelError, match=r"m has no layer to prune to 2:512 \(conv_1: only 36 taps"):
        int8_model.prune(content, "m", sparsity.NM(2, 512), None, _silent)


def test_tensorflow_is_not_needed(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(model(SOURCE, LAYERS))
    np.save(tmp_path / "x.npy", _samples(40, 1))
    program = (
        "import sys, tinyprune\n"
        "tinyprune.prune('m.tflite', '2:4', data='x.npy', output='p.tflite')\n"
        "sys.exit(str({'tensorflow', 'tf_keras', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == "set()\n"
    assert (tmp_path / "p.tflite").stat().st_size == (tmp_path / "m.tflite").stat().st_size
