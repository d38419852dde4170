"""Every layer beside CMSIS-NN's: that its calls are right, what is one class, and the command on a folder."""

import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import cmsis_nn, layer_runs, layers
from benchmarks.classes import class_of
from benchmarks.cmsis_calls import FAMILIES, code_of
from tests import networks
from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.conv_2d import Conv2D

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
has_sources = importlib.util.find_spec("bakenn") is not None or cmsis_nn.ROOT_VARIABLE in os.environ
needs_sources = pytest.mark.skipif(not has_sources, reason="bakenn is not installed")
CASES = 12


def cases() -> list[Op]:
    """Layers of every kind for which the sources have functions."""
    random = np.random.default_rng(7)
    functions = cmsis_nn.sources().functions
    found = [op.case(random) for op in OPERATORS.values() for _ in range(CASES) if issubclass(op.op, tuple(_kinds()))]
    return [op for op in found if code_of(op, "", functions) is not None]


def _kinds() -> list[type]:
    return [kind for kinds in FAMILIES for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]


@needs_sources
@pytest.mark.parametrize("core", ["m4", "m3"])
def test_cmsis_nn_is_called_rightly(core: str, tmp_path: Path) -> None:
    """Layers with paddings, strides, dilations, clamps and zero points of every kind answer as TFLite Micro does."""
    ops = cases()
    assert len({type(op) for op in ops}) >= 6
    cycles, equal = layer_runs.theirs(ops, layer_runs.Bench(core, None, tmp_path))
    wrong = [class_of(op) for op, right in zip(ops, equal, strict=True) if not right]
    assert not wrong
    assert all(count > 0 for count in cycles)


def test_classes_tell_what_takes_another_time() -> None:
    op = OPERATORS["CONV_2D"].case(np.random.default_rng(1))
    assert isinstance(op, Conv2D)
    assert class_of(replace(op, name="other", bias=op.bias + 1, activation_min=-100)) == class_of(op)
    others = [
        replace(op, window=replace(op.window, stride=(5, 5))),
        replace(op, input=replace(op.input, shape=(99, 99, op.input.shape[2]))),
        replace(op, weights=np.concatenate([op.weights, op.weights])),
    ]
    assert len({class_of(other) for other in (op, *others)}) == 4


@needs_sources
def test_the_command_on_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(networks.every_operator())
    (tmp_path / "b.tflite").write_bytes(networks.every_operator()[:300])
    page = tmp_path / "kernels.md"
    page.write_text("before\n<!-- layers -->\nold\n<!-- end -->\nafter\n")
    out = tmp_path / "out"
    command = [str(tmp_path), "--cores", "m4,m0plus", "-o", str(out), "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(layers.main, [*command, "--most-macs", "0"])
    assert done.exit_code == 0, done.output
    empty = json.loads((out / "layers.json").read_text())
    assert empty["layers"] == []
    assert empty["left_out"]["a.tflite"].endswith("multiplications")
    done = CliRunner().invoke(layers.main, command)
    assert done.exit_code == 0, done.output
    found = json.loads((out / "layers.json").read_text())
    assert list(found["left_out"]) == ["b.tflite"]
    assert "left out: b.tflite: " in done.output
    rows = [layers.Layer(**fields) for fields in found["layers"]]
    assert {layer.core for layer in rows} == {"m4", "m0plus"}
    assert all(layer.equal and layer.ours > 0 for layer in rows)
    compared = [layer for layer in rows if layer.theirs is not None]
    assert {layer.function for layer in compared} >= {"arm_convolve_wrapper_s8", "arm_fully_connected_s8"}
    assert all(layer.theirs > 0 for layer in compared)
    assert layers.networks(rows) in done.output
    assert layers.summary(rows) in done.output


def test_what_has_run_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(networks.every_operator())
    bench = layer_runs.Bench("m3", None, tmp_path / "cache")
    first = layer_runs.ours(path, bench)
    assert not isinstance(first, str)
    monkeypatch.setattr(layer_runs, "EMULATORS", {})
    assert layer_runs.ours(path, bench) == first
    planned = layer_runs.plan(path, "m3")
    assert len(planned) == len(first[0])


def test_the_worst_come_first_and_once() -> None:
    def layer(ours: int, theirs: int | None, which: str = "Conv2D 3×3") -> layers.Layer:
        return layers.Layer("m4", "net", "conv_1", which, 10, "tp_x", ours, theirs, "arm_x", equal=True)

    found = [layer(10, 9), layer(20, 5, "Conv2D 5×5"), layer(20, 5, "Conv2D 5×5"), layer(10, 20, "Pad"), layer(9, None)]
    assert layers.worst(found) == [found[2], found[0], found[3]]
    assert "| m4 | 5 | 4 | 3 | 154 % |" in layers.summary(found)
    assert "| `net` | m4 | 5 | 4 | 60 | 39 | 154 % | yes |" in layers.networks(found)


def test_an_unknown_core_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(layers.main, [str(tmp_path), "--cores", "m4,m5"])
    assert done.exit_code == 2
    assert "--cores knows m4, m33, m3, m0plus, not m5" in done.output
