"""Every operator beside TFLite Micro's own C++: what is measured, and the run against the tree that TFLM_ROOT names."""

import os
from pathlib import Path

import pytest

from benchmarks import layers, operators
from tinyprune.compiler import reader
from tinyprune.firmware.tflm import tree

KINDS = ("SELECT_V2", "HARD_SWISH", "ARG_MAX", "RESIZE_BILINEAR")
needs_tree = pytest.mark.skipif(not os.environ.get(tree.ROOT_VARIABLE), reason="TFLM_ROOT names no tree")


def test_the_network_has_every_operator_with_each_type() -> None:
    graph = reader.read(operators.network(KINDS))
    made = [(type(op).__name__, op.outputs[0].dtype) for op in graph.ops]
    assert made == [
        ("SelectV2", "int16"), ("SelectV2", "int8"), ("HardSwish", "int8"), ("ArgMax", "int32"),
        ("ResizeBilinear", "int8"),
    ]  # fmt: skip
    assert set(graph.outputs) == {tensor for op in graph.ops for tensor in op.outputs}


def test_those_that_lose_stand_first() -> None:
    fast = layers.Layer("m4", "", "a", "Fast", 0, "tp_a", 100, 300, "", True)
    slow = layers.Layer("m4", "", "b", "Slow", 0, "tp_b", 300, 100, "", True)
    assert [line.split(" | ")[4] for line in operators.markdown([fast, slow]).splitlines()[2:]] == ["Slow", "Fast"]


@needs_tree
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_both_answer_as_tflite_micro_does(tmp_path: Path) -> None:
    found = operators.measure("m4", tmp_path)
    assert found
    assert all(layer.equal and layer.ours and layer.theirs for layer in found)
