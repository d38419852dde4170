"""`tinyprune check` as a user meets it: the verdict first, every obstacle, figures that a build confirms."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.tasks.conftest import Run
from tests.tflite_models import Conv, Dense, Flatten, Input, model
from tinyprune.compiler import lower, reader
from tinyprune.device import boards


@pytest.fixture
def network() -> None:
    """`m.tflite`, with every operator."""
    Path("m.tflite").write_bytes(networks.every_operator())


@pytest.mark.usefixtures("run", "network")
def test_a_board_is_told_with_layers_and_what_pruning_would_bring(run: Run) -> None:
    code, out, err = run("check", "m.tflite", "--board", "nano33")
    lines = out.splitlines()
    assert code == 0
    assert "… reading the model" in err
    assert lines[0].startswith("RUNS  m.tflite fits nano33, about ")
    assert any(line.startswith("nano33 ") and "983,040" in line for line in lines)
    assert any(line.startswith("conv_2") and "is 2:4 already" in line for line in lines)
    assert any(line.startswith("depthwise_1") and "few taps a channel" in line for line in lines)
    assert "(ideal memory) are estimates (docs/check.md)" in out
    assert not list(Path().glob("build*"))


@pytest.mark.usefixtures("run")
def test_arena_and_constants_are_those_of_the_lowered_network(run: Run) -> None:
    random = np.random.default_rng(0)
    weights = [random.integers(-100, 100, shape).astype(np.int8) for shape in ((32, 3, 3, 8), (32, 1, 1, 32), (4, 512))]
    layers = [Conv(weights=weights[0]), Conv(weights=weights[1]), Flatten(), Dense(weights=weights[2])]
    content = model(Input((6, 6, 8)), layers)
    Path("m.tflite").write_bytes(content)
    code, out, err = run("check", "m.tflite", "--board", "nano33", "--json")
    report, program = json.loads(out), lower.lower(reader.read(content), boards.load("nano33"))
    (board,) = report["boards"]
    assert (code, err, report["runs"], report["obstacles"], board["fits"]) == (0, "", True, [], True)
    assert board["arena_bytes"] == program.arena.arena_bytes
    assert [layer["constant_bytes"] for layer in report["layers"]] == [step.constant_bytes for step in program.steps]
    assert [layer["prunable"] for layer in report["layers"] if layer["macs"]] == [True] * 3
    assert board["flash_bytes"] > lower.constant_bytes(program) + 4000
    assert board["flash_bytes_2_4"] < board["flash_bytes"]
    assert board["cycles_2_4"] < board["cycles"]
    assert board["ms"] == pytest.approx(board["cycles"] / 64e3)


@pytest.mark.usefixtures("run", "network")
def test_without_a_board_all_are_told_a_line_each(run: Run) -> None:
    code, out, _ = run("check", "m.tflite", "-q")
    assert code == 0
    assert f"of {len(boards.names())} boards" in out.splitlines()[0]
    assert all(any(line.startswith(name) for line in out.splitlines()) for name in boards.names())
    code, out, _ = run("check", "ds-cnn-s-2x4", "--json")
    found = {board["board"]: board for board in json.loads(out)["boards"]}
    assert (found["nano33"]["fits"], found["microbit-v1"]["fits"]) == (True, False)
    assert "its arena needs" in found["microbit-v1"]["reason"]
    assert found["host"]["cycles"] is found["portenta-h7"]["cycles"] is None


@pytest.mark.usefixtures("run")
def test_what_does_not_run_or_fit_and_why(run: Run) -> None:
    Path("text.tflite").write_bytes(b"no model")
    code, out, err = run("check", "text.tflite", "-q")
    assert (code, err) == (1, "")
    assert out.startswith("DOES NOT RUN  text.tflite: not a .tflite file")
    code, out, err = run("check", "text.tflite", "--json")
    report = json.loads(out)
    assert (code, err, report["runs"], len(report["obstacles"])) == (1, "", False, 1)
    code, out, _ = run("check", "ds-cnn-s-2x4", "--board", "microbit-v1", "-q")
    assert (code, out.startswith("DOES NOT FIT microbit-v1  ")) == (3, True)
    code, _, err = run("check", "no.tflite")
    assert (code, "no.tflite: No such file" in err) == (2, True)
    code, _, err = run("check", "ds-cnn-s-2x4", "--board", "nano3")
    assert (code, 'unknown board "nano3"' in err) == (2, True)


@pytest.mark.usefixtures("run", "dense")
def test_a_keras_model_needs_no_inputs(run: Run) -> None:
    code, out, _ = run("check", "dense.keras", "--board", "nano33", "-q")
    assert (code, out.startswith("RUNS  dense.keras fits nano33")) == (0, True)
    assert "note      quantized with made-up inputs" in out


@pytest.mark.usefixtures("run")
def test_prune_and_quantize_say_first_what_build_will_say(run: Run) -> None:
    from tf_keras import Sequential, layers

    network = [
        layers.Input((8, 8, 1)),
        layers.Conv2D(4, 3),
        layers.Activation("gelu"),
        layers.Flatten(),
        layers.Dense(2),
    ]
    Sequential(network).save("g.keras")
    np.save("x.npy", np.random.default_rng(0).normal(size=(40, 8, 8, 1)).astype(np.float32))
    code, out, err = run("check", "g.keras", "-q")
    assert (code, out.startswith("DOES NOT RUN  ")) == (1, True), out
    options = ["--pattern", "2:4", "--data", "x.npy", "--method", "reconstruct", "-o", "p.keras"]
    code, _, err = run("prune", "g.keras", *options)
    assert code == 0
    assert err.index("`tinyprune build` will refuse this network: ") < err.index("… pruning to 2:4")
    code, out, err = run("quantize", "g.keras", "--calibration", "x.npy", "-o", "q.tflite", "--json")
    assert (code, "will refuse this network" in json.loads(out)["notes"][0]) == (0, True), (out, err)
