"""The benchmark of pruning files in place, on a file and arrays of the user's."""

import re
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from benchmarks import pruning_files
from tinyprune.compiler import reader, reference, samples
from tinyprune.training import zoo


def test_a_file_is_judged_on_a_folder_of_arrays_with_and_without_labels(tmp_path: Path) -> None:
    model = tmp_path / "own.tflite"
    model.write_bytes(zoo.int8_model(zoo.load("ds-cnn-s-dense")))
    graph = reader.read(model.read_bytes())
    (tensor,) = graph.inputs
    inputs = samples.make(graph, 24)
    arrays = inputs.reshape(-1, *tensor.shape)
    np.save(tmp_path / "calibration.npy", arrays[:12])
    np.save(tmp_path / "validation.npy", arrays[12:])

    def lines() -> list[str]:
        arguments = [str(tmp_path), "--model", str(model), "--samples", "8"]
        return CliRunner().invoke(pruning_files.main, arguments, catch_exceptions=False).output.splitlines()

    dense, magnitude, reconstructed = lines()
    assert dense == "own  dense  12 samples"
    assert re.fullmatch(r"own  2:4 magnitude    agreement \d+\.\d\d %, sure \d+\.\d\d %, \d+ s", magnitude)
    assert re.fullmatch(r"own  2:4 reconstruct  agreement \d+\.\d\d %, sure \d+\.\d\d %, \d+ s", reconstructed)

    np.save(tmp_path / "labels.npy", graph.classes(reference.infer(graph, inputs[12:])))
    labelled = lines()
    assert labelled[0] == "own  dense  100.00 %, 12 samples"
    for line in labelled[1:]:  # the labels are the dense network's answers
        accuracy, agreement = re.findall(r"(\d+\.\d\d) %", line)[:2]
        assert accuracy == agreement
