"""`tinyprune prune --pattern auto`: what is tried, which pattern is taken and why, and what is written then."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.tasks.conftest import Run
from tests.tflite_models import Conv, Dense, Flatten, Input, model
from tinyprune.compiler import reader, sparsity

SOURCE = Input((10, 6, 4), scale=0.05)
AUTO = ("prune", "m.tflite", "--pattern", "auto", "--board", "nano33", "--data", "x.npy", "-o", "p.tflite", "-q")


@pytest.fixture
def network(run: Run) -> None:  # noqa: ARG001 (makes the folder)
    """`m.tflite` of three classes, `x.npy` for it and `y.npy`."""
    random = np.random.default_rng(5)

    def int8(*shape: int) -> np.ndarray:
        return random.normal(0, 40, shape).round().clip(-127, 127).astype(np.int8)

    layers = [
        Conv(weights=int8(16, 3, 3, 4), zero_point=-128, activation="RELU", weight_scales=(0.004,)),
        Flatten(),
        Dense(weights=int8(3, 512), weight_scales=(0.003,)),
    ]
    Path("m.tflite").write_bytes(model(SOURCE, layers))
    np.save("x.npy", random.normal(0, 2, (80, *SOURCE.shape)).astype(np.float32))
    np.save("y.npy", random.integers(0, 3, 80))


@pytest.mark.usefixtures("network")
def test_the_fastest_that_loses_little_is_taken_and_written(run: Run) -> None:
    code, out, err = run(*AUTO, "--max-loss", "100", "--json")
    report = json.loads(out)
    points = {point["label"]: point for point in report["recommendation"]["points"]}
    assert (code, err, list(points)) == (0, "", ["dense", "2:4", "2:4g2", "1:4"])
    assert points["dense"]["quality"] == 1.0  # beside itself, without labels
    fastest = min(points, key=lambda label: points[label]["modelled_cycles"])
    assert report["pattern"] == fastest == "1:4"
    assert "the fewest cycles of 4 networks within the limits" in report["recommendation"]["reason"]
    pruned = reader.read(Path("p.tflite").read_bytes())
    assert [sparsity.parse("1:4").matches(op.matrix) for op in pruned.ops if op.matrix is not None] == [True, True]


@pytest.mark.usefixtures("network")
def test_labels_of_an_int8_file_judge_and_one_table_says_why(run: Run) -> None:
    code, out, err = run(*AUTO, "--labels", "y.npy", "--max-loss", "100", "--max-ms", "1000")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("TAKE  1:4: the fewest cycles of 4 networks")
    assert "% right ±" in lines[0]
    assert lines[1].split()[:2] == ["pattern", "right"]
    assert [line.split()[0] for line in lines[2:6]] == ["dense", "2:4", "2:4g2", "1:4"]
    assert lines[5].rstrip().endswith("yes, take it")
    assert lines[6].startswith("judged on 40 samples that did not prune")
    assert lines[-1] == "written   p.tflite"


@pytest.mark.usefixtures("network")
def test_nothing_is_written_where_dense_is_best_or_nothing_keeps_to_the_limits(run: Run) -> None:
    code, out, _ = run(*AUTO)
    assert (code, out.splitlines()[0][:12]) == (0, "TAKE  dense:")
    assert out.endswith("written   nothing: take the network as it is\n")
    code, out, _ = run(*AUTO, "--max-cycles", "100")
    assert (code, out.splitlines()[0]) == (3, "NONE TO TAKE  none of 4 networks keeps to the limits")
    assert out.splitlines()[-1].startswith("next      tinyprune sweep: it tries fewer channels")
    assert not Path("p.tflite").exists()


@pytest.mark.usefixtures("network")
def test_a_sentence_for_each_mistake(run: Run) -> None:
    np.save("few.npy", np.zeros((20, *SOURCE.shape), np.float32))
    for words, code, sentence in (
        (["--pattern", "auto", "-o", "p.tflite"], 2, "--pattern auto needs --board, and --data"),
        (["--pattern", "2:4", "--max-loss", "1", "-o", "p.tflite"], 2, "and --max-loss go with --pattern auto"),
        ([*AUTO[2:6], "--data", "few.npy", "-o", "p.tflite"], 1, "few.npy has 20 samples; --pattern auto needs 32 or"),
        ([*AUTO[2:6], "--data", "x.npy", "-o", "p.keras"], 2, "give -o a name ending in .tflite"),
    ):
        found, _, err = run("prune", "m.tflite", *words)
        assert (found, sentence in err) == (code, True), err


@pytest.mark.usefixtures("network")
def test_a_keras_model_is_quantized_to_be_judged_and_written_as_keras(run: Run) -> None:
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    Sequential(
        [layers.Input(SOURCE.shape), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    ).save("m.keras")
    words = ("--pattern", "auto", "--board", "nano33", "--data", "x.npy", "--max-loss", "100", "-o", "p.keras")
    code, out, err = run("prune", "m.keras", *words, "--method", "reconstruct", "--json")
    report = json.loads(out)
    assert (code, report["output"], len(report["recommendation"]["points"])) == (0, "p.keras", 4), err
    assert report["pattern"] == report["recommendation"]["points"][report["recommendation"]["recommended"]]["label"]
    assert Path("p.keras").exists()
