"""`tinyprune quantize` as a user meets it: an int8 file that builds, errors by layer, a sentence for each mistake."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.tasks.conftest import Run
from tinyprune.compiler import reader, reference, sparsity


@pytest.fixture
def wild(dense: None, tmp_path: Path) -> None:  # noqa: ARG001 (writes the model)
    """One layer of `dense.keras` gets a wild weight."""
    from tf_keras.models import load_model

    network = load_model(tmp_path / "dense.keras")
    kernel, bias = network.get_layer("dense").get_weights()
    kernel[0, 0] = 100
    network.get_layer("dense").set_weights([kernel, bias])
    network.save(tmp_path / "dense.keras")


@pytest.mark.usefixtures("wild")
def test_each_layer_gets_its_error_and_the_layer_with_the_wild_weight_the_worst(run: Run) -> None:
    code, out, err = run("quantize", "dense.keras", "--calibration", "x.npy", "-o", "out/small.tflite")
    assert code == 0
    assert "… comparing each layer with float" in err
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines[1:6]] == ["conv", "depthwise", "flatten", "dense", "samples"]
    assert lines[-1] == ["written", "out/small.tflite"]
    code, out, _ = run("quantize", "dense.keras", "--calibration", "x.npy", "-o", "small.tflite", "--json")
    errors = {layer["name"]: layer for layer in json.loads(out)["layers"]}
    assert code == 0
    assert min(errors, key=lambda name: errors[name]["sqnr_db"]) == "dense"
    assert 30 < errors["conv"]["sqnr_db"] < 60
    assert errors["conv"]["largest"] < 0.02
    assert all(layer["clipped"] < 0.01 for layer in errors.values())
    assert Path("small.tflite").read_bytes() == Path("out/small.tflite").read_bytes()
    assert len(reader.read(Path("small.tflite").read_bytes()).ops) == 4


@pytest.mark.usefixtures("dense")
def test_a_network_that_nothing_here_runs_is_quantized_all_the_same(run: Run) -> None:
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    Sequential([layers.Input((8,)), layers.Dense(8, "gelu"), layers.Dense(4)]).save("gelu.keras")
    np.save("values.npy", np.random.default_rng(1).normal(size=(20, 8)))
    question = ("quantize", "gelu.keras", "--calibration", "values.npy", "-o", "a.tflite", "-q")
    code, out, err = run(*question)
    assert (code, out) == (0, "written   a.tflite\n")
    assert err.startswith("warning: what int8 costs each layer is not known: ")
    assert "GELU" in err
    assert Path("a.tflite").stat().st_size > 1000
    code, out, _ = run(*question, "--json")
    assert (code, json.loads(out)["layers"]) == (0, [])
    assert "GELU" in json.loads(out)["unknown"]


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_a_recurrent_network_goes_all_the_way(run: Run) -> None:
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    Sequential([layers.Input((8, 6)), layers.LSTM(8), layers.Dense(4)]).save("recurrent.keras")
    np.save("sequences.npy", np.random.default_rng(1).normal(size=(20, 8, 6)))
    code, out, _ = run("quantize", "recurrent.keras", "--calibration", "sequences.npy", "-o", "a.tflite", "-q")
    assert code == 0
    assert "lstm_1" in out
    code, out, _ = run("build", "--board", "nano33", "--model", "a.tflite", "-o", "out", "-q")
    assert code == 0
    assert "64 of 64 outputs are bit-identical" in out


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_loops_that_crash_tensorflow_lite_are_refused(run: Run, kind: str, unroll: bool) -> None:
    from tf_keras import Sequential, layers

    memory = getattr(layers, kind)(8, use_bias=False, unroll=unroll, name="memory")
    Sequential([layers.Input((8, 6)), memory, layers.Dense(4)]).save("gated.keras")
    np.save("sequences.npy", np.random.default_rng(1).normal(size=(20, 8, 6)))
    code, _, err = run("quantize", "gated.keras", "--calibration", "sequences.npy", "-o", "a.tflite", "-q")
    refused = (code, "layer memory of sequential" in err, f"is a {kind} on which int8 quantization" in err)
    assert (refused == (1, True, True)) == (not unroll), err  # unrolled, it depends on the weights whether all is int8
    assert Path("a.tflite").exists() == (code == 0)


@pytest.mark.usefixtures("dense")
def test_a_layer_without_error_is_null_in_json(run: Run) -> None:
    from tf_keras.models import load_model

    network = load_model("dense.keras")
    network.get_layer("dense").set_weights([np.zeros((64, 4)), np.zeros(4)])
    network.save("zeros.keras")
    code, out, _ = run("quantize", "zeros.keras", "--calibration", "x.npy", "-o", "a.tflite", "--json")
    assert code == 0
    *before, last = json.loads(out, parse_constant=pytest.fail)["layers"]
    assert last["sqnr_db"] is None
    assert all(layer["sqnr_db"] > 30 for layer in before)


@pytest.mark.usefixtures("dense")
def test_the_rule_for_ranges_can_be_chosen(run: Run) -> None:
    np.save("x.npy", np.random.default_rng(1).exponential(size=(200, 8, 6, 1)).astype(np.float32) ** 3)
    for rule in ("least-error", "extremes"):
        assert (
            run("quantize", "dense.keras", "--calibration", "x.npy", "--ranges", rule, "-o", rule + ".tflite")[0] == 0
        )
    least, extremes = (reader.read(Path(f"{rule}.tflite").read_bytes()).ops[0] for rule in ("least-error", "extremes"))
    assert least.output.scale < extremes.output.scale
    assert run("quantize", "dense.keras", "--calibration", "x.npy", "-o", "default.tflite", "-q")[0] == 0
    assert Path("default.tflite").read_bytes() == Path("least-error.tflite").read_bytes()


@pytest.mark.usefixtures("dense")
def test_a_pruned_model_keeps_its_zeros(run: Run) -> None:
    assert run("prune", "dense.keras", "--pattern", "2:4", "-o", "pruned.keras", "-q")[0] == 0
    assert run("quantize", "pruned.keras", "--calibration", "x.npy", "-o", "pruned.tflite", "-q")[0] == 0
    graph = reader.read(Path("pruned.tflite").read_bytes())
    found = [sparsity.discover(op.matrix) for op in graph.ops if op.matrix is not None]
    assert len(found) == 2
    assert all(sparsity.takes("2:4", pattern) for pattern in found)


MISTAKES = {
    "no file": (["quantize", "no.h5", "--calibration", "x.npy", "-o", "a.tflite"], 2, "there is no model no.h5"),
    "no samples": (["quantize", "dense.keras", "--calibration", "y.npy", "-o", "a.tflite"], 2, "y.npy: no such file"),
    "output": (["quantize", "dense.keras", "--calibration", "x.npy", "-o", "a.h5"], 2, "a name ending in .tflite"),
    "no .tflite": (
        ["quantize", "a.tflite", "--calibration", "x.npy", "-o", "b.tflite"],
        2,
        "there is no model a.",
    ),
    "itself": (["quantize", "f.tflite", "--calibration", "x.npy", "-o", "f.tflite"], 2, "f.tflite is the model itself"),
    "shape": (["quantize", "dense.keras", "--calibration", "wrong.npy", "-o", "a.tflite"], 1, "this model needs"),
}


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence_an_exit_code_and_leave_nothing(run: Run, case: str) -> None:
    np.save("wrong.npy", np.zeros((4, 5), np.float32))
    before = sorted(Path().rglob("*"))
    words, wanted, sentence = MISTAKES[case]
    code, _, err = run(*words)
    assert (code, sentence in err) == (wanted, True), err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.usefixtures("float_file")
def test_a_float_file_is_quantized_as_the_keras_model_is(run: Run, model: Path) -> None:
    for name in ("float.tflite", "dense.keras"):
        code, _, err = run("quantize", name, "--calibration", "x.npy", "-o", f"{name}.int8.tflite", "-q")
        assert (code, err) == (0, "")
    one, other = (reader.read(Path(f"{name}.int8.tflite").read_bytes()) for name in ("float.tflite", "dense.keras"))
    assert [op.name for op in one.ops] == [op.name for op in other.ops]
    inputs = np.random.default_rng(0).integers(-128, 128, (32, *one.inputs[0].shape), np.int8)
    answers = [reference.infer(graph, inputs).astype(int) for graph in (one, other)]
    assert np.abs(answers[0] - answers[1]).max() <= 2
    code, _, err = run("quantize", str(model), "--calibration", "x.npy", "-o", "twice.tflite", "-q")
    assert (code, "tiny.tflite is quantized already" in err) == (2, True)
    np.save("wrong.npy", np.zeros((4, 5), np.float32))
    code, _, err = run("quantize", "float.tflite", "--calibration", "wrong.npy", "-o", "a.tflite", "-q")
    assert (code, "input samples have shape [4, 5]; this model needs [samples, 8, 6, 1]" in err) == (1, True)
    assert not Path("a.tflite").exists()


@pytest.mark.usefixtures("float_file")
def test_check_and_build_take_a_float_file(run: Run) -> None:
    code, out, _ = run("check", "float.tflite", "-q")
    assert (code, "RUNS  float.tflite" in out, "made-up inputs" in out) == (0, True, True)
    options = ["--board", "nano33", "--no-run", "-o", "out", "-q"]
    code, _, err = run("build", "--model", "float.tflite", *options)
    assert (code, "float.tflite is a float model: give --calibration samples.npy" in err) == (2, True)
    code, out, err = run("build", "--model", "float.tflite", "--calibration", "x.npy", *options)
    assert (code, "written   out/" in out) == (0, True), err


@pytest.mark.usefixtures("dense")
def test_odd_samples_are_told_and_labels_give_accuracy_by_class(run: Run, model: Path) -> None:
    from tf_keras.models import load_model

    samples = np.load("x.npy")
    labels = load_model("dense.keras").predict(samples, verbose=0).argmax(axis=1)
    labels[0] = (labels[0] + 1) % 4
    np.save("y.npy", labels)
    question = ("quantize", "dense.keras", "--data", "x.npy", "--labels", "y.npy", "-o", "a.tflite")
    code, out, err = run(*question, "-q")
    assert (code, err) == (0, "")
    assert "float is right on 97.50%, int8 is right on 9" in out
    found = json.loads(run(*question, "--json")[1])
    assert (found["notes"], found["agreement"]["float_correct"], found["agreement"]["samples"]) == ([], 39, 40)
    assert sum(each["samples"] for each in found["agreement"]["classes"]) == 40
    samples[3] *= 50
    np.save("odd.npy", samples)
    code, _, err = run("quantize", "dense.keras", "--calibration", "odd.npy", "-o", "a.tflite", "-q")
    assert (code, err.startswith("warning: sample 3 is at least ")) == (0, True)
    build = ("build", "--board", "nano33", "--no-run", "-q", "--json", "--calibration", "odd.npy", "--model")
    report = json.loads(run(*build, "dense.keras", "-o", "a")[1])
    assert (report["notes"][0].startswith("sample 3 is at least "), report["agreement"]["int8_correct"]) == (True, None)
    report = json.loads(run(*build, "a.tflite", "--labels", "y.npy", "-o", "b")[1])
    assert (report["agreement"]["agree"], report["agreement"]["samples"]) == (None, 40)
    np.save("nine.npy", np.full(40, 9))
    code, _, err = run(*build, "a.tflite", "--labels", "nine.npy", "-o", "c")
    assert (code, "nine.npy: label 0 is 9; the classes of a.tflite are 0 to 3" in err) == (1, True)
    code, _, err = run("build", "--board", "nano33", "--model", str(model), "--labels", "y.npy")
    assert (code, "--labels go with --calibration" in err) == (2, True)
