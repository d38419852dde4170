"""TFLite Micro in a process of its own: what becomes of models that it refuses, or that kill it."""

import os
import signal

import numpy as np
import pytest

from tests import networks
from tests.graphs import NETWORKS
from tinyprune.compiler import judge, oracle, reader, reference
from tinyprune.errors import ModelError
from tinyprune.processes import apart

pytestmark = pytest.mark.tflm


def _process() -> int:
    """Of the interpreter that serves next."""
    network = NETWORKS["counter"]()
    oracle.infer(network.file, np.zeros((1, network.graph.input_bytes), np.int8))
    return apart._idle[judge._MAKER][-1].child.pid


def test_a_crash_is_a_sentence_and_the_next_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = networks.ds_cnn()
    graph = reader.read(model)
    inputs = np.random.default_rng(0).integers(-128, 128, (4, graph.input_bytes)).astype(np.int8)
    wanted = oracle.infer(model, inputs)
    os.kill(_process(), signal.SIGSEGV)
    with pytest.raises(ModelError, match=r"TFLite Micro's interpreter crashed \(signal 11\) on this model"):
        oracle.infer(model, inputs)
    np.testing.assert_array_equal(oracle.infer(model, inputs), wanted)

    def crash(*_: object) -> None:
        raise judge.Crashed("crashed (signal 11)")

    monkeypatch.setattr(judge, "run", crash)
    found, named = oracle.expected(model, graph, inputs)
    assert named == "tinyprune's NumPy reference (TFLite Micro's interpreter crashed (signal 11) on this model)"
    np.testing.assert_array_equal(found, wanted)


def test_one_process_serves_one_model_after_the_other() -> None:
    before = _process()
    for name in ("streaming", "two_by_two", "streaming"):
        network = NETWORKS[name]()
        inputs = np.random.default_rng(1).integers(-128, 128, (5, network.graph.input_bytes)).astype(np.int8)
        np.testing.assert_array_equal(oracle.infer(network.file, inputs), reference.infer(network.graph, inputs))
    assert _process() == before


def test_what_the_interpreter_refuses_is_told() -> None:
    model = networks.ds_cnn()
    with pytest.raises(ModelError, match=r"TFLite Micro refuses the model: .*"):
        judge.run(model, 3000, [], 1)
    with pytest.raises(ModelError, match=r"on this model|refuses the model"):  # whichever
        judge.run(model[:200], 1 << 20, [], 1)
    graph = reader.read(model)
    assert oracle.infer(model, np.zeros((1, graph.input_bytes), np.int8)).shape == (1, graph.output_bytes)


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    model = networks.ds_cnn()
    os.kill(_process(), signal.SIGSTOP)
    monkeypatch.setattr(judge, "TIMEOUT_S", 0.2)
    with pytest.raises(ModelError, match=r"did not answer within 0\.2 s on this model"):
        judge.run(model, 1 << 22, [], 1)
