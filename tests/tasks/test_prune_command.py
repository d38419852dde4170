"""`tinyprune prune` as a user meets it: what is written, what is said of each layer, a sentence for each mistake."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.tasks.conftest import Run
from tinyprune.compiler import reader
from tinyprune.compiler.sparsity import discover


@pytest.mark.usefixtures("dense")
def test_a_model_is_pruned_by_magnitude_and_each_layer_accounted_for(run: Run) -> None:
    from tf_keras.models import load_model

    code, out, err = run("prune", "dense.keras", "--pattern", "2:4", "-o", "out/pruned.keras")
    assert code == 0
    assert "… pruning to 2:4 by magnitude" in err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines == [
        "conv Conv2D 32 of 72 weights zero 2:4 along taps, by magnitude, the last group has 1 taps",
        "depthwise DepthwiseConv2D 0 of 72 weights zero "
        "not pruned: depthwise: a filter has one input channel and few taps",
        "dense Dense 128 of 256 weights zero 2:4 along taps, by magnitude",
        "written out/pruned.keras",
    ]
    pruned = load_model("out/pruned.keras")
    assert (pruned.get_layer("dense").kernel.numpy() == 0).sum() == 128
    assert sorted(path.name for path in Path().rglob("*")) == ["dense.keras", "out", "pruned.keras", "x.npy"]


@pytest.mark.usefixtures("dense")
def test_with_data_the_network_is_matched_and_closer_to_the_dense_one(run: Run) -> None:
    from tf_keras.models import load_model

    code, out, err = run("prune", "dense.keras", "--pattern", "1:4", "--data", "x.npy", "-o", "a.h5", "--json")
    report = json.loads(out)
    assert (code, err, report["output"]) == (0, "", "a.h5")
    assert [layer["pruned"] for layer in report["layers"]] == [True, False, True]
    reasons = [layer["reason"] for layer in report["layers"]]
    assert reasons[0].startswith("1:4 along taps, reconstructed, matched, ")
    assert reasons[1].endswith("few taps; its weights were matched")
    assert reasons[2] == "1:4 along taps, reconstructed, matched"
    assert run("prune", "dense.keras", "--pattern", "1:4", "-o", "b.keras", "-q")[0] == 0
    samples = np.load("x.npy")
    wanted, matched, plain = (
        load_model(name).predict(samples, verbose=0) for name in ("dense.keras", "a.h5", "b.keras")
    )
    assert ((matched - wanted) ** 2).mean() < ((plain - wanted) ** 2).mean() / 2


@pytest.mark.usefixtures("dense")
def test_layers_are_chosen_by_name_in_every_kind_of_file(run: Run, model: Path) -> None:
    def pruned(*words: str) -> dict[str, bool]:
        code, out, err = run("prune", *words, "--pattern", "2:4", "--json")
        assert code == 0, err
        return {layer["name"]: layer["pruned"] for layer in json.loads(out)["layers"]}

    found = pruned("dense.keras", "--except", "d*e", "-o", "a.keras")
    assert found == {"conv": True, "depthwise": False, "dense": False}
    assert pruned("dense.keras", "--layers", "dense", "-o", "a.keras") == {**found, "conv": False, "dense": True}
    every = pruned(str(model), "-o", "a.tflite")
    first, *rest = [name for name, is_pruned in every.items() if is_pruned]
    assert pruned(str(model), "--except", first, "-o", "a.tflite") == {**every, first: False}
    assert pruned(str(model), "--layers", ",".join(rest), "-o", "a.tflite") == {**every, first: False}
    for words, sentence in (
        (["--layers", "dens"], 'the model has no layer "dens" with weights (did you mean "dense"?)'),
        (["--layers", "conv", "--except", "dense"], "give --layers or --except, not both"),
    ):
        code, _, err = run("prune", "dense.keras", "--pattern", "2:4", *words, "-o", "b.keras", "-q")
        assert (code, sentence in err) == (2, True), err
    code, _, err = run("prune", "dense.keras", "--pattern", "channels-50", "--layers", "conv", "-o", "b.keras", "-q")
    assert (code, "channels-50 is a pattern of all layers together" in err) == (2, True)


@pytest.mark.usefixtures("dense")
def test_channels_are_removed_and_the_model_is_smaller(run: Run) -> None:
    from tf_keras.models import load_model

    code, out, _ = run("prune", "dense.keras", "--pattern", "channels-50", "-o", "small.keras")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines == [
        "conv Conv2D 36 of 72 weights gone 8 → 4 channels, 9 → 9 taps",
        "depthwise DepthwiseConv2D 36 of 72 weights gone 1 → 1 channels, 72 → 36 taps",
        "dense Dense 128 of 256 weights gone 4 → 4 channels, 64 → 32 taps",
        "written small.keras",
    ]
    assert load_model("small.keras").count_params() < load_model("dense.keras").count_params() / 1.9


@pytest.mark.usefixtures("dense")
def test_a_scan_gives_each_layer_its_threshold(run: Run) -> None:
    options = ["--pattern", "threshold", "--sparsity", "0.5", "--data", "x.npy", "-o", "a.keras", "--json"]
    code, out, _ = run("prune", "dense.keras", *options, "--method", "magnitude")
    layers = [layer for layer in json.loads(out)["layers"] if layer["pruned"]]
    assert code == 0
    assert all(layer["reason"].startswith("threshold-") for layer in layers)
    assert sum(layer["zeros"] for layer in layers) >= 0.5 * (72 + 256)


@pytest.mark.usefixtures("dense")
def test_channels_are_reordered_on_request(run: Run) -> None:
    from tf_keras.models import load_model

    assert run("prune", "dense.keras", "--pattern", "2:4", "--reorder", "-o", "a.keras", "-q")[0] == 0
    assert run("prune", "dense.keras", "--pattern", "2:4", "-o", "b.keras", "-q")[0] == 0
    reordered, plain = (load_model(name).get_layer("dense").kernel.numpy() for name in ("a.keras", "b.keras"))
    assert np.abs(reordered).sum() > np.abs(plain).sum()


@pytest.mark.usefixtures("dense")
def test_sparsity_is_a_share_of_each_layer(run: Run) -> None:
    code, out, _ = run(
        "prune", "dense.keras", "--pattern", "unstructured", "--sparsity", "0.9", "-o", "a.keras", "--json"
    )
    assert code == 0
    assert [layer["zeros"] for layer in json.loads(out)["layers"]] == [65, 0, 230]


@pytest.fixture
def labelled(dense: None) -> None:  # noqa: ARG001
    """`many.npy`, more inputs for `dense.keras`; `y.npy`, the class that it takes each for."""
    from tf_keras.models import load_model

    many = np.random.default_rng(2).normal(size=(400, 8, 6, 1)).astype(np.float32)
    np.save("many.npy", many)
    np.save("y.npy", load_model("dense.keras").predict(many, verbose=0).argmax(axis=1))


WITH_LABELS = ["prune", "dense.keras", "--pattern", "1:4", "--data", "many.npy", "--labels", "y.npy", "-o", "a.keras"]


@pytest.mark.usefixtures("run", "labelled")
def test_with_labels_the_network_is_trained_on_and_keeps_its_pattern(run: Run) -> None:
    from tf_keras.models import load_model

    options = ["--method", "magnitude", "--epochs", "6", "--learning-rate", "0.01", "--batch", "32"]
    code, out, err = run(*WITH_LABELS, *options)
    assert code == 0
    assert "… pruning to 1:4 by magnitude\n… 1:4, epoch 1: loss " in err
    held_out, written = out.splitlines()[-2:]
    assert held_out.startswith("held out  40 samples, accuracy: dense 1.0000, pruned 0.")
    pruned, trained_on = (float(held_out.split(f"{name} ")[1].split(",")[0]) for name in ("pruned", "trained on"))
    assert trained_on > pruned
    assert written == "written   a.keras"
    assert (load_model("a.keras").get_layer("dense").kernel.numpy() == 0).sum() == 192
    assert not Path("a.keras.training").exists()


@pytest.mark.usefixtures("run", "labelled")
def test_pruning_goes_in_steps_with_training_between(run: Run) -> None:
    from tf_keras.models import load_model

    code, _, err = run(*WITH_LABELS, "--epochs", "6", "--steps", "3", "--reorder")
    assert code == 0
    stages = [line.removeprefix("… ").split(": loss")[0] for line in err.splitlines()[1:]]
    assert stages == [
        "checking that the network runs on boards",
        "pruning to 3:4 by match", "3:4, epoch 1", "3:4, epoch 2",
        "pruning to 2:4 by match", "2:4, epoch 1", "2:4, epoch 2",
        "pruning to 1:4 by match", "1:4, epoch 1", "1:4, epoch 2",
    ]  # fmt: skip
    assert (load_model("a.keras").get_layer("dense").kernel.numpy() == 0).sum() == 192


@pytest.mark.usefixtures("run", "labelled")
def test_labels_and_distillation_in_json(run: Run) -> None:
    code, out, err = run(*WITH_LABELS, "--epochs", "1", "--distillation", "0.5", "--json")
    assert (code, err) == (0, "")
    held_out = json.loads(out)["held_out"]
    assert (held_out["samples"], held_out["metric"], held_out["dense"]) == (40, "accuracy", 1.0)
    assert 0 < held_out["fine_tuned"] <= 1


@pytest.mark.usefixtures("run", "labelled")
def test_a_smaller_network_is_trained_on_too(run: Run) -> None:
    from tf_keras.models import load_model

    code, out, _ = run(*(word.replace("1:4", "channels-50") for word in WITH_LABELS), "--epochs", "2", "-q")
    assert code == 0
    assert "held out  40 samples" in out
    assert load_model("a.keras").count_params() < load_model("dense.keras").count_params() / 1.9


@pytest.mark.usefixtures("run", "labelled")
def test_a_stopped_training_goes_on_with_the_same_command_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyprune.training import train

    def stop(folder: Path, recipe: train.Recipe, history: tuple[train.EpochResult, ...]) -> None:
        write_history(folder, recipe, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    write_history = train._write_history
    with monkeypatch.context() as patched:
        patched.setattr(train, "_write_history", stop)
        code, _, err = run(*WITH_LABELS, "--epochs", "3")
    assert (code, "run the same command again" in err) == (130, True)
    assert not Path("a.keras").exists()
    code, _, err = run(*WITH_LABELS, "--epochs", "4", "-q")
    assert code == 2
    assert "a.keras.training is the unfinished training of another request (differing in: epochs)" in err
    code, _, err = run(*WITH_LABELS, "--epochs", "3")
    assert code == 0
    assert ("epoch 2" in err, "epoch 3" in err, "pruning to" in err) == (False, True, False)
    assert not Path("a.keras.training").exists()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_python_code_goes_by_way_of_h5(run: Run) -> None:
    from tf_keras import Sequential, layers
    from tf_keras.models import load_model

    twice = layers.Lambda(lambda inputs: inputs * 2)
    Sequential([layers.Input((8,)), twice, layers.Dense(4, activation="softmax", name="dense")]).save("code.h5")
    np.save("x.npy", np.random.default_rng(0).normal(size=(40, 8)))
    np.save("y.npy", np.arange(40) % 4)
    code, _, err = run("prune", "code.h5", "--pattern", "2:4", "-o", "a.keras", "-q", "--trust")
    assert (code, "code.h5 has a Lambda layer, and Keras loads no Python code" in err) == (2, True)
    options = ["--data", "x.npy", "--labels", "y.npy", "--epochs", "1", "-o", "a.h5", "-q", "--trust"]
    code, _, err = run("prune", "code.h5", "--pattern", "2:4", *options)
    assert (code, err) == (0, "")
    assert (load_model("a.h5").get_layer("dense").kernel.numpy() == 0).sum() == 16


def test_symbols_that_the_network_does_not_know_are_named(run: Run) -> None:
    from tf_keras import Sequential, layers

    words = [layers.Embedding(20, 8, input_length=6), layers.Conv1D(8, 3), layers.Flatten(), layers.Dense(4)]
    Sequential(words).save("words.keras")
    np.save("x.npy", np.full((10, 6), 20))
    code, _, err = run("prune", "words.keras", "--pattern", "2:4", "--data", "x.npy", "-o", "a.keras", "-q")
    assert (code, "the model cannot be run on x.npy: " in err, "20 is not in [0, 20)" in err) == (1, True, True), err
    assert not Path("a.keras").exists()


@pytest.mark.usefixtures("run", "labelled")
def test_a_folder_in_the_way_of_checkpoints_is_left_as_it_is(run: Run) -> None:
    notes = Path("a.keras.training/notes.txt")
    notes.parent.mkdir()
    notes.write_text("mine")
    code, _, err = run(*WITH_LABELS, "-q")
    assert (code, "a.keras.training is no folder of an unfinished training; move it away" in err) == (2, True)
    assert run("prune", "dense.keras", "--pattern", "2:4", "-o", "a.keras", "-q")[0] == 0
    assert notes.read_text() == "mine"


@pytest.mark.usefixtures("run", "labelled")
def test_a_training_that_another_process_is_at_is_left_to_it(run: Run) -> None:
    from tinyprune import files

    folder = Path("a.keras.training")
    code, _, err = run(*WITH_LABELS, "-q", "--epochs", "1")
    assert code == 0
    folder.mkdir()
    with files.alone(folder):
        code, _, err = run(*WITH_LABELS, "-q", "--epochs", "1")
    assert code == 2
    assert "another process is training in a.keras.training; wait for it, or give another -o" in err
    assert folder.is_dir()


@pytest.mark.usefixtures("run", "labelled")
def test_labels_with_a_threshold(run: Run) -> None:
    code, out, _ = run(*(word.replace("1:4", "threshold-0.8") for word in WITH_LABELS), "--epochs", "1", "-q")
    assert (code, "held out  40 samples" in out) == (0, True)


@pytest.mark.usefixtures("run", "labelled")
def test_diverged_training_keeps_the_checkpoint_before(run: Run) -> None:
    code, _, err = run(*WITH_LABELS, "--learning-rate", "1e30", "-q")
    assert code == 1
    assert "training diverged: the loss is" in err
    assert not list(Path().glob("a.keras*"))


PRUNE = ["prune", "dense.keras", "-o", "out/pruned.keras"]
MISTAKES = {
    "unknown pattern": ([*PRUNE, "--pattern", "2by4"], 2, "unknown pattern '2by4': give N:M such as 2:4"),
    "N of N": ([*PRUNE, "--pattern", "4:4"], 2, "4:4 is no N:M pattern: N must be at least 1 and less than M"),
    "per cent": ([*PRUNE, "--pattern", "unstructured", "--sparsity", "75"], 2, "sparsity 75 is out of range"),
    "no sparsity": ([*PRUNE, "--pattern", "unstructured"], 2, "--pattern unstructured needs --sparsity"),
    "labels without data": (
        [*PRUNE, "--pattern", "2:4", "--labels", "x.npy"],
        2,
        "--labels go with --data, the inputs",
    ),
    "training without labels": (
        [*PRUNE, "--pattern", "2:4", "--data", "x.npy", "--epochs", "3", "--batch", "8"],
        2,
        "--epochs, --batch: only with --labels",
    ),
    "labels of another shape": (
        [*PRUNE, "--pattern", "2:4", "--data", "x.npy", "--labels", "wide.npy"],
        1,
        "need the number of the right class, whole numbers [40], or values, real numbers [40, 4]",
    ),
    "labels for nothing to prune": (
        [*PRUNE, "--pattern", "2:512", "--data", "x.npy", "--labels", "zeros.npy"],
        1,
        "has no layer to prune to 2:512",
    ),
    "more steps than epochs": (
        [*PRUNE, "--pattern", "2:4", "--data", "x.npy", "--labels", "zeros.npy", "--epochs", "1", "--steps", "2"],
        2,
        "--epochs 1 are too few for --steps 2",
    ),
    "more steps than there are": (
        [*PRUNE, "--pattern", "2:4", "--data", "x.npy", "--labels", "zeros.npy", "--steps", "3"],
        2,
        "2:4 cannot be reached in 3 steps",
    ),
    "rate of NaN": (
        [*PRUNE, "--pattern", "2:4", "--data", "x.npy", "--labels", "zeros.npy", "--learning-rate", "nan"],
        2,
        "--learning-rate and --distillation are numbers",
    ),
    "channels in steps": (
        [*PRUNE, "--pattern", "channels-50", "--data", "x.npy", "--labels", "zeros.npy", "--steps", "3"],
        2,
        "channels-50 is pruned at once: --steps goes with N:M",
    ),
    "no data to scan": (
        [*PRUNE, "--pattern", "threshold", "--sparsity", "0.5"],
        2,
        "sensitivity of each layer is scanned",
    ),
    "channels with data": ([*PRUNE, "--pattern", "channels-50", "--data", "x.npy"], 2, "removes filters by their norm"),
    "all channels": ([*PRUNE, "--pattern", "channels-100"], 2, "100 % of the channels is out of range"),
    "channels of a word": (
        [*PRUNE, "--pattern", "channels-50%"],
        2,
        "unknown pattern 'channels-50%': give channels-50",
    ),
    "too few channels": ([*PRUNE, "--pattern", "channels-5"], 1, "would lose no channel"),
    "reordered for nothing": ([*PRUNE, "--pattern", "unstructured-50", "--reorder"], 2, "--reorder goes with N:M"),
    "reordered for a scan": (
        [*PRUNE, "--pattern", "threshold", "--sparsity", "0.5", "--data", "x.npy", "--reorder"],
        2,
        "--reorder goes with N:M",
    ),
    "data for magnitudes": (
        [*PRUNE, "--pattern", "2:4", "--method", "magnitude", "--data", "x.npy"],
        2,
        "leave out --data",
    ),
    "data for a threshold": ([*PRUNE, "--pattern", "threshold-0.5", "--data", "x.npy"], 2, "leave out --data"),
    "a number for data": ([*PRUNE, "--pattern", "2:4", "--data", "number.npy"], 1, "one entry a sample, not a single"),
    "half an archive": ([*PRUNE, "--pattern", "2:4", "--data", "half.npz"], 1, "half.npz: not a .npy array"),
    "onto a folder": (["prune", "dense.keras", "--pattern", "2:4", "-o", "folder.keras"], 2, "is a folder; give -o"),
    "never built": (
        ["prune", "unbuilt.keras", "--pattern", "2:4", "-o", "a.keras"],
        1,
        "unbuilt.keras holds a model of no fixed inputs",
    ),
    "useless sparsity": ([*PRUNE, "--pattern", "2:4", "--sparsity", "0.5"], 2, "--sparsity goes with --pattern unst"),
    "no data": ([*PRUNE, "--pattern", "2:4", "--method", "match"], 2, "method match needs samples: real inputs"),
    "missing data": ([*PRUNE, "--pattern", "2:4", "--data", "no.npy"], 2, "no.npy: no such file"),
    "data of another shape": ([*PRUNE, "--pattern", "2:4", "--data", "wide.npy"], 1, "needs [samples, 8, 6, 1]"),
    "data with NaN": ([*PRUNE, "--pattern", "2:4", "--data", "nan.npy"], 1, "hold NaN or Inf, first sample 0"),
    "group too wide": ([*PRUNE, "--pattern", "2:512"], 1, "has no layer to prune to 2:512 (conv: only 9 taps"),
    "no model": (["prune", "no.keras", "--pattern", "2:4", "-o", "a.keras"], 2, "there is no model no.keras"),
    "no Keras model": (["prune", "x.npy", "--pattern", "2:4", "-o", "a.keras"], 1, "x.npy holds an array, no network"),
    "onto itself": (["prune", "dense.keras", "--pattern", "2:4", "-o", "dense.keras"], 2, "is the model itself"),
    "odd name": (["prune", "dense.keras", "--pattern", "2:4", "-o", "a.tflite"], 2, "a name ending in .keras or .h5"),
    "below a file": (["prune", "dense.keras", "--pattern", "2:4", "-o", "x.npy/a.keras"], 2, "x.npy is a file"),
}


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence_an_exit_code_and_leave_nothing(run: Run, case: str) -> None:
    np.save("wide.npy", np.zeros((3, 9, 6, 1)))
    np.save("nan.npy", np.full((3, 8, 6, 1), np.nan))
    np.save("zeros.npy", np.zeros(40, np.int32))
    np.save("number.npy", np.float32(3))
    Path("half.npz").write_bytes(b"PK\x03\x04half")
    Path("folder.keras").mkdir()
    if case == "never built":
        from tf_keras import Sequential, layers

        with pytest.warns(UserWarning, match="not yet been built"):
            Sequential([layers.Dense(2)]).save("unbuilt.keras")
    before = sorted(Path().rglob("*"))
    arguments, exit_code, message = MISTAKES[case]
    code, out, err = run(*arguments, "-q")
    assert message in " ".join(err.split())
    assert (code, out) == (exit_code, "")
    assert sorted(Path().rglob("*")) == before


@pytest.fixture
def network() -> None:
    """`m.tflite`, with every operator, and `x.npy`, inputs for it."""
    content = networks.every_operator()
    Path("m.tflite").write_bytes(content)
    shape = reader.read(content).inputs[0].shape
    np.save("x.npy", np.random.default_rng(1).normal(size=(40, *shape)).astype(np.float32))


@pytest.mark.usefixtures("run", "network")
def test_a_tflite_file_is_pruned_in_place(run: Run) -> None:
    code, out, err = run("prune", "m.tflite", "--pattern", "1:4", "--data", "x.npy", "-o", "out/p.tflite")
    assert code == 0
    assert "… pruning to 1:4: layer 1 of " in err
    assert "not pruned: depthwise: a filter has one input channel" in out
    assert "weights zero  1:4 along taps, reconstructed" in out
    assert out.endswith("written   out/p.tflite\n")
    pruned = reader.read(Path("out/p.tflite").read_bytes())
    assert {discover(op.matrix) for op in pruned.ops if op.matrix is not None and op.matrix.shape[1] >= 4} == {"1:4"}
    code, out, err = run("prune", "m.tflite", "--pattern", "2:4", "-o", "q.tflite", "-q")
    assert (code, "warning: without --data the largest weights stay as they are" in err) == (0, True)
    code, out, err = run("prune", "m.tflite", "--pattern", "2:4", "-o", "q.tflite", "--json")
    assert (code, err, json.loads(out)["notes"][0][:14]) == (0, "", "without --data")


FILE_MISTAKES = {
    "training": (["--labels", "x.npy", "--data", "x.npy"], 2, "--labels: only with a Keras model or a float .tflite"),
    "matching": (["--method", "match", "--data", "x.npy"], 2, "--method match: only with a Keras model"),
    "order": (["--reorder"], 2, "--reorder: only with a Keras model"),
    "no data": (["--method", "reconstruct"], 2, "--method reconstruct needs --data x.npy"),
    "missing data": (["--data", "no.npy"], 2, "no.npy: no such file"),
    "Keras output": (["-o", "p.keras"], 2, "p.keras: a pruned int8 .tflite is a .tflite"),
    "itself": (["-o", "m.tflite"], 2, "m.tflite is the model itself"),
}


@pytest.mark.usefixtures("run", "network")
@pytest.mark.parametrize("mistake", FILE_MISTAKES)
def test_what_a_tflite_file_does_not_go_with(run: Run, mistake: str) -> None:
    options, expected, message = FILE_MISTAKES[mistake]
    code, _, err = run("prune", "m.tflite", "--pattern", "2:4", "-o", "p.tflite", *options, "-q")
    assert (code, message in err) == (expected, True), err
    assert not Path("p.tflite").exists()


@pytest.mark.usefixtures("float_file")
@pytest.mark.parametrize("output", ["p.tflite", "p.keras"])
def test_a_float_file_is_pruned_and_stays_one_or_becomes_a_keras_model(run: Run, output: str) -> None:
    code, out, err = run("prune", "float.tflite", "--pattern", "1:4", "--data", "x.npy", "-o", output)
    assert (code, "pruning to 1:4 by match" in err) == (0, True), err
    assert "dense " in out
    assert "1:4 along taps, reconstructed, matched" in out
    code, _, err = run("quantize", output, "--calibration", "x.npy", "-o", "int8.tflite", "-q")
    assert (code, err) == (0, "")
    graph = reader.read(Path("int8.tflite").read_bytes())
    assert [discover(op.matrix) for op in graph.ops if op.matrix is not None] == ["1:4", "1:4"]
    code, _, err = run("prune", "float.tflite", "--pattern", "1:4", "-o", "p.npy", "-q")
    assert (code, "a name ending in .keras or .h5, or in .tflite" in err) == (2, True)
