"""`tinyprune prune` as a user meets it: what is written, what is said of each layer, a sentence for each mistake."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.conftest import Run


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
    assert report["layers"][0]["reason"].startswith("1:4 along taps, reconstructed")
    assert run("prune", "dense.keras", "--pattern", "1:4", "-o", "b.keras", "-q")[0] == 0
    samples = np.load("x.npy")
    wanted, matched, plain = (
        load_model(name).predict(samples, verbose=0) for name in ("dense.keras", "a.h5", "b.keras")
    )
    assert ((matched - wanted) ** 2).mean() < ((plain - wanted) ** 2).mean() / 2


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
    code, out, _ = run("prune", "dense.keras", *options)
    layers = [layer for layer in json.loads(out)["layers"] if layer["pruned"]]
    assert code == 0
    assert all(layer["reason"].startswith("threshold-") for layer in layers)
    assert sum(layer["zeros"] for layer in layers) >= 0.5 * (72 + 256)


@pytest.mark.usefixtures("dense")
def test_channels_are_reordered_on_request(run: Run) -> None:
    assert run("prune", "dense.keras", "--pattern", "2:4", "--reorder", "-o", "a.keras", "-q")[0] == 0
    assert run("prune", "dense.keras", "--pattern", "2:4", "-o", "b.keras", "-q")[0] == 0


@pytest.mark.usefixtures("dense")
def test_sparsity_is_a_share_of_each_layer(run: Run) -> None:
    code, out, _ = run(
        "prune", "dense.keras", "--pattern", "unstructured", "--sparsity", "0.9", "-o", "a.keras", "--json"
    )
    assert code == 0
    assert [layer["zeros"] for layer in json.loads(out)["layers"]] == [65, 0, 230]


PRUNE = ["prune", "dense.keras", "-o", "out/pruned.keras"]
MISTAKES = {
    "unknown pattern": ([*PRUNE, "--pattern", "2by4"], 2, "unknown pattern '2by4': give N:M such as 2:4"),
    "N of N": ([*PRUNE, "--pattern", "4:4"], 2, "4:4 is no N:M pattern: N must be at least 1 and less than M"),
    "per cent": ([*PRUNE, "--pattern", "unstructured", "--sparsity", "75"], 2, "sparsity 75 is out of range"),
    "no sparsity": ([*PRUNE, "--pattern", "unstructured"], 2, "--pattern unstructured needs --sparsity"),
    "no data to scan": (
        [*PRUNE, "--pattern", "threshold", "--sparsity", "0.5"],
        2,
        "sensitivity of each layer is scanned",
    ),
    "channels with data": ([*PRUNE, "--pattern", "channels-50", "--data", "x.npy"], 2, "removes filters by their norm"),
    "all channels": ([*PRUNE, "--pattern", "channels-100"], 2, "100 % of the channels is out of range"),
    "channels of a word": ([*PRUNE, "--pattern", "channels-half"], 2, "could not convert string to float"),
    "reordered for nothing": (
        [*PRUNE, "--pattern", "unstructured-50", "--reorder"],
        2,
        "reordered for one N:M pattern",
    ),
    "useless sparsity": ([*PRUNE, "--pattern", "2:4", "--sparsity", "0.5"], 2, "--sparsity goes with --pattern unst"),
    "no data": ([*PRUNE, "--pattern", "2:4", "--method", "match"], 2, "method match needs samples: real inputs"),
    "missing data": ([*PRUNE, "--pattern", "2:4", "--data", "no.npy"], 2, "no.npy: no such file"),
    "data of another shape": ([*PRUNE, "--pattern", "2:4", "--data", "wide.npy"], 1, "needs [samples, 8, 6, 1]"),
    "data with NaN": ([*PRUNE, "--pattern", "2:4", "--data", "nan.npy"], 1, "hold NaN or Inf, first sample 0"),
    "group too wide": ([*PRUNE, "--pattern", "2:512"], 1, "has no layer to prune to 2:512 (conv: only 9 taps"),
    "no model": (["prune", "no.keras", "--pattern", "2:4", "-o", "a.keras"], 2, "there is no model no.keras"),
    "no Keras model": (["prune", "x.npy", "--pattern", "2:4", "-o", "a.keras"], 1, "x.npy is no Keras model"),
    "onto itself": (["prune", "dense.keras", "--pattern", "2:4", "-o", "dense.keras"], 2, "is the model itself"),
    "odd name": (["prune", "dense.keras", "--pattern", "2:4", "-o", "a.tflite"], 2, "a name ending in .keras or .h5"),
    "below a file": (["prune", "dense.keras", "--pattern", "2:4", "-o", "x.npy/a.keras"], 2, "x.npy is a file"),
}


@pytest.mark.usefixtures("dense")
@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence_an_exit_code_and_leave_nothing(run: Run, case: str) -> None:
    np.save("wide.npy", np.zeros((3, 9, 6, 1)))
    np.save("nan.npy", np.full((3, 8, 6, 1), np.nan))
    before = sorted(Path().rglob("*"))
    arguments, exit_code, message = MISTAKES[case]
    code, out, err = run(*arguments, "-q")
    assert message in " ".join(err.split())
    assert (code, out) == (exit_code, "")
    assert sorted(Path().rglob("*")) == before
