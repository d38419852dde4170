"""The cycles that are modelled for CMSIS-NN, beside what its functions took in the emulator."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.classes import class_of
from tinyprune.compiler import reader
from tinyprune.compiler.fold import fold
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.measure import cmsis_nn
from tinyprune.training import zoo

RESULTS = Path(__file__).parents[2] / "benchmarks/results/layers.json"


def test_layers_of_the_zoo_take_what_was_counted_within_the_error() -> None:
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["layers"]
    taken = {each["layer_class"]: each["theirs"] for each in rows if each["core"] == "m4"}
    graph = fold(reader.read(zoo.int8_model(zoo.load("ds-cnn-s-dense"))))
    modelled = {class_of(op): cmsis_nn.cycles(op) for op in graph.ops}
    both = {name: (cycles, taken[name]) for name, cycles in modelled.items() if cycles and taken.get(name)}
    assert {name.split()[0] for name in both} >= {"Conv2D", "DepthwiseConv2D"}
    for name, (cycles, counted) in both.items():
        assert cycles == pytest.approx(counted, rel=cmsis_nn.ERROR), name


def test_what_no_line_fits_has_no_figure() -> None:
    ops = fold(reader.read(zoo.int8_model(zoo.load("ds-cnn-s-dense")))).ops
    first, last = ops[0], ops[-1]
    assert isinstance(last, Softmax)
    assert cmsis_nn.cycles(last) is None
    assert first.input.shape[-1] == 1  # few input channels  # type: ignore[attr-defined]
    assert cmsis_nn.cycles(first) is None
    depthwise = ops[1]
    window = replace(depthwise.window, kernel=(5, 5))  # type: ignore[attr-defined]
    assert cmsis_nn.cycles(depthwise)
    assert cmsis_nn.cycles(replace(depthwise, window=window)) is None  # type: ignore[call-arg]
