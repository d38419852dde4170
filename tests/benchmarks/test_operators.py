"""Every operator beside TFLite Micro's own C++: what is measured, and the run against the tree that TFLM_ROOT names."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import layer_runs, layers, operators
from tinyprune.compiler import reader
from tinyprune.compiler.operators.gather import Gather
from tinyprune.compiler.operators.hard_swish import HardSwish
from tinyprune.errors import TargetError
from tinyprune.firmware.tflm import tree

KINDS = ("SELECT_V2", "HARD_SWISH", "ARG_MAX", "RESIZE_BILINEAR")
needs_tree = pytest.mark.skipif(not os.environ.get(tree.ROOT_VARIABLE), reason="TFLM_ROOT names no tree")


def test_the_network_has_every_operator_with_each_type() -> None:
    graph = reader.read(operators.network([op for kind in KINDS for op in operators.largest(kind)]))
    made = Counter((type(op).__name__, op.outputs[0].dtype) for op in graph.ops)
    wanted = [
        ("SelectV2", "int16"), ("SelectV2", "int8"), ("HardSwish", "int8"), ("ArgMax", "int32"),
        ("ResizeBilinear", "int8"),
    ]  # fmt: skip
    assert made == dict.fromkeys(wanted, operators.MEASURED)
    assert set(graph.outputs) == {tensor for op in graph.ops for tensor in op.outputs}


def _layer(layer_class: str, ours: int, theirs: int | None, function: str = "") -> layers.Layer:
    return layers.Layer("m4", "", "a", layer_class, 0, "tp_a", ours, theirs, function, True)


def test_the_worst_case_of_each_operator_stands_those_that_lose_first() -> None:
    found = [
        _layer("Fast 2×2", 100, 300), _layer("Fast 9×9", 100, 900), _layer("Slow 3×3", 300, 100),
        _layer("Slow 3×3int16", 100, 100), _layer("Refused 3×3", 300, None, "no"),
    ]  # fmt: skip
    shown = [line.split(" | ")[4] for line in operators.markdown(found).splitlines()[2:]]
    assert shown == ["Slow 3×3", "Slow 3×3int16", "Fast 2×2"]


class _Library:
    """TFLite Micro that runs no GATHER, and has wrong bytes for HARD_SWISH."""

    name = "a library"

    def registers(self, kind: str) -> bool:
        return kind != "RSQRT"


def _theirs(_tools: Any, model: bytes, _folder: Path) -> dict[str, tuple[int | None, str]]:
    ops = reader.read(model).ops
    if any(isinstance(op, Gather) for op in ops):
        raise TargetError("it does not start the network")
    return {op.name: (None, operators.WRONG) if isinstance(op, HardSwish) else (1000, "") for op in ops}


def test_what_tflite_micro_refuses_is_told_and_the_rest_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators.tflm, "find", lambda _board: _Library())
    monkeypatch.setattr(operators, "_theirs", _theirs)
    monkeypatch.setattr(operators.layer_runs, "ours", _ours)
    found = operators.measure("m4", tmp_path, ("GATHER", "HARD_SWISH", "RSQRT", "SOFTMAX"))
    said = {(layer.layer_class.split()[0], layer.theirs, layer.function) for layer in found}
    assert said == {
        ("Gather", None, "it does not start the network"), ("HardSwish", None, operators.WRONG), ("Softmax", 1000, ""),
    }  # fmt: skip


def _ours(path: Path, bench: layer_runs.Bench) -> layer_runs.Times:
    planned = layer_runs.plan(path, bench.core)
    assert not isinstance(planned, str)
    return (100,) * len(planned), (True,) * len(planned)


@needs_tree
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_both_answer_as_tflite_micro_does(tmp_path: Path) -> None:
    found = list(operators.measure("m4", tmp_path, KINDS))
    assert found
    assert all(layer.equal and layer.ours and layer.theirs for layer in found)
